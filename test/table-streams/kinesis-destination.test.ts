import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Kinesis } from '@aws-sdk/client-kinesis';
import { StreamsNode } from './setting.ts';

let dataDirectory: string;
let house: StreamsNode;
let kinesis: Kinesis;

async function open(): Promise<void> {
  house = await StreamsNode.start(dataDirectory);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  kinesis = new Kinesis({ endpoint: house.node.endpoints.http, region: 'us-east-1', credentials });
}

async function close(): Promise<void> {
  kinesis?.destroy();
  await house?.[Symbol.asyncDispose]();
}

before(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), 'millrace-destinations-'));
  await open();
});
after(async () => {
  await close();
  await rm(dataDirectory, { recursive: true });
});

async function stream(StreamName: string): Promise<string> {
  await kinesis.createStream({ StreamName, ShardCount: 1 });
  return `arn:aws:kinesis:us-east-1:000000000000:stream/${StreamName}`;
}

/** The first records of a stream of one shard, of which a restart may repeat some; waits for them. */
async function records(StreamARN: string, count: number): Promise<any[]> {
  const ShardIteratorType = 'TRIM_HORIZON';
  let { ShardIterator } = await kinesis.getShardIterator({
    StreamARN,
    ShardId: 'shardId-000000000000',
    ShardIteratorType,
  });
  const found: any[] = [];
  for (let tries = 0; found.length < count && tries < 2000; tries++) {
    const { Records = [], NextShardIterator } = await kinesis.getRecords({ ShardIterator: ShardIterator! });
    for (const { Data, PartitionKey } of Records) {
      const record = { ...JSON.parse(Buffer.from(Data!).toString()), PartitionKey };
      if (!found.some(({ eventID }) => eventID === record.eventID)) found.push(record);
    }
    ShardIterator = NextShardIterator;
  }
  return found;
}

const put = (TableName: string, id: string, n: number) =>
  house.dynamodb.putItem({ TableName, Item: { id: { S: id }, n: { N: String(n) } } });

test('changes go into a Kinesis stream as AWS writes them, from when it is turned on until it is turned off', async () => {
  const { name: TableName, stream: own } = await house.table('KEYS_ONLY');
  const StreamArn = await stream('changes');
  await put(TableName, 'before', 0);
  const enabled = await house.dynamodb.enableKinesisStreamingDestination({ TableName, StreamArn });
  assert.equal(enabled.DestinationStatus, 'ENABLING');
  const described = await house.dynamodb.describeKinesisStreamingDestination({ TableName });
  assert.deepEqual(described.KinesisDataStreamDestinations, [{ StreamArn, DestinationStatus: 'ACTIVE' }]);
  await put(TableName, 'a', 1);
  await put(TableName, 'a', 2);
  await house.dynamodb.deleteItem({ TableName, Key: { id: { S: 'a' } } });
  const [insert, modify, remove] = await records(StreamArn, 3);
  const { eventID, PartitionKey, dynamodb, ...rest } = insert;
  assert.deepEqual(rest, {
    awsRegion: 'us-east-1',
    eventName: 'INSERT',
    userIdentity: null,
    recordFormat: 'application/json',
    tableName: TableName,
    eventSource: 'aws:dynamodb',
  });
  assert.match(eventID, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  const { ApproximateCreationDateTime: at, ...change } = dynamodb;
  assert.deepEqual(change, { Keys: { id: { S: 'a' } }, NewImage: { id: { S: 'a' }, n: { N: '1' } }, SizeBytes: 9 });
  assert.ok(Math.abs(at - Date.now()) < 60_000);
  assert.deepEqual([modify.eventName, modify.dynamodb.OldImage.n.N], ['MODIFY', '1']);
  assert.deepEqual([remove.eventName, remove.PartitionKey], ['REMOVE', PartitionKey]);
  await house.dynamodb.disableKinesisStreamingDestination({ TableName, StreamArn });
  await put(TableName, 'after', 0);
  const off = await house.dynamodb.describeKinesisStreamingDestination({ TableName });
  assert.equal(off.KinesisDataStreamDestinations![0]!.DestinationStatus, 'DISABLED');
  await house.dynamodb.enableKinesisStreamingDestination({
    TableName,
    StreamArn,
    EnableKinesisStreamingConfiguration: { ApproximateCreationDateTimePrecision: 'MICROSECOND' },
  });
  await put(TableName, 'again', 0);
  const again = (await records(StreamArn, 4))[3];
  assert.equal(again.dynamodb.Keys.id.S, 'again');
  assert.equal(again.dynamodb.ApproximateCreationDateTimePrecision, 'MICROSECOND');
  assert.ok(Math.abs(again.dynamodb.ApproximateCreationDateTime / 1000 - Date.now()) < 60_000);
  // The feed behind it is nobody's business.
  const { Streams } = await house.streams.listStreams({});
  assert.deepEqual(
    Streams!.map(({ StreamArn: arn }) => arn),
    [own],
  );
});

test('a restart goes on where it was, and nothing is left out', async () => {
  const { name: TableName } = await house.table('KEYS_ONLY');
  const StreamArn = await stream('restarted');
  await house.dynamodb.enableKinesisStreamingDestination({ TableName, StreamArn });
  for (let n = 0; n < 20; n++) await put(TableName, `item-${n}`, n);
  await close();
  await open();
  for (let n = 20; n < 30; n++) await put(TableName, `item-${n}`, n);
  const found = await records(StreamArn, 30);
  const ids = new Set(found.map(({ dynamodb }) => dynamodb.Keys.id.S));
  assert.equal(ids.size, 30);
});

test('destinations are refused in the words of AWS', async () => {
  const { name: TableName } = await house.table('KEYS_ONLY');
  const StreamArn = await stream('refusals');
  const call = { TableName, StreamArn };
  const state = 'Table is not in a valid state to enable Kinesis Streaming Destination:';
  await assert.rejects(house.dynamodb.disableKinesisStreamingDestination(call), {
    name: 'ValidationException',
    message: `${state} KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.`,
  });
  await house.dynamodb.enableKinesisStreamingDestination(call);
  await assert.rejects(house.dynamodb.enableKinesisStreamingDestination(call), {
    name: 'ValidationException',
    message: `${state} EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE operation.`,
  });
  const precise = { ApproximateCreationDateTimePrecision: 'MICROSECOND' } as const;
  await house.dynamodb.updateKinesisStreamingDestination({ ...call, UpdateKinesisStreamingConfiguration: precise });
  await assert.rejects(
    house.dynamodb.updateKinesisStreamingDestination({ ...call, UpdateKinesisStreamingConfiguration: precise }),
    /Invalid Request: Precision is already set to the desired value of MICROSECOND for tableId: /,
  );
  await assert.rejects(
    house.dynamodb.enableKinesisStreamingDestination({ TableName, StreamArn: `${StreamArn}-none` }),
    { name: 'ValidationException', message: 'User does not have a permission to use kinesis stream' },
  );
  await assert.rejects(house.dynamodb.describeKinesisStreamingDestination({ TableName: 'no-such-table' }), {
    name: 'ResourceNotFoundException',
  });
});

test('of several who turn a destination on at once one does', async () => {
  const { name: TableName } = await house.table('KEYS_ONLY');
  const StreamArn = await stream('at-once');
  const all = Array.from({ length: 5 }, () =>
    house.dynamodb.enableKinesisStreamingDestination({ TableName, StreamArn }),
  );
  const enabled = (await Promise.allSettled(all)).filter(({ status }) => status === 'fulfilled');
  assert.equal(enabled.length, 1);
});
