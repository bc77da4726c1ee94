import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CLOCK_LIMITS, type Clock, DomainError, SimulatedClock, seededRandom } from '../../src/base/index.ts';
import type { Delivery } from '../../src/delivery/index.ts';
import {
  Checkpoints,
  compileFilter,
  type FunctionInvoker,
  POLLER_LIMITS,
  StreamPoller,
  type StreamPollerOptions,
  type StreamSettings,
  Tally,
} from '../../src/pollers/index.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, type Datum, silentLogger } from '../../src/telemetry/index.ts';
import { advanceUntil, eventually, FakeFunction, FakeStream, failed, fakeRecord, gate, ok } from './fakes.ts';

let directory: string;
let records: Records;
let mappings = 0;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-pollers-'));
  records = await openEmbeddedRecords({ directory });
});

after(async () => {
  await records[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const START = Date.UTC(2026, 0, 1);

function bench(overrides: Partial<StreamSettings> = {}) {
  const clock = new SimulatedClock(START);
  const source = new FakeStream();
  source.addShard('shard-0');
  const fn = new FakeFunction();
  const metrics = createMetrics();
  const data: Datum[] = [];
  metrics.onDatum(({ metered: _, ...datum }) => data.push(datum));
  const sent: Delivery[] = [];
  const objects: { bucket: string; key: string; body: Uint8Array }[] = [];
  const settings: StreamSettings = {
    id: `mapping-${++mappings}`,
    mappingArn: 'arn:aws:lambda:us-east-1:000000000000:event-source-mapping:m',
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
    functionName: 'f',
    sourceArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/s',
    batchSize: 100,
    windowMs: 0,
    partialResponses: false,
    eventCounts: false,
    start: { kind: 'TRIM_HORIZON' },
    lanes: 1,
    lingerMs: 0,
    bisectOnError: false,
    retriesMax: Number.POSITIVE_INFINITY,
    recordAgeMsMax: Number.POSITIVE_INFINITY,
    tumblingWindowMs: 0,
    ...overrides,
  };
  const delivery = { send: async (deliveries: readonly Delivery[]) => void sent.push(...deliveries) };
  const checkpoints = new Checkpoints(records, clock, silentLogger);
  const options: StreamPollerOptions = {
    settings,
    source,
    invoker: fn,
    delivery,
    clock,
    random: seededRandom(7),
    logger: silentLogger,
    tally: new Tally(metrics, settings),
    putObject: async (bucket, key, body) => void objects.push({ bucket, key, body }),
    checkpoints,
  };
  return {
    clock,
    source,
    fn,
    sent,
    objects,
    data,
    metrics,
    settings,
    checkpoints,
    options,
    start: () => StreamPoller.start(options),
  };
}

const positionOf = async (checkpoints: Checkpoints, { id }: StreamSettings) =>
  (await checkpoints.load(id))?.shards.get('shard-0')?.position;

/** The methods of a simulated clock, to be changed one by one. */
const clockOf = (clock: SimulatedClock): Clock => ({
  now: () => clock.now(),
  monotonic: () => clock.monotonic(),
  sleep: (ms, signal) => clock.sleep(ms, signal),
  timer: (ms, callback) => clock.timer(ms, callback),
});

const letters = (text: string, key = 'k') => [...text].map((id, index) => fakeRecord(id, key, START + index));

test('records reach the function in order and the checkpoint is durable after close', async () => {
  const { source, fn, settings, checkpoints, start } = bench();
  source.put('shard-0', ...letters('abc'));
  {
    await using poller = start();
    await eventually(() => fn.ids === 'abc');
    source.put('shard-0', ...letters('de'));
    await eventually(() => fn.ids === 'abc de');
    assert.equal(poller.state.lastResult, 'OK');
  }
  assert.equal(await positionOf(checkpoints, settings), '5');
  source.put('shard-0', ...letters('f'));
  await using _second = start();
  await eventually(() => fn.ids === 'abc de f');
});

test('an environment is reserved before records are read, and what comes meanwhile makes the batch larger', async () => {
  const { source, fn, start } = bench();
  const held = gate();
  fn.limit = 1;
  fn.behaviour = async () => {
    await held.opened;
    return ok();
  };
  await using _poller = start();
  source.put('shard-0', ...letters('a'));
  await eventually(() => fn.ids === 'a');
  for (const id of 'bcdef') source.put('shard-0', ...letters(id));
  assert.deepEqual(source.reads, [1]);
  held.open();
  await eventually(() => fn.ids === 'a bcdef');
  assert.equal(fn.reservedMax, 1);
});

test('no environment is held while there is nothing to read', async () => {
  const { source, fn, start } = bench();
  await using _poller = start();
  source.put('shard-0', ...letters('a'));
  await eventually(() => fn.ids === 'a' && fn.reserved === 0);
  assert.equal(fn.reserved, 0);
});

test('a window gathers records until it is over or the batch is full', async () => {
  const { clock, source, fn, start } = bench({ windowMs: 10, batchSize: 3 });
  await using _poller = start();
  source.put('shard-0', ...letters('a'));
  await eventually(() => source.reads.length === 1);
  source.put('shard-0', ...letters('b'));
  await eventually(() => source.reads.length === 2);
  assert.equal(fn.ids, '');
  await clock.advance(10);
  await eventually(() => fn.ids === 'ab');
  source.put('shard-0', ...letters('cdefg'));
  await eventually(() => fn.ids === 'ab cde');
  await clock.advance(10);
  await eventually(() => fn.ids === 'ab cde fg');
});

test('under a steady flow records come together, and a single one after a quiet time goes out at once', async () => {
  const { clock, source, fn, start } = bench({ lingerMs: 5 });
  await using _poller = start();
  source.put('shard-0', ...letters('a'));
  await eventually(() => fn.ids === 'a');
  for (const id of 'bcd') source.put('shard-0', ...letters(id));
  await clock.advance(4);
  assert.equal(fn.ids, 'a');
  await clock.advance(1);
  await eventually(() => fn.ids === 'a bcd');
  await clock.advance(5);
  source.put('shard-0', ...letters('e'));
  await eventually(() => fn.ids === 'a bcd e');
});

test('while a batch runs one more is read and no further; what was prepared and not sent comes again', async () => {
  const { source, fn, start } = bench({ batchSize: 2 });
  const first = gate();
  fn.behaviour = async () => {
    await first.opened;
    return ok();
  };
  const poller = start();
  source.put('shard-0', ...letters('abcdefgh'));
  await eventually(() => fn.events.length === 1 && source.reads.length === 2);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(source.reads.length, 2, 'two batches are in hand, the rest stays in the source');
  const closed = poller[Symbol.asyncDispose]();
  first.open();
  await closed;
  assert.equal(fn.ids, 'ab');
  await using _next = start();
  await eventually(() => fn.events.length === 4);
  assert.equal(fn.ids, 'ab cd ef gh');
});

test('a failing batch is retried and holds back what stands behind it', async () => {
  const { clock, source, fn, start, metrics } = bench({ batchSize: 2 });
  let failures = 3;
  fn.behaviour = () => (failures-- > 0 ? failed : ok());
  await using poller = start();
  source.put('shard-0', ...letters('abc'));
  await eventually(() => fn.events.length === 1);
  assert.equal(poller.state.lastResult, 'PROBLEM: Function call failed');
  await advanceUntil(clock, 100, () => fn.events.length === 5);
  assert.equal(fn.ids, 'ab ab ab ab c');
  assert.match(metrics.render(), /millrace_poller_failures_total\{[^}]*\} 3/);
});

test('a partial response repeats only what comes after the failure', async () => {
  const { clock, source, fn, start } = bench({ partialResponses: true });
  let first = true;
  fn.behaviour = () => {
    const response = first ? { batchItemFailures: [{ itemIdentifier: 'c' }] } : null;
    first = false;
    return ok(response);
  };
  await using _poller = start();
  source.put('shard-0', ...letters('abcd'));
  await eventually(() => fn.events.length === 1);
  await clock.advance(1000);
  await eventually(() => fn.ids === 'abcd cd');
});

test('a poison record goes to the destination as AWS describes it, and the flow goes on', async () => {
  const onFailureArn = 'arn:aws:sqs:us-east-1:000000000000:dead';
  const { clock, source, fn, sent, start, settings } = bench({ bisectOnError: true, retriesMax: 1, onFailureArn });
  fn.behaviour = ({ Records }) => (Records.some(({ id }) => id === 'c') ? failed : ok());
  await using _poller = start();
  source.put('shard-0', ...letters('abcd'));
  await advanceUntil(clock, 1000, () => fn.ids.endsWith(' d'));
  assert.equal(fn.ids, 'abcd ab cd c c d');
  assert.equal(sent.length, 1);
  assert.equal(sent[0]?.arn, onFailureArn);
  const document = JSON.parse(Buffer.from(sent[0]!.payload).toString());
  assert.match(document.timestamp, /^2026-01-01T/);
  assert.deepEqual(document, {
    requestContext: {
      requestId: 'request-1',
      functionArn: settings.functionArn,
      condition: 'RetryAttemptsExhausted',
      approximateInvokeCount: 4,
    },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    version: '1.0',
    timestamp: document.timestamp,
    KinesisBatchInfo: {
      shardId: 'shard-0',
      startSequenceNumber: 'c',
      endSequenceNumber: 'c',
      approximateArrivalOfFirstRecord: '2026-01-01T00:00:00.002Z',
      approximateArrivalOfLastRecord: '2026-01-01T00:00:00.002Z',
      batchSize: 1,
      streamArn: settings.sourceArn,
    },
  });
});

test('records beyond the maximum age are given up without an invocation', async () => {
  const { clock, source, fn, sent, start } = bench({
    recordAgeMsMax: 60_000,
    onFailureArn: 'arn:aws:sqs:us-east-1:000000000000:d',
  });
  source.put('shard-0', ...letters('ab'));
  await clock.advance(60_001);
  source.put('shard-0', fakeRecord('c', 'k', clock.now()));
  await using _poller = start();
  await eventually(() => fn.ids === 'c' || fn.ids === 'bc');
  const { requestContext } = JSON.parse(Buffer.from(sent[0]!.payload).toString());
  assert.equal(requestContext.condition, 'RecordAgeExceeded');
  assert.equal(requestContext.approximateInvokeCount, 0);
});

test('a wall clock that jumps ahead gives no records up for their age before it has gone evenly for a while', async () => {
  const { clock, source, fn, sent, options } = bench({
    recordAgeMsMax: 60_000,
    onFailureArn: 'arn:aws:sqs:us-east-1:000000000000:d',
  });
  let jump = 0;
  const jumpy = { ...clockOf(clock), now: () => clock.now() + jump };
  await using _poller = StreamPoller.start({ ...options, clock: jumpy });
  source.put('shard-0', ...letters('a'));
  await eventually(() => fn.ids === 'a');
  // A gateway has learnt the time.
  jump = 56 * 365 * 86_400_000;
  source.put('shard-0', ...letters('b'));
  await eventually(() => fn.ids === 'a b');
  fn.behaviour = () => failed;
  source.put('shard-0', ...letters('c'));
  await advanceUntil(clock, 10_000, () => sent.length === 1);
  assert.ok(clock.monotonic() >= CLOCK_LIMITS.restMs);
  assert.equal(JSON.parse(Buffer.from(sent[0]!.payload).toString()).requestContext.condition, 'RecordAgeExceeded');
});

test('filter criteria drop records before the function and the checkpoint passes them', async () => {
  const filter = compileFilter(['{"data":{"keep":[true]}}'], 'data');
  const { source, fn, settings, checkpoints, metrics, start } = bench({ filter });
  {
    await using poller = start();
    for (const id of 'abcd') source.put('shard-0', fakeRecord(id, 'k', START, { keep: id === 'b' }));
    await eventually(() => poller.state.shards[0]?.position === '4');
  }
  assert.equal(fn.ids, 'b');
  assert.match(metrics.render(), /millrace_poller_filtered_total\{[^}]*\} 3/);
  assert.equal(await positionOf(checkpoints, settings), '4');
});

test('lanes run side by side, and records with one key never do', async () => {
  const { source, fn, start } = bench({ lanes: 4, batchSize: 2 });
  const underWay = new Map<string, number>();
  const order = new Map<string, number>();
  fn.behaviour = async ({ Records }) => {
    for (const { key, id } of Records) {
      assert.equal(underWay.get(key) ?? 0, 0, 'one batch per key');
      assert.equal(Number(id), (order.get(key) ?? -1) + 1);
      order.set(key, Number(id));
    }
    for (const { key } of Records) underWay.set(key, 1);
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    for (const { key } of Records) underWay.set(key, 0);
    return ok();
  };
  await using _poller = start();
  for (let i = 0; i < 200; i++) source.put('shard-0', fakeRecord(String(Math.floor(i / 10)), `key-${i % 10}`, START));
  await eventually(() => fn.events.reduce((sum, { Records }) => sum + Records.length, 0) === 200);
  assert.ok(fn.reservedMax > 1);
});

test('children are read only after their parents are finished', async () => {
  const { clock, source, fn, start } = bench();
  source.addShard('child-1', ['shard-0']);
  source.put('child-1', ...letters('x'));
  source.put('shard-0', ...letters('a'));
  await using poller = start();
  await eventually(() => fn.ids === 'a');
  await eventually(() => poller.state.shards.some(({ status }) => status === 'waiting-for-parents'));
  source.close('shard-0');
  await eventually(() => fn.ids === 'a x');
  source.addShard('child-2', ['shard-0']);
  source.put('child-2', ...letters('y'));
  await clock.advance(10_000);
  await eventually(() => fn.ids === 'a x y');
});

test('LATEST is fixed before the first record is read, and a shard that appears later is read from its beginning', async () => {
  const { clock, source, fn, start } = bench({ start: { kind: 'LATEST' } });
  source.put('shard-0', ...letters('ab'));
  {
    await using poller = start();
    await eventually(() => poller.state.shards.length === 1);
  }
  source.put('shard-0', ...letters('c'));
  await using _poller = start();
  await eventually(() => fn.ids === 'c');
  source.addShard('shard-1');
  source.put('shard-1', ...letters('d'));
  await clock.advance(10_000);
  await eventually(() => fn.ids === 'c d');
});

test('AT_TIMESTAMP starts at the first record of that time', async () => {
  const { source, fn, start } = bench({ start: { kind: 'AT_TIMESTAMP', at: START + 2 } });
  source.put('shard-0', ...letters('abcd'));
  await using _poller = start();
  await eventually(() => fn.ids === 'cd');
});

test('a source that fails is read again from the checkpoint, nothing twice', async () => {
  const { clock, source, fn, start } = bench();
  await using _poller = start();
  source.put('shard-0', ...letters('a'));
  await eventually(() => fn.ids === 'a');
  source.failNextRead = new Error('disk on fire');
  source.put('shard-0', ...letters('b'));
  await advanceUntil(clock, 100, () => fn.ids === 'a b');
});

test('records lost to retention are passed over', async () => {
  const { source, fn, start } = bench();
  source.put('shard-0', ...letters('abcd'));
  {
    await using poller = start();
    await eventually(() => poller.state.shards[0]?.position === '4');
  }
  source.put('shard-0', ...letters('efgh'));
  source.trim('shard-0', 6);
  await using _poller = start();
  await eventually(() => fn.ids === 'abcd gh');
});

test('close waits for the batch that runs and checkpoints it', async () => {
  const { source, fn, settings, checkpoints, start } = bench();
  const held = gate();
  fn.behaviour = async () => {
    await held.opened;
    return ok();
  };
  const poller = start();
  source.put('shard-0', ...letters('a'));
  await eventually(() => fn.ids === 'a');
  const closed = poller[Symbol.asyncDispose]();
  held.open();
  await closed;
  assert.equal(await positionOf(checkpoints, settings), '1');
});

test('close gives up on a batch that never ends, and its records come again', async () => {
  const { clock, source, fn, settings, checkpoints, start } = bench();
  fn.behaviour = () => new Promise(() => {});
  const invoker = fn.reserve.bind(fn);
  fn.reserve = async (arn, signal) => {
    const reservation = await invoker(arn, signal);
    const invoke = (payload: Uint8Array, abandon?: AbortSignal) =>
      Promise.race([
        reservation.invoke(payload),
        new Promise<never>((_, reject) => abandon?.addEventListener('abort', () => reject(abandon.reason))),
      ]);
    return { ...reservation, invoke };
  };
  const poller = start();
  source.put('shard-0', ...letters('a'));
  await eventually(() => fn.ids === 'a');
  const closed = poller[Symbol.asyncDispose]();
  await clock.advance(20_000);
  await closed;
  assert.equal(await positionOf(checkpoints, settings), '0');
});

test('tumbling windows carry state and end with a final invocation, by a later record or by time', async () => {
  const { clock, source, fn, start, settings } = bench({ tumblingWindowMs: 60_000 });
  fn.behaviour = ({ Records, state }) => ok({ state: { n: ((state as { n?: number }).n ?? 0) + Records.length } });
  await using _poller = start();
  source.put('shard-0', fakeRecord('a', 'k', START + 1), fakeRecord('b', 'k', START + 2));
  await eventually(() => fn.events.length === 1);
  source.put('shard-0', fakeRecord('c', 'k', START + 59_999), fakeRecord('d', 'k', START + 60_000));
  await eventually(() => fn.events.length === 4);
  const summary = () =>
    fn.events.map((event) => [
      event.Records.map(({ id }) => id).join(''),
      event.state,
      event.isFinalInvokeForWindow,
      (event.window as { start: string }).start,
    ]);
  assert.deepEqual(summary(), [
    ['ab', {}, false, '2026-01-01T00:00:00Z'],
    ['c', { n: 2 }, false, '2026-01-01T00:00:00Z'],
    ['', { n: 3 }, true, '2026-01-01T00:00:00Z'],
    ['d', {}, false, '2026-01-01T00:01:00Z'],
  ]);
  assert.equal(fn.events[0]?.shardId, 'shard-0');
  assert.equal(fn.events[0]?.eventSourceARN, settings.sourceArn);
  assert.equal(fn.events[0]?.isWindowTerminatedEarly, false);
  await clock.advance(119_999);
  assert.equal(fn.events.length, 4);
  await clock.advance(1);
  await eventually(() => fn.events.length === 5);
  assert.deepEqual(summary()[4], ['', { n: 1 }, true, '2026-01-01T00:01:00Z']);
});

test('a window that was begun by a clock which was ahead ends by the right time, and by what comes then', async () => {
  const { clock, source, fn, options } = bench({ tumblingWindowMs: 60_000 });
  fn.behaviour = ({ Records, state }) => ok({ state: { n: ((state as { n?: number }).n ?? 0) + Records.length } });
  const year = 365 * 86_400_000;
  let jump = year;
  const jumpy = { ...clockOf(clock), now: () => clock.now() + jump };
  await using _poller = StreamPoller.start({ ...options, clock: jumpy });
  source.put('shard-0', fakeRecord('a', 'k', START + year + 1));
  await eventually(() => fn.events.length === 1);
  jump = 0;
  source.put('shard-0', fakeRecord('b', 'k', START + 2));
  await eventually(() => fn.events.length === 3);
  source.put('shard-0', fakeRecord('c', 'k', START + year + 3), fakeRecord('d', 'k', START + 4));
  await eventually(() => fn.events.length === 7);
  jump = year;
  source.put('shard-0', fakeRecord('e', 'k', START + year + 5));
  await eventually(() => fn.events.length === 9);
  jump = 0;
  await clock.advance(60_000);
  await eventually(() => fn.events.length === 10);
  assert.deepEqual(
    fn.events.map(({ Records, window, isFinalInvokeForWindow }) => [
      Records.map(({ id }) => id).join(''),
      (window as { start: string }).start,
      isFinalInvokeForWindow,
    ]),
    [
      ['a', '2027-01-01T00:00:00Z', false],
      ['', '2027-01-01T00:00:00Z', true],
      ['b', '2026-01-01T00:00:00Z', false],
      ['', '2026-01-01T00:00:00Z', true],
      ['c', '2027-01-01T00:00:00Z', false],
      ['', '2027-01-01T00:00:00Z', true],
      ['d', '2026-01-01T00:00:00Z', false],
      ['', '2026-01-01T00:00:00Z', true],
      ['e', '2027-01-01T00:00:00Z', false],
      ['', '2027-01-01T00:00:00Z', true],
    ],
  );
});

test('the state of a tumbling window survives a restart', async () => {
  const { clock, source, fn, start } = bench({ tumblingWindowMs: 60_000 });
  fn.behaviour = ({ Records, state }) => ok({ state: { n: ((state as { n?: number }).n ?? 0) + Records.length } });
  {
    await using poller = start();
    source.put('shard-0', fakeRecord('a', 'k', START + 1));
    await eventually(() => poller.state.shards[0]?.position === '1');
  }
  await using _poller = start();
  source.put('shard-0', fakeRecord('b', 'k', START + 2));
  await eventually(() => fn.events.length === 2);
  assert.deepEqual(fn.events[1]?.state, { n: 1 });
  await clock.advance(60_000);
  await eventually(() => fn.events.length === 3);
  assert.deepEqual(fn.events[2]?.state, { n: 2 });
});

test('a window that has passed while nobody polled ends after the records of it that still wait', async () => {
  const { clock, source, fn, start } = bench({ tumblingWindowMs: 60_000 });
  fn.behaviour = ({ Records, state }) => ok({ state: { n: ((state as { n?: number }).n ?? 0) + Records.length } });
  {
    await using poller = start();
    source.put('shard-0', fakeRecord('a', 'k', START + 1));
    await eventually(() => poller.state.shards[0]?.position === '1');
  }
  source.put('shard-0', fakeRecord('b', 'k', START + 2));
  await clock.advance(60_000);
  await using _poller = start();
  await eventually(() => fn.events.some(({ isFinalInvokeForWindow }) => isFinalInvokeForWindow));
  const told = fn.events.map(({ state, isFinalInvokeForWindow }) => [state, isFinalInvokeForWindow]);
  assert.deepEqual(told, [
    [{}, false],
    [{ n: 1 }, false],
    [{ n: 2 }, true],
  ]);
});

/** Filters that keep some records only, and a function that counts those of a window. */
function countingBench() {
  const made = bench({ tumblingWindowMs: 60_000, filter: compileFilter(['{"data":{"keep":[true]}}'], 'data') });
  made.fn.behaviour = ({ Records, state }) =>
    ok({ state: { n: ((state as { n?: number } | undefined)?.n ?? 0) + Records.length } });
  const told = () =>
    made.fn.events.map(({ Records, state, isFinalInvokeForWindow }) => [
      Records.map(({ id }) => id).join(''),
      state,
      isFinalInvokeForWindow,
    ]);
  return { ...made, told };
}

const kept = (id: string, at: number) => fakeRecord(id, 'k', START + at, { id, keep: true });
const dropped = (at: number) => fakeRecord('x', 'k', START + at, { keep: false });

test('what arrives after a window while an environment is waited for belongs to the next one', async () => {
  const { clock, source, fn, told, options } = countingBench();
  const { opened, open } = gate();
  const invoker: FunctionInvoker = {
    exists: () => true,
    timeoutMs: () => 3000,
    reserve: async (arn, signal) => {
      if (fn.events.length === 1) await opened;
      return fn.reserve(arn, signal);
    },
  };
  await using _poller = StreamPoller.start({ ...options, invoker });
  source.put('shard-0', kept('a', 1));
  await eventually(() => fn.events.length === 1 && fn.reserved === 0);
  source.put('shard-0', dropped(2));
  await clock.advance(60_000);
  source.put('shard-0', kept('b', 60_000));
  open();
  await eventually(() => fn.events.length >= 2 && fn.ids.endsWith('b'));
  assert.deepEqual(told(), [
    ['a', {}, false],
    ['', { n: 1 }, true],
    ['b', {}, false],
  ]);
});

test('a window ends with its time though records come all the while that a filter drops', async () => {
  const { clock, source, fn, start, told } = countingBench();
  await using _poller = start();
  source.put('shard-0', kept('a', 1));
  await eventually(() => fn.events.length === 1 && fn.reserved === 0);
  const { read } = source;
  let flowing = 0;
  source.read = (...given) => {
    if (flowing++ < 100) source.put('shard-0', dropped(60_000 + flowing));
    return read.apply(source, given);
  };
  await clock.advance(60_000);
  await eventually(() => fn.events.length === 2);
  assert.deepEqual(told().at(-1), ['', { n: 1 }, true]);
  assert.ok(flowing < 10, `after ${flowing} reads`);
});

test('a mapping whose windows are taken away ends the one it has begun, and goes on without', async () => {
  const { source, fn, start, told, options, settings } = countingBench();
  {
    await using poller = start();
    source.put('shard-0', kept('a', 1));
    await eventually(() => poller.state.shards[0]?.position === '1');
  }
  source.put('shard-0', kept('b', 2));
  await using _poller = StreamPoller.start({ ...options, settings: { ...settings, tumblingWindowMs: 0 } });
  await eventually(() => fn.events.length === 3);
  assert.deepEqual(told(), [
    ['a', {}, false],
    ['', { n: 1 }, true],
    ['b', undefined, undefined],
  ]);
});

test('a window whose state grows too large ends early', async () => {
  const { source, fn, start } = bench({ tumblingWindowMs: 60_000 });
  fn.behaviour = () => ok({ state: { big: 'x'.repeat(1024 * 1024) } });
  await using _poller = start();
  source.put('shard-0', fakeRecord('a', 'k', START + 1));
  await eventually(() => fn.events.length === 2);
  assert.equal(fn.events[1]?.isWindowTerminatedEarly, true);
  assert.equal(fn.events[1]?.isFinalInvokeForWindow, true);
});

test('the age of the last record is reported as IteratorAge', async () => {
  const { clock, source, fn, data, start } = bench();
  source.put('shard-0', ...letters('ab'));
  await clock.advance(5001);
  await using _poller = start();
  await eventually(() => fn.ids === 'ab' && data.length === 1);
  const [datum] = data;
  assert.deepEqual(datum, {
    namespace: 'AWS/Lambda',
    name: 'IteratorAge',
    dimensions: { FunctionName: 'f' },
    value: 5000,
    unit: 'Milliseconds',
  });
});

test('a response without a state fails the batch under a tumbling window', async () => {
  const { clock, source, fn, metrics, start } = bench({ tumblingWindowMs: 60_000 });
  fn.behaviour = ({ Records }) => (fn.events.length === 1 ? ok({}) : ok({ state: { n: Records.length } }));
  await using poller = start();
  source.put('shard-0', fakeRecord('a', 'k', START + 1));
  await advanceUntil(clock, 100, () => poller.state.records === 1);
  assert.equal(fn.ids, 'a a');
  assert.equal(poller.state.retries, 1);
  assert.match(metrics.render(), /millrace_poller_failures_total\{[^}]*\} 1/);
});

