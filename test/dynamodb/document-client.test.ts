/** `@aws-sdk/lib-dynamodb` from npm, unmodified: values of JavaScript in and out. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DynamoDBDocument, NumberValue, paginateQuery, paginateScan } from '@aws-sdk/lib-dynamodb';
import { dynamodbClient, TablesNode } from './support.ts';

let house: TablesNode;
let documents: DynamoDBDocument;

before(async () => {
  house = await TablesNode.start();
  documents = DynamoDBDocument.from(house.client, { marshallOptions: { removeUndefinedValues: true } });
});
after(() => house?.[Symbol.asyncDispose]());

test('every type goes in and comes out as itself', async () => {
  const TableName = await house.table('h:S');
  const Item = {
    h: 'types',
    text: 'ä☃𝄞',
    empty: '',
    whole: 42,
    fraction: -0.125,
    tiny: 1e-130,
    yes: true,
    nothing: null,
    bytes: new Uint8Array([0, 1, 255]),
    list: [1, 'two', [3], { four: null }],
    map: { deep: { deeper: [true] }, __proto_: 'x' },
    texts: new Set(['b', 'a']),
    numbers: new Set([3, 1, 2]),
    blobs: new Set([new Uint8Array([1]), new Uint8Array([2])]),
  };
  await documents.put({ TableName, Item: { ...Item, gone: undefined } });
  const { Item: got } = await documents.get({ TableName, Key: { h: 'types' }, ConsistentRead: true });
  assert.deepEqual(got, Item);
});

test('numbers beyond those of JavaScript are exact as NumberValue and BigInt', async () => {
  const TableName = await house.table('h:S');
  const digits = '12345678901234567890123456789012345678';
  await documents.put({ TableName, Item: { h: 'n', exact: NumberValue.from(digits), big: 2n ** 64n } });
  const { Item } = await documents.get({ TableName, Key: { h: 'n' } });
  assert.deepEqual([Item!.exact, Item!.big], [BigInt(digits), 2n ** 64n]);
  // The options of a document client stay with the client below it.
  const client = dynamodbClient(house.node.endpoints.http);
  const wrapping = DynamoDBDocument.from(client, { unmarshallOptions: { wrapNumbers: true } });
  const { Item: wrapped } = await wrapping.get({ TableName, Key: { h: 'n' } });
  assert.equal(wrapped!.exact.value, digits);
  assert.equal(wrapped!.big.value, '18446744073709551616');
  client.destroy();
});

test('updates, conditions and what they return', async () => {
  const TableName = await house.table('h:S r:N');
  const Key = { h: 'u', r: 1 };
  const update = (UpdateExpression: string, values: object, more: object = {}) =>
    documents.update({ TableName, Key, UpdateExpression, ExpressionAttributeValues: values as never, ...more });
  await update('SET tags = :tags, n = :n', { ':tags': new Set(['a', 'b']), ':n': 1 });
  await update('ADD n :two DELETE tags :a', { ':two': 2, ':a': new Set(['a']) });
  const { Attributes } = await update(
    'SET #list = list_append(if_not_exists(#list, :none), :more)',
    { ':none': [], ':more': [{ x: 1 }] },
    {
      ExpressionAttributeNames: { '#list': 'list' },
      ReturnValues: 'ALL_NEW',
    },
  );
  assert.deepEqual(Attributes, { ...Key, n: 3, tags: new Set(['b']), list: [{ x: 1 }] });
  const refused = update(
    'SET n = :n',
    { ':n': 9, ':want': 4 },
    {
      ConditionExpression: 'n = :want',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    },
  );
  await assert.rejects(refused, (error: any) => {
    assert.equal(error.name, 'ConditionalCheckFailedException');
    assert.deepEqual(error.Item.n, { N: '3' });
    return true;
  });
});

test('pages of queries and scans, batches and transactions', async () => {
  const TableName = await house.table('h:S r:N');
  const items = Array.from({ length: 30 }, (_, r) => ({ h: 'p', r, even: r % 2 === 0 }));
  for (let at = 0; at < 30; at += 25) {
    const requests = items.slice(at, at + 25).map((Item) => ({ PutRequest: { Item } }));
    await documents.batchWrite({ RequestItems: { [TableName]: requests } });
  }
  const query = {
    TableName,
    KeyConditionExpression: 'h = :h AND r BETWEEN :from AND :to',
    FilterExpression: 'even = :yes',
    ExpressionAttributeValues: { ':h': 'p', ':from': 5, ':to': 24, ':yes': true },
    ScanIndexForward: false,
  };
  const found: unknown[] = [];
  for await (const { Items = [] } of paginateQuery({ client: documents, pageSize: 7 }, query)) {
    found.push(...Items.map(({ r }) => r));
  }
  assert.deepEqual(found, [24, 22, 20, 18, 16, 14, 12, 10, 8, 6]);
  let count = 0;
  for await (const { Items = [] } of paginateScan({ client: documents, pageSize: 4 }, { TableName }))
    count += Items.length;
  assert.equal(count, 30);
  const Keys = [
    { h: 'p', r: 1 },
    { h: 'p', r: 99 },
  ];
  const { Responses } = await documents.batchGet({ RequestItems: { [TableName]: { Keys } } });
  assert.deepEqual(Responses![TableName], [{ h: 'p', r: 1, even: false }]);
  await documents.transactWrite({
    TransactItems: [
      { Put: { TableName, Item: { h: 't', r: 1 }, ConditionExpression: 'attribute_not_exists(h)' } },
      { Delete: { TableName, Key: { h: 'p', r: 0 } } },
    ],
  });
  const { Responses: read } = await documents.transactGet({
    TransactItems: [{ Get: { TableName, Key: { h: 't', r: 1 } } }, { Get: { TableName, Key: { h: 'p', r: 0 } } }],
  });
  assert.deepEqual(
    read!.map(({ Item }) => Item),
    [{ h: 't', r: 1 }, undefined],
  );
});
