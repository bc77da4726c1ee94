import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Machine } from '../machine/machine.ts';
import { blanksFor, reserveOf } from './reserve.ts';

const GB = 1024 ** 3;

const machine = (gigabytes: number | undefined, processors: number): Machine => ({
  processors,
  memory: () => (gigabytes === undefined ? undefined : { totalBytes: gigabytes * GB, availableBytes: GB, stalled: 0 }),
  isRunnable: () => false,
});

test('blank environments hold two hundredths of the memory at most, and are no more than the processors start in a moment', () => {
  assert.equal(blanksFor(machine(1, 4)), 2, 'a small gateway');
  assert.equal(blanksFor(machine(8, 4)), 10);
  assert.equal(blanksFor(machine(24, 2)), 32);
  assert.equal(blanksFor(machine(512, 2)), 32);
  assert.equal(blanksFor(machine(undefined, 8)), 2, 'a machine that does not tell');
});

test('runtimes in use share them, each has two at least, and what is configured holds for each', () => {
  const large = machine(24, 2);
  assert.deepEqual(reserveOf(undefined, large, 0), { atFirst: 2, inUse: 32 });
  assert.deepEqual(reserveOf(undefined, large, 3), { atFirst: 2, inUse: 10 });
  assert.deepEqual(reserveOf(undefined, machine(1, 1), 3), { atFirst: 2, inUse: 2 });
  assert.deepEqual(reserveOf(5, large, 3), { atFirst: 5, inUse: 5 });
  assert.deepEqual(reserveOf(0, large, 1), { atFirst: 0, inUse: 0 });
});
