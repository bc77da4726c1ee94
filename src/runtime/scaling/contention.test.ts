import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isContended, learnDemand } from './contention.ts';

test('functions that sleep are never held back, those that compute when each would take more than twice its time', () => {
  const contended = (running: number, demand: number) => isContended({ running, demand }, running * demand, 1, 2);
  assert.equal(contended(900, 0), false);
  assert.deepEqual(
    [3, 4].map((running) => contended(running, 1)),
    [false, true],
  );
  assert.deepEqual(
    [38, 41].map((running) => contended(running, 0.1)),
    [false, true],
  );
});

test('a function that uses less than its part goes on beside one that uses all it can get', () => {
  const load = 9;
  assert.equal(isContended({ running: 8, demand: 1 }, load, 2, 2), true);
  assert.equal(isContended({ running: 1, demand: 1 }, load, 2, 2), false, 'its part is two of four');
  assert.equal(isContended({ running: 2, demand: 1 }, load, 2, 2), true);
  assert.equal(isContended({ running: 30, demand: 0.05 }, load, 2, 2), false);
  assert.equal(isContended({ running: 0, demand: 1 }, 100, 50, 1), false, 'one runs in any case');
});

test('what a function asks for is learned within a second of looks, and forgotten as fast', () => {
  let demand = 0;
  for (let look = 0; look < 15; look++) demand = learnDemand(demand, 4, 4);
  assert.ok(demand > 0.95);
  assert.equal(learnDemand(demand, 0, 0), demand, 'nothing seen, nothing learned');
  for (let look = 0; look < 15; look++) demand = learnDemand(demand, 0, 4);
  assert.ok(demand < 0.05);
});