test('a window ends only when the function has taken its end, whatever the retries of batches', async () => {
  const { clock, source, fn, start } = bench({ tumblingWindowMs: 60_000, retriesMax: 0 });
  let refusals = 4;
  fn.behaviour = ({ isFinalInvokeForWindow }) =>
    isFinalInvokeForWindow && refusals-- > 0 ? failed : ok({ state: {} });
  await using _poller = start();
  source.put('shard-0', fakeRecord('a', 'k', START + 1), fakeRecord('b', 'k', START + 60_000));
  await advanceUntil(clock, 100, () => fn.ids.endsWith('b'));
  assert.equal(fn.events.filter(({ isFinalInvokeForWindow }) => isFinalInvokeForWindow).length, 5);
});

test('a bucket gets the document of a discarded batch with the whole event, where AWS puts it', async () => {
  const { source, fn, objects, sent, settings, start } = bench({
    retriesMax: 0,
    onFailureArn: 'arn:aws:s3:::dead-batches',
  });
  fn.behaviour = () => failed;
  await using _poller = start();
  source.put('shard-0', ...letters('ab'));
  await eventually(() => objects.length === 1);
  assert.deepEqual(sent, []);
  const [{ bucket, key, body }] = objects as [(typeof objects)[number]];
  assert.equal(bucket, 'dead-batches');
  const random = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
  const path = `^aws/lambda/${settings.id}/shard-0/2026/01/01/2026-01-01T00\\.00\\.00-${random}$`;
  assert.match(key, new RegExp(path));
  const document = JSON.parse(Buffer.from(body).toString());
  assert.equal(document.KinesisBatchInfo.batchSize, 2);
  assert.equal(document.requestContext.condition, 'RetryAttemptsExhausted');
  assert.deepEqual(JSON.parse(document.payload), fn.events[0]);
});

