import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import { compileFilter, QueuePoller, type QueueSettings, Tally } from '../../src/pollers/index.ts';
import { createMetrics, type Datum, silentLogger } from '../../src/telemetry/index.ts';
import { advanceUntil, eventually, FakeFunction, FakeQueue, failed, fakeRecord, gate, ok } from './fakes.ts';

const SCALING = { start: 5, min: 2, max: 1000, growthPerSecond: 5 };

function bench(overrides: Partial<QueueSettings> = {}) {
  const clock = new SimulatedClock();
  const source = new FakeQueue(clock);
  const fn = new FakeFunction();
  const metrics = createMetrics();
  const data: Datum[] = [];
  metrics.onDatum((datum) => data.push({ ...datum }));
  const settings: QueueSettings = {
    id: 'mapping',
    mappingArn: 'arn:aws:lambda:us-east-1:000000000000:event-source-mapping:m',
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
    functionName: 'f',
    sourceArn: 'arn:aws:sqs:us-east-1:000000000000:q',
    batchSize: 10,
    windowMs: 0,
    lingerMs: 0,
    partialResponses: false,
    eventCounts: false,
    scaling: SCALING,
    ...overrides,
  };
  const tally = new Tally(metrics, settings);
  const delivery = { send: async () => {} };
  const options = {
    settings,
    source,
    invoker: fn,
    delivery,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    tally,
  };
  return { clock, source, fn, data, metrics, start: () => QueuePoller.start(options) };
}

const letters = (text: string) => [...text].map((id) => fakeRecord(id, '', 0));
const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('messages of a batch that went well are deleted', async () => {
  const { source, fn, start } = bench();
  await using poller = start();
  source.send(...letters('abc'));
  await eventually(() => source.deleted.join('') === 'abc');
  assert.equal(fn.ids, 'abc');
  assert.equal(poller.state.records, 3);
});

test('messages of a failed batch are neither deleted nor touched: their visibility timeout brings them again', async () => {
  const { source, fn, start } = bench();
  fn.behaviour = () => failed;
  await using poller = start();
  source.send(...letters('ab'));
  await eventually(() => fn.ids === 'ab' && poller.state.concurrency?.running === 0);
  assert.deepEqual([source.deleted, source.released], [[], []]);
  assert.equal(poller.state.lastResult, 'PROBLEM: Function call failed');
});

test('a partial response deletes what went well and leaves the rest', async () => {
  const { source, fn, start } = bench({ partialResponses: true });
  fn.behaviour = () => ok({ batchItemFailures: [{ itemIdentifier: 'b' }] });
  await using _poller = start();
  source.send(...letters('abc'));
  await eventually(() => source.deleted.length === 2);
  assert.deepEqual(source.deleted, ['a', 'c']);
  assert.deepEqual(source.released, []);
});

test('batches under way never exceed the maximum concurrency', async () => {
  const { source, fn, start } = bench({ batchSize: 1, scaling: { ...SCALING, max: 2 } });
  const held = gate();
  fn.behaviour = async () => {
    await held.opened;
    return ok();
  };
  await using _poller = start();
  source.send(...letters('abcdef'));
  await eventually(() => fn.events.length === 2);
  assert.equal(fn.reserved, 2);
  held.open();
  await eventually(() => source.deleted.length === 6);
  assert.equal(fn.reservedMax, 2);
});

test('batches grow with the backlog, five a second, and begin anew when it is gone', async () => {
  const { clock, source, fn, start } = bench({ batchSize: 1 });
  const held = gate();
  fn.behaviour = async () => {
    await held.opened;
    return ok();
  };
  await using poller = start();
  source.send(...Array.from({ length: 40 }, (_, id) => fakeRecord(`${id}`, '', 0)));
  await eventually(() => fn.reserved === 5);
  await clock.advance(1000);
  await eventually(() => fn.reserved === 10);
  await clock.advance(2000);
  await eventually(() => fn.reserved === 20);
  held.open();
  await eventually(() => source.deleted.length === 40);
  await eventually(() => poller.state.concurrency?.limit === 5);
});

