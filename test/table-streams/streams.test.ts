import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ShardIteratorType, _Record as StreamRecord } from '@aws-sdk/client-dynamodb-streams';
import { StreamsNode } from './setting.ts';

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