test('a bucket that takes nothing holds a shard back for a while only', async () => {
  const { clock, source, fn, options } = bench({ retriesMax: 0, onFailureArn: 'arn:aws:s3:::gone' });
  fn.behaviour = ({ Records }) => (Records[0]?.id === 'a' ? failed : ok());
  let tries = 0;
  const putObject = async () => {
    tries++;
    throw new Error('no such bucket');
  };
  await using poller = StreamPoller.start({ ...options, putObject });
  source.put('shard-0', ...letters('a'));
  await advanceUntil(clock, 10_000, () => poller.state.discarded === 1);
  source.put('shard-0', ...letters('b'));
  await advanceUntil(clock, 10_000, () => fn.ids === 'a b');
  assert.equal(tries, POLLER_LIMITS.archiveAttemptsMax);
});

test('a stream that goes away is waited for; the same one goes on, another of its name is read from its beginning', async () => {
  const { clock, source, fn, start } = bench({ start: { kind: 'LATEST' } });
  await using poller = start();
  await eventually(() => poller.state.shards.length === 1);
  source.put('shard-0', ...letters('abc'));
  await eventually(() => fn.ids === 'abc');
  source.gone = true;
  await advanceUntil(clock, 1000, () => poller.state.lastResult.startsWith('PROBLEM'));
  source.gone = false;
  source.put('shard-0', ...letters('d'));
  await advanceUntil(clock, 1000, () => fn.ids === 'abc d');
  source.recreate('another');
  source.addShard('shard-0');
  source.put('shard-0', ...letters('x'));
  await advanceUntil(clock, 1000, () => fn.ids === 'abc d x');
});

