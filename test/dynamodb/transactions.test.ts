import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TablesNode } from './support.ts';

let node: TablesNode;
before(async () => {
  node = await TablesNode.start();
});
after(() => node[Symbol.asyncDispose]());

const key = (h: string) => ({ h: { S: h } });
const get = async (TableName: string, h: string) => (await node.client.getItem({ TableName, Key: key(h) })).Item;

describe('transactions', () => {
  test('all writes of a transaction are made, or none, and each refusal is told at its place', async () => {
    const TableName = await node.table();
    const { client } = node;
    await client.putItem({ TableName, Item: { ...key('a'), n: { N: '1' } } });
    const add = { ':one': { N: '1' } };
    await client.transactWriteItems({
      TransactItems: [
        { Update: { TableName, Key: key('a'), UpdateExpression: 'ADD n :one', ExpressionAttributeValues: add } },
        { Put: { TableName, Item: key('b') } },
        { ConditionCheck: { TableName, Key: key('c'), ConditionExpression: 'attribute_not_exists(h)' } },
      ],
    });
    assert.deepEqual(await get(TableName, 'a'), { ...key('a'), n: { N: '2' } });
    const refused = client.transactWriteItems({
      TransactItems: [
        { Delete: { TableName, Key: key('b') } },
        {
          Put: {
            TableName,
            Item: key('a'),
            ConditionExpression: 'n = :one',
            ExpressionAttributeValues: add,
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          },
        },
        { Update: { TableName, Key: key('d'), UpdateExpression: 'SET x = nowhere' } },
      ],
    });
    await assert.rejects(refused, {
      name: 'TransactionCanceledException',
      message:
        'Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed, ValidationError]',
      CancellationReasons: [
        { Code: 'None' },
        {
          Code: 'ConditionalCheckFailed',
          Message: 'The conditional request failed',
          Item: { ...key('a'), n: { N: '2' } },
        },
        {
          Code: 'ValidationError',
          Message: 'The provided expression refers to an attribute that does not exist in the item',
        },
      ],
    });
    assert.deepEqual(await get(TableName, 'b'), key('b'));
  });

  test('a token makes a repetition harmless, and refuses another request', async () => {
    const TableName = await node.table();
    const { client } = node;
    const request = (by: string, token: string) => ({
      ClientRequestToken: token,
      ReturnConsumedCapacity: 'TOTAL' as const,
      TransactItems: [
        {
          Update: {
            TableName,
            Key: key('a'),
            UpdateExpression: 'ADD n :by',
            ConditionExpression: 'attribute_not_exists(n) OR n < :by',
            ExpressionAttributeValues: { ':by': { N: by } },
          },
        },
      ],
    });
    const first = await client.transactWriteItems(request('5', 'token-1'));
    assert.deepEqual(first.ConsumedCapacity, [{ TableName, CapacityUnits: 2, WriteCapacityUnits: 2 }]);
    const again = await client.transactWriteItems(request('5', 'token-1'));
    assert.deepEqual(again.ConsumedCapacity, [{ TableName, CapacityUnits: 2, ReadCapacityUnits: 2 }]);
    assert.deepEqual((await get(TableName, 'a'))?.n, { N: '5' });
    await assert.rejects(client.transactWriteItems(request('6', 'token-1')), {
      name: 'IdempotentParameterMismatchException',
    });
    await client.transactWriteItems(request('6', 'token-2'));
    assert.deepEqual((await get(TableName, 'a'))?.n, { N: '11' });
  });

  test('what is no transaction is refused in the words of AWS', async () => {
    const TableName = await node.table();
    const { client } = node;
    const refused = (TransactItems: object[], expected: object) =>
      assert.rejects(client.transactWriteItems({ TransactItems: TransactItems as never }), expected);
    const put = { Put: { TableName, Item: key('a') } };
    const invalid = (message: string) => ({ name: 'ValidationException', message });
    await refused(
      [put, { Delete: { TableName, Key: key('a') } }],
      invalid('Transaction request cannot include multiple operations on one item'),
    );
    await refused(
      [{ ...put, Delete: { TableName, Key: key('b') } }],
      invalid('TransactItems can only contain one of Check, Put, Update or Delete'),
    );
    await refused([{ Put: { TableName: 'nowhere', Item: key('a') } }], { name: 'ResourceNotFoundException' });
    await refused([put, { Put: { TableName, Item: { x: { S: 'y' } } } }], {
      name: 'TransactionCanceledException',
      CancellationReasons: [
        { Code: 'None' },
        {
          Code: 'ValidationError',
          Message: 'One or more parameter values were invalid: Missing the key h in the item',
        },
      ],
    });
    await refused([], { name: 'ValidationException' });
  });

  test('names and values without an expression are taken, as AWS takes them in transactions alone', async () => {
    const TableName = await node.table();
    const { client } = node;
    const unasked = { ExpressionAttributeNames: { '#n': 'n' }, ExpressionAttributeValues: { ':n': { N: '1' } } };
    await client.transactWriteItems({
      TransactItems: [
        { Put: { TableName, Item: key('a'), ...unasked } },
        { Delete: { TableName, Key: key('b'), ...unasked } },
      ],
    });
    const ExpressionAttributeNames = { '#n': 'n' };
    const { Responses } = await client.transactGetItems({
      TransactItems: [{ Get: { TableName, Key: key('a'), ExpressionAttributeNames } }],
    });
    assert.deepEqual(Responses, [{ Item: key('a') }]);
    const unused = /unused in expressions: keys: \{#n\}/;
    const ConditionExpression = 'attribute_exists(h)';
    const put = { TableName, Item: key('a'), ConditionExpression, ExpressionAttributeNames };
    await assert.rejects(client.transactWriteItems({ TransactItems: [{ Put: put }] }), { message: unused });
    await assert.rejects(client.putItem({ TableName, Item: key('a'), ExpressionAttributeNames }), {
      message: '1 validation error detected: ExpressionAttributeNames can only be specified when using expressions',
    });
  });

  test('a read of several items sees one state, in the order asked for, missing ones empty', async () => {
    const TableName = await node.table();
    const { client } = node;
    await client.putItem({ TableName, Item: { ...key('a'), x: { S: '1' }, y: { S: '2' } } });
    const { Responses, ConsumedCapacity } = await client.transactGetItems({
      ReturnConsumedCapacity: 'INDEXES',
      TransactItems: [
        { Get: { TableName, Key: key('none') } },
        { Get: { TableName, Key: key('a'), ProjectionExpression: 'x' } },
      ],
    });
    assert.deepEqual(Responses, [{}, { Item: { x: { S: '1' } } }]);
    assert.deepEqual(ConsumedCapacity, [
      { TableName, CapacityUnits: 4, ReadCapacityUnits: 4, Table: { CapacityUnits: 4, ReadCapacityUnits: 4 } },
    ]);
  });

  test('a read of one item twice is refused', async () => {
    const TableName = await node.table();
    const Get = { TableName, Key: key('a') };
    await assert.rejects(node.client.transactGetItems({ TransactItems: [{ Get }, { Get }] }), {
      name: 'ValidationException',
      message: 'Transaction request cannot include multiple operations on one item',
    });
  });
});

describe('batches', () => {
  test('items of several tables are put, deleted and read at once', async () => {
    const [one, two] = [await node.table(), await node.table('h:S r:N')];
    const { client } = node;
    const Item = (n: number) => ({ ...key('x'), r: { N: String(n) } });
    await client.putItem({ TableName: one!, Item: key('gone') });
    const written = await client.batchWriteItem({
      ReturnConsumedCapacity: 'TOTAL',
      RequestItems: {
        [one!]: [{ PutRequest: { Item: key('a') } }, { DeleteRequest: { Key: key('gone') } }],
        [two!]: [1, 2, 3].map((n) => ({ PutRequest: { Item: Item(n) } })),
      },
    });
    assert.deepEqual(written.UnprocessedItems, {});
    assert.deepEqual(written.ConsumedCapacity, [
      { TableName: one, CapacityUnits: 2 },
      { TableName: two, CapacityUnits: 3 },
    ]);
    const read = await client.batchGetItem({
      ReturnConsumedCapacity: 'TOTAL',
      RequestItems: {
        [one!]: { Keys: [key('a'), key('gone')], ConsistentRead: true },
        [two!]: { Keys: [Item(3), Item(1)], ProjectionExpression: 'r' },
      },
    });
    assert.deepEqual(read.Responses, { [one!]: [key('a')], [two!]: [{ r: { N: '3' } }, { r: { N: '1' } }] });
    assert.deepEqual(read.UnprocessedKeys, {});
    assert.deepEqual(read.ConsumedCapacity, [
      { TableName: one, CapacityUnits: 2 },
      { TableName: two, CapacityUnits: 1 },
    ]);
  });

  test('tables of names that every object has get what was not written back', async () => {
    for (const TableName of ['constructor', '__proto__']) {
      await node.client.createTable({
        TableName,
        KeySchema: [{ AttributeName: 'h', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'h', AttributeType: 'S' }],
        ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 },
      });
      const writes = ['a', 'b', 'c'].map((h) => ({
        PutRequest: { Item: { ...key(h), x: { S: 'x'.repeat(90_000) } } },
      }));
      const RequestItems = Object.fromEntries([[TableName, writes]]);
      const { UnprocessedItems } = await node.client.batchWriteItem({ RequestItems });
      // The SDK makes a prototype of it when it deserializes.
      if (TableName === 'constructor')
        assert.deepEqual(Object.entries(UnprocessedItems!), [[TableName, writes.slice(1)]]);
    }
  });

  test('an answer holds 16 MB, and names the keys that it left out', async () => {
    const TableName = await node.table();
    const { client } = node;
    const names = Array.from({ length: 45 }, (_, at) => String(at));
    const body = { S: 'x'.repeat(390 * 1024) };
    for (const h of names) await client.putItem({ TableName, Item: { ...key(h), body } });
    const read = await client.batchGetItem({ RequestItems: { [TableName]: { Keys: names.map(key) } } });
    const rest = read.UnprocessedKeys![TableName]!.Keys!;
    assert.equal(read.Responses![TableName]!.length, 42);
    assert.deepEqual(rest, names.slice(42).map(key));
  });

  test('what is no batch is refused in the words of AWS', async () => {
    const TableName = await node.table();
    const { client } = node;
    const write = (writes: object[]) => client.batchWriteItem({ RequestItems: { [TableName]: writes as never } });
    const invalid = (message: string) => ({ name: 'ValidationException', message });
    const put = (h: string) => ({ PutRequest: { Item: key(h) } });
    await assert.rejects(
      write([put('a'), { DeleteRequest: { Key: key('a') } }]),
      invalid('Provided list of item keys contains duplicates'),
    );
    await assert.rejects(
      write([{ PutRequest: { Item: { x: { S: 'y' } } } }]),
      invalid('The provided key element does not match the schema'),
    );
    const arn = (await client.describeTable({ TableName })).Table!.TableArn!;
    const twice = { [TableName]: [put('a')], [arn]: [put('a')] };
    const duplicates = invalid('Provided list of item keys contains duplicates');
    await assert.rejects(client.batchWriteItem({ RequestItems: twice }), duplicates);
    const one = { Keys: [key('a')] };
    await assert.rejects(client.batchGetItem({ RequestItems: { [TableName]: one, [arn]: one } }), duplicates);
    const other = await node.table();
    const halves = { [TableName]: Array.from({ length: 13 }, (_, at) => put(`${at}`)), [other]: [] as object[] };
    halves[other] = halves[TableName]!;
    await assert.rejects(
      client.batchWriteItem({ RequestItems: halves as never }),
      invalid('Too many items requested for the BatchWriteItem call'),
    );
    const Keys = Array.from({ length: 51 }, (_, at) => key(`${at}`));
    await assert.rejects(
      client.batchGetItem({ RequestItems: { [TableName]: { Keys }, [other]: { Keys } } }),
      invalid('Too many items requested for the BatchGetItem call'),
    );
  });
});
