import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_FORM, NO_CONDITION } from '../../console/src/tables/form.ts';
import { createRequest, deleteRequest, queryRequest, saveRequest } from '../../console/src/tables/requests.ts';
import {
  type Attributes,
  isSame,
  plainOf,
  readPlain,
  readTyped,
  shown,
  typedOf,
} from '../../console/src/tables/values.ts';

const ITEM: Attributes = {
  id: { S: 'a "quoted" {"$B": "text"}' },
  n: { N: '12345678901234567890123456789012345678' },
  small: { N: '1E-130' },
  b: { B: 'AQID' },
  yes: { BOOL: true },
  nothing: { NULL: true },
  list: { L: [{ S: 'x' }, { N: '1' }, { L: [] }, { M: {} }] },
  map: { M: { a: { M: { b: { BOOL: false } } }, $B: { S: 'not binary: there is another member' } } },
  looksMarked: { M: { $SS: { L: [{ S: 'a' }] } } },
  ss: { SS: ['a', 'b'] },
  ns: { NS: ['1', '2.5', '340282366920938463463374607431768211455'] },
  bs: { BS: ['AQ==', 'Ag=='] },
};

test('an item is the same after it was written as plain JSON or DynamoDB JSON and read, to the last digit', () => {
  assert.deepEqual(readPlain(plainOf(ITEM)), ITEM);
  assert.deepEqual(readTyped(typedOf(ITEM)), ITEM);
  assert.match(plainOf(ITEM), /"n": 12345678901234567890123456789012345678,/);
});

test('what is no item is refused, and it is said where', () => {
  const plain: readonly (readonly [string, RegExp])[] = [
    ['[1]', /object/],
    ['{"a": {"$SS": []}}', /a: \$SS is a list of one or more texts/],
    ['{"a": [{"$NS": ["1"]}]}', /a\[0\]: \$NS is a list of one or more numbers/],
    ['{"a": {"b": {"$B": 1}}}', /a\.b: \$B is base64/],
    ['{', /JSON/],
  ];
  for (const [text, message] of plain) assert.throws(() => readPlain(text), { name: 'SyntaxError', message });
  const typed: readonly (readonly [string, RegExp])[] = [
    ['{"a": "x"}', /a: write its type/],
    ['{"a": {"N": 1}}', /numbers are in quotes/],
    ['{"a": {"M": {"b": {"X": "1"}}}}', /a\.b: write its type/],
    ['{"a": {"L": [{"S": "x", "N": "1"}]}}', /a\[0\]: write its type/],
    ['{"a": {"SS": "x"}}', /no content of SS/],
  ];
  for (const [text, message] of typed) assert.throws(() => readTyped(text), { name: 'SyntaxError', message });
});

test('cells are short', () => {
  assert.equal(shown({ B: Buffer.alloc(300).toString('base64') }), '300 bytes');
  assert.equal(shown({ L: [{ N: '1' }, { S: 'a' }] }), '[1, "a"]');
  assert.ok(shown({ S: 'x'.repeat(400_000) }).length < 200);
});

test('values are compared as DynamoDB does: sets without order, maps without order, lists with it', () => {
  assert(isSame({ SS: ['a', 'b'] }, { SS: ['b', 'a'] }));
  assert(isSame({ M: { a: { S: '1' }, b: { S: '2' } } }, { M: { b: { S: '2' }, a: { S: '1' } } }));
  assert(!isSame({ L: [{ S: 'a' }, { S: 'b' }] }, { L: [{ S: 'b' }, { S: 'a' }] }));
  assert(!isSame({ S: '1' }, { N: '1' }));
  assert(!isSame({ S: '1' }, undefined));
});

