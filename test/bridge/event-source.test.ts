import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import mqttjs from 'mqtt';
import { eventually, FakeFunction, failed, gate, ok } from '../pollers/fakes.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { client, foreign, openSide, reaches, type Side } from './harness.ts';

let mosquitto: Mosquitto;
before(async () => {
  mosquitto = await Mosquitto.start();
});
after(() => mosquitto[Symbol.asyncDispose]());

const brokers = () => [foreign('plant', mosquitto.port)];
const arnOf = (filter: string) => `arn:aws:mqtt:us-east-1:000000000000:broker/plant/topicfilter/${filter}`;

interface MqttRecord {
  readonly messageId: string;
  readonly topic: string;
  readonly data: string;
  readonly duplicate: boolean;
  readonly [member: string]: unknown;
}

const recordsOf = (fn: FakeFunction) => fn.events.flatMap(({ Records }) => Records as unknown as MqttRecord[]);
const textOf = ({ data }: MqttRecord) => Buffer.from(data, 'base64').toString();
const texts = (fn: FakeFunction) => recordsOf(fn).map(textOf);

const map = (side: Side, filter: string, more: object = {}) =>
  side.call('CreateEventSourceMapping', { FunctionName: 'f', EventSourceArn: arnOf(filter), ...more });

/** Until the mapping's subscription is there: a broker drops what nobody has subscribed to. */
async function subscribed(filter: string): Promise<void> {
  await using probe = await client(mosquitto.port);
  while (!(await reaches(probe, filter.replace(/[+#]/g, 'probe'), 'probe')));
}

const withoutProbes = (fn: FakeFunction) => recordsOf(fn).filter((record) => textOf(record) !== 'probe');

/** Connects with a session's client id: it gets what is not acknowledged. */
function takeSession(clientId: string) {
  const seen: string[] = [];
  const options = { protocolVersion: 5, clientId, clean: false, reconnectPeriod: 0 } as const;
  const taker = mqttjs.connect(mosquitto.url, { ...options, properties: { sessionExpiryInterval: 3600 } });
  taker.on('message', (_topic, payload) => void seen.push(payload.toString()));
  return { client: taker, seen };
}

test('messages of mosquitto reach a function in batches, with topic, properties and payload', async () => {
  await using side = await openSide({ brokers: brokers() });
  const created = await map(side, 'a/+/telemetry');
  assert.equal(created.BatchSize, 100);
  assert.equal(created.MaximumRetryAttempts, 10);
  await subscribed('a/+/telemetry');
  await using device = await client(mosquitto.port);
  const properties = { contentType: 'application/json', correlationData: Buffer.from('c'), userProperties: { k: 'v' } };
  await device.publishAsync('a/press/telemetry', '{"t":1}', { qos: 1, properties });
  await eventually(() => withoutProbes(side.fn).length === 1);
  const [record] = withoutProbes(side.fn);
  const { messageId, timestamp, ...rest } = record!;
  assert.match(messageId, /^[0-9a-f-]{36}$/);
  assert.ok(Math.abs(Number(timestamp) - Date.now()) < 60_000);
  assert.deepEqual(rest, {
    topic: 'a/press/telemetry',
    data: Buffer.from('{"t":1}').toString('base64'),
    qos: 1,
    retain: false,
    duplicate: false,
    properties: { contentType: 'application/json', correlationData: 'Yw==', userProperties: [{ k: 'v' }] },
    eventSource: 'millrace:mqtt',
    eventSourceARN: arnOf('a/+/telemetry'),
    awsRegion: 'us-east-1',
  });
});

test('a message is acknowledged only after its batch went well: until then whoever takes the session up gets it', async () => {
  const held = gate();
  const fn = new FakeFunction(async () => {
    await held.opened;
    return ok();
  });
  await using side = await openSide({ brokers: brokers(), fn });
  const { UUID } = await map(side, 'b/#');
  await subscribed('b/x');
  await using device = await client(mosquitto.port);
  await device.publishAsync('b/1', 'one', { qos: 1 });
  await eventually(() => texts(fn).includes('one'));
  const before = takeSession(`millrace-${UUID}`);
  await eventually(() => before.seen.includes('one'));
  held.open();
  // The mapping takes its session back.
  await eventually(() => !before.client.connected);
  await device.publishAsync('b/1', 'two', { qos: 1 });
  await eventually(() => texts(fn).includes('two'));
  await eventually(() => side.mappings.mappings()[0]!.poller.concurrency?.running === 0);
  await device.publishAsync('b/other', 'three', { qos: 1 });
  await eventually(() => texts(fn).includes('three'));
  await side.mappings.stop();
  const after = takeSession(`millrace-${UUID}`);
  await device.publishAsync('b/1', 'four', { qos: 1 });
  await eventually(() => after.seen.includes('four'));
  assert.deepEqual(after.seen, ['four']);
  after.client.end(true);
});

test('a broker that restarts in the middle of a batch: nothing is lost, and what is in hand does not come twice', async () => {
  await using side = await openSide({ brokers: brokers() });
  await map(side, 'c/#', { BatchSize: 10 });
  await subscribed('c/x');
  await eventually(() => side.mappings.mappings()[0]!.poller.lastResult === 'OK');
  const held = gate();
  side.fn.behaviour = async () => {
    await held.opened;
    return ok();
  };
  {
    await using device = await client(mosquitto.port);
    for (let n = 0; n < 50; n++) await device.publishAsync(`c/${n % 5}`, `m${n}`, { qos: 1 });
  }
  await eventually(() => withoutProbes(side.fn).length > 0);
  await mosquitto.stop();
  await mosquitto.start();
  await eventually(() => side.mappings.mappings()[0]!.poller.depth !== undefined);
  held.open();
  await eventually(() => new Set(withoutProbes(side.fn).map(textOf)).size === 50);
  await using device = await client(mosquitto.port);
  await device.publishAsync('c/last', 'last', { qos: 1 });
  await eventually(() => texts(side.fn).includes('last'));
  assert.equal(withoutProbes(side.fn).length, 51);
  for (let topic = 0; topic < 5; topic++) {
    const order = withoutProbes(side.fn).filter((record) => record.topic === `c/${topic}`);
    const numbers = order.map((record) => Number(textOf(record).slice(1)));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
  }
});

test('what comes while a mapping is paused waits in the broker, and goes to nobody when the mapping is deleted', async () => {
  await using side = await openSide({ brokers: brokers() });
  const { UUID } = await map(side, 'd/#');
  await subscribed('d/x');
  await eventually(() => texts(side.fn).includes('probe'));
  await side.mappings.pause(UUID, 'operator');
  await eventually(() => side.mappings.mappings()[0]!.status === 'Disabled');
  await using device = await client(mosquitto.port);
  await device.publishAsync('d/1', 'waited', { qos: 1 });
  assert.ok(!texts(side.fn).includes('waited'));
  await side.mappings.resume(UUID, 'operator');
  await eventually(() => texts(side.fn).includes('waited'));
  await side.call('DeleteEventSourceMapping', { UUID });
  await eventually(() => side.mappings.mappings().length === 0);
  assert.equal(await reaches(device, 'd/1', 'gone'), false, 'the broker has forgotten the session');
});

test('failed messages come again in their order, and those that have used up their tries go to the destination', async () => {
  await using side = await openSide({ brokers: brokers() });
  const letters: string[] = [];
  side.delivery.register('sqs', {
    deliver: async ({ payload }) =>
      void letters.push(...texts({ events: [JSON.parse(String(payload))] } as FakeFunction)),
  });
  side.fn.behaviour = ({ Records }) => {
    const bad = (Records as unknown as MqttRecord[]).filter((record) => textOf(record).startsWith('bad'));
    return ok({ batchItemFailures: bad.map(({ messageId }) => ({ itemIdentifier: messageId })) });
  };
  await map(side, 'e/#', {
    MaximumRetryAttempts: 2,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    DestinationConfig: { OnFailure: { Destination: 'arn:aws:sqs:us-east-1:000000000000:dead' } },
  });
  await subscribed('e/x');
  await using device = await client(mosquitto.port);
  for (const text of ['good1', 'bad', 'good2']) await device.publishAsync('e/1', text, { qos: 1 });
  await eventually(() => letters.length === 1);
  await eventually(() => texts(side.fn).includes('good2'));
  assert.deepEqual(letters, ['bad']);
  const bad = withoutProbes(side.fn).filter((record) => textOf(record) === 'bad');
  assert.equal(bad.length, 3);
  assert.equal(new Set(bad.map(({ messageId }) => messageId)).size, 1);
  assert.deepEqual(
    bad.map(({ duplicate }) => duplicate),
    [false, true, true],
  );
});

test('a filter drops messages by payload and topic, and they are acknowledged', async () => {
  await using side = await openSide({ brokers: brokers() });
  const Filters = [
    { Pattern: JSON.stringify({ topic: [{ prefix: 'f/hot/' }], data: { t: [{ numeric: ['>', 9] }] } }) },
  ];
  await map(side, 'f/#', { FilterCriteria: { Filters } });
  await subscribed('f/x');
  await using device = await client(mosquitto.port);
  await device.publishAsync('f/cold/1', '{"t":10}', { qos: 1 });
  await device.publishAsync('f/hot/1', '{"t":1}', { qos: 1 });
  await device.publishAsync('f/hot/1', '{"t":11}', { qos: 1 });
  await eventually(() => texts(side.fn).length === 1);
  assert.deepEqual(texts(side.fn), ['{"t":11}']);
});

test('a group that others share gets each message once, between them and us', async () => {
  await using side = await openSide({ brokers: brokers() });
  await map(side, '$share/team/g/#');
  await using other = await client(mosquitto.port);
  const seen: string[] = [];
  other.on('message', (_topic, payload) => void seen.push(payload.toString()));
  await other.subscribeAsync('$share/team/g/#', { qos: 1 });
  await using device = await client(mosquitto.port);
  // Until we share too.
  while (texts(side.fn).length === 0) await device.publishAsync('g/x', 'probe', { qos: 1 });
  for (let n = 0; n < 20; n++) await device.publishAsync('g/x', `m${n}`, { qos: 1 });
  const real = () => [...seen, ...texts(side.fn)].filter((text) => text !== 'probe');
  await eventually(() => real().length >= 20);
  assert.equal(new Set(real()).size, 20);
  assert.equal(real().length, 20);
  assert.ok(seen.length > 0);
});

test('MQTT 3.1.1 works too, and a burst beyond the window is taken whole', async () => {
  await using side = await openSide({ brokers: [foreign('plant', mosquitto.port, { protocol: 4 })] });
  await map(side, 'h/#', { BatchSize: 1000, MaximumBatchingWindowInSeconds: 1 });
  await subscribed('h/x');
  await using device = await client(mosquitto.port);
  const sends = Array.from({ length: 3000 }, (_, n) => device.publishAsync(`h/${n % 50}`, `m${n}`, { qos: 1 }));
  await Promise.all(sends);
  await eventually(() => withoutProbes(side.fn).length >= 3000);
  assert.equal(new Set(withoutProbes(side.fn).map(textOf)).size, 3000);
});

test('what is wrong is said: no such broker, no filter, settings of other sources, a broker that is away', async () => {
  await using side = await openSide({ brokers: [foreign('plant', mosquitto.port), foreign('away', 1)] });
  const create = (EventSourceArn: string, more: object = {}) =>
    side.call('CreateEventSourceMapping', { FunctionName: 'f', EventSourceArn, ...more });
  const base = 'arn:aws:mqtt:us-east-1:000000000000:broker/';
  await assert.rejects(create(`${base}nowhere/topicfilter/a`), /names no broker nowhere: there is plant, away/);
  await assert.rejects(create(`${base}plant`), /names no topics of a foreign broker/);
  await assert.rejects(create(`${base}plant/topicfilter/a/#/b`), /names no topics/);
  const tumbling = { TumblingWindowInSeconds: 5 };
  await assert.rejects(create(arnOf('a'), tumbling), /Unsupported parameter for event source type MQTT: Tumbling/);
  await assert.rejects(
    create(arnOf('a'), { BatchSize: 1001 }),
    /Batch size for MQTT brokers can not be more than 1000/,
  );
  const bucket = { DestinationConfig: { OnFailure: { Destination: 'arn:aws:s3:::b' } } };
  await assert.rejects(create(arnOf('a'), bucket), /takes queues and topics/);
  await create(`${base}away/topicfilter/a`);
  await eventually(() => side.mappings.mappings()[0]!.poller.lastResult.includes('ECONNREFUSED'));
  assert.match(side.mappings.mappings()[0]!.poller.lastResult, /^PROBLEM: .*ECONNREFUSED/);
});

test('a function that fails for good without a destination leaves the message with its asynchronous invocations', async () => {
  await using side = await openSide({ brokers: brokers() });
  const asynchronous: unknown[] = [];
  side.delivery.register('lambda', {
    deliver: async ({ arn, payload }) => void asynchronous.push([arn, JSON.parse(String(payload)).Records.length]),
  });
  side.fn.behaviour = () => failed;
  await map(side, 'i/#', { MaximumRetryAttempts: 0 });
  await subscribed('i/x');
  await eventually(() => asynchronous.length > 0);
  assert.deepEqual(asynchronous[0], ['arn:aws:lambda:us-east-1:000000000000:function:f', 1]);
});
