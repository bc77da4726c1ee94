import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AttributeValue } from '../model/attribute-value.ts';
import { bindStatement } from './bind.ts';
import { planOf } from './plan.ts';

const KEY = { hash: { name: 'pk', type: 'S' }, range: { name: 'sk', type: 'N' } } as const;

function plan(where: string, parameters?: AttributeValue[]) {
  const { action, bindings } = bindStatement(`SELECT * FROM t WHERE ${where}`, parameters);
  assert.equal(action.kind, 'select');
  return planOf(action.kind === 'select' ? action.where : undefined, [], KEY, bindings);
}

test('what a condition says of the key decides what is read', () => {
  const hashes = (where: string) => plan(where).hashes?.map((value) => ('S' in value ? value.S : ''));
  assert.deepEqual(hashes("pk = 'a'"), ['a']);
  assert.deepEqual(hashes("'a' = pk AND x = 1"), ['a']);
  assert.deepEqual(hashes("pk IN ['a', 'b', 'a']"), ['a', 'b']);
  assert.deepEqual(hashes("pk = 'a' OR (pk = 'b' AND sk > 1)"), ['a', 'b']);
  assert.deepEqual(hashes("x = 1 AND (pk = 'a' OR pk = 'b')"), ['a', 'b']);
  for (const where of ["pk > 'a'", "pk = 'a' OR x = 1", "NOT pk = 'a'", 'x = 1', 'pk = y', "pk.z = 'a'"])
    assert.equal(hashes(where), undefined, where);
  assert.deepEqual(plan("pk = 'a' AND 5 >= sk").range, { op: '<=', values: [{ N: '5' }] });
  assert.deepEqual(plan("pk = 'a' AND sk BETWEEN ? AND ?", [{ N: '1' }, { N: '2' }]).range, {
    op: 'between',
    values: [{ N: '1' }, { N: '2' }],
  });
  assert.equal(plan("pk = 'a' OR pk = 'b' AND sk = 1").range, undefined);
  assert.throws(() => plan('pk = 1'), { message: /Condition parameter type does not match schema type$/ });
});

test('literals are values of all types, and names are taken as they stand', () => {
  const { item } = bindStatement(
    `INSERT INTO "t" VALUE {'pk': 'it''s', 'n': -1.50e2, 'b': TRUE, 'nil': null, 'm': {'#x': [1, ?]}, 'ss': <<'a', 'b'>>, '__proto__': 1}`,
    [{ B: Uint8Array.of(1) }],
  );
  assert.deepEqual(Object.entries(item!), [
    ['pk', { S: "it's" }],
    ['n', { N: '-150' }],
    ['b', { BOOL: true }],
    ['nil', { NULL: true }],
    ['m', { M: { '#x': { L: [{ N: '1' }, { B: Uint8Array.of(1) }] } } }],
    ['ss', { SS: ['a', 'b'] }],
    ['__proto__', { N: '1' }],
  ]);
  const { where } = bindStatement(`SELECT * FROM t WHERE "#x" = 1 AND "a b"[0]."select" = ':v' -- note`);
  assert.deepEqual(where?.paths, [['#x'], ['a b', 0, 'select']]);
});

test('no text makes the parser fail but by its own refusal', () => {
  const pieces = fc.constantFrom(
    ...[
      'SELECT',
      '*',
      'FROM',
      '"t"',
      't.',
      'WHERE',
      'INSERT INTO t VALUE',
      '{',
      '}',
      "'a'",
      ':',
      ',',
      '[',
      ']',
      '<<',
      '>>',
    ],
    ...[
      'UPDATE t SET',
      'REMOVE',
      'DELETE FROM t',
      'RETURNING ALL OLD *',
      'a',
      '=',
      '<>',
      '!=',
      '(',
      ')',
      'AND',
      'OR',
      'NOT',
    ],
    ...[
      'IN',
      'BETWEEN',
      'IS MISSING',
      '?',
      '1',
      '1e5',
      '-',
      "'",
      '"',
      '--',
      '/*',
      '*/',
      ';',
      'size(',
      'set_add(',
      'ORDER BY',
    ],
    ...[
      'EXISTS(',
      'begins_with(',
      '\u0000',
      '\ud800',
      '__proto__',
      'constructor',
      '999999999999999999999999999999999999999999',
    ],
  );
  const text = fc.oneof(
    fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join(' ')),
    fc.array(pieces, { maxLength: 30 }).map((parts) => `SELECT * FROM t WHERE ${parts.join(' ')}`),
    fc.array(pieces, { maxLength: 30 }).map((parts) => `UPDATE t SET a = ${parts.join('')}`),
    fc.string({ unit: 'binary', maxLength: 60 }),
  );
  fc.assert(
    fc.property(text, (given) => refusesOrReads(given)),
    { numRuns: 5000, seed: 11 },
  );
  const bombs = [
    '(',
    'NOT ',
    '[',
    "{'a':",
    '<<',
    'size(',
    'list_append(',
    '"',
    "'",
    '/*',
    '--',
    'a.',
    'a[0]',
    'a = 1 AND ',
  ];
  for (const bomb of bombs) {
    for (const start of [
      '',
      'SELECT * FROM t WHERE ',
      'SELECT * FROM t WHERE a = ',
      'INSERT INTO t VALUE ',
      'UPDATE t SET a = ',
    ])
      refusesOrReads(start + bomb.repeat(Math.floor((8192 - start.length) / bomb.length)));
  }
});

function refusesOrReads(text: string): void {
  try {
    bindStatement(text, [{ S: 'x' }]);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'validation-failed', `${text}: ${error}`);
  }
}
