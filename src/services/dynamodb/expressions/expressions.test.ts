import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import type { KeySchema } from '../model/table.ts';
import {
  Bindings,
  compileCondition,
  compileKeyCondition,
  compileProjection,
  compileUpdate,
  type ExpressionRequest,
  readExpressions,
} from './index.ts';

const S = (text: string): AttributeValue => ({ S: text });
const N = (number: number): AttributeValue => ({ N: String(number) });
const L = (...members: AttributeValue[]): AttributeValue => ({ L: members });

const item: Attributes = {
  pk: S('a'),
  n: N(5),
  s: S('hello'),
  b: { B: Uint8Array.of(1, 0x80) },
  l: L(N(1), N(2), N(3)),
  m: { M: { x: N(1), deep: { M: { list: L(S('q')) } } } },
  ss: { SS: ['x', 'y'] },
  ns: { NS: ['1', '2'] },
  t: { BOOL: true },
  nil: { NULL: true },
};

function holds(text: string, values?: Attributes, names?: Record<string, string>, of: Attributes | undefined = item) {
  return compileCondition(text, 'FilterExpression').bind(Bindings.read(names, values)).evaluate(of);
}

function update(text: string, values?: Attributes, of: Attributes = item) {
  return compileUpdate(text, 'UpdateExpression').bind(Bindings.read(undefined, values)).apply(of);
}

test('values of different types are unequal, and have no order', () => {
  const values = [
    N(5),
    S('5'),
    { B: Uint8Array.of(5) },
    L(N(5)),
    { M: {} },
    { BOOL: true },
    { NULL: true },
    { NS: ['5'] },
  ];
  for (const a of values) {
    for (const b of values) {
      assert.equal(holds('v = :b', { ':b': b }, undefined, { v: a }), a === b);
      assert.equal(holds('v <> w', undefined, undefined, { v: a, w: b }), a !== b);
      if (a !== b) assert.equal(holds('v < w OR v >= w', undefined, undefined, { v: a, w: b }), false);
    }
  }
});

test('an attribute that is not there is unequal to all, and has no order', () => {
  assert.equal(holds('q = z'), false);
  assert.equal(holds('q <> z'), true);
  for (const op of ['<', '<=', '>', '>=']) assert.equal(holds(`q ${op} n`), false);
  assert.equal(holds('q BETWEEN n AND n'), false);
  assert.equal(holds('q IN (q2, n)'), false);
  assert.equal(holds('attribute_not_exists(q) AND NOT attribute_exists(m.x.y) AND attribute_exists(l[2])'), true);
  const empty = compileCondition('attribute_not_exists(pk)', 'ConditionExpression').bind(Bindings.read());
  assert.equal(empty.evaluate(undefined), true);
});

test('sets are equal whatever their order, strings stand by code points, binaries by unsigned bytes', () => {
  assert.equal(holds('ss = :v', { ':v': { SS: ['y', 'x'] } }), true);
  assert.equal(holds('ns = :v', { ':v': { NS: ['2.0', '1e0'] } }), true);
  assert.equal(holds('b > :v', { ':v': { B: Uint8Array.of(1, 0x7f) } }), true);
  assert.equal(holds('e > :v', { ':v': S('\uffee') }, undefined, { e: S('\u{1f600}') }), true);
});

test('begins_with, contains, size and attribute_type', () => {
  const cases: readonly [string, Attributes, boolean][] = [
    ['begins_with(s, :v)', { ':v': S('hell') }, true],
    ['begins_with(b, :v)', { ':v': { B: Uint8Array.of(1) } }, true],
    ['begins_with(n, :v)', { ':v': S('5') }, false],
    ['contains(s, :v)', { ':v': S('ell') }, true],
    ['contains(ns, :v)', { ':v': N(2) }, true],
    ['contains(l, :v)', { ':v': N(3) }, true],
    ['contains(l, :v)', { ':v': S('3') }, false],
    ['contains(b, :v)', { ':v': { B: Uint8Array.of(0x80) } }, true],
    ['size(s) = :v', { ':v': N(5) }, true],
    ['size(m) = :v AND size(l) > size(ss)', { ':v': N(2) }, true],
    ['size(n) = :v', { ':v': N(1) }, false],
    ['attribute_type(nil, :v)', { ':v': S('NULL') }, true],
  ];
  for (const [text, values, expected] of cases) assert.equal(holds(text, values), expected, text);
});

