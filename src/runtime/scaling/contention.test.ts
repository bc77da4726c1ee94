import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areQuick, graceAt, isContended, learnDemand, learnDuration, type Work } from './contention.ts';

/** Of invocations that take longer than a moment. */
const slow = (running: number, demand: number): Work => ({ running, demand, durationMs: 50 });

test('functions that sleep are never held back; of those that compute one more runs than there are processors', () => {
  const contended = (running: number, demand: number) => isContended(slow(running, demand), running * demand, 1, 2);
  assert.equal(contended(900, 0), false);
  assert.deepEqual(
    [2, 3].map((running) => contended(running, 1)),
    [false, true],
  );
  assert.deepEqual(
    [28, 31].map((running) => contended(running, 0.1)),
    [false, true],
  );
  const on = (processors: number, running: number) => isContended(slow(running, 1), running, 1, processors);
  assert.deepEqual([on(1, 1), on(1, 2), on(16, 19), on(16, 20)], [false, true, false, true]);
});

test('a function that uses less than its part goes on beside one that uses all it can get', () => {
  const load = 9;
  assert.equal(isContended(slow(8, 1), load, 2, 4), true);
  assert.equal(isContended(slow(1, 1), load, 2, 4), false, 'its part is two and a half of five');
  assert.equal(isContended(slow(2, 1), load, 2, 4), true);
  assert.equal(isContended(slow(30, 0.05), load, 2, 4), false);
  assert.equal(isContended(slow(0, 1), 100, 50, 1), false, 'one runs in any case');
});

test('what a function asks for is learned within two seconds of looks, and forgotten as fast', () => {
  const look = (runnable: number) => ({ environments: 2, invocations: 2, runnable });
  let demand = 0;
  for (let tick = 0; tick < 30; tick++) demand = learnDemand(demand, look(2));
  assert.ok(demand > 0.95);
  assert.equal(
    learnDemand(demand, { environments: 0, invocations: 0, runnable: 0 }),
    demand,
    'nothing seen, nothing learned',
  );
  for (let tick = 0; tick < 30; tick++) demand = learnDemand(demand, look(0));
  assert.ok(demand < 0.05);
});

test('invocations that share an environment share its demand', () => {
  let demand = 0;
  for (let tick = 0; tick < 100; tick++)
    demand = learnDemand(demand, { environments: 1, invocations: 10, runnable: 1 });
  assert.ok(Math.abs(demand - 0.1) < 0.01);
});

test('after a second without contention a burst is let in, and no second one while it lasts', () => {
  const first = graceAt({ left: 0, at: 0 }, 1_000);
  assert.deepEqual(first, { left: 8, at: 1_000 });
  let grace = { ...first, left: 0 };
  for (let now = 1_000; now < 20_000; now += 900) grace = graceAt(grace, now);
  assert.equal(grace.left, 0);
  assert.equal(graceAt(grace, grace.at + 1_000).left, 8);
});

test('calls are quick while they are over in a moment though they wait for each other', () => {
  assert.deepEqual(
    [0.3, 19.9, 20, Number.POSITIVE_INFINITY].map((durationMs) => areQuick({ durationMs })),
    [true, true, false, false],
  );
  let known = learnDuration(Number.POSITIVE_INFINITY, 80);
  assert.equal(known, 80, 'the first one tells all that is known');
  for (let call = 0; call < 30; call++) known = learnDuration(known, 0.3);
  assert.ok(known < 20);
  for (let call = 0; call < 10; call++) known = learnDuration(known, 40);
  assert.ok(known > 20);
});
