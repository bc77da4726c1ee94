import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import { type ExpressionRequest, readExpressions } from './index.ts';
import type { LegacyExpectation, LegacyUpdate } from './legacy.ts';

const S = (text: string): AttributeValue => ({ S: text });
const N = (number: number): AttributeValue => ({ N: String(number) });
const L = (...members: AttributeValue[]): AttributeValue => ({ L: members });

const item: Attributes = { p: S('k'), a: N(2), b: S('cat'), ns: { NS: ['2', '4'] }, l: L(N(2), N(4)), s: S('hello') };

const ALLOWED = {
  expressions: ['UpdateExpression', 'ConditionExpression'],
  legacy: ['AttributeUpdates', 'Expected', 'ConditionalOperator'],
} as const;

const read = (request: ExpressionRequest) => readExpressions(request, ALLOWED);

const expects = (Expected: Record<string, LegacyExpectation>, ConditionalOperator?: string) =>
  read({ Expected, ConditionalOperator }).condition!.evaluate(item);

const updated = (AttributeUpdates: Record<string, LegacyUpdate>, of: Attributes = item) =>
  read({ AttributeUpdates }).update!.apply(of).attributes;

test('each operator of Expected holds and fails as recorded', () => {
  const cases: readonly [name: string, operator: string, values: AttributeValue[], expected: boolean][] = [
    ['a', 'EQ', [N(2)], true],
    ['a', 'EQ', [S('2')], false],
    ['ns', 'EQ', [{ NS: ['4', '2'] }], true],
    ['a', 'NE', [N(3)], true],
    ['q', 'NE', [N(3)], true],
    ['a', 'LE', [N(2)], true],
    ['b', 'LT', [S('dog')], true],
    ['b', 'GE', [S('dog')], false],
    ['a', 'GT', [S('1')], false],
    ['q', 'NULL', [], true],
    ['a', 'NOT_NULL', [], true],
    ['s', 'CONTAINS', [S('ell')], true],
    ['ns', 'CONTAINS', [N(4)], true],
    ['l', 'CONTAINS', [N(4)], true],
    ['s', 'CONTAINS', [N(1)], false],
    ['s', 'NOT_CONTAINS', [S('dog')], true],
    ['s', 'NOT_CONTAINS', [N(1)], true],
    ['q', 'NOT_CONTAINS', [N(1)], false],
    ['s', 'BEGINS_WITH', [S('hell')], true],
    ['a', 'BEGINS_WITH', [S('hell')], false],
    ['a', 'IN', [N(1), N(2)], true],
    ['ns', 'IN', [N(2)], false],
    ['a', 'BETWEEN', [N(1), N(2)], true],
    ['b', 'BETWEEN', [S('dog'), S('eel')], false],
    ['q', 'BETWEEN', [N(1), N(2)], false],
  ];
  for (const [name, ComparisonOperator, AttributeValueList, expected] of cases)
    assert.equal(
      expects({ [name]: { ComparisonOperator, AttributeValueList } }),
      expected,
      `${name} ${ComparisonOperator}`,
    );
});

test('Value and Exists, AND and OR', () => {
  assert.equal(expects({ a: { Value: N(2) }, q: { Exists: false } }), true);
  assert.equal(expects({ a: { Value: N(2), Exists: true }, b: { Exists: false } }), false);
  assert.equal(expects({ a: { Value: N(3) }, q: { Exists: false } }, 'OR'), true);
  assert.equal(expects({ a: { ComparisonOperator: 'LT', Value: N(3) } }), true);
});

test('conditions that are none are refused in the words of AWS', () => {
  const wrong = 'One or more parameter values were invalid: ';
  const cases: readonly [LegacyExpectation, string][] = [
    [
      { Value: N(1), AttributeValueList: [N(1)] },
      'Value and AttributeValueList cannot be used together for Attribute: a',
    ],
    [
      { Exists: true, ComparisonOperator: 'EQ' },
      'Exists and ComparisonOperator cannot be used together for Attribute: a',
    ],
    [
      { ComparisonOperator: 'EQ' },
      'Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a',
    ],
    [{ AttributeValueList: [N(1)] }, 'AttributeValueList can only be used with a ComparisonOperator for Attribute: a'],
    [{}, 'Value must be provided when Exists is null for Attribute: a'],
    [{ Exists: true }, 'Value must be provided when Exists is true for Attribute: a'],
    [{ Exists: false, Value: N(1) }, 'Value cannot be used when Exists is false for Attribute: a'],
    [
      { ComparisonOperator: 'EQ', AttributeValueList: [N(1), N(2)] },
      'Invalid number of argument(s) for the EQ ComparisonOperator',
    ],
    [
      { ComparisonOperator: 'NULL', AttributeValueList: [N(1)] },
      'Invalid number of argument(s) for the NULL ComparisonOperator',
    ],
    [
      { ComparisonOperator: 'IN', AttributeValueList: [N(1), S('x')] },
      'AttributeValues inside AttributeValueList must be of same type',
    ],
    [
      { ComparisonOperator: 'LT', AttributeValueList: [L(N(1))] },
      'ComparisonOperator LT is not valid for L AttributeValue type',
    ],
    [
      { ComparisonOperator: 'BEGINS_WITH', AttributeValueList: [N(1)] },
      'ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type',
    ],
  ];
  for (const [expectation, message] of cases)
    assert.throws(() => expects({ a: expectation }), { code: 'validation-failed', message: wrong + message });
  assert.throws(() => expects({ a: { ComparisonOperator: 'BETWEEN', AttributeValueList: [N(2), N(1)] } }), {
    message: 'The BETWEEN condition was provided a range where the lower bound is greater than the upper bound',
  });
});