test('NOT binds before AND, and AND before OR; words are read in any case', () => {
  assert.equal(holds('attribute_exists(pk) OR attribute_exists(q) AND attribute_exists(q)'), true);
  assert.equal(holds('(attribute_exists(pk) or attribute_exists(q)) and attribute_exists(q)'), false);
  assert.equal(holds('not attribute_exists(q) aNd attribute_exists(pk)'), true);
  assert.equal(holds('n between :a and :b and s in (:c)', { ':a': N(1), ':b': N(9), ':c': S('hello') }), true);
  assert.equal(holds('( ( size ( l )) < n ) AND (n = :v)', { ':v': N(5) }), true);
});

const FILTER_ERRORS: readonly [string, string][] = [
  ['', 'The expression can not be empty;'],
  ['hits : incr', 'Syntax error; token: ":", near: "hits : incr"'],
  ['n = ', 'Syntax error; token: "<EOF>", near: "="'],
  ['#f AND NOT n', 'Syntax error; token: "AND", near: "#f AND NOT"'],
  ['(n = :v', 'Syntax error; token: "<EOF>", near: ":v"'],
  ['n = :v)', 'Syntax error; token: ")", near: ":v)"'],
  ['attribute_type()', 'Syntax error; token: ")", near: "()"'],
  ['attribute_not_exists(', 'Syntax error; token: "<EOF>", near: "("'],
  ['l[x] = :v', 'Syntax error; token: "x", near: "[x]"'],
  ['n IN ()', 'Syntax error; token: ")", near: "()"'],
  ['((n = :v))', 'The expression has redundant parentheses;'],
  ['((attribute_exists(n)))', 'The expression has redundant parentheses;'],
  ['Comment = :v', 'Attribute name is a reserved keyword; reserved keyword: Comment'],
  ['m.status = :v', 'Attribute name is a reserved keyword; reserved keyword: status'],
  ['dog(n)', 'Invalid function name; function: dog'],
  ['_123 = :v', 'Syntax error; token: "_", near: "_123"'],
  [`n < ${'f('.repeat(1300)}n${')'.repeat(1300)}`, 'Invalid function name; function: f'],
  [`${'('.repeat(2000)}n < :v${')'.repeat(2000)}`, 'The expression has redundant parentheses;'],
  [`${'NOT '.repeat(1000)}n < :v`, 'The expression contains too many operators; operator count: 301'],
  [
    `n<:v ${'or (n<:v '.repeat(300)}${')'.repeat(300)}`,
    'The expression contains too many operators; operator count: 301',
  ],
  ['Size(n) = :v', 'Invalid function name; function: Size'],
  ['size(n)', 'The function is not allowed to be used this way in an expression; function: size'],
  [
    'attribute_exists(n) = :v',
    'The function is not allowed to be used this way in an expression; function: attribute_exists',
  ],
  [
    'if_not_exists(n, n) = :v',
    'The function is not allowed to be used this way in an expression; function: if_not_exists',
  ],
  ['n = :w', 'An expression attribute value used in expression is not defined; attribute value: :w'],
  ['#w = :v', 'An expression attribute name used in the document path is not defined; attribute name: #w'],
  [
    'n = n',
    'The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [n]',
  ],
  [
    'contains(m.l[0], m.l[0])',
    'The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [m, l, [0]]',
  ],
  [
    'size(s, s) = :v',
    'Incorrect number of operands for operator or function; operator or function: size, number of operands: 2',
  ],
  ['size(:v) = :v', 'Incorrect operand type for operator or function; operator or function: size, operand type: N'],
  ['n < :list', 'Incorrect operand type for operator or function; operator or function: <, operand type: L'],
  ['attribute_exists(:v)', 'Operator or function requires a document path; operator or function: attribute_exists'],
  [
    'begins_with(s, :v)',
    'Incorrect operand type for operator or function; operator or function: begins_with, operand type: N',
  ],
  [
    'attribute_type(s, :s)',
    'Invalid attribute type name found; type: dog, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}',
  ],
  [
    'attribute_type(s, n)',
    'Incorrect operand type for operator or function; operator or function: attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}',
  ],
  [
    'n BETWEEN :v AND :low',
    'The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {N:0}',
  ],
  [
    'n BETWEEN :v AND :s',
    'The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:dog}',
  ],
];

