import assert from 'node:assert/strict';
import type { RuntimeHouse } from '../lambda/runtime-house.ts';
import { EXTENSION } from './fixtures.ts';
import { ALWAYS, type Engine, invokeWith, layer, onEngines } from './support.ts';

const FUNCTION = `console.log('init line');
  exports.handler = async (event) => { console.log('hello ' + event.a); if (event.fail) throw new Error('no'); return event; };`;
const BUFFERING = { maxItems: 1000, maxBytes: 262144, timeoutMs: 25 };
const DESTINATION = { protocol: 'HTTP', URI: 'http://sandbox.localdomain:PORT/path' };
const TYPES = ['platform', 'function', 'extension'];

/** What the extension heard, its own lines left out. */
function heard(house: RuntimeHouse): any[] {
  const head = 'listener heard ';
  return house.lines
    .filter((line) => line.startsWith(head))
    .map((line) => JSON.parse(line.slice(head.length)))
    .filter(({ type }) => type !== 'extension');
}

/** Its own subscription apart from the rest: it subscribes while the runtime starts, and either may be first; both before it is ready. */
function apart(events: readonly any[]): { subscription: any; others: any[] } {
  const at = events.findIndex(({ type }) => type.endsWith('Subscription'));
  const isReady = events.slice(0, at).some(({ type }) => type === 'platform.extension');
  assert.ok(at >= 0 && !isReady, 'it subscribes within its init');
  return { subscription: events[at], others: events.toSpliced(at, 1) };
}

/** Invokes a function twice beside an extension that hears of both. */
async function run(
  engine: Engine,
  script: object,
): Promise<{ house: RuntimeHouse; events: any[]; requestIds: string[] }> {
  await using house = await engine.open();
  const environment = { EXTENSION: JSON.stringify(script) };
  const spec = house.spec(FUNCTION, { layers: [layer(house, 'l', { 'extensions/listener': EXTENSION })], environment });
  const first = await invokeWith(house, spec, { a: 1 });
  const second = await invokeWith(house, spec, { a: 2, fail: true });
  await house[Symbol.asyncDispose]();
  return { house, events: heard(house), requestIds: [first.requestId, second.requestId] };
}

onEngines('an extension hears what the platform, the function and extensions say, in order', ALWAYS, async (engine) => {
  const telemetry = { schemaVersion: '2022-12-13', types: TYPES, buffering: BUFFERING, destination: DESTINATION };
  const { house, events, requestIds } = await run(engine, { telemetry, reports: 2 });
  assert.ok(house.lines.includes('listener: {"subscribed":"OK"}'));
  assert.ok(
    house.lines.includes('TELEMETRY\tName: listener\tState: Subscribed\tTypes: [Platform, Function, Extension]'),
  );
  const { subscription, others } = apart(events);
  const types = others.map(({ type }) => type);
  assert.deepEqual(types, [
    'platform.initStart',
    'function',
    'platform.initRuntimeDone',
    'platform.extension',
    'platform.initReport',
    'platform.start',
    'function',
    'platform.runtimeDone',
    'platform.report',
    'platform.start',
    'function',
    'function',
    'platform.runtimeDone',
    'platform.report',
  ]);
  for (const { time } of events) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const [initStart, line, initDone, extension, initReport, start, , done, report] = others;
  assert.equal(events[0], initStart);
  assert.equal(subscription.type, 'platform.telemetrySubscription');
  assert.equal(initStart.record.initializationType, 'on-demand');
  assert.equal(initStart.record.phase, 'init');
  assert.match(initStart.record.runtimeVersion, /^nodejs:/);
  assert.equal(initStart.record.functionVersion, '$LATEST');
  assert.equal(initStart.record.instanceMaxMemory, 256 * 1024 * 1024);
  assert.deepEqual(subscription.record, { name: 'listener', state: 'Subscribed', types: TYPES });
  assert.match(line.record, /INFO\tinit line$/);
  assert.deepEqual(initDone.record, { initializationType: 'on-demand', phase: 'init', status: 'success' });
  assert.deepEqual(extension.record, { name: 'listener', state: 'Ready', events: ['INVOKE', 'SHUTDOWN'] });
  assert.ok(initReport.record.metrics.durationMs > 0);
  assert.equal(start.record.requestId, requestIds[0]);
  assert.equal(start.record.version, '$LATEST');
  assert.equal(start.record.tracing.type, 'X-Amzn-Trace-Id');
  assert.equal(done.record.status, 'success');
  assert.equal(done.record.metrics.producedBytes, '{"a":1}'.length);
  assert.deepEqual(
    done.record.spans.map(({ name }: { name: string }) => name),
    ['responseLatency', 'responseDuration'],
  );
  assert.equal(report.record.status, 'success');
  assert.deepEqual(Object.keys(report.record.metrics), [
    'durationMs',
    'billedDurationMs',
    'memorySizeMB',
    'maxMemoryUsedMB',
    'initDurationMs',
  ]);
  assert.ok(report.record.metrics.durationMs >= done.record.metrics.durationMs);
  const [doneAgain, reportAgain] = events.slice(-2);
  assert.equal(doneAgain.record.requestId, requestIds[1]);
  assert.equal(doneAgain.record.status, 'error');
  assert.equal(reportAgain.record.status, 'error');
  assert.ok(house.lines.some((each) => each.startsWith('listener heard {') && each.includes('"type":"extension"')));
});

onEngines('the older Logs API has its own events', ALWAYS, async (engine) => {
  const logs = { types: ['platform', 'function'], buffering: BUFFERING, destination: DESTINATION };
  const { events, requestIds } = await run(engine, { logs, reports: 2 });
  const { subscription, others } = apart(events);
  assert.equal(subscription.type, 'platform.logsSubscription');
  assert.deepEqual(
    others.map(({ type }) => type),
    [
      'function',
      'platform.extension',
      'platform.start',
      'function',
      'platform.end',
      'platform.report',
      'platform.start',
      'function',
      'function',
      'platform.end',
      'platform.report',
    ],
  );
  assert.deepEqual(others[2].record, { requestId: requestIds[0], version: '$LATEST' });
  assert.deepEqual(others[4].record, { requestId: requestIds[0] });
  assert.deepEqual(Object.keys(others[5].record), ['requestId', 'metrics']);
});

onEngines('events go to a TCP listener as lines', ALWAYS, async (engine) => {
  const destination = { protocol: 'TCP', port: 'PORT' };
  const telemetry = { schemaVersion: '2022-07-01', types: ['platform'], buffering: BUFFERING, destination };
  const { events } = await run(engine, { telemetry, reports: 2 });
  const { subscription, others } = apart(events);
  assert.equal(subscription.type, 'platform.telemetrySubscription');
  assert.deepEqual(
    others.map(({ type }) => type.slice('platform.'.length)),
    [
      ...['initStart', 'initRuntimeDone', 'extension', 'initReport'],
      ...['start', 'runtimeDone', 'report', 'start', 'runtimeDone', 'report'],
    ],
  );
});

onEngines('a subscription that asks for what is not allowed is refused', ALWAYS, async (engine) => {
  const telemetry = { types: TYPES, destination: { protocol: 'HTTP', URI: 'http://169.254.169.254/latest' } };
  const { house } = await run(engine, { telemetry });
  const refused = house.lines.find((line) => line.startsWith('listener: {"subscribed"'))!;
  assert.match(refused, /ValidationError/);
  assert.match(refused, /sandbox\.localdomain/);
});
