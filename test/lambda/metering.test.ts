import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SimulatedClock, systemClock, systemRandom } from '../../src/base/index.ts';
import { openStores } from '../../src/node/stores.ts';
import { SeriesUsage } from '../../src/node/usage.ts';
import type { UsageRow } from '../../src/services/lambda/index.ts';
import { openSeriesService } from '../../src/services/series/index.ts';
import { createMetrics, createSpans, type Datum, type Span, silentLogger } from '../../src/telemetry/index.ts';
import { LambdaHouse } from './support.ts';

const OK = 'exports.handler = async () => 1;';
const FAILS = 'exports.handler = async () => { throw new Error("no"); };';

/** `Name{dimensions}` with the sum of its values. */
function sums(data: readonly Datum[], ...names: string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { name, dimensions, value } of data) {
    if (!names.includes(name)) continue;
    const key = `${name}{${Object.values(dimensions).join(',')}}`;
    found[key] = (found[key] ?? 0) + value;
  }
  return found;
}

test('an invocation counts for all functions, for its function and for what was named', async () => {
  await using house = await LambdaHouse.open();
  await house.create('good', OK, { Publish: true });
  await house.create('bad', FAILS);
  await house.call('CreateAlias', { FunctionName: 'good', Name: 'live', FunctionVersion: '1' });
  for (const name of ['good', 'good:1', 'good:live', 'bad']) await house.invoke(name);
  assert.deepEqual(sums(house.data, 'Invocations', 'Errors'), {
    'Invocations{}': 4,
    'Errors{}': 1,
    'Invocations{good}': 3,
    'Errors{good}': 0,
    'Invocations{good,good}': 1,
    'Errors{good,good}': 0,
    'Invocations{good,good:1}': 1,
    'Errors{good,good:1}': 0,
    'Invocations{good,good:live}': 1,
    'Errors{good,good:live}': 0,
    'Invocations{bad}': 1,
    'Errors{bad}': 1,
    'Invocations{bad,bad}': 1,
    'Errors{bad,bad}': 1,
  });
  const of = (name: string) => house.data.filter((datum) => datum.name === name);
  assert.ok(of('Duration').every(({ value, unit }) => value > 0 && unit === 'Milliseconds'));
  assert.ok(of('InitDuration').length > 0);
  // One at a time: never more than one.
  assert.deepEqual([...new Set(of('ConcurrentExecutions').map(({ value }) => value))], [1]);
  assert.deepEqual([...new Set(of('UnreservedConcurrentExecutions').map(({ value }) => value))], [1]);
});

test('an alias that splits its traffic counts by the version that ran', async () => {
  await using house = await LambdaHouse.open();
  await house.create('f', OK, { Publish: true });
  await house.call('UpdateFunctionConfiguration', { FunctionName: 'f', Timeout: 7 });
  await house.call('PublishVersion', { FunctionName: 'f' });
  const RoutingConfig = { AdditionalVersionWeights: { 2: 1 } };
  await house.call('CreateAlias', { FunctionName: 'f', Name: 'live', FunctionVersion: '1', RoutingConfig });
  await house.invoke('f:live');
  const { dimensions } = house.data.filter(({ name }) => name === 'Invocations').at(-1)!;
  assert.deepEqual(dimensions, { FunctionName: 'f', Resource: 'f:live', ExecutedVersion: '2' });
});

test('a refused invocation is a throttle, neither an invocation nor an error', async () => {
  await using house = await LambdaHouse.open({ runtime: { blanks: 0 } });
  await house.create('f', OK);
  await house.call('PutFunctionConcurrency', { FunctionName: 'f', ReservedConcurrentExecutions: 0 });
  await assert.rejects(house.invoke('f'), (error: any) => error.code === 'throttled');
  assert.deepEqual(sums(house.data, 'Throttles', 'Invocations', 'Errors', 'ConcurrentExecutions'), {
    'Throttles{}': 1,
    'Throttles{f}': 1,
    'Throttles{f,f}': 1,
  });
});