test('filters that are none are refused in the words of AWS', () => {
  const values = { ':v': N(1), ':low': N(0), ':s': S('dog'), ':list': L(N(1)) };
  for (const [text, reason] of FILTER_ERRORS)
    assert.throws(
      () => holds(text, values, { '#f': 'f' }),
      { code: 'validation-failed', message: `Invalid FilterExpression: ${reason}` },
      text,
    );
});

const UPDATE_ERRORS: readonly [string, string][] = [
  ['', 'The expression can not be empty;'],
  ['INVALID SYNTAX HERE', 'Syntax error; token: "INVALID", near: "INVALID SYNTAX"'],
  ['SET n = :v,', 'Syntax error; token: "<EOF>", near: ","'],
  ['SET n = n + n + :v', 'Syntax error; token: "+", near: "n + :v"'],
  ['ADD n n', 'Syntax error; token: "n", near: "n n"'],
  ['SET n = :v SET s = :v', 'The "SET" section can only be used once in an update expression;'],
  ['SET n = dog(:v)', 'Invalid function name; function: dog'],
  ['SET n = LIST_APPEND(:v, :v)', 'Invalid function name; function: LIST_APPEND'],
  ['SET n = size(s)', 'The function is not allowed to be used this way in an expression; function: size'],
  [
    'SET l = list_append(list_append(l, l), l)',
    'The function is not allowed to be used this way in an expression; function: list_append',
  ],
  ['SET _123 = :v', 'Syntax error; token: "_", near: "SET _123"'],
  ['SET l[:v] = :v', 'Syntax error; token: ":v", near: "[:v]"'],
  ['SET n = if_not_exists(n, :v + :v)', 'Syntax error; token: "+", near: ":v + :v"'],
  ['SET status = :v', 'Attribute name is a reserved keyword; reserved keyword: status'],
  ['SET n = :w', 'An expression attribute value used in expression is not defined; attribute value: :w'],
  [
    'SET n = :v, n = :v',
    'Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]',
  ],
  [
    'SET m.x = :v REMOVE m',
    'Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m, x], path two: [m]',
  ],
  [
    'SET m = :v REMOVE m.x',
    'Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m], path two: [m, x]',
  ],
  [
    'SET l[0] = :v, l.x = :v',
    'Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [l, [0]], path two: [l, x]',
  ],
  ['ADD n :s', 'Incorrect operand type for operator or function; operator: ADD, operand type: STRING'],
  ['DELETE ss :v', 'Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER'],
  [
    'SET l = list_append(l, :v)',
    'Incorrect operand type for operator or function; operator or function: list_append, operand type: N',
  ],
  ['SET n = n + :s', 'Incorrect operand type for operator or function; operator or function: +, operand type: S'],
  [
    'SET n = if_not_exists(n)',
    'Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1',
  ],
  [
    'SET n = if_not_exists(:v, :v)',
    'Operator or function requires a document path; operator or function: if_not_exists',
  ],
];

test('updates that are none are refused in the words of AWS', () => {
  for (const [text, reason] of UPDATE_ERRORS)
    assert.throws(
      () => update(text, { ':v': N(1), ':s': S('dog') }),
      { code: 'validation-failed', message: `Invalid UpdateExpression: ${reason}` },
      text,
    );
});

