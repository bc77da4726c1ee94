import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { ShardIteratorType, _Record as StreamRecord } from '@aws-sdk/client-dynamodb-streams';
import { StreamsNode } from './setting.ts';

const PYTHON = '/usr/bin/python3';
const AWS = '/usr/bin/aws';
const run = promisify(execFile);

let house: StreamsNode;
before(async () => {
  house = await StreamsNode.start();
});
after(() => house?.[Symbol.asyncDispose]());

const put = (TableName: string, id: string, n = 0) =>
  house.dynamodb.putItem({ TableName, Item: { id: { S: id }, n: { N: String(n) } } });

/** All records of a stream, shard by shard, from a point on. */
async function read(StreamArn: string, ShardIteratorType: ShardIteratorType = 'TRIM_HORIZON', on = house) {
  const { StreamDescription } = await on.streams.describeStream({ StreamArn });
  const found: StreamRecord[] = [];
  for (const { ShardId } of StreamDescription!.Shards!) {
    let { ShardIterator } = await on.streams.getShardIterator({ StreamArn, ShardId, ShardIteratorType });
    while (ShardIterator) {
      const { Records = [], NextShardIterator } = await on.streams.getRecords({ ShardIterator });
      found.push(...Records);
      ShardIterator = Records.length > 0 ? NextShardIterator : undefined;
    }
  }
  return found;
}

test('the SDK reads what was written, and CreateTable and DescribeTable name the stream', async () => {
  const { name, stream } = await house.table('NEW_AND_OLD_IMAGES');
  assert.match(
    stream,
    /^arn:aws:dynamodb:us-east-1:000000000000:table\/table-\d+\/stream\/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/,
  );
  const { Table } = await house.dynamodb.describeTable({ TableName: name });
  assert.deepEqual(Table!.StreamSpecification, { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' });
  assert.equal(Table!.LatestStreamArn, stream);
  assert.equal(stream.endsWith(Table!.LatestStreamLabel!), true);
  await put(name, 'a', 1);
  await put(name, 'a', 2);
  const records = await read(stream);
  assert.deepEqual(
    records.map(({ eventName, dynamodb }) => [eventName, dynamodb!.NewImage!.n, dynamodb!.OldImage?.n]),
    [
      ['INSERT', { N: '1' }, undefined],
      ['MODIFY', { N: '2' }, { N: '1' }],
    ],
  );
  assert.equal(records[0]!.dynamodb!.ApproximateCreationDateTime instanceof Date, true);
  const { Streams } = await house.streams.listStreams({ TableName: name });
  assert.deepEqual(Streams, [{ StreamArn: stream, TableName: name, StreamLabel: Table!.LatestStreamLabel }]);
});

test('every way of writing is told of: updates, batches, transactions; what changes nothing is not', async () => {
  const { name, stream } = await house.table('KEYS_ONLY');
  const id = (S: string) => ({ id: { S } });
  await house.dynamodb.updateItem({
    TableName: name,
    Key: id('updated'),
    UpdateExpression: 'SET n = :n',
    ExpressionAttributeValues: { ':n': { N: '1' } },
  });
  await house.dynamodb.deleteItem({ TableName: name, Key: id('never-there') });
  await put(name, 'same', 1);
  await put(name, 'same', 1);
  await house.dynamodb.batchWriteItem({ RequestItems: { [name]: [{ PutRequest: { Item: id('batch') } }] } });
  await house.dynamodb.transactWriteItems({
    TransactItems: [
      { Put: { TableName: name, Item: id('transaction') } },
      { Delete: { TableName: name, Key: id('same') } },
    ],
  });
  const told = (await read(stream)).map(({ eventName, dynamodb }) => `${eventName} ${dynamodb!.Keys!.id!.S}`);
  assert.deepEqual(told.sort(), ['INSERT batch', 'INSERT same', 'INSERT transaction', 'INSERT updated', 'REMOVE same']);
});

test('a stream that is turned off stays readable, and one that is turned on again is another one', async () => {
  const { name, stream } = await house.table('NEW_IMAGE');
  await put(name, 'before');
  await house.dynamodb.updateTable({ TableName: name, StreamSpecification: { StreamEnabled: false } });
  await put(name, 'between');
  const { TableDescription } = await house.dynamodb.updateTable({
    TableName: name,
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'OLD_IMAGE' },
  });
  const second = TableDescription!.LatestStreamArn!;
  assert.notEqual(second, stream);
  await put(name, 'after');
  const ids = async (arn: string) => (await read(arn)).map(({ dynamodb }) => dynamodb!.Keys!.id!.S);
  assert.deepEqual(await ids(stream), ['before']);
  assert.deepEqual(await ids(second), ['after']);
  const { StreamDescription } = await house.streams.describeStream({ StreamArn: stream });
  assert.equal(StreamDescription!.StreamStatus, 'DISABLED');
  assert.equal((await house.streams.listStreams({ TableName: name })).Streams!.length, 2);
  await house.dynamodb.deleteTable({ TableName: name });
  assert.deepEqual(await ids(second), ['after']);
});

test('streams survive a restart, numbers going on', async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'millrace-table-streams-'));
  const first = await StreamsNode.start(dataDirectory);
  const { name, stream } = await first.table('KEYS_ONLY');
  const TableName = name;
  await first.dynamodb.putItem({ TableName, Item: { id: { S: 'a' }, n: { N: '1' } } });
  await first[Symbol.asyncDispose]();
  const second = await StreamsNode.start(dataDirectory);
  await second.dynamodb.putItem({ TableName, Item: { id: { S: 'a' }, n: { N: '2' } } });
  const records = await read(stream, 'TRIM_HORIZON', second);
  await second[Symbol.asyncDispose]();
  await rm(dataDirectory, { recursive: true });
  const numbers = records.map(({ dynamodb }) => dynamodb!.SequenceNumber!);
  assert.equal(numbers.length, 2);
  assert.ok(numbers[0]! < numbers[1]!);
});

