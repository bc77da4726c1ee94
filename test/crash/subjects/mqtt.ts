import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../../src/base/index.ts';
import * as mqtt from '../../../src/codec/mqtt/index.ts';
import { openMqttGateway } from '../../../src/gateway/mqtt/index.ts';
import { type Iot, openIot } from '../../../src/services/iot/index.ts';
import { type Kinesis, openKinesis } from '../../../src/services/kinesis/index.ts';
import { EmbeddedLog, openEmbeddedRecords } from '../../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../../src/telemetry/index.ts';
import { CONTEXT } from '../../support/operations.ts';
import type { CrashSubject, HistoryEntry } from '../subject.ts';
import { Device } from './device.ts';
import { clockOf } from './ledger.ts';

type Step =
  | { readonly kind: 'publish'; readonly topic: Topic; readonly qos: 1 | 2 }
  | { readonly kind: 'retain'; readonly topic: Topic }
  /** A client with a will loses its connection. */
  | { readonly kind: 'will'; readonly qos: 1 | 2; readonly delaySeconds: number }
  /** A client loses its connection; or another one takes its place before the broker knows. */
  | { readonly kind: 'bounce'; readonly client: string; readonly takesOver: boolean }
  /** A subscriber goes away, or comes back. */
  | { readonly kind: 'toggle'; readonly client: string };

interface Store extends AsyncDisposable {
  readonly iot: Iot;
  readonly kinesis: Kinesis;
  readonly port: number;
  readonly publishers: readonly Device[];
  readonly subscribers: Readonly<Record<string, Device>>;
}

/** Each has one publisher, so that there is an order to keep. */
const TOPICS = ['t/a', 't/b', 't/rule/a', 't/rule/b'] as const;
type Topic = (typeof TOPICS)[number];
const PUBLISHERS = 2;
const SUBSCRIBERS = ['plain', 'narrow', 'old'] as const;
const WILLS = 't/wills';
const STREAM = 'ingest';
/** Topics that a rule leads to it: the others are acknowledged for the sake of sessions alone. */
const RULED = 't/rule/';
const RETAINED = (topic: Topic) => `retained/${topic}`;
/** Real time in which all that is queued arrives. */
const PATIENCE_MS = 30_000;
/** Ids of what the verification itself publishes, below those of all steps. */
const MARK = -1;

/**
 * A broker with its gateway, killed with messages of QoS 1 and 2 in flight both ways, between clients that remember as much as
 * it does: QoS 1 at least once, QoS 2 exactly once, in order per topic; subscriptions, retained messages and wills are kept, and
 * what was acknowledged has reached the stream that a rule leads to.
 */