test('a function that fails gets fewer batches at once, and as many again when it works', async () => {
  const { source, fn, start } = bench({ batchSize: 1 });
  let broken = true;
  fn.behaviour = () => (broken ? failed : ok());
  await using poller = start();
  source.send(...letters('abcdef'));
  await eventually(() => fn.events.length === 6);
  await eventually(() => poller.state.concurrency?.limit === 2);
  broken = false;
  source.send(...letters('ghijkl'));
  await eventually(() => source.deleted.length === 6);
  assert.equal(poller.state.concurrency?.limit, 5);
});

test('an environment is reserved before messages are leased', async () => {
  const { source, fn, start } = bench({ batchSize: 1 });
  fn.limit = 1;
  const held = gate();
  fn.behaviour = async () => {
    await held.opened;
    return ok();
  };
  await using _poller = start();
  source.send(...letters('abc'));
  await eventually(() => fn.ids === 'a');
  await turns(20);
  assert.equal(source.receives.length, 1);
  held.open();
  await eventually(() => source.deleted.length === 3);
});

test('a window lets a batch come together in the queue, and leases nothing before it is over', async () => {
  const { clock, source, fn, start } = bench({ windowMs: 1000 });
  await using _poller = start();
  source.send(...letters('a'));
  await clock.advance(999);
  source.send(...letters('b'));
  assert.deepEqual(source.receives, []);
  await clock.advance(1);
  await eventually(() => fn.events.length > 0);
  assert.equal(fn.ids, 'ab');
});

test('a batch that is full goes out before its window is over', async () => {
  const { clock, source, fn, start } = bench({ windowMs: 300_000, batchSize: 25 });
  await using _poller = start();
  source.send(...letters('abcdefghijklmnopqrstuvwxyz'));
  await clock.advance(20);
  await eventually(() => fn.ids === 'abcdefghijklmnopqrstuvwxy');
});

test('under a steady flow messages come together, and a single one after a quiet time goes out at once', async () => {
  const { clock, source, fn, start } = bench({ lingerMs: 5 });
  await using _poller = start();
  source.send(...letters('a'));
  await eventually(() => fn.ids === 'a');
  for (const id of 'bcd') source.send(...letters(id));
  await clock.advance(4);
  assert.equal(fn.ids, 'a');
  await clock.advance(1);
  await eventually(() => fn.ids === 'a bcd');
});

test('messages that no filter keeps are deleted without an invocation', async () => {
  const { source, fn, start } = bench({ filter: compileFilter(['{"body":{"id":["b"]}}'], 'body') });
  await using _poller = start();
  source.send(...letters('abc'));
  await eventually(() => source.deleted.length === 3);
  assert.equal(fn.ids, 'b');
});

test('a large batch is asked for by the size of its messages, and sent in pieces that fit', async () => {
  const { source, fn, clock, start } = bench({ batchSize: 10_000, windowMs: 20 });
  const large = 'x'.repeat(1024 * 1024 - 30);
  await using _poller = start();
  source.send(...letters('abcdefghijkl').map(({ id }) => fakeRecord(id, '', 0, { id, large })));
  await advanceUntil(clock, 20, () => source.deleted.length === 12);
  assert.ok(fn.events.length >= 2 && fn.events.every(({ Records }) => Records.length <= 5));
  assert.equal(fn.ids.replaceAll(' ', ''), 'abcdefghijkl');
});

test('of a batch that goes in pieces nothing overtakes a failure in its group', async () => {
  const { source, fn, start } = bench();
  const large = 'x'.repeat(1024 * 1024 - 30);
  fn.behaviour = ({ Records }) => (Records.some(({ id }) => id === 'a') ? failed : ok());
  await using poller = start();
  const groups: Readonly<Record<string, string>> = { a: 'one', b: 'two', c: 'two', d: 'two', e: 'three' };
  source.send(...[...'abcdefgh'].map((id) => fakeRecord(id, groups[id] ?? 'one', 0, { id, large })));
  await eventually(() => source.deleted.length === 1 && poller.state.concurrency?.running === 0);
  assert.equal(fn.ids, 'abcd e');
  assert.deepEqual(source.deleted, ['e'], 'the rest of group one is still to come, after its first');
});

