import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Holding, leastUseful } from './usefulness.ts';

const MB = 1024 * 1024;
const holding = (name: string, more: Partial<Holding> = {}): Holding & { readonly name: string } => ({
  name,
  expectedMs: 60_000,
  before: 0,
  idleMs: 1_000,
  memoryBytes: 20 * MB,
  coldStartMs: 10,
  ...more,
});
const order = (...holdings: (Holding & { readonly name: string })[]) =>
  leastUseful(holdings, Number.POSITIVE_INFINITY).map(({ name }) => name);

test('the one that is needed last goes first', () => {
  assert.deepEqual(order(holding('soon', { expectedMs: 5_000 }), holding('late', { expectedMs: 3_600_000 })), [
    'late',
    'soon',
  ]);
});

test('of two that are needed at the same time, the larger goes, or the one that starts faster', () => {
  assert.deepEqual(order(holding('small'), holding('large', { memoryBytes: 200 * MB })), ['large', 'small']);
  assert.deepEqual(order(holding('slow', { coldStartMs: 900 }), holding('fast')), ['fast', 'slow']);
});

test('without a history the one that has been idle for longest goes, and a spare before the one in front', () => {
  const unknown = { expectedMs: undefined };
  assert.deepEqual(
    order(holding('new', { ...unknown, idleMs: 1_000 }), holding('old', { ...unknown, idleMs: 90_000 })),
    ['old', 'new'],
  );
  assert.deepEqual(order(holding('front'), holding('spare', { before: 1 })), ['spare', 'front']);
});

test('no more go than free what is asked for', () => {
  const all = [1, 2, 3, 4].map((n) => holding(`${n}`, { expectedMs: n * 60_000 }));
  assert.deepEqual(
    leastUseful(all, 30 * MB).map(({ name }) => name),
    ['4', '3'],
  );
  assert.deepEqual(leastUseful(all, 0), []);
  assert.deepEqual(leastUseful([], 1), []);
});
