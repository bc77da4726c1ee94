import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import { compileFilter, createInstruments, QueuePoller, type QueueSettings } from '../../src/pollers/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { eventually, FakeFunction, FakeQueue, failed, fakeRecord, gate, ok } from './fakes.ts';

function bench(overrides: Partial<QueueSettings> = {}) {
  const clock = new SimulatedClock();
  const source = new FakeQueue(clock);
  const fn = new FakeFunction();
  const settings: QueueSettings = {
    id: 'mapping',
    mappingArn: 'arn:aws:lambda:us-east-1:000000000000:event-source-mapping:m',
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
    functionName: 'f',
    sourceArn: 'arn:aws:sqs:us-east-1:000000000000:q',
    batchSize: 10,
    windowMs: 0,
    partialResponses: false,
    concurrencyMax: 1000,
    ...overrides,
  };
  const instruments = createInstruments(createMetrics(), settings);
  const options = { settings, source, invoker: fn, clock, random: seededRandom(1), logger: silentLogger, instruments };
  return { clock, source, fn, start: () => QueuePoller.start(options) };
}

const letters = (text: string) => [...text].map((id) => fakeRecord(id, '', 0));

test('messages of a batch that went well are deleted', async () => {
  const { source, fn, start } = bench();
  await using _poller = start();
  source.send(...letters('abc'));
  await eventually(() => source.deleted.join('') === 'abc');
  assert.equal(fn.ids, 'abc');
});

test('messages of a failed batch are released', async () => {
  const { source, fn, start } = bench();
  fn.behaviour = () => failed;
  await using poller = start();
  source.send(...letters('ab'));
  await eventually(() => source.released.join('') === 'ab');
  assert.deepEqual(source.deleted, []);
  assert.equal(poller.state.lastResult, 'PROBLEM: Function call failed');
});

test('a partial response deletes what went well and releases the rest', async () => {
  const { source, fn, start } = bench({ partialResponses: true });
  fn.behaviour = () => ok({ batchItemFailures: [{ itemIdentifier: 'b' }] });
  await using _poller = start();
  source.send(...letters('abc'));
  await eventually(() => source.released.length > 0);
  assert.deepEqual(source.deleted, ['a', 'c']);
  assert.deepEqual(source.released, ['b']);
});

test('batches under way never exceed the maximum concurrency', async () => {
  const { source, fn, start } = bench({ batchSize: 1, concurrencyMax: 2 });
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

test('a window gathers messages', async () => {
  const { clock, source, fn, start } = bench({ windowMs: 1000 });
  await using _poller = start();
  source.send(...letters('a'));
  await clock.advance(999);
  source.send(...letters('b'));
  await clock.advance(1);
  await eventually(() => fn.events.length > 0);
  assert.equal(fn.ids, 'ab');
});

test('messages that no filter keeps are deleted without an invocation', async () => {
  const { source, fn, start } = bench({ filter: compileFilter(['{"body":{"id":["b"]}}'], 'body') });
  await using _poller = start();
  source.send(...letters('abc'));
  await eventually(() => source.deleted.length === 3);
  assert.equal(fn.ids, 'b');
});

test('a paused poller receives nothing', async () => {
  const { source, fn, start } = bench();
  await using poller = start();
  poller.pause('operator');
  source.send(...letters('a'));
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(fn.ids, '');
  poller.resume('operator');
  await eventually(() => fn.ids === 'a');
});
