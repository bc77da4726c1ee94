import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { limitsPage } from '../scripts/limits.ts';

test('docs/limits.md shows the limits as the sources have them (npm run limits)', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/limits.md'), 'utf8');
  assert.equal(page, limitsPage());
});
