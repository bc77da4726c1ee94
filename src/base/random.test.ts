import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from './random.ts';

test('bytes come in every length asked for, and never twice, across many refills', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 5_000; i++) {
    const length = 12 + (i % 60);
    const bytes = systemRandom.bytes(length);
    assert.equal(bytes.length, length);
    seen.add(bytes.toString('hex', 0, 12));
  }
  assert.equal(seen.size, 5_000);
  assert.equal(systemRandom.bytes(0).length, 0);
});

test('what was handed out belongs to its taker: writing to it changes no later bytes', () => {
  const first = systemRandom.bytes(16);
  const copy = Buffer.from(first);
  const others = [1, 2, 3].map(() => systemRandom.bytes(16).fill(7));
  assert.deepEqual(first, copy);
  assert.notDeepEqual(systemRandom.bytes(16), others[0]);
});