export const mqttSubject: CrashSubject<Store, Step> = {
  name: 'mqtt',
  kills: 4,
  simulated: false,
  concurrency: 16,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const ground = { clock: clockOf(directory), random: systemRandom, logger: silentLogger, metrics: createMetrics() };
    const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
    const log = scope.use(await EmbeddedLog.open({ directory: join(directory, 'log') }));
    const kinesis = scope.use(await openKinesis({ log, records, ...ground }));
    await createStream(kinesis);
    const iot = scope.use(await openIot({ records, kinesis, delivery: NO_DELIVERY, ...ground }));
    await createRule(iot);
    const limits = { takeoversPerMinuteMax: 100_000 };
    const gateway = scope.use(await openMqttGateway({ broker: iot.broker, port: 0, ...ground, limits }));
    const { port } = gateway.address;
    const device = (clientId: string, more: object = {}) => {
      const opened = new Device({ file: join(directory, `${clientId}.client`), port, clientId, ...more });
      scope.defer(() => opened.close());
      opened.connect();
      return opened;
    };
    const filters = ['t/#'];
    const store = {
      ...{ iot, kinesis, port },
      publishers: Array.from({ length: PUBLISHERS }, (_, index) => device(`publisher-${index}`)),
      subscribers: {
        plain: device('plain', { filters }),
        narrow: device('narrow', { filters, receiveMaximum: 2 }),
        old: device('old', { filters, version: 4 }),
      },
    };
    // Whoever publishes is to be heard: everyone has subscribed before the first step.
    await until(() => devicesOf(store).every(({ isKnown }) => isKnown));
    const owned = scope.move();
    return { ...store, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },

  plan(random) {
    const pick = <T>(from: readonly T[]) => from[Math.floor(random.next() * from.length)]!;
    const kind = random.next();
    if (kind < 0.03) {
      const client = pick([...SUBSCRIBERS, ...Array.from({ length: PUBLISHERS }, (_, index) => `publisher-${index}`)]);
      return { kind: 'bounce', client, takesOver: random.next() < 0.5 };
    }
    if (kind < 0.06) return { kind: 'toggle', client: pick(SUBSCRIBERS) };
    if (kind < 0.1) return { kind: 'will', qos: pick([1, 2]), delaySeconds: pick([0, 0, 1]) };
    if (kind < 0.15) return { kind: 'retain', topic: pick(TOPICS) };
    return { kind: 'publish', topic: pick(TOPICS), qos: pick([1, 2]) };
  },

  async run(store, step, id) {
    switch (step.kind) {
      case 'publish':
        return publisherOf(store, step.topic).publish(step.topic, id, step.qos);
      case 'retain':
        return publisherOf(store, step.topic).publish(RETAINED(step.topic), id, 1, true);
      case 'will':
        return dieWithWill(store.port, id, step.qos, step.delaySeconds);
      case 'bounce':
        return deviceOf(store, step.client).bounce(step.takesOver);
      case 'toggle':
        return deviceOf(store, step.client).toggle();
    }
  },

  isRefusal: () => false,

  async verify(store, history) {
    const { iot, publishers, subscribers } = store;
    for (const device of devicesOf(store)) device.comeBack();
    await until(() => publishers.every(({ pending }) => pending === 0));
    // Sessions of those with a will have ended, so that no further one is to come.
    await until(() => iot.broker.sessions.size === devicesOf(store).length);
    await markAll(store);
    for (const device of devicesOf(store)) assert.equal(device.fault, undefined);
    const byId = new Map(history.map((entry) => [entry.id, entry]));
    for (const name of SUBSCRIBERS) checkReceived(name, subscribers[name]!, byId);
    const done = new Set([...subscribers.plain!.received.values()].flat());
    await checkStream(store, history);
    for (const id of checkRetained(iot, history)) done.add(id);
    for (const { id, step } of history) if (step.kind === 'bounce' || step.kind === 'toggle') done.add(id);
    return done;
  },
};

const NO_DELIVERY = {
  register: () => {},
  send: async () => {},
  edges: () => [],
  onDelivered: () => () => {},
  onGivenUp: () => () => {},
  [Symbol.asyncDispose]: async () => {},
};

const devicesOf = ({ publishers, subscribers }: Pick<Store, 'publishers' | 'subscribers'>) => [
  ...publishers,
  ...Object.values(subscribers),
];

function deviceOf({ publishers, subscribers }: Store, name: string): Device {
  return subscribers[name] ?? publishers[Number(name.replace('publisher-', ''))]!;
}

const publisherOf = ({ publishers }: Store, topic: Topic) => publishers[TOPICS.indexOf(topic) % PUBLISHERS]!;

/** Everything before the marks has arrived when they have: order holds for each topic and QoS. */
async function markAll(store: Store): Promise<void> {
  const marks = SUBSCRIBERS.map((name) => countMarks(store.subscribers[name]!));
  for (const topic of TOPICS) {
    for (const qos of [1, 2] as const) await publisherOf(store, topic).publish(topic, MARK, qos);
  }
  const expected = 2 * TOPICS.length;
  await until(() =>
    SUBSCRIBERS.every((name, index) => countMarks(store.subscribers[name]!) >= marks[index]! + expected),
  );
}

const countMarks = ({ received }: Device) => [...received.values()].flat().filter((id) => id === MARK).length;

function checkReceived(name: string, device: Device, byId: ReadonlyMap<number, HistoryEntry<Step>>): void {
  const seen = new Set<number>();
  for (const [key, ids] of device.received) {
    const where = `${name}, QoS and topic ${key}`;
    const steps = ids.filter((id) => id !== MARK);
    const unique = [...new Set(steps)];
    if (key.startsWith('2 ')) assert.deepEqual(steps, unique, `${where}: exactly once`);
    if (!key.endsWith(WILLS))
      assert.deepEqual(
        unique,
        unique.toSorted((a, b) => a - b),
        `${where}: in order`,
      );
    for (const id of unique) {
      assert.notEqual(byId.get(id)?.outcome ?? 'refused', 'refused', `${where}: ${id} was never sent`);
      seen.add(id);
    }
  }
  for (const { id, step, outcome } of byId.values()) {
    const isExpected = outcome === 'acknowledged' && (step.kind === 'publish' || step.kind === 'will');
    if (isExpected) assert.ok(seen.has(id), `${name}: ${step.kind} ${id} was acknowledged and has not come`);
  }
}

