import assert from 'node:assert/strict';
import { test } from 'node:test';
import { committedCompatibility, renderCompatibility } from '../../scripts/compatibility.ts';

test('docs/compatibility.md says what is built', async () => {
  assert.equal(await committedCompatibility(), await renderCompatibility(), 'stale: run npm run compatibility');
});
