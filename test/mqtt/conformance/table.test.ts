import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { conformancePage, keyOf, taggedTests } from '../../../scripts/conformance.ts';
import { STATEMENTS } from './statements.ts';

const root = join(import.meta.dirname, '../../..');

test('every statement that binds a server has a test, and every tag is of a statement', () => {
  const tests = taggedTests();
  const missing = STATEMENTS.filter((one) => one.untested === undefined && !tests.has(keyOf(one))).map(keyOf);
  assert.deepEqual(missing, []);
  const known = new Set(STATEMENTS.map(keyOf));
  assert.deepEqual(
    [...tests.keys()].filter((key) => !known.has(key)),
    [],
  );
  assert.equal(known.size, STATEMENTS.length, 'each once');
});

test('docs/mqtt-conformance.md says what the tests say', () => {
  assert.equal(
    readFileSync(join(root, 'docs/mqtt-conformance.md'), 'utf8'),
    conformancePage(),
    'run npm run conformance',
  );
});
