import assert from 'node:assert/strict';
import { test } from 'node:test';
import { committedCompatibility, renderCompatibility } from '../../scripts/compatibility.ts';

test('docs/compatibility.md says what is built', async () => {
  const upToDate = (await committedCompatibility()) === (await renderCompatibility());
  assert.ok(upToDate, 'stale: run npm run compatibility');
});