test('updates that an item does not bear are refused, and it stays as it was', () => {
  const before = structuredClone(item);
  const path = 'The document path provided in the update expression is invalid for update';
  const operand = 'An operand in the update expression has an incorrect data type';
  const cases: readonly [string, string][] = [
    ['SET q.x = :v', path],
    ['SET m[0] = :v', path],
    ['SET l.x = :v', path],
    ['SET n.x = :v', path],
    ['REMOVE q.x', path],
    ['SET l[7].x = :v', path],
    ['SET n = s + :v', operand],
    ['SET n = q + :v', 'The provided expression refers to an attribute that does not exist in the item'],
    ['SET n = q', 'The provided expression refers to an attribute that does not exist in the item'],
    ['SET l = list_append(s, l)', operand],
    ['ADD s :v', operand],
    ['ADD ss :v', operand],
  ];
  for (const [text, message] of cases) assert.throws(() => update(text, { ':v': N(1) }), { message }, text);
  assert.deepEqual(item, before);
});

test('lists: members beyond the end are appended in order, removed ones close up, indexes are those before', () => {
  const values = { ':a': S('a'), ':b': S('b') };
  assert.deepEqual(update('SET l[9] = :b, l[5] = :a, l[0] = l[1] REMOVE l[1], l[100]', values).attributes.l, {
    L: [N(2), N(3), S('a'), S('b')],
  });
});

test('what was updated is shown in its maps and lists', () => {
  const set = update('SET m.x = :v, l[1] = :v REMOVE s', { ':v': N(9) });
  assert.deepEqual(set.updatedOld(), { m: { M: { x: N(1) } }, l: L(N(2)), s: S('hello') });
  assert.deepEqual(set.updatedNew(), { m: { M: { x: N(9) } }, l: L(N(9)) });
  // As AWS does: what has moved up is shown, and what was appended is not.
  assert.deepEqual(update('REMOVE l[1]').updatedNew(), { l: L(N(3)) });
  assert.deepEqual(update('SET l[100] = :v', { ':v': N(9) }).updatedNew(), {});
});

test('an update that only takes away makes no item', () => {
  const key = { pk: S('new') };
  assert.equal(update('REMOVE n DELETE ss :v', { ':v': { SS: ['x'] } }, key).createsItem, false);
  assert.equal(update('ADD n :v', { ':v': N(1) }, key).createsItem, true);
  const remove = compileUpdate('REMOVE x.y, x.l[0]', 'UpdateExpression').bind(new Bindings());
  assert.deepEqual(remove.apply(key, false).attributes, key);
  assert.throws(() => remove.apply(key, true), { message: /invalid for update$/ });
});

const KEY: KeySchema = { hash: { name: 'pk', type: 'S' }, range: { name: 'sk', type: 'N' } };

function keyCondition(text: string, values: Attributes, key = KEY) {
  return compileKeyCondition(text, 'KeyConditionExpression').bind(Bindings.read(undefined, values)).bind(key);
}

test('key conditions', () => {
  const values = { ':p': S('a'), ':v': N(1), ':w': N(2) };
  const { ':w': _, ...two } = values;
  assert.deepEqual(keyCondition('pk = :p', { ':p': S('a') }), { hash: S('a') });
  assert.deepEqual(keyCondition('(pk = :p) AND :v <= sk', two), { hash: S('a'), range: { op: '>=', values: [N(1)] } });
  assert.deepEqual(keyCondition('sk BETWEEN :v AND :w AND pk = :p', values), {
    hash: S('a'),
    range: { op: 'between', values: [N(1), N(2)] },
  });
  const byText: KeySchema = { ...KEY, range: { name: 'sk', type: 'S' } };
  assert.deepEqual(keyCondition('pk = :p AND begins_with(sk, :p)', { ':p': S('a') }, byText).range, {
    op: 'begins_with',
    values: [S('a')],
  });
});