test('messages in hand are given back when the queue fails in the middle of a batch', async () => {
  const { clock, source, fn, start } = bench({ batchSize: 25, windowMs: 20 });
  const receive = source.receive.bind(source);
  source.receive = async (max) => {
    if (source.receives.length === 1) source.gone = true;
    return receive(max);
  };
  await using poller = start();
  source.send(...letters('abcdefghijklmnopqrstuvwxy'));
  await advanceUntil(clock, 20, () => source.released.length === 10);
  assert.equal(fn.events.length, 0);
  assert.match(poller.state.lastResult, /^PROBLEM/);
});

test('what could not be invoked is tried again while it is leased, and then left to the queue', async () => {
  const { clock, source, fn, start } = bench();
  fn.behaviour = () => ({ kind: 'not-invoked', reason: 'Function not found' });
  await using poller = start();
  source.send(...letters('a'));
  await advanceUntil(clock, 1000, () => fn.events.length > 3);
  assert.equal(source.receives.length, 1, 'the receive count is not spent on it');
  assert.equal(poller.state.lastResult, 'PROBLEM: Function not found');
  await advanceUntil(clock, 1000, () => poller.state.concurrency?.running === 0);
  assert.deepEqual([source.deleted, source.released], [[], []]);
});

test('messages that wait to be tried again are visible at once when the poller closes', async () => {
  const { source, fn, start } = bench();
  fn.behaviour = () => ({ kind: 'not-invoked', reason: 'Function not found' });
  const poller = start();
  source.send(...letters('ab'));
  await eventually(() => fn.events.length > 0);
  await poller[Symbol.asyncDispose]();
  assert.deepEqual(source.released, ['a', 'b']);
});

test('closing gives up on a function that hangs, and leaves its messages to their visibility timeout', async () => {
  const { clock, source, fn, start } = bench();
  fn.behaviour = () => new Promise(() => {});
  const poller = start();
  source.send(...letters('a'));
  await eventually(() => fn.ids === 'a');
  const closed = poller[Symbol.asyncDispose]();
  await clock.advance(20_000);
  await closed;
  assert.deepEqual([source.deleted, source.released], [[], []]);
});

test('a queue that goes and comes back is read again', async () => {
  const { clock, source, fn, start } = bench();
  await using poller = start();
  source.send(...letters('a'));
  await eventually(() => source.deleted.length === 1);
  source.gone = true;
  source.send(...letters('b'));
  await eventually(() => poller.state.lastResult.startsWith('PROBLEM'));
  assert.equal(poller.state.depth, undefined);
  source.gone = false;
  await advanceUntil(clock, 1000, () => source.deleted.length === 2);
  assert.equal(fn.ids, 'a b');
});

test('the EventCount metrics count each message by what became of it', async () => {
  const filter = compileFilter(['{"body":{"id":[{"anything-but":"x"}]}}'], 'body');
  const { source, fn, data, start } = bench({ filter, partialResponses: true, eventCounts: true });
  fn.behaviour = () => ok({ batchItemFailures: [{ itemIdentifier: 'b' }] });
  await using _poller = start();
  source.send(...letters('abcx'));
  await eventually(() => data.some(({ name }) => name === 'DeletedEventCount'));
  assert.deepEqual(data[0]?.dimensions, { EventSourceMappingUUID: 'mapping' });
  assert.deepEqual(Object.fromEntries(data.map(({ name, value }) => [name, value])), {
    PolledEventCount: 4,
    FilteredOutEventCount: 1,
    InvokedEventCount: 3,
    FailedInvokeEventCount: 1,
    DeletedEventCount: 2,
  });
});
