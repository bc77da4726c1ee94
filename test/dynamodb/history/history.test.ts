import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLinearizable, type Operation, type RegisterStep } from './linearizable.ts';
import { anomalyOf, type ListTransaction } from './serializable.ts';

const op = (called: number, returned: number, step: RegisterStep): Operation<RegisterStep> => ({
  ...{ called, returned, step },
});
const write = (value: string) => ({ kind: 'write', value }) as const;
const read = (value: string | null) => ({ kind: 'read', value }) as const;
const swap = (expected: string, value: string, done: boolean) => ({ kind: 'swap', expected, value, done }) as const;

test('histories of registers that no order explains are found out, others are not', () => {
  assert.ok(isLinearizable([op(0, 3, write('a')), op(1, 2, read(null)), op(4, 5, read('a'))]));
  assert.ok(isLinearizable([op(0, 9, write('a')), op(1, 2, read('a')), op(3, 4, read('a'))]));
  // Read after it was overwritten.
  assert.ok(!isLinearizable([op(0, 1, write('a')), op(2, 3, write('b')), op(4, 5, read('a'))]));
  // Seen, then not seen any more.
  assert.ok(!isLinearizable([op(0, 9, write('a')), op(1, 2, read('a')), op(3, 4, read(null))]));
  // Both cannot have found it.
  assert.ok(!isLinearizable([op(0, 1, write('a')), op(2, 5, swap('a', 'b', true)), op(2, 5, swap('a', 'c', true))]));
  assert.ok(isLinearizable([op(0, 1, write('a')), op(2, 5, swap('a', 'b', true)), op(2, 5, swap('a', 'c', false))]));
  // One that may never have happened.
  assert.ok(isLinearizable([op(0, Infinity, write('a')), op(1, 2, read(null)), op(3, 4, read('a'))]));
});

test('histories of transactions with a cycle are found out, others are not', () => {
  const transaction = (
    [called, returned]: readonly [number, number],
    appends: Record<string, string>,
    reads: Record<string, readonly string[]> = {},
  ): ListTransaction => ({
    ...{ called, returned },
    appends: new Map(Object.entries(appends)),
    reads: new Map(Object.entries(reads)),
  });
  const finals = (lists: Record<string, readonly string[]>) => new Map(Object.entries(lists));
  const both = transaction([0, 5], { x: '1', y: '1' });
  const other = transaction([0, 5], { x: '2', y: '2' });
  assert.equal(anomalyOf([both, other], finals({ x: ['1', '2'], y: ['1', '2'] })), undefined);
  assert.match(anomalyOf([both, other], finals({ x: ['1', '2'], y: ['2', '1'] }))!, /cycle/);
  const halfway = transaction([1, 2], {}, { x: ['1'], y: [] });
  assert.match(anomalyOf([both, halfway], finals({ x: ['1'], y: ['1'] }))!, /cycle/);
  assert.match(anomalyOf([both], finals({ x: ['1'], y: [] }))!, /gone/);
  const late = transaction([6, 7], {}, { x: [], y: [] });
  assert.match(anomalyOf([both, late], finals({ x: ['1'], y: ['1'] }))!, /cycle/);
  assert.match(anomalyOf([transaction([1, 2], {}, { x: ['2'] })], finals({ x: ['1'] }))!, /never was/);
});
