import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tablesPageCacheBytes } from './page-cache.ts';

const [MIB, GIB] = [1024 ** 2, 1024 ** 3];

test('tables have a sixteenth of the memory for their pages, within bounds', () => {
  assert.equal(tablesPageCacheBytes(512 * MIB), 64 * MIB);
  assert.equal(tablesPageCacheBytes(4 * GIB), 256 * MIB);
  assert.equal(tablesPageCacheBytes(64 * GIB), GIB);
  const here = tablesPageCacheBytes();
  assert.ok(here >= 64 * MIB && here <= GIB && here % MIB === 0, String(here));
});
