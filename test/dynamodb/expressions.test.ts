/* Expressions through the API, on a real node: what only a request and a stored item together show. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { temporaryFolder } from '../sns/support.ts';
import { run } from '../wire/support.ts';
import { TablesNode } from './support.ts';

let node: TablesNode;
let table: string;

before(async () => {
  node = await TablesNode.start();
  table = await node.table('p:S');
});

after(() => node[Symbol.asyncDispose]());

const environment = () => ({
  PATH: process.env.PATH,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
});

let keys = 0;

/** A key that nobody else has. */
const newKey = () => ({ p: { S: `k${++keys}` } });

async function update(key: ReturnType<typeof newKey>, input: Partial<UpdateItemCommandInput>) {
  return (await node.client.updateItem({ TableName: table, Key: key, ...input })).Attributes;
}

test('an update that only takes away makes no item, whatever its paths', async () => {
  const key = newKey();
  for (const UpdateExpression of ['REMOVE b', 'REMOVE x.y, x.z[0]'])
    assert.equal(await update(key, { UpdateExpression, ReturnValues: 'ALL_NEW' }), undefined);
  const deleted = { UpdateExpression: 'DELETE ss :v', ExpressionAttributeValues: { ':v': { SS: ['a'] } } };
  assert.equal(await update(key, { ...deleted, ReturnValues: 'ALL_NEW' }), undefined);
  assert.equal((await node.client.getItem({ TableName: table, Key: key })).Item, undefined);
  assert.deepEqual(await update(key, { AttributeUpdates: {}, ReturnValues: 'ALL_NEW' }), key);
});

test('UPDATED_OLD and UPDATED_NEW show what was written, within its maps and lists', async () => {
  const key = newKey();
  const item = {
    ...key,
    a: { M: { b: { S: 'dog' }, c: { L: [{ N: '1' }, { N: '2' }, { N: '3' }] } } },
    d: { S: 'cat' },
  };
  await node.client.putItem({ TableName: table, Item: item });
  const ExpressionAttributeValues = { ':v': { N: '8' } };
  const set = { UpdateExpression: 'SET a.c[1] = :v, a.b = :v', ExpressionAttributeValues };
  assert.deepEqual(await update(key, { ...set, ReturnValues: 'UPDATED_OLD' }), {
    a: { M: { c: { L: [{ N: '2' }] }, b: { S: 'dog' } } },
  });
  assert.deepEqual(await update(key, { ...set, ReturnValues: 'UPDATED_NEW' }), {
    a: { M: { c: { L: [{ N: '8' }] }, b: { N: '8' } } },
  });
  const append = { UpdateExpression: 'SET a.c[100] = :v', ExpressionAttributeValues };
  assert.equal(await update(key, { ...append, ReturnValues: 'UPDATED_NEW' }), undefined);
  const remove = { UpdateExpression: 'REMOVE a.c[1], a.c[9]' };
  assert.deepEqual(await update(key, { ...remove, ReturnValues: 'UPDATED_OLD' }), {
    a: { M: { c: { L: [{ N: '8' }] } } },
  });
});

test('counters are exact, and what does not fit leaves the item as it was', async () => {
  const key = newKey();
  const add = (n: string) =>
    update(key, {
      UpdateExpression: 'ADD n :n',
      ExpressionAttributeValues: { ':n': { N: n } },
      ReturnValues: 'UPDATED_NEW',
    });
  assert.deepEqual(await add('99999999999999999999999999999999999999'), {
    n: { N: '99999999999999999999999999999999999999' },
  });
  await assert.rejects(add('0.5'), {
    name: 'ValidationException',
    message: 'Number overflow. Attempting to store a number with magnitude larger than supported range',
  });
  assert.deepEqual(await add('1'), { n: { N: '100000000000000000000000000000000000000' } });
  assert.deepEqual(await add('-1e38'), { n: { N: '0' } });
});

test('requests are refused before tables are looked for, in the words of AWS', async () => {
  const refusals: readonly [Partial<UpdateItemCommandInput>, string][] = [
    [{ UpdateExpression: 'SET' }, 'Invalid UpdateExpression: Syntax error; token: "<EOF>", near: "SET"'],
    [
      { UpdateExpression: 'REMOVE a', AttributeUpdates: { b: { Action: 'DELETE' } } },
      'Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributeUpdates} Expression parameters: {UpdateExpression}',
    ],
    [
      { UpdateExpression: 'SET a = :v', ExpressionAttributeValues: { ':v': { SS: [] } } },
      'One or more parameter values were invalid: An string set  may not be empty',
    ],
  ];
  for (const [input, message] of refusals)
    await assert.rejects(node.client.updateItem({ TableName: 'no-such-table', Key: newKey(), ...input }), {
      name: 'ValidationException',
      message: `1 validation error detected: ${message}`,
    });
  await assert.rejects(update(newKey(), { UpdateExpression: 'REMOVE p' }), {
    message: 'One or more parameter values were invalid: Cannot update attribute p. This attribute is part of the key',
  });
});

