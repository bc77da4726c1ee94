import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePattern } from './filter-pattern.ts';

const JSON_LINE = JSON.stringify({
  level: 'ERROR',
  code: 42,
  ok: false,
  none: null,
  user: { name: 'Ada Lovelace', roles: ['admin', 'author'] },
  'a-b': 'x',
});

/** Pattern, message, whether it matches. */
const CASES: readonly (readonly [string, string, boolean])[] = [
  ['', 'anything', true],
  ['ERROR', 'an ERROR here', true],
  ['ERROR', 'an error here', false],
  ['ERROR Exception', 'ERROR: no', false],
  ['ERROR Exception', 'ERROR: Exception', true],
  ['?ERROR ?WARN', 'WARN', true],
  ['?ERROR ?WARN', 'INFO', false],
  ['ERROR -timeout', 'ERROR timeout', false],
  ['ERROR -timeout', 'ERROR other', true],
  ['"Task timed out"', 'x Task timed out after', true],
  ['"Task timed out"', 'Task was timed out', false],
  ['-"Task timed out"', 'fine', true],
  ['%4[0-9]{2}%', 'status 404', true],
  ['%4[0-9]{2}%', 'status 204', false],
  ['{ $.level = "ERROR" }', JSON_LINE, true],
  ['{$.level="ERR*"}', JSON_LINE, true],
  ['{ $.level = ERROR }', JSON_LINE, true],
  ['{ $.level != "ERROR" }', JSON_LINE, false],
  ['{ $.missing != "ERROR" }', JSON_LINE, false],
  ['{ $.code >= 42 && $.code < 43 }', JSON_LINE, true],
  ['{ $.code = 42 }', JSON_LINE, true],
  ['{ $.code = 4.2e1 }', JSON_LINE, true],
  ['{ $.code > 42 || ($.level = "INFO" || $.user.name = "Ada*") }', JSON_LINE, true],
  ['{ $.user.roles[1] = "author" }', JSON_LINE, true],
  ['{ $.user.roles[2] = "author" }', JSON_LINE, false],
  ['{ $.["a-b"] = "x" }', JSON_LINE, true],
  ['{ $.none IS NULL }', JSON_LINE, true],
  ['{ $.ok IS FALSE }', JSON_LINE, true],
  ['{ $.ok IS TRUE }', JSON_LINE, false],
  ['{ $.missing NOT EXISTS }', JSON_LINE, true],
  ['{ $.level NOT EXISTS }', JSON_LINE, false],
  ['{ $.level = %^E.*R$% }', JSON_LINE, true],
  ['{ $.level = "ERROR" }', 'no json ERROR', false],
  ['{ $.constructor NOT EXISTS }', JSON_LINE, true],
];

for (const [pattern, message, expected] of CASES) {
  test(`${pattern || '(empty)'} ${expected ? 'matches' : 'does not match'} ${message.slice(0, 30)}`, () => {
    assert.equal(compilePattern(pattern)(message), expected);
  });
}

test('a pattern that is none is refused by name, whatever it is', () => {
  for (const pattern of ['{ $.a }', '{ $.a = }', '{ a = 1 }', '{ $.a = 1', '"open', '{ $.a = 1 } x', '%(%', '[a, b]']) {
    assert.throws(() => compilePattern(pattern), { code: 'invalid-parameter' }, pattern);
  }
  fc.assert(
    fc.property(fc.string(), fc.string(), (pattern, message) => {
      try {
        compilePattern(pattern)(message);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'invalid-parameter');
      }
    }),
  );
});