test('checkpoints of a release that did not keep which stream they were about are taken as they are', async () => {
  const { source, fn, settings, checkpoints, start } = bench();
  await checkpoints.replace(settings.id, { identity: '', shards: new Map([['shard-0', { position: '2' }]]) });
  source.put('shard-0', ...letters('abc'));
  await using _poller = start();
  await eventually(() => fn.ids === 'c');
});

test('a throttled function holds records back and costs no retries', async () => {
  const onFailureArn = 'arn:aws:sqs:us-east-1:000000000000:dead';
  const { clock, source, fn, sent, start } = bench({ retriesMax: 0, onFailureArn });
  let throttles = 5;
  fn.behaviour = () => (throttles-- > 0 ? { kind: 'not-invoked', reason: 'Rate Exceeded.' } : ok());
  await using poller = start();
  source.put('shard-0', ...letters('a'));
  await eventually(() => poller.state.lastResult === 'PROBLEM: Rate Exceeded.');
  await advanceUntil(clock, 1000, () => poller.state.records === 1);
  assert.deepEqual(sent, []);
});

test('a disk that is full for checkpoints stops no records, and the checkpoint is written when there is room', async () => {
  const { clock, source, fn, options, settings } = bench();
  let full = false;
  const commit: Records['commit'] = (transaction) =>
    full ? Promise.reject(new DomainError('records-full', 'no space left')) : records.commit(transaction);
  const narrow = new Checkpoints({ range: records.range.bind(records), commit } as Records, clock, silentLogger);
  await using poller = StreamPoller.start({ ...options, checkpoints: narrow });
  source.put('shard-0', ...letters('a'));
  await eventually(() => poller.state.records === 1);
  full = true;
  source.put('shard-0', ...letters('bc'));
  await eventually(() => fn.ids === 'a bc');
  await clock.advance(5000);
  full = false;
  let written: string | undefined;
  await advanceUntil(clock, POLLER_LIMITS.checkpointRetryMs, () => {
    // As another process would find it.
    void positionOf(new Checkpoints(records, clock, silentLogger), settings).then((position) => {
      written = position;
    });
    return written === '3';
  });
});

