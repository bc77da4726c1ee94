import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { run as start } from '../wire/support.ts';
import { TablesNode } from './support.ts';

let node: TablesNode;
before(async () => {
  node = await TablesNode.start();
});
after(() => node[Symbol.asyncDispose]());

async function run(file: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await start(file, args, {
    PATH: process.env.PATH,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_ENDPOINT_URL: node.node.endpoints.http,
  });
  assert.equal(code, 0, stderr);
  return stdout;
}

test('the aws CLI puts, queries and transacts', async () => {
  const table = await node.table('h:S r:N');
  const aws = async (...words: string[]) => {
    const text = await run('aws', [
      '--endpoint-url',
      node.node.endpoints.http,
      'dynamodb',
      ...words,
      '--output',
      'json',
    ]);
    return text.trim() === '' ? undefined : JSON.parse(text);
  };
  const item = '{"h":{"S":"a"},"r":{"N":"1"},"set":{"NS":["1","2"]}}';
  await aws('put-item', '--table-name', table, '--item', item);
  await aws(
    'transact-write-items',
    '--transact-items',
    `[{"Put":{"TableName":"${table}","Item":{"h":{"S":"a"},"r":{"N":"2"}}}}]`,
  );
  const values = ['--expression-attribute-values', '{":h":{"S":"a"}}'];
  const found = await aws('query', '--table-name', table, '--key-condition-expression', 'h = :h', ...values);
  assert.deepEqual(found.Items, [JSON.parse(item), { h: { S: 'a' }, r: { N: '2' } }]);
  assert.deepEqual([found.Count, found.ScannedCount], [2, 2]);
});

test('boto3 tells failed conditions, cancellations and pages apart', async () => {
  const table = await node.table('h:S r:N');
  const script = `
import boto3, json, os
from boto3.dynamodb.conditions import Key
from decimal import Decimal
client = boto3.client('dynamodb', endpoint_url=os.environ['AWS_ENDPOINT_URL'])
table = boto3.resource('dynamodb', endpoint_url=os.environ['AWS_ENDPOINT_URL']).Table('${table}')
with table.batch_writer() as batch:
    for r in range(60):
        batch.put_item(Item={'h': 'a', 'r': r, 'price': Decimal('12.3456789012345678901234567890123456'), 'blob': b'hi', 'tags': {'x', 'y'}})
pages = [page['Count'] for page in client.get_paginator('query').paginate(TableName='${table}', KeyConditionExpression='h = :h', ExpressionAttributeValues={':h': {'S': 'a'}}, PaginationConfig={'PageSize': 25})]
found = table.query(KeyConditionExpression=Key('h').eq('a') & Key('r').between(10, 12))['Items']
try:
    client.put_item(TableName='${table}', Item={'h': {'S': 'a'}, 'r': {'N': '1'}}, ConditionExpression='attribute_not_exists(h)')
except client.exceptions.ConditionalCheckFailedException as e:
    failed = e.response['Error']['Message']
try:
    client.transact_write_items(TransactItems=[
        {'Put': {'TableName': '${table}', 'Item': {'h': {'S': 'b'}, 'r': {'N': '1'}}}},
        {'ConditionCheck': {'TableName': '${table}', 'Key': {'h': {'S': 'c'}, 'r': {'N': '1'}}, 'ConditionExpression': 'attribute_exists(h)'}}])
except client.exceptions.TransactionCanceledException as e:
    reasons = [r['Code'] for r in e.response['CancellationReasons']]
print(json.dumps({'pages': pages, 'found': [int(i['r']) for i in found], 'price': str(found[0]['price']), 'failed': failed, 'reasons': reasons}))
`;
  assert.deepEqual(JSON.parse(await run('/usr/bin/python3', ['-c', script])), {
    pages: [25, 25, 10],
    found: [10, 11, 12],
    price: '12.3456789012345678901234567890123456',
    failed: 'The conditional request failed',
    reasons: ['None', 'ConditionalCheckFailed'],
  });
});

test('lib-dynamodb reads what it wrote, value by value', async () => {
  const TableName = await node.table();
  const documents = DynamoDBDocument.from(node.client);
  const Item = {
    h: 'x',
    n: 1.5,
    list: [1, 'two', null, true],
    map: { deep: { er: [] } },
    set: new Set(['a', 'b']),
    '': 0,
  };
  const { '': _, ...plain } = Item;
  await documents.put({ TableName, Item: plain });
  assert.deepEqual((await documents.get({ TableName, Key: { h: 'x' } })).Item, plain);
  const { Attributes } = await documents.update({
    ...{ TableName, Key: { h: 'x' }, ReturnValues: 'UPDATED_NEW' },
    UpdateExpression: 'SET #list[1] = :two, n = n + :by',
    ExpressionAttributeNames: { '#list': 'list' },
    ExpressionAttributeValues: { ':two': 2, ':by': 1 },
  });
  assert.deepEqual(Attributes, { n: 2.5, list: [2] });
});
