import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../base/index.ts';
import { compilePattern } from './filter-pattern.ts';
import { compileExpression } from './regular-expression.ts';

const PARTS = ['a', 'b', '.', '[ab]', '[^a]', '\\d', '\\.', '[a-c]', 'c'];
const TIMES = ['', '', '', '*', '+', '?', '{2}', '{1,2}', '{0,}'];

test('what an expression finds is what JavaScript finds with it', () => {
  const random = seededRandom(11);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
  const some = <T>(most: number, make: () => T) => Array.from({ length: Math.floor(random.next() * most) }, make);
  const branch = () => pick(['', '^']) + some(5, () => pick(PARTS) + pick(TIMES)).join('') + pick(['', '$']);
  for (let round = 0; round < 3_000; round++) {
    const source = [branch(), ...some(2, branch)].join('|');
    const found = compileExpression(source);
    assert.ok(found, source);
    for (const line of [...some(4, () => some(7, () => pick([...'abc1.\n'])).join('')), '']) {
      assert.equal(found(line), new RegExp(source).test(line), `${source} on ${JSON.stringify(line)}`);
    }
  }
});

test('groups, borders of words, references and what is no expression are refused', () => {
  for (const source of [
    '(a)',
    'a)',
    '(a+)+$',
    '\\b',
    '\\1',
    '*',
    'a**',
    '[',
    '[]',
    '[b-a]',
    'a{2,1}',
    'a{x}',
    'a{9999}',
  ])
    assert.equal(compileExpression(source), undefined, source);
  for (const source of ['\\', '\\x1', 'a^', 'a$b']) assert.equal(compileExpression(source), undefined, source);
  assert.ok(compileExpression('\\x41\\s=')!('A ='));
});

test('no line takes longer than it is long', () => {
  const line = 'a'.repeat(60_000);
  for (const pattern of [
    '%a*a*a*a*b%',
    '%.*.*.*.*x$%',
    '%a?a?a?a?a?a?a?a?a?a?a{300}b%',
    `{ $.x = "*a${'*a'.repeat(50)}*b" }`,
  ]) {
    const before = performance.now();
    assert.equal(compilePattern(pattern)(pattern.startsWith('{') ? JSON.stringify({ x: line }) : line), false);
    assert.ok(performance.now() - before < 5_000, pattern);
  }
});