const BOTO3 = `
import boto3, sys
from boto3.dynamodb.conditions import Attr, Key
from decimal import Decimal
table = boto3.resource('dynamodb', endpoint_url=sys.argv[1]).Table(sys.argv[2])
client = table.meta.client
table.put_item(Item={'p': 'boto', 'n': Decimal('1.10'), 'tags': {'a', 'b'}, 'm': {'x': [1, 2]}},
    ConditionExpression=Attr('p').not_exists() & ~Attr('n').between(1, 2))
table.update_item(Key={'p': 'boto'}, UpdateExpression='SET n = n + :one, m.x = list_append(m.x, :l)',
    ExpressionAttributeValues={':one': Decimal('0.90'), ':l': [3]},
    ConditionExpression=Attr('tags').contains('a') & Attr('m.x').size().eq(2))
item = table.query(KeyConditionExpression=Key('p').eq('boto'), FilterExpression=Attr('n').is_in([2, 3]))['Items'][0]
assert item == {'p': 'boto', 'n': 2, 'tags': {'a', 'b'}, 'm': {'x': [1, 2, 3]}}, item
rows = client.execute_statement(Statement=f'SELECT n, m.x FROM "{table.name}" WHERE p = ?', Parameters=['boto'])['Items']
assert rows == [{'n': 2, 'x': [1, 2, 3]}], rows
client.execute_transaction(TransactStatements=[
    {'Statement': f'UPDATE "{table.name}" SET n = n - ? WHERE p = ?', 'Parameters': [1, 'boto']}])
batch = client.batch_execute_statement(Statements=[
    {'Statement': f'SELECT n FROM "{table.name}" WHERE p = ?', 'Parameters': ['boto']},
    {'Statement': f'SELECT n FROM "{table.name}" WHERE'}])['Responses']
assert batch[0]['Item'] == {'n': 1} and batch[1]['Error']['Code'] == 'ValidationError', batch
print('done')
`;

test('boto3 builds expressions and statements that mean the same here', async () => {
  await using folder = await temporaryFolder();
  const script = join(folder.path, 'expressions.py');
  await writeFile(script, BOTO3);
  const { stdout } = await run('python3', [script, node.node.endpoints.http, table], environment());
  assert.equal(stdout.trim(), 'done');
});

test('the aws CLI executes statements', async () => {
  const key = newKey();
  const aws = async (...args: string[]) => {
    const all = ['--endpoint-url', node.node.endpoints.http, 'dynamodb', ...args];
    return (await run('aws', all, environment())).stdout;
  };
  const insert = `INSERT INTO "${table}" VALUE {'p': '${key.p.S}', 'l': <<1, 2>>}`;
  await aws('execute-statement', '--statement', insert);
  const select = `SELECT l FROM "${table}" WHERE p = ?`;
  const found = await aws('execute-statement', '--statement', select, '--parameters', JSON.stringify([key.p]));
  assert.deepEqual(JSON.parse(found).Items, [{ l: { NS: ['1', '2'] } }]);
  const statements = JSON.stringify([{ Statement: `DELETE FROM "${table}" WHERE p = '${key.p.S}'` }]);
  await aws('execute-transaction', '--transact-statements', statements);
  const gone = await aws(
    'batch-execute-statement',
    '--statements',
    JSON.stringify([{ Statement: select, Parameters: [key.p] }]),
  );
  assert.deepEqual(JSON.parse(gone).Responses, [{ TableName: table }]);
});

test('attributes of keys have no parts', async () => {
  const indexed = await node.table('p:S', {
    others: 'g:S',
    GlobalSecondaryIndexes: [
      {
        IndexName: 'by-g',
        KeySchema: [{ AttributeName: 'g', KeyType: 'HASH' }],
        Projection: { ProjectionType: 'ALL' },
      },
    ],
  });
  const refusal = (what: string) => ({
    message: `Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: ${what}`,
  });
  const { client } = node;
  const key = newKey();
  await assert.rejects(
    client.getItem({ TableName: indexed, Key: key, ProjectionExpression: 'p.x' }),
    refusal('Key: p'),
  );
  await assert.rejects(
    client.scan({ TableName: indexed, FilterExpression: 'attribute_exists(g[0])' }),
    refusal('IndexKey: g'),
  );
  await assert.rejects(
    client.updateItem({ TableName: indexed, Key: key, UpdateExpression: 'REMOVE g.x' }),
    refusal('IndexKey: g'),
  );
});
