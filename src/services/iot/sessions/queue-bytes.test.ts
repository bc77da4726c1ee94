import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { SimulatedClock } from '../../../base/index.ts';
import type { DeliveryService } from '../../../delivery/index.ts';
import { openEmbeddedRecords, type Records } from '../../../store/index.ts';
import { createMetrics, silentLogger } from '../../../telemetry/index.ts';
import { GroupCommit } from '../broker/commit-group.ts';
import { RoutedMessage } from '../broker/message.ts';
import type { RetainedMessages } from '../broker/retained.ts';
import type { KinesisPort } from '../ports.ts';
import { sessionInstruments } from './instruments.ts';
import { QueueBytes } from './queue-bytes.ts';
import { DurableSession, type SessionHost } from './session.ts';

const directory = await mkdtemp(join(tmpdir(), 'millrace-queues-'));
const records = await openEmbeddedRecords({ directory });
after(async () => {
  await records[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Numbers of sessions that were made. */
let sessions = 0;

/** All queues together have room for so many of the messages that {@link fill} sends. */
const MESSAGES = 24;
const MESSAGE_BYTES = queuedBytesOf(1_000);

function hostWith(bytesMax: number, store: Records = records): SessionHost {
  const clock = new SimulatedClock();
  const unused = { kinesis: {} as KinesisPort, delivery: {} as DeliveryService, retained: {} as RetainedMessages };
  const commit = new GroupCommit({ records: store, clock, logger: silentLogger, ...unused });
  const instruments = sessionInstruments(createMetrics());
  const queueBytes = new QueueBytes(bytesMax, instruments.queuedBytes);
  return { records: store, commit, logger: silentLogger, instruments, queueBytes, now: () => clock.now() };
}

/** A session whose client is away. */
function sessionOf(host: SessionHost, principal: string | undefined): DurableSession {
  const number = ++sessions;
  const row = { number, expirySeconds: 60, disconnectedAt: 0, ...(principal !== undefined && { principal }) };
  return new DurableSession(host, `c${number}`, row);
}

/** Sends it messages of so many bytes until one is not taken; how many were. */
function fill(session: DurableSession, bytes = 1_000): number {
  let taken = 0;
  while (send(session, bytes)) taken++;
  return taken;
}

function send(session: DurableSession, bytes: number): boolean {
  const message = new RoutedMessage({
    ...{ type: 'publish', topic: 'a', payload: Buffer.alloc(bytes), qos: 1, retain: false, dup: false },
    ...{ packetId: 1, properties: {} },
  });
  const receiver = { subscriber: session, qos: 1, retainAsPublished: false, identifiers: [] } as const;
  return session.deliver(message, receiver) !== undefined;
}

function queuedBytesOf(bytes: number): number {
  const session = sessionOf(hostWith(1_000_000), undefined);
  send(session, bytes);
  return session.bytes;
}

describe('bytes of the queues of all sessions', () => {
  test('a principal may have as many as are free, however many sessions it has: alone half of them', () => {
    const host = hostWith(MESSAGES * MESSAGE_BYTES);
    const greedy = [1, 2, 3, 4].map(() => sessionOf(host, 'greedy'));
    assert.equal(
      greedy.map((session) => fill(session)).reduce((sum, one) => sum + one),
      MESSAGES / 2,
    );
    const other = sessionOf(host, 'other');
    assert.equal(fill(other), MESSAGES / 4);
    assert.equal(greedy[3]!.isCongested && !greedy[3]!.canWait, true, 'a shared subscription asks another member');
    assert.ok(fill(sessionOf(host, 'third')) > 0, 'who has nothing yet has some room');
    assert.ok(host.queueBytes.bytes <= MESSAGES * MESSAGE_BYTES);
  });

  test('what a session has queued moves to the principal that has connected last, and is free when it ends', () => {
    const host = hostWith(MESSAGES * MESSAGE_BYTES);
    const moving = sessionOf(host, 'before');
    fill(moving);
    moving.principal = 'now';
    assert.equal(fill(sessionOf(host, 'now')), 0);
    assert.equal(fill(sessionOf(host, 'before')), MESSAGES / 4);
    moving.end();
    moving.end();
    assert.equal(host.queueBytes.bytes, (MESSAGES / 4) * MESSAGE_BYTES);
    assert.equal(fill(sessionOf(host, 'now')), (MESSAGES * 3) / 8);
  });

  test('clients that have proved nothing do not share with each other', () => {
    const host = hostWith(MESSAGES * MESSAGE_BYTES);
    assert.equal(fill(sessionOf(host, undefined)), MESSAGES / 2);
    assert.equal(fill(sessionOf(host, undefined)), MESSAGES / 4);
  });

  test('a message whose commit fails when its session is over is not taken out of the counts twice', async () => {
    const full = { commit: () => Promise.reject(new Error('the disk is full')) } as unknown as Records;
    const host = hostWith(MESSAGES * MESSAGE_BYTES, full);
    const session = sessionOf(host, 'p');
    send(session, 1_000);
    assert.equal(host.queueBytes.bytes, MESSAGE_BYTES);
    session.end();
    await host.commit.settled();
    assert.equal(host.queueBytes.bytes, 0);
  });
});
