/**
 * The same requests to a node and to dynalite, whose answers were recorded from AWS: they must be the same, word for word.
 * What AWS words anew since is what it was before, in another envelope.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { DynamoDB } from '@aws-sdk/client-dynamodb';
// @ts-expect-error it has no types
import dynalite from 'dynalite';
import { dynamodbClient, TablesNode } from './support.ts';

let node: TablesNode;
let peer: DynamoDB;
const server = dynalite({ createTableMs: 0, deleteTableMs: 0 });

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  peer = dynamodbClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  node = await TablesNode.start();
  for (const client of [node.client, peer]) await makeTables(client);
});
after(async () => {
  peer?.destroy();
  server.close();
  await node?.[Symbol.asyncDispose]();
});

const S = (value: string) => ({ S: value });
const N = (value: number | string) => ({ N: String(value) });
const B = (...bytes: number[]) => ({ B: Uint8Array.from(bytes) });

async function makeTables(client: DynamoDB): Promise<void> {
  const attribute = (text: string) => text.split(':') as [string, 'S' | 'N' | 'B'];
  const keys = (text: string) =>
    text.split(' ').map((one, at) => {
      return { AttributeName: attribute(one)[0], KeyType: at === 0 ? ('HASH' as const) : ('RANGE' as const) };
    });
  const attributes = (text: string) =>
    text.split(' ').map((one) => ({ AttributeName: attribute(one)[0], AttributeType: attribute(one)[1] }));
  const ProvisionedThroughput = { ReadCapacityUnits: 10_000, WriteCapacityUnits: 10_000 };
  for (const [TableName, key] of [
    ['plain', 'h:S'],
    ['numbers', 'h:S r:N'],
    ['texts', 'h:S r:S'],
    ['bytes', 'h:B r:B'],
  ] as const) {
    await client.createTable({
      ...{ TableName, KeySchema: keys(key), AttributeDefinitions: attributes(key), ProvisionedThroughput },
    });
  }
  await client.createTable({
    TableName: 'indexed',
    KeySchema: keys('h:S r:N'),
    AttributeDefinitions: attributes('h:S r:N a:S b:N'),
    ProvisionedThroughput,
    LocalSecondaryIndexes: [
      { IndexName: 'local', KeySchema: keys('h:S b:N'), Projection: { ProjectionType: 'KEYS_ONLY' } },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: 'global',
        KeySchema: keys('a:S b:N'),
        Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['c'] },
        ProvisionedThroughput,
      },
    ],
  });
  for (const TableName of ['plain', 'numbers', 'texts', 'bytes', 'indexed']) {
    for (let left = 100; left > 0; left--) {
      if ((await client.describeTable({ TableName })).Table!.TableStatus === 'ACTIVE') break;
    }
  }
}

type Verb = 'putItem' | 'getItem' | 'updateItem' | 'deleteItem' | 'query' | 'scan' | 'batchGetItem' | 'batchWriteItem';

async function answerOf(client: DynamoDB, verb: Verb, input: object): Promise<unknown> {
  try {
    // biome-ignore lint/complexity/noBannedTypes: the client's methods differ
    const { $metadata, ...answer } = await (client[verb] as Function).call(client, input);
    return answer;
  } catch (error) {
    const { name, message } = error as Error;
    return { name, message };
  }
}

/** Sends a request to both. @returns the answer, which is that of both */
async function same(verb: Verb, input: object): Promise<any> {
  const [ours, theirs] = [await answerOf(node.client, verb, input), await answerOf(peer, verb, input)];
  assert.deepEqual(ours, theirs, `${verb} ${JSON.stringify(input).slice(0, 400)}`);
  return ours;
}

/** AWS's newer words for what it said when dynalite's answers were recorded. */
const NEWER: Readonly<Record<string, string>> = {
  'The parameter cannot be converted to a numeric value': 'The parameter cannot be converted to a numeric value: ',
  'One or more parameter values were invalid: Input collection [a, a] contains duplicates.':
    'One or more parameter values were invalid: Input collection ["a", "a"] contains duplicates.',
  'Input collection contains duplicates':
    'One or more parameter values were invalid: Input collection contains duplicates.',
};