test('key conditions that are none are refused in the words of AWS', () => {
  const cases: readonly [string, string][] = [
    ['sk = :v', 'Query condition missed key schema element: pk'],
    ['pk = :p AND another = :v', 'Query condition missed key schema element: sk'],
    ['pk > :p', 'Query key condition not supported'],
    ['pk = :v', 'One or more parameter values were invalid: Condition parameter type does not match schema type'],
    ['pk = :p OR sk = :v', 'Invalid operator used in KeyConditionExpression: OR'],
    ['NOT pk = :p', 'Invalid operator used in KeyConditionExpression: NOT'],
    ['pk = :p AND sk IN (:v)', 'Invalid operator used in KeyConditionExpression: IN'],
    ['pk = :p AND sk <> :v', 'Invalid operator used in KeyConditionExpression: <>'],
    ['pk = :p AND attribute_exists(sk)', 'Invalid operator used in KeyConditionExpression: attribute_exists'],
    ['pk = :p AND size(sk) = :v', 'KeyConditionExpressions cannot contain nested operations'],
    ['pk = :p AND sk.x = :v', 'KeyConditionExpressions cannot have conditions on nested attributes'],
    [
      'pk = :p AND pk = :p',
      'Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key',
    ],
    ['pk = sk', 'Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition'],
    [':p = :v', 'Invalid condition in KeyConditionExpression: No key attribute specified'],
    [
      ':v BETWEEN sk AND :v',
      'Invalid condition in KeyConditionExpression: BETWEEN operator must have the key attribute as its first operand',
    ],
    [
      'pk = :p AND sk = :v AND x = :v',
      'The number of query conditions (3) exceeds the number of key attributes defined in the schema (2)',
    ],
    [
      'pk = :p AND sk BETWEEN :v AND :w',
      'Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {N:0}',
    ],
  ];
  const values = { ':p': S('a'), ':v': N(1), ':w': N(0) };
  for (const [text, message] of cases) assert.throws(() => keyCondition(text, values), { message }, text);
  const hashOnly = { hash: KEY.hash };
  assert.throws(() => keyCondition('pk = :p AND sk = :v', values, hashOnly), {
    message: 'Query key condition not supported',
  });
});

test('names and values that are unused, undefined or none are refused', () => {
  const read = (request: ExpressionRequest) =>
    readExpressions(request, {
      expressions: ['UpdateExpression', 'ConditionExpression'],
      legacy: ['AttributeUpdates', 'Expected'],
    });
  const cases: readonly [ExpressionRequest, string][] = [
    [
      { ConditionExpression: 'n = :v', ExpressionAttributeValues: { ':v': N(1), ':w': N(1) } },
      'Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}',
    ],
    [
      { UpdateExpression: 'REMOVE n', ExpressionAttributeNames: { '#a': 'a', '#b': 'b' } },
      'Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}',
    ],
    [
      { ConditionExpression: 'n = :v', ExpressionAttributeValues: { v: N(1) } },
      'ExpressionAttributeValues contains invalid key: Syntax error; key: "v"',
    ],
    [{ UpdateExpression: 'REMOVE n', ExpressionAttributeNames: {} }, 'ExpressionAttributeNames must not be empty'],
    [
      { ConditionExpression: 'n = :v', ExpressionAttributeValues: { ':v': { N: 'x' } } },
      'ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric value: x for key :v',
    ],
    [
      { ExpressionAttributeNames: { '#a': 'a' } },
      'ExpressionAttributeNames can only be specified when using expressions',
    ],
    [
      { ExpressionAttributeValues: { ':a': N(1) } },
      'ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null',
    ],
    [
      { ConditionExpression: 'attribute_exists(n)', Expected: { n: { Exists: false } } },
      'Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}',
    ],
  ];
  for (const [request, message] of cases) assert.throws(() => read(request), { message });
});

