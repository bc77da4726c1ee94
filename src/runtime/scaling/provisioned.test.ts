import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missing, retryMs, type Stock, stateOf } from './provisioned.ts';

const stock = (more: Partial<Stock> = {}): Stock => ({
  requested: 10,
  environments: 0,
  ready: 0,
  starting: 0,
  failures: 0,
  concurrency: 1,
  ...more,
});

test('as many environments are missing as give the places that were asked for', () => {
  assert.deepEqual([missing(10, 0, 1), missing(10, 10, 1), missing(3, 10, 1)], [10, 0, -7]);
  assert.deepEqual([missing(10, 0, 4), missing(10, 3, 4)], [3, 0]);
});

test('it is in progress until all are initialised, then ready', () => {
  assert.deepEqual(stateOf(stock({ environments: 4, ready: 3, starting: 2 })), {
    requested: 10,
    allocated: 6,
    available: 3,
    status: 'in-progress',
  });
  assert.equal(stateOf(stock({ environments: 10, ready: 10 })).status, 'ready');
  assert.deepEqual(stateOf(stock({ environments: 3, ready: 3, concurrency: 4 })), {
    requested: 10,
    allocated: 10,
    available: 10,
    status: 'ready',
  });
});

test('it has failed when init fails again and again, and says so as AWS does', () => {
  assert.equal(stateOf(stock({ failures: 2 })).status, 'in-progress');
  const { status, reason } = stateOf(stock({ failures: 3 }));
  assert.deepEqual([status, reason], ['failed', 'FUNCTION_ERROR_INIT_FAILURE']);
});

test('it is tried ever more rarely, once a minute at least', () => {
  assert.deepEqual([1, 2, 3, 7, 30].map(retryMs), [1_000, 2_000, 4_000, 60_000, 60_000]);
});