test('errors are those of AWS', async () => {
  const { stream } = await house.table('KEYS_ONLY');
  const gone = stream.replace(/\/table-\d+\//, '/no-such-table/');
  await assert.rejects(house.streams.describeStream({ StreamArn: gone }), {
    name: 'ResourceNotFoundException',
    message: `Requested resource not found: Stream: ${gone} not found`,
  });
  const { StreamDescription } = await house.streams.describeStream({ StreamArn: stream });
  const { ShardId } = StreamDescription!.Shards![0]!;
  const iterator = (more: object) => house.streams.getShardIterator({ StreamArn: stream, ...more } as never);
  await assert.rejects(iterator({ ShardId: ShardId!.replace(/..$/, 'ff'), ShardIteratorType: 'LATEST' }), {
    name: 'ResourceNotFoundException',
  });
  await assert.rejects(iterator({ ShardId, ShardIteratorType: 'AT_SEQUENCE_NUMBER' }), { name: 'ValidationException' });
  await assert.rejects(iterator({ ShardId, ShardIteratorType: 'AT_SEQUENCE_NUMBER', SequenceNumber: '1'.repeat(21) }), {
    name: 'ValidationException',
  });
  await assert.rejects(house.streams.getRecords({ ShardIterator: 'nonsense' }), { name: 'ValidationException' });
});

const BOTO3 = `
import boto3, sys
options = dict(endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='test', aws_secret_access_key='test')
streams = boto3.client('dynamodbstreams', **options)
arn = sys.argv[2]
shards = streams.describe_stream(StreamArn=arn)['StreamDescription']['Shards']
for shard in shards:
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard['ShardId'], ShardIteratorType='TRIM_HORIZON')['ShardIterator']
    for record in streams.get_records(ShardIterator=iterator)['Records']:
        print(record['eventName'], record['dynamodb']['Keys']['id']['S'], record['dynamodb']['NewImage']['blob']['B'])
`;

const without = (path: string) => (existsSync(path) ? false : `there is no ${path}`);

test('boto3 reads a stream, bytes being bytes', { skip: without(PYTHON) }, async () => {
  const { name, stream } = await house.table('NEW_IMAGE');
  await house.dynamodb.putItem({ TableName: name, Item: { id: { S: 'b' }, blob: { B: Buffer.from('xyz') } } });
  const { stdout } = await run(PYTHON, ['-c', BOTO3, house.node.endpoints.http, stream]);
  assert.equal(stdout, "INSERT b b'xyz'\n");
});

test('the aws CLI describes and lists streams', { skip: without(AWS) }, async () => {
  const { name, stream } = await house.table('KEYS_ONLY');
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
  };
  const aws = async (...words: string[]) => {
    const { stdout } = await run(AWS, ['--endpoint-url', house.node.endpoints.http, 'dynamodbstreams', ...words], {
      env,
    });
    return JSON.parse(stdout);
  };
  assert.equal((await aws('list-streams', '--table-name', name)).Streams[0].StreamArn, stream);
  const { StreamDescription } = await aws('describe-stream', '--stream-arn', stream);
  assert.equal(StreamDescription.Shards.length, 4);
});
