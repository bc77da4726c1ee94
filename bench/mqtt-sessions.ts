/**
 * Durable MQTT sessions without sockets, through the door that the gateway uses: what an offline session costs in memory and at
 * start, how fast messages get into queues on disk and out of them again, beside the same bytes put to and deleted from the bare store.
 * Not measured: the gateway, encoding for 3.1.1, QoS 2.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock, systemRandom } from '../src/base/index.ts';
import type * as mqtt from '../src/codec/mqtt/index.ts';
import { type DurableSession, type Iot, openIot, type SessionLink } from '../src/services/iot/index.ts';
import { openEmbeddedRecords, type Records } from '../src/store/index.ts';
import { createMetrics, silentLogger } from '../src/telemetry/index.ts';
import type { Figure } from './figure.ts';

const SESSIONS = 100_000;
const QUEUES = 100;
const MESSAGES = 100_000;
/** Messages of one turn of the event loop: what came in together. */
const BURST = 500;
const PAYLOAD = Buffer.alloc(100, 0x61);

export async function run(): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-sessions-'));
  try {
    return [...(await crowd(join(directory, 'crowd'))), ...(await queues(join(directory, 'queues')))];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Many sessions whose clients are away. */
async function crowd(directory: string): Promise<Figure[]> {
  {
    await using house = await openHouse(directory);
    for (let at = 0; at < SESSIONS; at += 1_000) {
      for (let i = at; i < at + 1_000; i++)
        begin(house.iot, `device-${i}`, `fleet/line-${i % 100}/device-${i}/commands`);
      await house.iot.broker.drain();
    }
  }
  const before = heapBytes();
  const start = performance.now();
  await using house = await openHouse(directory);
  const elapsedMs = performance.now() - start;
  const bytes = (heapBytes() - before) / SESSIONS;
  const { size } = house.iot.broker.sessions;
  if (size !== SESSIONS) throw new Error(`${size} sessions were found`);
  return [
    { name: `an offline MQTT session with a subscription, of ${SESSIONS}`, value: bytes / 1024, unit: 'KB of heap' },
    { name: `start with ${SESSIONS} offline sessions`, value: elapsedMs, unit: 'ms' },
  ];
}

async function queues(directory: string): Promise<Figure[]> {
  await using house = await openHouse(directory);
  const { iot } = house;
  const sessions = Array.from({ length: QUEUES }, (_, i) => begin(iot, `device-${i}`, `q/${i}`));
  await iot.broker.drain();
  const queueMs = await timed(() => publishAll(iot));
  const drainMs = await timed(() => Promise.all(sessions.map((session) => drained(session))));
  // Their clients stay connected now.
  const throughMs = await timed(async () => {
    await publishAll(iot);
    while (sessions.some(({ messages }) => messages > 0))
      await new Promise((resolvePromise) => setImmediate(resolvePromise));
  });
  await iot.broker.drain();
  const floor = await bareStore(house.records);
  const queued = (MESSAGES * 1000) / queueMs;
  const sent = (MESSAGES * 1000) / drainMs;
  const through = (MESSAGES * 1000) / throughMs;
  return [
    {
      ...{
        name: 'QoS 1 messages into queues of offline sessions, every one fsynced',
        value: queued,
        unit: 'messages/s',
      },
      floor: { name: 'the same bytes put to the bare store', value: floor },
      ratio: queued / floor,
    },
    { name: 'QoS 1 messages out of those queues, acknowledged and deleted', value: sent, unit: 'messages/s' },
    {
      name: 'QoS 1 messages through connected durable sessions, every one fsynced',
      value: through,
      unit: 'messages/s',
    },
  ];
}

async function publishAll({ broker }: Iot): Promise<void> {
  for (let at = 0; at < MESSAGES; at += BURST) {
    let group: ReturnType<typeof broker.publish>;
    for (let i = at; i < at + BURST; i++) group = broker.publish(packet(`q/${i % QUEUES}`), PUBLISHER);
    await group?.settled();
  }
}

const NOBODY = { principal: undefined };

function begin(iot: Iot, clientId: string, filter: string): DurableSession {
  const { sessions } = iot.broker;
  const request = { clientId, clean: false, expirySeconds: 604_800, will: undefined, permissions: NOBODY };
  const opening = sessions.connect(request);
  if (opening.kind !== 'durable') throw new Error(`the session is ${opening.kind}`);
  const { session } = opening;
  const subscription = { subscriber: session, filter, qos: 1, noLocal: false, retainAsPublished: false } as const;
  iot.broker.subscribe(subscription);
  session.subscribed(subscription);
  sessions.leave(session, undefined, { will: 'delete' });
  return session;
}

/** Connects a client that acknowledges at once; resolves when it has all. */
function drained(session: DurableSession): Promise<void> {
  return new Promise((resolvePromise) => {
    const waiting: number[] = [];
    const acknowledge = () => {
      for (const packetId of waiting.splice(0)) session.acknowledged(packetId, 'puback');
      if (session.messages === 0) resolvePromise();
    };
    const link: SessionLink = {
      ...{
        version: 5,
        principal: undefined,
        receiveMaximum: 256,
        packetBytesMax: Number.POSITIVE_INFINITY,
        hasRoom: true,
      },
      receivesAll: true,
      mayReceive: () => true,
      write: (_frame, packetId) => {
        if (waiting.push(packetId) === 1) setImmediate(acknowledge);
      },
      release: () => {},
      dropped: () => {},
    };
    session.attach(link);
  });
}

const PUBLISHER = { clientId: 'bench', principal: undefined };

const packet = (topic: string): mqtt.PublishPacket => ({
  ...{ type: 'publish', topic, payload: PAYLOAD, qos: 1, retain: false, dup: false, packetId: 1, properties: {} },
});

/** As many rows of that size, as many together. */
async function bareStore(records: Records): Promise<number> {
  const value = Buffer.alloc(24 + 8 + PAYLOAD.length);
  const elapsedMs = await timed(async () => {
    for (let at = 0; at < MESSAGES; at += BURST) {
      const writes = Array.from({ length: BURST }, (_, i) => {
        const key = Buffer.alloc(16);
        key.writeUInt32BE(i % QUEUES, 4);
        key.writeUInt32BE(at + i, 12);
        return { kind: 'put', space: 'bench', key, value } as const;
      });
      await records.commit({ writes });
    }
  });
  return (MESSAGES * 1000) / elapsedMs;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function openHouse(
  directory: string,
): Promise<AsyncDisposable & { readonly iot: Iot; readonly records: Records }> {
  await using scope = new AsyncDisposableStack();
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const records = scope.use(await openEmbeddedRecords({ directory: resolve(directory) }));
  const kinesis = { stream: () => undefined, committed: () => Promise.resolve() };
  const iot = scope.use(await openIot({ records, kinesis, delivery: NO_DELIVERY, ...ground }));
  const owned = scope.move();
  return { iot, records, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const NO_DELIVERY = {
  register: () => {},
  send: async () => {},
  edges: () => [],
  onDelivered: () => () => {},
  onGivenUp: () => () => {},
  [Symbol.asyncDispose]: async () => {},
};

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