/** @returns the ids that are retained */
function checkRetained(iot: Iot, history: readonly HistoryEntry<Step>[]): number[] {
  const found: number[] = [];
  for (const topic of TOPICS) {
    const steps = history.filter(({ step }) => step.kind === 'retain' && step.topic === topic);
    const acknowledged = steps.filter(({ outcome }) => outcome === 'acknowledged').map(({ id }) => id);
    const [message] = iot.broker.retained(RETAINED(topic));
    const kept = message === undefined ? -1 : Number(message.payload.toString());
    assert.ok(kept >= Math.max(-1, ...acknowledged), `${topic}: an older message is retained: ${kept}`);
    if (message)
      assert.ok(
        steps.some(({ id }) => id === kept),
        `${topic}: ${kept} was never retained`,
      );
    // What was retained before the last one was done too.
    found.push(...steps.filter(({ id, outcome }) => id === kept || outcome === 'acknowledged').map(({ id }) => id));
  }
  return found;
}

async function checkStream({ kinesis }: Store, history: readonly HistoryEntry<Step>[]): Promise<void> {
  const found = new Map<string, number[]>();
  const input = { StreamName: STREAM, ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' };
  let { ShardIterator: iterator } = await call(kinesis, 'GetShardIterator', input);
  for (;;) {
    const page = await call(kinesis, 'GetRecords', { ShardIterator: iterator });
    for (const { PartitionKey, Data } of page.Records) {
      const ids = found.get(PartitionKey) ?? [];
      found.set(PartitionKey, ids);
      ids.push(Number(Buffer.from(Data).toString()));
    }
    if (page.MillisBehindLatest === 0 && page.Records.length === 0) break;
    iterator = page.NextShardIterator;
  }
  for (const { id, step, outcome } of history) {
    if (step.kind !== 'publish' || outcome !== 'acknowledged' || !step.topic.startsWith(RULED)) continue;
    assert.ok(found.get(step.topic)?.includes(id), `stream: ${id} was acknowledged and is not there`);
  }
}

/** A client of its own with a will, whose connection is lost as soon as it is connected. */
function dieWithWill(port: number, id: number, qos: 1 | 2, delaySeconds: number): Promise<void> {
  const will = {
    ...{ topic: WILLS, payload: Buffer.from(`${id}`), qos, retain: false },
    properties: { willDelayInterval: delaySeconds },
  };
  const properties = { sessionExpiryInterval: 1 };
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
  const decoder = new mqtt.PacketDecoder({ version: 5 });
  const fields = { clientId: `mortal-${id}`, clean: true, keepAlive: 0, will, properties };
  socket.write(mqtt.encodePacket({ type: 'connect', version: 5, ...fields }, 5));
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      const packet = decoder.next();
      if (packet?.type !== 'connack') return;
      socket.destroy();
      if (packet.reasonCode === 0) resolve();
      else reject(new Error(`refused: ${packet.reasonCode}`));
    });
  });
}

async function createStream(kinesis: Kinesis): Promise<void> {
  await call(kinesis, 'CreateStream', { StreamName: STREAM, ShardCount: 1 }).catch(() => {});
}

async function createRule(iot: Iot): Promise<void> {
  const action = { kinesis: { roleArn: 'r', streamName: STREAM, partitionKey: '${topic()}' } };
  const input = { ruleName: 'ingest', topicRulePayload: { sql: `SELECT * FROM '${RULED}#'`, actions: [action] } };
  const [control] = iot.services;
  await Promise.resolve(control!.operations.CreateTopicRule!(input, CONTEXT)).catch(() => {});
}

/** Waits for something that happens over real sockets. */
async function until(isTrue: () => boolean): Promise<void> {
  const end = systemClock.monotonic() + PATIENCE_MS;
  while (!isTrue()) {
    assert.ok(systemClock.monotonic() < end, `not in time: ${isTrue}`);
    await systemClock.sleep(5);
  }
}

function call(kinesis: Kinesis, operation: string, input: object): Promise<any> {
  return Promise.resolve(kinesis.service.operations[operation]!(input, CONTEXT));
}