test('a wall clock that jumps neither holds a batch back nor repeats it', async () => {
  const { clock, source, fn, options } = bench({ windowMs: 1000, recordAgeMsMax: 60_000 });
  let jump = 0;
  const jumpy = { ...clockOf(clock), now: () => clock.now() + jump };
  await using _poller = StreamPoller.start({ ...options, clock: jumpy });
  source.put('shard-0', ...letters('a'));
  await eventually(() => source.reads.length === 1);
  jump = -3_600_000;
  await clock.advance(1000);
  await eventually(() => fn.ids === 'a');
  source.put('shard-0', ...letters('b'));
  await eventually(() => source.reads.length === 2);
  jump = 30_000;
  await clock.advance(1000);
  await eventually(() => fn.ids === 'a b');
});

test('what waits is known by shard and in all', async () => {
  const { clock, source, fn, metrics, start } = bench({ batchSize: 1 });
  const held = gate();
  fn.behaviour = async () => {
    await held.opened;
    return ok();
  };
  source.put('shard-0', ...letters('abc'));
  await using poller = start();
  await eventually(() => poller.state.depth === 3);
  assert.equal(poller.state.shards[0]?.depth, 3);
  assert.match(metrics.render(), /millrace_poller_depth\{[^}]*\} 3/);
  held.open();
  await eventually(() => poller.state.records === 3);
  await clock.advance(POLLER_LIMITS.shardRefreshMs);
  await eventually(() => poller.state.depth === 0);
});

test('the EventCount metrics count each record by what became of it', async () => {
  const onFailureArn = 'arn:aws:sqs:us-east-1:000000000000:dead';
  const filter = compileFilter(['{"data":{"id":[{"anything-but":"x"}]}}'], 'data');
  const { source, fn, data, start } = bench({ retriesMax: 0, eventCounts: true, filter, onFailureArn });
  fn.behaviour = () => failed;
  await using _poller = start();
  source.put('shard-0', ...letters('abx'));
  await eventually(() => data.some(({ name }) => name === 'OnFailureDestinationDeliveredEventCount'));
  const counts = data.filter(({ dimensions }) => dimensions.EventSourceMappingUUID !== undefined);
  assert.deepEqual(Object.fromEntries(counts.map(({ name, value }) => [name, value])), {
    PolledEventCount: 3,
    FilteredOutEventCount: 1,
    InvokedEventCount: 2,
    FailedInvokeEventCount: 2,
    DroppedEventCount: 2,
    OnFailureDestinationDeliveredEventCount: 2,
  });
});
