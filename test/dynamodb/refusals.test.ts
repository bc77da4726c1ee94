/*
 * What is wrong with a request as it stands, whatever its table is: AWS has two wordings for it, and puts that of some operations
 * in an envelope. As it was recorded in several regions in October 2026.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AttributeValue, DynamoDB } from '@aws-sdk/client-dynamodb';
import { TablesNode } from './support.ts';

let node: TablesNode;
let TableName: string;

before(async () => {
  node = await TablesNode.start();
  TableName = await node.table('h:S');
});
after(() => node[Symbol.asyncDispose]());

const one = (message: string) => `1 validation error detected: ${message}`;
const wrong = (message: string) => `One or more parameter values were invalid: ${message}`;
const forValue = (message: string) => `ExpressionAttributeValues contains invalid value: ${message} for key :v`;

async function refusal(verb: keyof DynamoDB, input: object): Promise<string> {
  try {
    // biome-ignore lint/complexity/noBannedTypes: the client's methods differ
    await (node.client[verb] as Function).call(node.client, input);
    return 'accepted';
  } catch (error) {
    assert.equal((error as Error).name, 'ValidationException');
    return (error as Error).message;
  }
}

const bytes = (...given: number[]) => Uint8Array.from(given);

/** A value that is none, and the newer and the older wording of that. */
const VALUES: readonly (readonly [AttributeValue, newer: string, older: string])[] = [
  [{ SS: ['b', 'a', 'b'] }, ...words('["a", "b", "b"] contains duplicates.', '[b, a, b] contains duplicates.')],
  [
    { BS: [bytes(255), bytes(0), bytes(0)] },
    ...words(
      '["AA==","/w==","AA=="]of type BS contains duplicates.',
      '[/w==, AA==, AA==]of type BS contains duplicates.',
    ),
  ],
  [{ NS: ['2', '1', '2'] }, wrong('Input collection contains duplicates.'), 'Input collection contains duplicates'],
  [
    { N: '' },
    'The parameter cannot be converted to a numeric value: ',
    'The parameter cannot be converted to a numeric value',
  ],
  [{ N: 'abc' }, ...same('The parameter cannot be converted to a numeric value: abc')],
  [{ L: [{ SS: [] }] }, ...same(wrong('An string set  may not be empty'))],
  [{ M: { x: { NULL: false } } }, ...same(wrong('Null attribute value types must have the value of true'))],
];

function words(newer: string, older: string): readonly [string, string] {
  return [wrong(`Input collection ${newer}`), wrong(`Input collection ${older}`)];
}

function same(message: string): readonly [string, string] {
  return [message, message];
}

describe('values that are none', () => {
  const Key = { h: { S: 'a' } };
  const inAction = (action: object) => ({ TransactItems: [action] });

  test('PutItem, UpdateItem and DeleteItem say so in the newer words and an envelope, wherever they stand', async () => {
    for (const [v, newer] of VALUES) {
      const message = one(newer);
      const condition = { ConditionExpression: 'v = :v', ExpressionAttributeValues: { ':v': v } };
      assert.equal(await refusal('putItem', { TableName, Item: { ...Key, v } }), message);
      assert.equal(await refusal('putItem', { TableName, Item: Key, ...condition }), message);
      assert.equal(await refusal('putItem', { TableName, Item: Key, Expected: { v: { Value: v } } }), message);
      assert.equal(await refusal('updateItem', { TableName, Key, ...condition }), message);
      assert.equal(await refusal('updateItem', { TableName, Key: { h: v } }), message);
      assert.equal(await refusal('updateItem', { TableName, Key, AttributeUpdates: { v: { Value: v } } }), message);
      assert.equal(await refusal('deleteItem', { TableName, Key, ...condition }), message);
      assert.equal(await refusal('deleteItem', { TableName, Key: { h: v } }), message);
      // It is found before the table is not.
      assert.equal(await refusal('deleteItem', { TableName: 'no-such-table', Key: { h: v } }), message);
    }
  });

  test('GetItem, BatchGetItem and Query say so in the newer words', async () => {
    for (const [v, newer] of VALUES) {
      const key = { KeyConditionExpression: 'h = :h', ExpressionAttributeValues: { ':h': { S: 'a' } } };
      assert.equal(await refusal('getItem', { TableName, Key: { h: v } }), newer);
      assert.equal(await refusal('batchGetItem', { RequestItems: { [TableName]: { Keys: [{ h: v }] } } }), newer);
      const values = { ExpressionAttributeValues: { ...key.ExpressionAttributeValues, ':v': v } };
      assert.equal(await refusal('query', { TableName, ...key, FilterExpression: 'v = :v', ...values }), newer);
    }
  });

  test('batches of writes, scans and transactions say so in the older ones', async () => {
    for (const [v, , older] of VALUES) {
      const values = { ExpressionAttributeValues: { ':v': v } };
      const put = { RequestItems: { [TableName]: [{ PutRequest: { Item: { ...Key, v } } }] } };
      assert.equal(await refusal('batchWriteItem', put), older);
      assert.equal(await refusal('scan', { TableName, FilterExpression: 'v = :v', ...values }), forValue(older));
      const written = { TableName, Key, UpdateExpression: 'SET v = :v', ...values };
      assert.equal(await refusal('transactWriteItems', inAction({ Update: written })), forValue(older));
      assert.equal(await refusal('transactWriteItems', inAction({ Put: { TableName, Item: { ...Key, v } } })), older);
      // Of keys as well, and not as a reason of a cancellation.
      assert.equal(await refusal('transactWriteItems', inAction({ Delete: { TableName, Key: { h: v } } })), older);
      assert.equal(await refusal('transactGetItems', inAction({ Get: { TableName, Key: { h: v } } })), older);
    }
    assert.equal((await node.client.scan({ TableName })).Count, 0);
  });
});

test('writes put what is wrong with their parameters in the envelope, and what is wrong with their table not', async () => {
  const Key = { h: { S: 'a' } };
  const parameters: readonly (readonly [object, string])[] = [
    [
      { ExpressionAttributeValues: { ':v': { S: 'x' } } },
      'ExpressionAttributeValues can only be specified when using expressions',
    ],
    [
      { ExpressionAttributeNames: { '#a': 'a' } },
      'ExpressionAttributeNames can only be specified when using expressions',
    ],
    [{ ConditionExpression: '' }, 'Invalid ConditionExpression: The expression can not be empty;'],
    [
      { ConditionExpression: 'a = :v' },
      'Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :v',
    ],
    [{ Expected: { a: { Exists: true } } }, wrong('Value must be provided when Exists is true for Attribute: a')],
  ];
  for (const [more, message] of parameters) {
    assert.equal(await refusal('putItem', { TableName, Item: Key, ...more }), one(message));
    assert.equal(await refusal('updateItem', { TableName, Key, ...more }), one(message));
    assert.equal(await refusal('deleteItem', { TableName, Key, ...more }), one(message));
  }
  const notReturned = one('ReturnValues can only be ALL_OLD or NONE');
  assert.equal(await refusal('deleteItem', { TableName, Key, ReturnValues: 'UPDATED_NEW' }), notReturned);
  const mismatch = 'The provided key element does not match the schema';
  assert.equal(await refusal('deleteItem', { TableName, Key: { h: { N: '1' } } }), mismatch);
  assert.equal(
    await refusal('updateItem', { TableName, Key, UpdateExpression: 'REMOVE h' }),
    wrong('Cannot update attribute h. This attribute is part of the key'),
  );
});