test('paths that only look alike when they are written out are different operands', () => {
  const { filter } = readExpressions(
    { FilterExpression: '#name = a.b', ExpressionAttributeNames: { '#name': 'a, b' } },
    { expressions: ['FilterExpression'] },
  );
  assert.equal(filter!.evaluate({ 'a, b': N(1), a: { M: { b: N(1) } } }), true);
});

test('the limits of expressions', () => {
  const long = `n = :v${' '.repeat(4090)}`;
  assert.throws(() => holds(`${long} `, { ':v': N(1) }), {
    message: 'Invalid FilterExpression: Expression size has exceeded the maximum allowed size; expression size: 4097',
  });
  assert.equal(holds(long, { ':v': N(5) }), true);
  const values = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`:v${at}`, N(at)]));
  const members = Object.keys(values);
  assert.equal(holds(`n IN (${members.slice(0, 100)})`, values), true);
  assert.throws(() => holds(`n IN (${members})`, values), {
    message: 'Invalid FilterExpression: The IN operator is provided with too many operands; number of operands: 101',
  });
  assert.equal(holds(Array(150).fill('n=:v').join(' OR '), { ':v': N(5) }), true);
  assert.throws(() => holds(Array(151).fill('n=:v').join(' OR '), { ':v': N(5) }), {
    message: /too many operators; operator count: 301$/,
  });
  const path = `m${'.x'.repeat(31)}`;
  assert.equal(holds(`attribute_exists(${path})`), false);
  assert.throws(() => holds(`attribute_exists(${path}.x)`), { message: /too many nesting elements/ });
});

/** Conditions over small numbers, as text and as a function: an evaluator that shares nothing with ours. */
type Sample = Readonly<Record<string, number | undefined>>;
interface Tried {
  readonly text: string;
  readonly holds: (sample: Sample) => boolean;
  readonly operators: number;
}

const names = ['a', 'b', 'c'];
const comparison = fc
  .tuple(fc.constantFrom(...names), fc.constantFrom('=', '<>', '<', '<=', '>', '>='), fc.integer({ min: 0, max: 4 }))
  .map(
    ([name, op, value]): Tried => ({
      text: `${name} ${op} :v${value}`,
      operators: 1,
      holds: (sample) => {
        const found = sample[name];
        if (found === undefined) return op === '<>';
        // biome-ignore lint/security/noGlobalEval: of numbers and an operator made here
        return eval(`${found} ${op === '=' ? '===' : op === '<>' ? '!==' : op} ${value}`);
      },
    }),
  );
const range = fc.tuple(fc.constantFrom(...names), fc.integer({ min: 0, max: 2 }), fc.integer({ min: 2, max: 4 })).map(
  ([name, low, high]): Tried => ({
    text: `${name} BETWEEN :v${low} AND :v${high}`,
    operators: 1,
    holds: (sample) => sample[name] !== undefined && sample[name] >= low && sample[name] <= high,
  }),
);

const { condition } = fc.letrec<{ condition: Tried; both: Tried; not: Tried }>((tie) => ({
  condition: fc.oneof({ maxDepth: 5 }, comparison, range, tie('both'), tie('not')),
  both: fc.tuple(tie('condition'), fc.constantFrom('AND', 'OR'), tie('condition')).map(([x, word, y]) => ({
    text: `(${x.text}) ${word} (${y.text})`,
    operators: x.operators + y.operators + 1,
    holds: (sample) => (word === 'AND' ? x.holds(sample) && y.holds(sample) : x.holds(sample) || y.holds(sample)),
  })),
  not: tie('condition').map((x) => ({
    text: `NOT (${x.text})`,
    operators: x.operators + 1,
    holds: (sample) => !x.holds(sample),
  })),
}));

test('conditions agree with an evaluator of another kind', () => {
  const sample = fc.record({ a: fc.option(fc.nat(4)), b: fc.option(fc.nat(4)), c: fc.option(fc.nat(4)) });
  const values = Object.fromEntries([0, 1, 2, 3, 4].map((value) => [`:v${value}`, N(value)]));
  fc.assert(
    fc.property(condition, sample, (tried, given) => {
      const present = Object.entries(given).filter(([, value]) => value !== null) as [string, number][];
      const attributes = Object.fromEntries(present.map(([name, value]) => [name, N(value)]));
      assert.equal(holds(tried.text, values, undefined, attributes), tried.holds(Object.fromEntries(present)));
    }),
    { numRuns: 1000, seed: 6 },
  );
});