test('the query builder asks what its form says', () => {
  const key = { partition: ['customer'], sort: ['at'] };
  const types = { customer: 'S', at: 'N' } as const;
  const form = {
    ...EMPTY_FORM,
    ...{ isScan: false, partition: ['c-1'], isReversed: true, projection: 'status, lines[0].sku', index: 'by-at' },
    sort: [{ ...NO_CONDITION, operator: 'between', value: '1', upper: '9' }],
    filters: [
      { ...NO_CONDITION, name: 'status', operator: '<>', value: 'open' },
      { ...NO_CONDITION, name: 'lines[0].quantity', operator: '>', type: 'N', value: '2' } as const,
      { ...NO_CONDITION, name: 'gone', operator: 'attribute_not_exists' },
      { ...NO_CONDITION, name: 'tags', operator: 'contains', value: 'a' },
    ],
  };
  assert.deepEqual(queryRequest('orders', key, types, form), {
    operation: 'Query',
    input: {
      TableName: 'orders',
      IndexName: 'by-at',
      KeyConditionExpression: '#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2',
      FilterExpression: '#n2 <> :v3 AND #n3[0].#n4 > :v4 AND attribute_not_exists(#n5) AND contains(#n6, :v5)',
      ProjectionExpression: '#n2, #n3[0].#n7',
      ExpressionAttributeNames: {
        ...{ '#n0': 'customer', '#n1': 'at', '#n2': 'status', '#n3': 'lines', '#n4': 'quantity', '#n5': 'gone' },
        ...{ '#n6': 'tags', '#n7': 'sku' },
      },
      ExpressionAttributeValues: {
        ...{ ':v0': { S: 'c-1' }, ':v1': { N: '1' }, ':v2': { N: '9' }, ':v3': { S: 'open' }, ':v4': { N: '2' } },
        ':v5': { S: 'a' },
      },
      ScanIndexForward: false,
      ReturnConsumedCapacity: 'TOTAL',
    },
  });
  assert.deepEqual(queryRequest('orders', key, types, EMPTY_FORM), {
    operation: 'Scan',
    input: { TableName: 'orders', ReturnConsumedCapacity: 'TOTAL' },
  });
  assert.throws(
    () => queryRequest('orders', key, types, { ...EMPTY_FORM, isScan: false }),
    /needs a value of customer/,
  );
});

test('the query builder asks for each partition attribute of an index, and for its sort attributes from the first on', () => {
  const key = { partition: ['tournament', 'region'], sort: ['round', 'match', 'bracket'] };
  const types = { tournament: 'S', region: 'S', round: 'N', match: 'N', bracket: 'S' } as const;
  const is = (value: string, operator = '=') => ({ ...NO_CONDITION, operator, value });
  const asked = (partition: readonly string[], ...sort: readonly (typeof NO_CONDITION)[]) =>
    queryRequest('games', key, types, { ...EMPTY_FORM, isScan: false, index: 'by-place', partition, sort }).input;
  const whole = asked(['cup', 'eu'], is('1'), is('7'), is('up', 'begins_with'));
  assert.equal(
    whole.KeyConditionExpression,
    '#n0 = :v0 AND #n1 = :v1 AND #n2 = :v2 AND #n3 = :v3 AND begins_with(#n4, :v4)',
  );
  assert.deepEqual(whole.ExpressionAttributeValues, {
    ...{ ':v0': { S: 'cup' }, ':v1': { S: 'eu' }, ':v2': { N: '1' }, ':v3': { N: '7' }, ':v4': { S: 'up' } },
  });
  const some = asked(['cup', 'eu'], is('1', '>'));
  assert.equal(some.KeyConditionExpression, '#n0 = :v0 AND #n1 = :v1 AND #n2 > :v2');
  assert.throws(() => asked(['cup']), /needs a value of region; without one, scan/);
  assert.throws(() => asked(['cup', 'eu'], is('1'), is(''), is('up')), /on bracket needs one on match before it/);
  assert.throws(() => asked(['cup', 'eu'], is('1', '>'), is('7')), /on match needs a value that round equals/);
});

test('only what was edited is saved, if it is still as it was', () => {
  const key = { partition: ['id'], sort: [] };
  const before: Attributes = { id: { S: '1' }, a: { N: '1' }, b: { S: 'b' }, c: { SS: ['x', 'y'] } };
  const after: Attributes = { id: { S: '1' }, a: { N: '2' }, c: { SS: ['y', 'x'] }, d: { BOOL: true } };
  assert.deepEqual(saveRequest('t', key, before, after)!.input, {
    TableName: 't',
    Key: { id: { S: '1' } },
    UpdateExpression: 'SET #n1 = :v1, #n3 = :v3 REMOVE #n2',
    ConditionExpression: 'attribute_exists(#n0) AND #n1 = :v0 AND #n2 = :v2 AND attribute_not_exists(#n3)',
    ExpressionAttributeNames: { '#n0': 'id', '#n1': 'a', '#n2': 'b', '#n3': 'd' },
    ExpressionAttributeValues: { ':v0': { N: '1' }, ':v1': { N: '2' }, ':v2': { S: 'b' }, ':v3': { BOOL: true } },
    ReturnValues: 'ALL_NEW',
  });
  assert.equal(saveRequest('t', key, before, before), undefined);
  assert.throws(
    () => saveRequest('t', key, before, { ...before, id: { S: '2' } }),
    /key attribute id cannot be changed/,
  );
  assert.equal(createRequest('t', key, after).input.ConditionExpression, 'attribute_not_exists(#n0)');
  assert.equal(
    deleteRequest('t', key, { id: { S: '1' }, a: { N: '1' } }).input.ConditionExpression,
    '#n0 = :v0 AND #n1 = :v1',
  );
});