test('events are counted as they come, with their age, and when they are given up', async () => {
  const clock = new SimulatedClock();
  await using house = await LambdaHouse.open({ lambda: { clock } });
  await house.create('bad', FAILS, { DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead' } });
  const retry = { FunctionName: 'bad', MaximumRetryAttempts: 0 };
  const OnFailure = { Destination: 'arn:aws:sqs:us-east-1:000000000000:failed' };
  await house.call('PutFunctionEventInvokeConfig', { ...retry, DestinationConfig: { OnFailure } });
  await house.call('Invoke', { FunctionName: 'bad', InvocationType: 'Event', Payload: Buffer.from('{}') });
  await clock.advance(1500);
  await house.delivery.handOver(house.lambda.target);
  const names = ['AsyncEventsReceived', 'AsyncEventAge', 'AsyncEventsDropped', 'DestinationDeliveryFailures'];
  assert.deepEqual(
    sums(
      house.data.filter(({ dimensions }) => dimensions.FunctionName),
      ...names,
    ),
    {
      'AsyncEventsReceived{bad}': 1,
      'AsyncEventAge{bad}': 1500,
      'AsyncEventsDropped{bad}': 1,
    },
  );
  const record = house.delivery.held.shift()!;
  house.delivery.giveUp(record);
  house.delivery.giveUp({ ...record, attributes: { messageAttributes: {} } });
  assert.deepEqual(sums(house.data, 'DestinationDeliveryFailures', 'DeadLetterErrors'), {
    'DestinationDeliveryFailures{}': 1,
    'DestinationDeliveryFailures{bad}': 1,
    'DeadLetterErrors{}': 1,
    'DeadLetterErrors{bad}': 1,
  });
});

test('an event that a topic hands over is counted when it comes', async () => {
  await using house = await LambdaHouse.open();
  await house.create('f', OK);
  const policy = { attemptsMax: 1, ageMsMax: 1000, backoffMsBase: 1, backoffMsMax: 1 };
  const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false };
  const arn = 'arn:aws:lambda:us-east-1:000000000000:function:f';
  const source = 'arn:aws:sns:us-east-1:000000000000:topic';
  const delivery = { arn, payload: Buffer.from('{}'), policy, source, trace };
  await house.lambda.target.deliver(delivery, 1, new AbortController().signal);
  assert.deepEqual(sums(house.data, 'AsyncEventsReceived'), {
    'AsyncEventsReceived{}': 1,
    'AsyncEventsReceived{f}': 1,
  });
});

test('usage is one row a version and kind of start, whatever names it was called by', async () => {
  const rows: UsageRow[] = [];
  const usage = { write: async (some: readonly UsageRow[]) => void rows.push(...some) };
  await using house = await LambdaHouse.open({ lambda: { usage } });
  await house.create('f', OK, { Publish: true, MemorySize: 512 });
  await house.call('CreateAlias', { FunctionName: 'f', Name: 'live', FunctionVersion: '1' });
  for (const name of ['f:1', 'f:live', 'f:1', 'f:live']) await house.invoke(name);
  await house.lambda.flushUsage();
  await house.lambda.flushUsage();
  assert.deepEqual(
    rows.map(({ region, function: name, version, start, memoryMb, invocations, errors }) => [
      region,
      name,
      version,
      start,
      memoryMb,
      invocations,
      errors,
    ]),
    [
      ['us-east-1', 'f', '1', 'cold', 512, 1, 0],
      ['us-east-1', 'f', '1', 'warm', 512, 3, 0],
    ],
  );
  const [cold, warm] = rows as [UsageRow, UsageRow];
  assert.ok(cold.initMs > 0 && warm.initMs === 0);
  assert.ok(Math.abs(cold.gbSeconds - cold.billedMs / 2000) < 1e-9);
  assert.ok(cold.billedMs >= cold.durationMs + cold.initMs && warm.memoryUsedMbMax > 0);
});

test('rows that the series do not take wait for the next minute', async () => {
  const clock = new SimulatedClock();
  const written: number[] = [];
  let fails = true;
  const write = async (rows: readonly UsageRow[]) => {
    if (fails) throw new Error('disk full');
    written.push(...rows.map(({ invocations }) => invocations));
  };
  await using house = await LambdaHouse.open({ lambda: { clock, usage: { write } } });
  await house.create('f', OK);
  await house.invoke('f');
  await clock.advance(60_000);
  await house.invoke('f');
  fails = false;
  await clock.advance(60_000);
  await house.lambda.flushUsage();
  assert.deepEqual(written, [1, 1]);
});

test('usage can be asked for in SQL as docs/metering.md does, and has a retention', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-usage-'));
  try {
    const metrics = createMetrics();
    const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics, spans: createSpans() };
    await using stores = await openStores({ directory, ...ground });
    const { series: store } = stores;
    await using service = await openSeriesService({ series: store, ...ground });
    await using house = await LambdaHouse.open({ lambda: { usage: new SeriesUsage(store, service) } });
    await house.create('f', OK, { MemorySize: 1024 });
    for (let i = 0; i < 3; i++) await house.invoke('f');
    await house.lambda.flushUsage();
    const sql =
      'SELECT function, sum(invocations) AS n, sum(billed_ms) AS ms, sum(gb_seconds) AS gb FROM usage GROUP BY function';
    const { rows } = await store.query('millrace', sql);
    const [name, n, ms, gb] = rows[0] as [string, number, number, number];
    assert.deepEqual([name, Number(n)], ['f', 3]);
    assert.ok(Math.abs(Number(ms) / 1000 - gb) < 1e-9);
    const page = readFileSync(new URL('../../docs/metering.md', import.meta.url), 'utf8');
    for (const [, query] of page.matchAll(/```sql\n([\s\S]*?)```/g)) await store.query('millrace', query!);
    const [system] = await store.databases();
    assert.equal(system!.policy.keepMs, 400 * 86_400_000);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a traced invocation has spans for itself, its init and its handler, below the caller', async () => {
  const spans = createSpans();
  await using house = await LambdaHouse.open({ lambda: { spans } });
  await house.create('f', 'exports.handler = async () => process.env._X_AMZN_TRACE_ID;');
  const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true };
  const answer = await house.call('Invoke', { FunctionName: 'f' }, { trace });
  const [whole, init, handler] = spans.recent() as [Span, Span, Span];
  assert.deepEqual(
    spans.recent().map(({ name, traceId }) => [name, traceId]),
    ['f', 'Initialization', 'Invocation'].map((name) => [name, trace.traceId]),
  );
  assert.deepEqual(
    [whole.parentSpanId, init.parentSpanId, handler.parentSpanId],
    [trace.spanId, whole.spanId, whole.spanId],
  );
  assert.equal(whole.attributes['faas.coldstart'], true);
  assert.ok(init.startMs + init.durationMs <= handler.startMs + 1e-6);
  // The function's own calls have its span as their parent.
  const seen = JSON.parse(Buffer.from(answer.Payload).toString());
  const header = `Root=1-${'a'.repeat(8)}-${'a'.repeat(24)};Parent=${whole.spanId};Sampled=1;Lineage=`;
  assert.equal(seen.replace(/[0-9a-f]{8}:1$/, ''), header);
  assert.ok(house.lines.some((line) => line.includes(`SegmentId: ${whole.spanId}\tSampled: true`)));
});

