import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../base/index.ts';
import { silentLogger } from '../../telemetry/index.ts';
import type { FlowCounters, FlowReading, FlowSnapshot } from './flow.ts';
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
  let asked = 0;
  const read = () => {
    const reading = readings[Math.min(asked++, readings.length - 1)]!;
    if (reading instanceof Error) throw reading;
    return reading;
  };
  const sampler = new FlowSampler({ source: { read }, clock, logger: silentLogger });
  await sampler.start();
  return { sampler, clock, asked: () => asked };
}

/** One that somebody watches, and what he has been shown last. */
async function watched(readings: readonly (FlowReading | Error)[]) {
  const { sampler, clock } = await sampled(readings);
  const shown: FlowSnapshot[] = [];
  sampler.watch((snapshot) => shown.push(snapshot));
  await clock.advance(0);
  const stream = () => shown.at(-1)!.nodes.find(({ id }) => id === 's')!;
  return { clock, stream };
}

test('counters become rates over the last five seconds', async () => {
  const readings = [0, 100, 200, 300, 400, 500, 1500].map((events) => stream({ events }));
  const { clock, stream: shown } = await watched(readings);
  await clock.advance(6 * FLOW_LIMITS.everyMs);
  assert.equal(shown().eventsPerSecond, 280);
  assert.equal(shown().status, 'ok');
});

test('a first reading claims no rate, however large its totals', async () => {
  const { stream: shown } = await watched([stream({ events: 1_000_000 })]);
  assert.equal(shown().eventsPerSecond, 0);
  assert.equal(shown().totals.events, 1_000_000);
  assert.equal(shown().status, 'idle');
});

test('an edge to a node that is not there is left out', async () => {
  const { sampler } = await sampled([stream({ events: 1 })]);
  assert.deepEqual(
    (await sampler.look()).edges.map(({ from, to }) => [from, to]),
    [['devices', 's']],
  );
});

test('batch size is events a call', async () => {
  const { clock, stream: shown } = await watched([stream({ events: 0, calls: 0 }), stream({ events: 900, calls: 3 })]);
  await clock.advance(FLOW_LIMITS.everyMs);
  assert.equal(shown().batchSize, 300);
});

test('an error colours its node for ten seconds, then no longer', async () => {
  const { clock, stream: shown } = await watched([stream({ errors: 0 }), stream({ errors: 1 })]);
  await clock.advance(FLOW_LIMITS.everyMs);
  assert.equal(shown().status, 'error');
  await clock.advance(8 * FLOW_LIMITS.everyMs);
  assert.equal(shown().status, 'error');
  await clock.advance(2 * FLOW_LIMITS.everyMs);
  assert.equal(shown().status, 'idle');
});

test('a stream that lags is shown as waiting', async () => {
  const { stream: shown } = await watched([stream({ events: 1 }, HEALTH_LIMITS.lagMsMax + 1)]);
  assert.equal(shown().status, 'waiting');
});

test('a source that throws leaves the last snapshot and is asked again', async () => {
  const { clock, stream: shown } = await watched([stream({ events: 5 }), new Error('busy'), stream({ events: 9 })]);
  await clock.advance(FLOW_LIMITS.everyMs);
  assert.equal(shown().totals.events, 5);
  await clock.advance(FLOW_LIMITS.everyMs);
  assert.equal(shown().totals.events, 9);
});

test('while nobody looks the source is asked every ten seconds, and who comes is told what failed in them', async () => {
  const failed = stream({ events: 70, errors: 1 });
  const { sampler, clock, asked } = await sampled([stream({}), stream({ errors: 0 }), failed]);
  await clock.advance(17_000);
  assert.equal(asked(), 2);
  const [, node] = (await sampler.look()).nodes;
  assert.equal(asked(), 3);
  assert.equal(node!.status, 'error');
  assert.equal(node!.eventsPerSecond, 10);
});

test('who has asked is awaited for ten seconds, and no reading is older than a second for them', async () => {
  const { sampler, clock, asked } = await sampled([stream({})]);
  await sampler.look();
  assert.equal(asked(), 1);
  await clock.advance(FLOW_LIMITS.lookMs);
  assert.equal(asked(), 11);
  await clock.advance(FLOW_LIMITS.lookMs);
  assert.equal(asked(), 12);
});

test('a watcher is shown each reading once, from the present one on, until it stops', async () => {
  const { sampler, clock, asked } = await sampled([0, 1, 2, 3, 4].map((events) => stream({ events })));
  const seen: unknown[] = [];
  await clock.advance(500);
  const stop = sampler.watch(({ nodes }) => seen.push(nodes[1]!.totals.events));
  await clock.advance(2000);
  assert.deepEqual(seen, [0, 1, 2]);
  stop();
  await clock.advance(10_000);
  assert.deepEqual(seen, [0, 1, 2]);
  // The one that was due, and the next at rest begins ten seconds later.
  assert.equal(asked(), 4);
});

test('disposing stops the readings', async () => {
  const { sampler, clock } = await sampled([stream({ events: 5 })]);
  sampler[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});
