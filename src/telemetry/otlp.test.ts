import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import { SimulatedClock } from '../base/index.ts';
import { silentLogger } from './logger.ts';
import { OtlpExporter, otlpDocument } from './otlp.ts';
import { createMetrics } from './registry.ts';
import { createSpans, SPAN_LIMITS, type Span } from './spans.ts';

const span = (more: Partial<Span> = {}): Span => ({
  traceId: '1'.repeat(32),
  spanId: '2'.repeat(16),
  name: 'f',
  kind: 'server',
  startMs: 1_795_874_400_000.25,
  durationMs: 1.5,
  attributes: { text: 'a', whole: 3, part: 0.5, flag: true },
  ...more,
});

const LINK = { traceId: '4'.repeat(32), spanId: '5'.repeat(16) };

/** A collector that answers with `status`, and what it was sent. */
async function collector(status: () => number) {
  const bodies: any[] = [];
  const arrived = new EventTarget();
  const server = createServer(async (request, response) => {
    bodies.push({ url: request.url, ...((await json(request)) as object) });
    response.writeHead(status()).end('{}');
    arrived.dispatchEvent(new Event('body'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    bodies,
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: () => new Promise<void>((resolve) => arrived.addEventListener('body', () => resolve(), { once: true })),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const spansOf = (body: any): any[] => body.resourceSpans[0].scopeSpans[0].spans;

test('a span is written as OTLP has it, times to the nanosecond', () => {
  const document = otlpDocument([span({ parentSpanId: '3'.repeat(16), error: 'RangeError', links: [LINK] })]);
  assert.deepEqual(spansOf(document)[0], {
    traceId: '1'.repeat(32),
    spanId: '2'.repeat(16),
    parentSpanId: '3'.repeat(16),
    links: [LINK],
    name: 'f',
    kind: 2,
    startTimeUnixNano: '1795874400000250000',
    endTimeUnixNano: '1795874400001750000',
    attributes: [
      { key: 'text', value: { stringValue: 'a' } },
      { key: 'whole', value: { intValue: '3' } },
      { key: 'part', value: { doubleValue: 0.5 } },
      { key: 'flag', value: { boolValue: true } },
    ],
    status: { code: 2, message: 'RangeError' },
  });
});

test('a number that no integer of 64 bits holds is no integer', () => {
  const [written] = spansOf(otlpDocument([span({ attributes: { huge: 1e300, low: -(2 ** 70) } })]));
  assert.deepEqual(written.attributes, [
    { key: 'huge', value: { doubleValue: 1e300 } },
    { key: 'low', value: { doubleValue: -(2 ** 70) } },
  ]);
});

test('spans go to the collector in batches; the last ones when it closes', async () => {
  await using target = await collector(() => 200);
  const clock = new SimulatedClock();
  const spans = createSpans();
  const metrics = createMetrics();
  await using exporter = new OtlpExporter({ spans, endpoint: target.endpoint, clock, metrics, logger: silentLogger });
  spans.record(span());
  spans.record(span({ name: 'g' }));
  const first = target.next();
  await clock.advance(SPAN_LIMITS.everyMs);
  await first;
  assert.equal(target.bodies[0].url, '/v1/traces');
  assert.deepEqual(
    spansOf(target.bodies[0]).map(({ name }) => name),
    ['f', 'g'],
  );
  spans.record(span({ name: 'last' }));
  await exporter[Symbol.asyncDispose]();
  assert.deepEqual(
    spansOf(target.bodies[1]).map(({ name }) => name),
    ['last'],
  );
  assert.equal(metrics.read('millrace_spans_sent_total')[0]!.value, 3);
});

test('what a collector refuses is tried once more, then dropped and counted', async () => {
  await using target = await collector(() => 503);
  const clock = new SimulatedClock();
  const spans = createSpans();
  const metrics = createMetrics();
  await using exporter = new OtlpExporter({ spans, endpoint: target.endpoint, clock, metrics, logger: silentLogger });
  spans.record(span());
  const first = target.next();
  await clock.advance(SPAN_LIMITS.everyMs);
  await first;
  await exporter[Symbol.asyncDispose]();
  assert.equal(target.bodies.length, 2);
  assert.equal(metrics.read('millrace_spans_dropped_total')[0]!.value, 1);
});

test('a node remembers the last spans, and no more', () => {
  const spans = createSpans();
  for (let i = 0; i < SPAN_LIMITS.keptMax + 3; i++) spans.record(span({ name: String(i) }));
  const kept = spans.recent();
  assert.deepEqual(
    [kept.length, kept[0]!.name, kept.at(-1)!.name],
    [SPAN_LIMITS.keptMax, '3', String(SPAN_LIMITS.keptMax + 2)],
  );
});