test('no text makes a parser fail but by its own refusal', () => {
  const pieces = fc.constantFrom(
    ...[
      '(',
      ')',
      '((',
      '[',
      ']',
      '0',
      '99999999999999999999',
      '.',
      ',',
      '=',
      '<>',
      '+',
      '-',
      ':v',
      '#n',
      ':',
      '#',
      ' ',
    ],
    ...['AND', 'or', 'NOT', 'BETWEEN', 'IN', 'SET', 'REMOVE', 'ADD', 'DELETE', 'size', 'a', '__proto__', 'constructor'],
    ...['if_not_exists(', 'contains(', 'attribute_exists(a)', 'a = :v', '"', '\\', '\u0000', '\ud800', 'é'],
  );
  const text = fc.oneof(
    fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join(' ')),
    fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 60 }),
  );
  const bindings = () => Bindings.read({ '#n': '__proto__' }, { ':v': N(1) });
  const parsers: readonly ((text: string) => unknown)[] = [
    (given) => compileCondition(given, 'ConditionExpression').bind(bindings()).evaluate(item),
    (given) => compileUpdate(given, 'UpdateExpression').bind(bindings()).apply(item),
    (given) => compileProjection(given, 'ProjectionExpression').bind(bindings()).project(item),
    (given) => compileKeyCondition(given, 'KeyConditionExpression').bind(bindings()).bind(KEY),
  ];
  fc.assert(
    fc.property(text, (given) => {
      for (const parse of parsers) refusesOrReads(parse, given);
    }),
    { numRuns: 3000, seed: 7 },
  );
  for (const bomb of ['(', 'NOT ', 'f(', 'size(', 'a=:v AND (', 'SET a = (', 'a.', 'a[0]', '((a) = '])
    for (const parse of parsers) refusesOrReads(parse, bomb.repeat(Math.floor(4096 / bomb.length)));
});

function refusesOrReads(parse: (text: string) => unknown, text: string): void {
  try {
    parse(text);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'validation-failed', `${text}: ${error}`);
  }
}

test('names of Object.prototype are names like others', () => {
  const names = { '#p': '__proto__', '#c': 'constructor' };
  assert.equal(
    holds('attribute_not_exists(#p) AND attribute_not_exists(#c) AND attribute_not_exists(m.#p)', undefined, names),
    true,
  );
  const bound = compileUpdate('SET #p = :v, m.#c = :v', 'UpdateExpression').bind(Bindings.read(names, { ':v': N(1) }));
  const { attributes } = bound.apply(item);
  assert.equal(Object.getPrototypeOf(attributes), Object.prototype);
  assert.deepEqual(Object.getOwnPropertyDescriptor(attributes, '__proto__')?.value, N(1));
  const projection = compileProjection('#p, m.#c', 'ProjectionExpression').bind(Bindings.read(names));
  assert.equal(
    JSON.stringify(projection.project(attributes)),
    '{"__proto__":{"N":"1"},"m":{"M":{"constructor":{"N":"1"}}}}',
  );
});

test('values have 32 levels at most, also where an update puts them', () => {
  const nested = (levels: number): AttributeValue => (levels === 1 ? S('x') : L(nested(levels - 1)));
  assert.equal(holds('n <> :v', { ':v': nested(32) }), true);
  assert.throws(() => update('SET m.deep.d = :v', { ':v': nested(31) }), { message: /Nesting Levels/ });
  assert.ok(update('SET m.deep.d = :v', { ':v': nested(30) }));
  assert.throws(() => holds('n <> :v', { ':v': nested(33) }), {
    message: /Nesting Levels have exceeded supported limits/,
  });
});