test('AttributeUpdates put, add and delete', () => {
  assert.deepEqual(updated({ a: { Value: S('x') }, 'm.x': { Action: 'PUT', Value: N(1) } }), {
    ...item,
    a: S('x'),
    'm.x': N(1),
  });
  assert.deepEqual(updated({ a: { Action: 'ADD', Value: N(3) } }).a, N(5));
  assert.deepEqual(updated({ q: { Action: 'ADD', Value: N(3) } }).q, N(3));
  assert.deepEqual(updated({ ns: { Action: 'ADD', Value: { NS: ['4', '6'] } } }).ns, { NS: ['2', '4', '6'] });
  assert.deepEqual(updated({ l: { Action: 'ADD', Value: L(N(6)) } }).l, L(N(2), N(4), N(6)));
  assert.deepEqual(updated({ ns: { Action: 'DELETE', Value: { NS: ['4', '6'] } } }).ns, { NS: ['2'] });
  assert.equal(updated({ ns: { Action: 'DELETE', Value: { NS: ['2', '4'] } } }).ns, undefined);
  assert.equal('a' in updated({ a: { Action: 'DELETE' } }), false);
  assert.equal(read({ AttributeUpdates: {} }).update!.apply({ p: S('new') }, false).createsItem, true);
});

test('AttributeUpdates that are none, or that an item does not bear, are refused', () => {
  const wrong = 'One or more parameter values were invalid: ';
  const cases: readonly [LegacyUpdate, string][] = [
    [{ Action: 'PUT' }, `${wrong}Only DELETE action is allowed when no attribute value is specified`],
    [{ Action: 'ADD', Value: S('x') }, `${wrong}ADD action is not supported for the type S`],
    [{ Action: 'DELETE', Value: N(1) }, `${wrong}DELETE action with value is not supported for the type N`],
    [{ Action: 'ADD', Value: { NS: ['1'] } }, 'Type mismatch for attribute to update'],
    [{ Action: 'DELETE', Value: { SS: ['1'] } }, 'Type mismatch for attribute to update'],
  ];
  for (const [update, message] of cases) assert.throws(() => updated({ s: update }), { message });
});

test('KeyConditions, filters and AttributesToGet come out as expressions do', () => {
  const key = { hash: { name: 'p', type: 'S' }, range: { name: 'a', type: 'N' } } as const;
  const query = (request: ExpressionRequest) =>
    readExpressions(request, {
      expressions: ['ProjectionExpression', 'FilterExpression', 'KeyConditionExpression'],
      legacy: ['AttributesToGet', 'QueryFilter', 'ConditionalOperator', 'KeyConditions'],
    });
  const onHash = { p: { ComparisonOperator: 'EQ', AttributeValueList: [S('k')] } };
  const between = { ComparisonOperator: 'BETWEEN', AttributeValueList: [N(1), N(3)] };
  const { keyCondition, filter, projection } = query({
    KeyConditions: { ...onHash, a: between },
    QueryFilter: { b: { ComparisonOperator: 'EQ', AttributeValueList: [S('cat')] } },
    AttributesToGet: ['b', 'q'],
  });
  assert.deepEqual(keyCondition!.bind(key), { hash: S('k'), range: { op: 'between', values: [N(1), N(3)] } });
  assert.equal(filter!.evaluate(item), true);
  assert.deepEqual(projection!.project(item), { b: S('cat') });
  assert.ok(query({ KeyConditions: onHash, FilterExpression: 'attribute_exists(b)' }).filter);
  const notIndexable = query({ KeyConditions: { ...onHash, a: { ComparisonOperator: 'NOT_NULL' } } });
  assert.throws(() => notIndexable.keyCondition!.bind(key), {
    message: 'Attempted conditional constraint is not an indexable operation',
  });
  assert.throws(() => query({ AttributesToGet: ['b', 'b'] }), { message: /Duplicate value in attribute name: b$/ });
});