test('PassThrough follows the caller; Active begins a trace where nobody has decided', async () => {
  const spans = createSpans();
  await using house = await LambdaHouse.open({ lambda: { spans } });
  await house.create('passive', FAILS);
  await house.create('active', FAILS, { TracingConfig: { Mode: 'Active' } });
  const undecided = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), sampled: false, undecided: true } as const;
  const { undecided: _, ...refused } = undecided;
  await house.call('Invoke', { FunctionName: 'passive' }, { trace: undecided });
  await house.call('Invoke', { FunctionName: 'active' }, { trace: refused });
  assert.deepEqual(spans.recent(), []);
  await house.call('Invoke', { FunctionName: 'active' }, { trace: undecided });
  const [root] = spans.recent() as [Span];
  assert.deepEqual([root.name, root.parentSpanId, root.error], ['active', undefined, 'Error']);
});

test('a poller goes on with the first trace that its batch brings, and is linked to the others', async () => {
  const spans = createSpans();
  await using house = await LambdaHouse.open({ lambda: { spans } });
  await house.create('f', OK);
  const { signal } = new AbortController();
  const trace = { traceId: 'e'.repeat(32), spanId: 'f'.repeat(16), sampled: true };
  const other = { traceId: '9'.repeat(32), spanId: '8'.repeat(16), sampled: true };
  for (const given of [[], [trace, other]]) {
    using place = await house.lambda.invoker.reserve('arn:aws:lambda:us-east-1:000000000000:function:f', signal);
    assert.equal((await place.invoke(Buffer.from('{}'), signal, given)).kind, 'success');
  }
  assert.deepEqual([...new Set(spans.recent().map(({ traceId }) => traceId))], [trace.traceId]);
  assert.deepEqual(spans.recent()[0]?.links, [other]);
  // Pollers' invocations are counted as any other.
  assert.equal(sums(house.data, 'ConcurrentExecutions')['ConcurrentExecutions{f}'], 2);
});
