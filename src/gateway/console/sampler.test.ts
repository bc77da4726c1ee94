import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../base/index.ts';
import { silentLogger } from '../../telemetry/index.ts';
import type { FlowCounters, FlowReading } from './flow.ts';
import { HEALTH_LIMITS } from './health.ts';
import { FLOW_LIMITS, FlowSampler } from './sampler.ts';

const stream = (counters: FlowCounters, lagMs = 0): FlowReading => ({
  nodes: [
    { id: 'devices', kind: 'devices', label: 'devices' },
    { id: 's', kind: 'stream', label: 'telemetry', counters, gauges: { lagMs } },
  ],
  edges: [
    { from: 'devices', to: 's', events: counters.events ?? 0, via: 'push' },
    { from: 's', to: 'gone', events: 1, via: 'pull' },
  ],
});

async function sampled(readings: readonly (FlowReading | Error)[]) {
  const clock = new SimulatedClock();
  let next = 0;
  const read = () => {
    const reading = readings[Math.min(next++, readings.length - 1)]!;
    if (reading instanceof Error) throw reading;
    return reading;
  };
  const sampler = new FlowSampler({ source: { read }, clock, logger: silentLogger });
  await sampler.start();
  return { sampler, clock };
}

test('counters become rates over the last five seconds', async () => {
  const { sampler, clock } = await sampled([0, 100, 200, 300, 400, 500, 1500].map((events) => stream({ events })));
  await clock.advance(6 * FLOW_LIMITS.everyMs);
  const node = sampler.snapshot().nodes.find(({ id }) => id === 's')!;
  assert.equal(node.eventsPerSecond, 280);
  assert.equal(node.status, 'ok');
});

test('a first reading claims no rate, however large its totals', async () => {
  const { sampler } = await sampled([stream({ events: 1_000_000 })]);
  const [, node] = sampler.snapshot().nodes;
  assert.equal(node!.eventsPerSecond, 0);
  assert.equal(node!.totals.events, 1_000_000);
  assert.equal(node!.status, 'idle');
});

test('an edge to a node that is not there is left out', async () => {
  const { sampler } = await sampled([stream({ events: 1 })]);
  assert.deepEqual(
    sampler.snapshot().edges.map(({ from, to }) => [from, to]),
    [['devices', 's']],
  );
});

test('batch size is events a call', async () => {
  const { sampler, clock } = await sampled([stream({ events: 0, calls: 0 }), stream({ events: 900, calls: 3 })]);
  await clock.advance(FLOW_LIMITS.everyMs);
  assert.equal(sampler.snapshot().nodes[1]!.batchSize, 300);
});

test('an error colours its node for ten readings, then no longer', async () => {
  const { sampler, clock } = await sampled([stream({ errors: 0 }), stream({ errors: 1 })]);
  await clock.advance(FLOW_LIMITS.everyMs);
  assert.equal(sampler.snapshot().nodes[1]!.status, 'error');
  await clock.advance(8 * FLOW_LIMITS.everyMs);
  assert.equal(sampler.snapshot().nodes[1]!.status, 'error');
  await clock.advance(2 * FLOW_LIMITS.everyMs);
  assert.equal(sampler.snapshot().nodes[1]!.status, 'idle');
});

test('a stream that lags is shown as waiting', async () => {
  const { sampler } = await sampled([stream({ events: 1 }, HEALTH_LIMITS.lagMsMax + 1)]);
  assert.equal(sampler.snapshot().nodes[1]!.status, 'waiting');
});

test('a source that throws leaves the last snapshot and is asked again', async () => {
  const { sampler, clock } = await sampled([stream({ events: 5 }), new Error('busy'), stream({ events: 9 })]);
  await clock.advance(FLOW_LIMITS.everyMs);
  assert.equal(sampler.snapshot().nodes[1]!.totals.events, 5);
  await clock.advance(FLOW_LIMITS.everyMs);
  assert.equal(sampler.snapshot().nodes[1]!.totals.events, 9);
});

test('disposing stops the readings', async () => {
  const { sampler, clock } = await sampled([stream({ events: 5 })]);
  sampler[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});