/** Sends to both what is refused as it stands: PutItem, UpdateItem and DeleteItem have put their refusals in an envelope since. */
async function enveloped(verb: 'putItem' | 'updateItem' | 'deleteItem', input: object): Promise<void> {
  const { name, message } = (await answerOf(peer, verb, input)) as { name: string; message: string };
  const newer = { name, message: `1 validation error detected: ${NEWER[message] ?? message}` };
  assert.deepEqual(await answerOf(node.client, verb, input), newer, `${verb} ${JSON.stringify(input)}`);
}

describe('as AWS was recorded', () => {
  test('keys that do not fit', async () => {
    const keys: object[] = [
      {},
      { x: S('a') },
      { h: N(1) },
      { h: S('a'), x: S('b') },
      { h: S('x'.repeat(2049)) },
      { h: { NULL: true } },
    ];
    for (const Key of keys) {
      await same('getItem', { TableName: 'plain', Key });
      await same('deleteItem', { TableName: 'plain', Key });
      await same('updateItem', { TableName: 'plain', Key });
    }
    await same('getItem', { TableName: 'texts', Key: { h: S('a'), r: S('x'.repeat(1025)) } });
    await same('putItem', { TableName: 'texts', Item: { h: S('a'), r: S('x'.repeat(1025)) } });
    for (const Item of [{}, { x: S('a') }, { h: N(1) }, { h: S('') }, { h: S('x'.repeat(2049)) }]) {
      await same('putItem', { TableName: 'plain', Item });
    }
    await same('putItem', { TableName: 'bytes', Item: { h: B(), r: B(1) } });
    await same('putItem', { TableName: 'indexed', Item: { h: S('a'), r: N(1), a: N(1) } });
    await same('getItem', { TableName: 'nowhere', Key: { h: S('a') } });
    await enveloped('putItem', { TableName: 'plain', Item: { h: S('a') }, ReturnValues: 'ALL_NEW' });
  });

  test('values that are none', async () => {
    const values: object[] = [
      { N: 'x' },
      { N: '' },
      { N: '1e126' },
      { N: '1e-131' },
      { N: '123456789012345678901234567890123456789' },
      { SS: [] },
      { NS: [] },
      { BS: [] },
      { SS: ['a', 'a'] },
      { NS: ['1', '1.0'] },
      { L: [{ N: 'x' }] },
      { M: { x: { SS: [] } } },
    ];
    for (const x of values) await enveloped('putItem', { TableName: 'plain', Item: { h: S('a'), x } });
    for (const x of values)
      await same('batchWriteItem', { RequestItems: { plain: [{ PutRequest: { Item: { h: S('a'), x } } }] } });
    await same('putItem', { TableName: 'plain', Item: { h: S('a'), x: S('x'.repeat(409_600 - 4 + 2)) } });
    for (const x of ['0100', '-0', '1e3', '.5', '1.50', '-1e-3', '9.99e125']) {
      await same('putItem', { TableName: 'plain', Item: { h: S('n'), x: { N: x } } });
      await same('getItem', { TableName: 'plain', Key: { h: S('n') } });
    }
  });

  test('what writes answer', async () => {
    const TableName = 'plain';
    const counted = { TableName, ReturnConsumedCapacity: 'TOTAL' };
    const key = { h: S('w') };
    await same('putItem', { ...counted, Item: { ...key, x: S('1') }, ReturnValues: 'ALL_OLD' });
    await same('putItem', { ...counted, Item: { ...key, x: S('y'.repeat(3000)) }, ReturnValues: 'ALL_OLD' });
    await same('putItem', { ...counted, Item: { ...key, x: N(5) }, ReturnConsumedCapacity: 'INDEXES' });
    await same('getItem', { ...counted, Key: key });
    await same('getItem', { ...counted, Key: key, ConsistentRead: true, AttributesToGet: ['x'] });
    for (const ReturnValues of ['ALL_OLD', 'ALL_NEW', 'UPDATED_OLD', 'UPDATED_NEW', 'NONE']) {
      await same('updateItem', {
        ...{ ...counted, Key: key, ReturnValues, UpdateExpression: 'SET y = :y ADD x :one' },
        ExpressionAttributeValues: { ':y': S(ReturnValues), ':one': N(1) },
      });
    }
    await same('updateItem', {
      ...{ TableName, Key: key, ReturnValues: 'ALL_NEW' },
      AttributeUpdates: { x: { Action: 'ADD', Value: N(2) }, y: { Action: 'DELETE' }, z: { Value: S('z') } },
    });
    const failing = { ConditionExpression: 'x = :v', ExpressionAttributeValues: { ':v': N(-1) } };
    await same('putItem', { TableName, Item: key, ...failing });
    await same('deleteItem', { TableName, Key: key, ...failing });
    await same('updateItem', { TableName, Key: key, ...failing });
    await same('deleteItem', { TableName, Key: key, Expected: { x: { Exists: false } } });
    await same('updateItem', { TableName, Key: { h: S('w'), z: S('b') } });
    await same('updateItem', {
      ...{ TableName, Key: key, UpdateExpression: 'SET h = :v', ExpressionAttributeValues: { ':v': S('v') } },
    });
    await same('deleteItem', { ...counted, Key: key, ReturnValues: 'ALL_OLD' });
    await same('deleteItem', { ...counted, Key: key, ReturnValues: 'ALL_OLD' });
  });

  test('queries', async () => {
    for (let r = -5; r < 10; r++) {
      await same('putItem', { TableName: 'numbers', Item: { h: S('q'), r: N(r * 1.5), v: N(r % 3), t: S(`t${r}`) } });
      await same('putItem', { TableName: 'texts', Item: { h: S('q'), r: S(`${r}-é${'x'.repeat(r + 5)}`) } });
      await same('putItem', { TableName: 'bytes', Item: { h: B(1), r: B(r + 5, 0, r + 6) } });
    }
    const numbers = { TableName: 'numbers', ReturnConsumedCapacity: 'TOTAL' };
    const on = (condition: string, values: object) => ({
      KeyConditionExpression: `h = :h AND ${condition}`,
      ExpressionAttributeValues: { ':h': S('q'), ...values },
    });
    for (const op of ['=', '<', '<=', '>', '>=']) {
      for (const ScanIndexForward of [true, false]) {
        await same('query', { ...numbers, ...on(`r ${op} :r`, { ':r': N(3) }), ScanIndexForward });
      }
    }
    await same('query', { ...numbers, ...on('r BETWEEN :a AND :b', { ':a': N(-3), ':b': N('4.5') }) });
    await same('query', { TableName: 'texts', ...on('begins_with(r, :r)', { ':r': S('-') }) });
    await same('query', { TableName: 'texts', ...on('begins_with(r, :r)', { ':r': S('1-é') }) });
    await same('query', {
      TableName: 'bytes',
      KeyConditionExpression: 'h = :h AND r > :r',
      ExpressionAttributeValues: { ':h': B(1), ':r': B(3) },
    });
    const filtered = { FilterExpression: 'v = :v', ...on('r > :r', { ':r': N(-4), ':v': N(0) }) };
    await same('query', { ...numbers, ...filtered });
    await same('query', { ...numbers, ...filtered, Select: 'COUNT' });
    await same('query', { ...numbers, ...filtered, Limit: 3 });
    await same('query', { ...numbers, ...filtered, ProjectionExpression: 't, v' });
    await same('query', { ...numbers, ...on('r > :r', { ':r': N(100) }), ReturnConsumedCapacity: 'NONE' });
    let ExclusiveStartKey: object | undefined;
    do {
      const page = await same('query', { ...numbers, ...on('r > :r', { ':r': N(0) }), Limit: 4, ExclusiveStartKey });
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey);
    await same('query', {
      TableName: 'numbers',
      KeyConditions: {
        h: { ComparisonOperator: 'EQ', AttributeValueList: [S('q')] },
        r: { ComparisonOperator: 'LE', AttributeValueList: [N(0)] },
      },
    });
  });

  test('queries that are refused', async () => {
    const TableName = 'numbers';
    const h = { ':h': S('q') };
    const key = { KeyConditionExpression: 'h = :h', ExpressionAttributeValues: h };
    const start = (ExclusiveStartKey: object) => ({ TableName, ...key, ExclusiveStartKey });
    await same('query', { TableName });
    await same('query', { TableName, ...key, IndexName: 'nothing' });
    await same('query', { TableName, KeyConditionExpression: 'x = :h', ExpressionAttributeValues: h });
    await same('query', { TableName, KeyConditionExpression: 'h > :h', ExpressionAttributeValues: h });
    await same('query', {
      ...{ TableName, KeyConditionExpression: 'h = :h', ExpressionAttributeValues: { ':h': N(1) } },
    });
    await same('query', { TableName, ...key, FilterExpression: 'r = :h' });
    await same('query', { TableName, ...key, QueryFilter: { x: { ComparisonOperator: 'NULL' } } });
    await same('query', start({}));
    await same('query', start({ h: S('q') }));
    await same('query', start({ h: S('q'), r: S('1') }));
    await same('query', start({ h: S('other'), r: N(1) }));
    await same('query', start({ h: S('q'), r: N(1), x: N(1) }));
    await same('query', {
      TableName,
      KeyConditionExpression: 'h = :h AND r > :r',
      ExpressionAttributeValues: { ...h, ':r': N(5) },
      ExclusiveStartKey: { h: S('q'), r: N(1) },
    });
  });

  test('indexes', async () => {
    const TableName = 'indexed';
    for (let r = 0; r < 8; r++) {
      const a = r % 3 === 0 ? {} : { a: S(`a${r % 2}`) };
      const Item = { h: S('i'), r: N(r), b: N(10 - r), c: S(`c${r}`), d: S('d'.repeat(100)), ...a };
      await same('putItem', { TableName, Item });
    }
    const local = {
      ...{ TableName, IndexName: 'local', ReturnConsumedCapacity: 'INDEXES' },
      KeyConditionExpression: 'h = :h AND b >= :b',
      ExpressionAttributeValues: { ':h': S('i'), ':b': N(4) },
    };
    const global = {
      ...{ TableName, IndexName: 'global', ReturnConsumedCapacity: 'TOTAL' },
      ...{ KeyConditionExpression: 'a = :a', ExpressionAttributeValues: { ':a': S('a1') } },
    };
    const items = async (input: object) => (await same('query', input)).Items;
    assert.ok((await items(local)).length > 0);
    await same('query', { ...local, ConsistentRead: true });
    assert.equal((await items(global)).length, 3);
    await same('query', { ...global, ScanIndexForward: false, Limit: 2 });
    await same('query', { ...global, ConsistentRead: true });
    await same('query', { ...global, Select: 'ALL_ATTRIBUTES' });
    await same('query', { ...global, ExclusiveStartKey: { a: S('a1'), b: N(5) } });
    await same('query', { ...global, ExclusiveStartKey: { h: S('i'), r: N(5), a: S('a1'), b: N(5) } });
    await same('updateItem', {
      ...{ TableName, Key: { h: S('i'), r: N(1) }, UpdateExpression: 'REMOVE a' },
    });
    assert.equal((await items(global)).length, 2);
    await same('deleteItem', { TableName, Key: { h: S('i'), r: N(5) } });
    assert.equal((await items(global)).length, 1);
  });

  test('scans that are refused', async () => {
    const TableName = 'numbers';
    await same('scan', { TableName, Segment: 1 });
    await same('scan', { TableName, TotalSegments: 2 });
    await same('scan', { TableName, Segment: 2, TotalSegments: 2 });
    await same('scan', { TableName, ExclusiveStartKey: { h: S('q') } });
    await same('scan', { TableName, ExclusiveStartKey: { h: S('q'), r: S('x') } });
    await same('scan', { TableName, AttributesToGet: ['a', 'a'] });
    await same('scan', { TableName, AttributesToGet: ['a'], FilterExpression: 'x = y' });
    await same('scan', { TableName: 'nowhere' });
  });

  test('batches', async () => {
    const TableName = 'plain';
    const put = (h: string) => ({ PutRequest: { Item: { h: S(h) } } });
    const write = (...requests: object[]) => ({
      RequestItems: { [TableName]: requests },
      ReturnConsumedCapacity: 'TOTAL',
    });
    await same('batchWriteItem', write(put('1'), put('2'), { DeleteRequest: { Key: { h: S('3') } } }));
    await same('batchWriteItem', write(put('1'), put('1')));
    await same('batchWriteItem', write({ PutRequest: { Item: { x: S('1') } } }));
    await same('batchWriteItem', write({ DeleteRequest: { Key: { x: S('1') } } }));
    await same('batchWriteItem', { RequestItems: {} });
    await same('batchGetItem', { RequestItems: {} });
    await same('batchGetItem', { RequestItems: { [TableName]: { Keys: [{ h: S('1') }, { h: S('1') }] } } });
    await same('batchGetItem', { RequestItems: { [TableName]: { Keys: [{ x: S('1') }] } } });
    await same('batchGetItem', { RequestItems: { nowhere: { Keys: [{ h: S('1') }] } } });
    await same('batchGetItem', {
      ...{ RequestItems: { [TableName]: { Keys: [{ h: S('1') }] } }, ReturnConsumedCapacity: 'TOTAL' },
    });
  });
});
