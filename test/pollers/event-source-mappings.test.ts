import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Clock, DomainError, SimulatedClock, systemClock, systemRandom } from '../../src/base/index.ts';
import type { Delivery } from '../../src/delivery/index.ts';
import { type Kinesis, openKinesis } from '../../src/services/kinesis/index.ts';
import { type EventSourceMappings, openEventSourceMappings, WINDOW_TAG } from '../../src/services/lambda/index.ts';
import { EmbeddedLog, type Log, openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { CONTEXT } from '../support/operations.ts';
import { advanceUntil, eventually, FakeFunction, FakeQueue, failed, ok } from './fakes.ts';

let directory: string;
let records: Records;
let log: Log;
let kinesis: Kinesis;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-mappings-'));
  records = await openEmbeddedRecords({ directory });
  const common = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  log = await EmbeddedLog.open({ directory: join(directory, 'log') });
  kinesis = await openKinesis({ log, records, ...common });
});

after(async () => {
  await kinesis[Symbol.asyncDispose]();
  await log[Symbol.asyncDispose]();
  await records[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const sent: Delivery[] = [];
const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:queue';
const FIFO = 'arn:aws:sqs:us-east-1:000000000000:queue.fifo';
let streams = 0;

async function newStream(): Promise<{ name: string; arn: string }> {
  const name = `stream-${++streams}`;
  await kinesis.service.operations.CreateStream!({ StreamName: name, ShardCount: 1 }, CONTEXT);
  await eventually(() => kinesis.stream(name) !== undefined);
  return { name, arn: `arn:aws:kinesis:us-east-1:000000000000:stream/${name}` };
}

async function put(name: string, ...payloads: readonly string[]): Promise<void> {
  for (const payload of payloads) kinesis.stream(name)!.enqueue('key', Buffer.from(payload));
  await kinesis.committed();
}

async function open(
  fn: FakeFunction,
  { store = records, clock = systemClock }: { readonly store?: Records; readonly clock?: Clock } = {},
): Promise<EventSourceMappings> {
  return openEventSourceMappings({
    records: store,
    invoker: fn,
    sourceFor: (arn) => {
      if (arn.includes(':sqs:')) return new FakeQueue(systemClock);
      return kinesis.source(arn);
    },
    delivery: { send: async (deliveries) => void sent.push(...deliveries) },
    putObject: async () => {},
    clock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
  });
}

const call = (mappings: EventSourceMappings, operation: string, input: object): Promise<any> =>
  Promise.resolve().then(() => mappings.operations[operation]!(input, CONTEXT));

const dataOf = (fn: FakeFunction) =>
  fn.events
    .flatMap(({ Records }) => Records as unknown as { kinesis: { data: string } }[])
    .map(({ kinesis: { data } }) => Buffer.from(data, 'base64').toString())
    .join('');

test('a mapping reads a real stream, survives a restart at its checkpoint, and vanishes when deleted', async () => {
  const stream = await newStream();
  await put(stream.name, 'a', 'b');
  const fn = new FakeFunction();
  let UUID: string;
  {
    await using mappings = await open(fn);
    const input = { FunctionName: 'f', EventSourceArn: stream.arn, StartingPosition: 'TRIM_HORIZON' };
    const created = await call(mappings, 'CreateEventSourceMapping', input);
    UUID = created.UUID;
    assert.equal(created.State, 'Creating');
    assert.equal(created.FunctionArn, 'arn:aws:lambda:us-east-1:000000000000:function:f');
    assert.equal(created.BatchSize, 100);
    assert.equal(created.MaximumRetryAttempts, -1);
    assert.equal(created.LastProcessingResult, 'No records processed');
    await eventually(() => dataOf(fn) === 'ab');
    await assert.rejects(call(mappings, 'CreateEventSourceMapping', input), { code: 'resource-conflict' });
  }
  await put(stream.name, 'c');
  await using mappings = await open(fn);
  await eventually(() => dataOf(fn) === 'abc');
  const got = await call(mappings, 'GetEventSourceMapping', { UUID });
  assert.equal(got.State, 'Enabled');
  assert.equal(got.LastProcessingResult, 'OK');
  const [event] = fn.events[0]!.Records as unknown as Record<string, unknown>[];
  assert.equal(event?.eventSource, 'aws:kinesis');
  assert.equal(event?.eventSourceARN, stream.arn);
  assert.equal((await call(mappings, 'DeleteEventSourceMapping', { UUID })).State, 'Deleting');
  await eventually(() => mappings.mappings().every(({ mapping }) => mapping.uuid !== UUID));
  await assert.rejects(call(mappings, 'GetEventSourceMapping', { UUID }), { code: 'resource-not-found' });
});

test('a disabled mapping reads nothing until it is enabled, and an update takes effect', async () => {
  const stream = await newStream();
  const fn = new FakeFunction();
  await using mappings = await open(fn);
  const { UUID } = await call(mappings, 'CreateEventSourceMapping', {
    FunctionName: 'f:live',
    EventSourceArn: stream.arn,
    StartingPosition: 'TRIM_HORIZON',
    Enabled: false,
  });
  await put(stream.name, 'a', 'b', 'c');
  await eventually(() =>
    mappings.mappings().some(({ mapping, status }) => mapping.uuid === UUID && status === 'Disabled'),
  );
  const enabling = await call(mappings, 'UpdateEventSourceMapping', { UUID, Enabled: true, BatchSize: 2 });
  assert.equal(enabling.State, 'Enabling');
  await eventually(() => dataOf(fn) === 'abc');
  assert.deepEqual(
    fn.events.map(({ Records }) => Records.length),
    [2, 1],
  );
});

test('a poison record reaches the on-failure destination', async () => {
  const stream = await newStream();
  const fn = new FakeFunction(({ Records }) => {
    const [first] = Records as unknown as { kinesis: { data: string } }[];
    return Buffer.from(first!.kinesis.data, 'base64').toString() === 'bad' ? failed : ok();
  });
  await using mappings = await open(fn);
  await call(mappings, 'CreateEventSourceMapping', {
    FunctionName: 'f',
    EventSourceArn: stream.arn,
    StartingPosition: 'TRIM_HORIZON',
    BatchSize: 1,
    MaximumRetryAttempts: 0,
    DestinationConfig: { OnFailure: { Destination: QUEUE } },
  });
  await put(stream.name, 'a', 'bad', 'c');
  await eventually(() => dataOf(fn) === 'abadc');
  const document = JSON.parse(Buffer.from(sent.at(-1)!.payload).toString());
  assert.equal(document.KinesisBatchInfo.streamArn, stream.arn);
  assert.match(document.KinesisBatchInfo.startSequenceNumber, /^\d{56}$/);
});

test('lists are filtered by function and by source, and paged', async () => {
  await using mappings = await open(new FakeFunction());
  const made: string[] = [];
  for (const FunctionName of ['l1', 'l2', 'l3']) {
    const input = { FunctionName, EventSourceArn: QUEUE };
    made.push((await call(mappings, 'CreateEventSourceMapping', input)).UUID);
  }
  const one = await call(mappings, 'ListEventSourceMappings', { FunctionName: 'l2' });
  assert.deepEqual(
    one.EventSourceMappings.map(({ UUID }: { UUID: string }) => UUID),
    [made[1]],
  );
  const found: string[] = [];
  for (let Marker: string | undefined; ; ) {
    const page = await call(mappings, 'ListEventSourceMappings', { EventSourceArn: QUEUE, MaxItems: 2, Marker });
    found.push(...page.EventSourceMappings.map(({ UUID }: { UUID: string }) => UUID));
    Marker = page.NextMarker;
    if (!Marker) break;
  }
  assert.deepEqual(found.toSorted(), made.toSorted());
});

test('what AWS refuses is refused', async () => {
  await using mappings = await open(new FakeFunction());
  const stream = await newStream();
  const kinesisInput = { FunctionName: 'v', EventSourceArn: stream.arn, StartingPosition: 'LATEST' };
  const queueInput = { FunctionName: 'v', EventSourceArn: QUEUE };
  const cases: readonly [object, RegExp][] = [
    [{ ...kinesisInput, StartingPosition: undefined }, /startingPosition/],
    [{ ...kinesisInput, StartingPosition: 'AT_TIMESTAMP' }, /StartingPositionTimestamp/],
    [{ ...kinesisInput, BatchSize: 10_001 }, /batchSize/],
    [{ ...kinesisInput, ParallelizationFactor: 11 }, /parallelizationFactor/],
    [{ ...kinesisInput, MaximumRecordAgeInSeconds: 59 }, /maximumRecordAgeInSeconds/],
    [{ ...kinesisInput, TumblingWindowInSeconds: 60, ParallelizationFactor: 2 }, /TumblingWindow/],
    [{ ...kinesisInput, FilterCriteria: { Filters: [{ Pattern: '{"data":"x"}' }] } }, /Invalid filter pattern/],
    [{ ...kinesisInput, ScalingConfig: { MaximumConcurrency: 2 } }, /ScalingConfig/],
    [{ ...kinesisInput, DestinationConfig: { OnFailure: { Destination: 'arn:aws:x:::y' } } }, /destination/],
    [{ ...kinesisInput, Tags: { [WINDOW_TAG]: '1.5' } }, /milliseconds/],
    [{ ...kinesisInput, EventSourceArn: `${stream.arn}-no` }, /Stream not found/],
    [{ ...kinesisInput, EventSourceArn: 'arn:aws:kafka:us-east-1:000000000000:cluster/c' }, /Unrecognized/],
    [{ ...queueInput, StartingPosition: 'LATEST' }, /StartingPosition/],
    [{ ...queueInput, BatchSize: 11 }, /batch window/],
    [{ ...queueInput, EventSourceArn: FIFO, MaximumBatchingWindowInSeconds: 1 }, /FIFO/],
    [{ ...queueInput, EventSourceArn: FIFO, BatchSize: 11 }, /FIFO/],
    [{ ...queueInput, ScalingConfig: { MaximumConcurrency: 1 } }, /maximumConcurrency/],
    [{ ...queueInput, ScalingConfig: { MaximumConcurrency: 1001 } }, /maximumConcurrency/],
    [{ ...queueInput, ProvisionedPollerConfig: { MinimumPollers: 1 } }, /minimumPollers/],
    [{ ...queueInput, ProvisionedPollerConfig: { MinimumPollers: 9, MaximumPollers: 3 } }, /MinimumPollers/],
    [
      { ...queueInput, ProvisionedPollerConfig: { MinimumPollers: 2 }, ScalingConfig: { MaximumConcurrency: 2 } },
      /ScalingConfig/,
    ],
    [{ ...queueInput, ProvisionedPollerConfig: { PollerGroupName: 'g' } }, /PollerGroupName/],
    [{ ...queueInput, DestinationConfig: { OnFailure: { Destination: QUEUE } } }, /DestinationConfig/],
    [{ ...queueInput, MetricsConfig: { Metrics: ['KafkaMetrics'] } }, /KafkaMetrics/],
    [{ ...queueInput, Topics: ['t'] }, /Topics/],
    [{ ...kinesisInput, DestinationConfig: { OnFailure: { Destination: FIFO } } }, /destination/],
    [{ ...kinesisInput, DestinationConfig: { OnSuccess: { Destination: QUEUE } } }, /OnSuccess/],
    [
      { ...kinesisInput, StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: new Date('2999-01-01') },
      /future/,
    ],
  ];
  for (const [input, message] of cases) {
    await assert.rejects(call(mappings, 'CreateEventSourceMapping', input), { code: 'invalid-parameter', message });
  }
});

test('a paused mapping stays paused over restarts and deployments, and goes on where it was', async () => {
  const stream = await newStream();
  const fn = new FakeFunction();
  let UUID: string;
  {
    await using mappings = await open(fn);
    const input = { FunctionName: 'p', EventSourceArn: stream.arn, StartingPosition: 'TRIM_HORIZON' };
    ({ UUID } = await call(mappings, 'CreateEventSourceMapping', input));
    await put(stream.name, 'a');
    await eventually(() => dataOf(fn) === 'a');
    await mappings.pause(UUID, 'operator');
    await mappings.pause(UUID, 'audit');
    await eventually(() => viewOf(mappings, UUID).status === 'Disabled');
  }
  await using mappings = await open(fn);
  await put(stream.name, 'b');
  await call(mappings, 'UpdateEventSourceMapping', { UUID, Enabled: true });
  await mappings.resume(UUID, 'audit');
  await eventually(() => viewOf(mappings, UUID).status === 'Disabled');
  assert.deepEqual(viewOf(mappings, UUID).poller.paused, ['operator']);
  const got = await call(mappings, 'GetEventSourceMapping', { UUID });
  assert.equal(got.StateTransitionReason, 'Paused by operator');
  assert.equal(dataOf(fn), 'a');
  await mappings.resume(UUID, 'operator');
  await eventually(() => dataOf(fn) === 'ab');
  await assert.rejects(mappings.pause('none', 'operator'), { code: 'resource-not-found' });
});

test('a stream is replayed from a time while it is read, and the replay survives a restart', async () => {
  const stream = await newStream();
  const fn = new FakeFunction();
  let UUID: string;
  {
    await using mappings = await open(fn);
    const input = { FunctionName: 'r', EventSourceArn: stream.arn, StartingPosition: 'TRIM_HORIZON', BatchSize: 1 };
    ({ UUID } = await call(mappings, 'CreateEventSourceMapping', input));
    await put(stream.name, 'a', 'b');
    await eventually(() => dataOf(fn) === 'ab');
    const before = systemClock.now() + 1;
    while (systemClock.now() <= before) await new Promise((resolve) => setImmediate(resolve));
    const from = systemClock.now();
    await put(stream.name, 'c', 'd');
    await eventually(() => dataOf(fn) === 'abcd');
    await mappings.replay(UUID, from);
    await eventually(() => dataOf(fn) === 'abcdcd');
    await mappings.pause(UUID, 'operator');
    await mappings.replay(UUID, 0);
  }
  await using mappings = await open(fn);
  assert.equal(dataOf(fn), 'abcdcd');
  await mappings.resume(UUID, 'operator');
  await eventually(() => dataOf(fn) === 'abcdcdabcd');
  await assert.rejects(mappings.replay(UUID, systemClock.now() + 60_000), { code: 'invalid-parameter' });
});

test('a replay begins a tumbling window anew', async () => {
  const stream = await newStream();
  const fn = new FakeFunction(({ Records, state }) => ok({ state: { n: (stateOf(state).n ?? 0) + Records.length } }));
  await using mappings = await open(fn);
  const { UUID } = await call(mappings, 'CreateEventSourceMapping', {
    FunctionName: 'w',
    EventSourceArn: stream.arn,
    StartingPosition: 'TRIM_HORIZON',
    TumblingWindowInSeconds: 900,
  });
  await put(stream.name, 'a');
  await eventually(() => fn.events.length === 1);
  await put(stream.name, 'b');
  await eventually(() => fn.events.length === 2);
  assert.equal(stateOf(fn.events[1]?.state).n, 1);
  await mappings.replay(UUID, 0);
  await eventually(() => fn.events.length === 3);
  assert.deepEqual(fn.events[2]?.state, {});
  assert.equal(dataOf(fn), 'abab');
});

test('a queue cannot be replayed, and says why', async () => {
  await using mappings = await open(new FakeFunction());
  const { UUID } = await call(mappings, 'CreateEventSourceMapping', { FunctionName: 'q', EventSourceArn: QUEUE });
  await assert.rejects(mappings.replay(UUID, 0), { code: 'invalid-parameter', message: /keeps no messages/ });
});

test('a function may not run longer than its queue hides messages, as AWS words it', async () => {
  const fn = new FakeFunction();
  await using mappings = await open(fn);
  const input = { FunctionName: 'slow', EventSourceArn: QUEUE };
  const { UUID } = await call(mappings, 'CreateEventSourceMapping', input);
  fn.timeout = 60_000;
  const refusal = {
    code: 'invalid-parameter',
    message: 'Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds',
  };
  await assert.rejects(call(mappings, 'CreateEventSourceMapping', { ...input, FunctionName: 'slower' }), refusal);
  await assert.rejects(call(mappings, 'UpdateEventSourceMapping', { UUID, BatchSize: 5 }), refusal);
  await call(mappings, 'UpdateEventSourceMapping', { UUID, Enabled: false });
});

test('settings of a queue are shown, changed and taken back', async () => {
  await using mappings = await open(new FakeFunction());
  const provisioned = { MinimumPollers: 3 };
  const created = await call(mappings, 'CreateEventSourceMapping', {
    FunctionName: 'settings',
    EventSourceArn: QUEUE,
    ProvisionedPollerConfig: provisioned,
    MetricsConfig: { Metrics: ['EventCount'] },
    KMSKeyArn: 'arn:aws:kms:us-east-1:000000000000:key/k',
  });
  assert.deepEqual(created.ProvisionedPollerConfig, { MinimumPollers: 3, MaximumPollers: 200 });
  assert.equal(created.KMSKeyArn, 'arn:aws:kms:us-east-1:000000000000:key/k');
  assert.equal(created.StateTransitionReason, 'USER_INITIATED');
  const { UUID } = created;
  const changed = await call(mappings, 'UpdateEventSourceMapping', {
    UUID,
    ProvisionedPollerConfig: {},
    ScalingConfig: { MaximumConcurrency: 7 },
  });
  assert.equal(changed.ProvisionedPollerConfig, undefined);
  assert.deepEqual(changed.ScalingConfig, { MaximumConcurrency: 7 });
  assert.deepEqual(changed.MetricsConfig, { Metrics: ['EventCount'] });
});

test('a mapping that was deleted goes, if the disk was full, when it has room again', async () => {
  const clock = new SimulatedClock();
  let full = false;
  const store: Records = Object.create(records, {
    commit: {
      value: (transaction: Parameters<Records['commit']>[0]) => {
        const removes = transaction.writes.some(({ kind }) => kind === 'delete');
        if (full && removes) return Promise.reject(new DomainError('records-full', 'no space left'));
        return records.commit(transaction);
      },
    },
    range: { value: records.range.bind(records) },
  });
  await using mappings = await open(new FakeFunction(), { store, clock });
  const { UUID } = await call(mappings, 'CreateEventSourceMapping', { FunctionName: 'gone', EventSourceArn: QUEUE });
  full = true;
  await call(mappings, 'DeleteEventSourceMapping', { UUID });
  await clock.advance(1000);
  await eventually(() => viewOf(mappings, UUID)?.status === 'Deleting');
  full = false;
  await advanceUntil(clock, 10_000, () => viewOf(mappings, UUID) === undefined);
});

const viewOf = (mappings: EventSourceMappings, UUID: string) =>
  mappings.mappings().find(({ mapping }) => mapping.uuid === UUID)!;

const stateOf = (state: unknown) => state as { readonly n?: number };
