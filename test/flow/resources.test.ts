import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordCommand,
  type Shard,
} from '@aws-sdk/client-kinesis';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Reason } from '../../src/codec/mqtt/index.ts';
import { TestNode } from '../support/node.ts';
import { assertHealthy, assertOrdered, Flow, fleet, temporaryDirectory, until } from './flow.ts';

const noSmallDisk = canMount() ? false : 'needs the right to mount a tmpfs';

/** A folder on a disk of 64 MB, which `fill` leaves without a free byte and `free` gives its room back. */
async function smallDisk(): Promise<{ path: string; fill(): void; free(): void } & AsyncDisposable> {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'small');
  const ballast = join(path, 'ballast');
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', path]);
  return {
    path,
    fill: () => fillDisk(ballast),
    free: () => rmSync(ballast),
    async [Symbol.asyncDispose]() {
      execFileSync('umount', ['--lazy', path]);
      await directory[Symbol.asyncDispose]();
    },
  };
}

function fillDisk(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (let bytes = 1 << 20; bytes >= 4096; ) {
      try {
        if (writeSync(file, Buffer.alloc(bytes, 1)) === bytes) continue;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
      bytes /= 2;
    }
  } finally {
    closeSync(file);
  }
}

function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('a full disk: nothing more is acknowledged, reads go on, and room is enough to go on', {
  skip: noSmallDisk,
}, async () => {
  await using disk = await smallDisk();
  await using node = await TestNode.start({ dataDirectory: disk.path });
  const flow = new Flow(node);
  await flow.deploy();
  const { url } = await flow.queue('other');
  const kinesis = new KinesisClient(flow.clientOptions);
  const sqs = new SQSClient(flow.clientOptions);
  const put = () =>
    kinesis.send(new PutRecordCommand({ StreamName: 'flow', PartitionKey: 'p', Data: Buffer.from('[9,0]') }));
  const send = () => sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'x'.repeat(100_000) }));
  const devices = await fleet(node);
  await Promise.all(devices.map((device) => device.reach(100)));

  // Not at once: what is left of the last page of a file can still be written.
  disk.fill();
  const reasons = await Promise.all(devices.map((device) => device.disconnected()));
  assert.deepEqual(reasons, new Array(devices.length).fill(Reason.implementationSpecificError));
  const putError = await until('a refused put', () => put().then(() => undefined, asError));
  assert.deepEqual([putError.name, putError.$metadata.httpStatusCode], ['InternalFailureException', 500]);
  assert.match(putError.message, /the disk is full/);
  const sendError = await until('a refused send', () => send().then(() => undefined, asError));
  assert.deepEqual([sendError.name, sendError.$metadata.httpStatusCode], ['ServiceUnavailable', 503]);
  assert.match(sendError.message, /disk is full/);
  await assertHealthy(node);
  const stored = await storedReadings(flow);
  for (const device of devices) for (const reading of device.acknowledged) assert.ok(stored.has(String(reading)));

  disk.free();
  await until('a put', () => put().then(done, () => undefined));
  await until('a sent message', () => send().then(done, () => undefined));
  const later = await fleet(node, devices.length, (device) => devices[device]!.next);
  await Promise.all(later.map((device) => device.reach(100)));
  for (const device of [...devices, ...later]) await device.stop();
  const seen = await flow.witnessed([...devices, ...later].flatMap((device) => device.acknowledged));
  assertOrdered(seen);
  await assertHealthy(node);
});

const done = () => true as const;

interface ClientError extends Error {
  readonly $metadata: { readonly httpStatusCode?: number };
}

const asError = (error: unknown) => error as ClientError;

/** What the stream holds, read with GetRecords. */
async function storedReadings(flow: Flow): Promise<ReadonlySet<string>> {
  const kinesis = new KinesisClient(flow.clientOptions);
  const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName: 'flow' }));
  const [{ ShardId }] = Shards as [Shard];
  const first = { StreamName: 'flow', ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
  let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(first));
  const readings = new Set<string>();
  for (;;) {
    const answer = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
    if (answer.Records!.length === 0) return readings;
    for (const { Data } of answer.Records!) readings.add(String(JSON.parse(Buffer.from(Data!).toString())));
    ShardIterator = answer.NextShardIterator;
  }
}
