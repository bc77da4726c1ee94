import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  PutRecordCommand,
  PutRecordsCommand,
  paginateListStreams,
  RegisterStreamConsumerCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  SplitShardCommand,
  SubscribeToShardCommand,
  type SubscribeToShardEvent,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import { clientOptions } from '../wire/support.ts';
import { startKinesis, type TestKinesis } from './support.ts';

const FIRST = 'shardId-000000000000';

let node: TestKinesis;
/** Speaks HTTP/2, as it does with AWS. */
let client: KinesisClient;

before(async () => {
  node = await startKinesis();
  client = new KinesisClient(clientOptions(node.wire));
});
after(async () => {
  client.destroy();
  await node[Symbol.asyncDispose]();
});

async function create(StreamName: string): Promise<string> {
  await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  const waited = await waitUntilStreamExists({ client, maxWaitTime: 11 }, { StreamName });
  return waited.reason.StreamDescription.StreamARN;
}

test('the JavaScript SDK creates a stream, puts records and gets them back', async () => {
  await create('telemetry');
  const Records = ['a', 'b', 'c'].map((text) => ({ PartitionKey: text, Data: Buffer.from(text) }));
  const put = await client.send(new PutRecordsCommand({ StreamName: 'telemetry', Records }));
  assert.equal(put.FailedRecordCount, 0);
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({ StreamName: 'telemetry', ShardId: FIRST, ShardIteratorType: 'TRIM_HORIZON' }),
  );
  const got = await client.send(new GetRecordsCommand({ ShardIterator }));
  assert.deepEqual(
    got.Records!.map(({ Data, PartitionKey, SequenceNumber }) => [
      Buffer.from(Data!).toString(),
      PartitionKey,
      SequenceNumber,
    ]),
    put.Records!.map(({ SequenceNumber }, i) => ['abc'[i], 'abc'[i], SequenceNumber]),
  );
  assert.ok(got.Records![0]!.ApproximateArrivalTimestamp instanceof Date);
  assert.equal(got.MillisBehindLatest, 0);
});

test("errors have the classes that the SDK knows, and AWS's words", async () => {
  await create('twice');
  await assert.rejects(client.send(new CreateStreamCommand({ StreamName: 'twice', ShardCount: 1 })), (error) => {
    assert.ok(error instanceof ResourceInUseException);
    assert.equal(error.message, 'Stream twice under account 000000000000 already exists.');
    return true;
  });
  const put = new PutRecordCommand({ StreamName: 'nothing', PartitionKey: 'a', Data: Buffer.from('x') });
  await assert.rejects(client.send(put), ResourceNotFoundException);
  await client.send(new DeleteStreamCommand({ StreamName: 'twice' }));
});

test('the SDK pages through streams', async () => {
  for (const name of ['page-1', 'page-2', 'page-3']) await create(name);
  const names: string[] = [];
  for await (const page of paginateListStreams({ client, pageSize: 2 }, {})) names.push(...page.StreamNames!);
  assert.ok(['page-1', 'page-2', 'page-3'].every((name) => names.includes(name)));
});

test('SubscribeToShard streams events to the SDK until the shard is closed', async () => {
  const arn = await create('fan-out');
  const put = (text: string) =>
    client.send(new PutRecordCommand({ StreamName: 'fan-out', PartitionKey: 'a', Data: Buffer.from(text) }));
  await put('0');
  const { Consumer } = await client.send(new RegisterStreamConsumerCommand({ StreamARN: arn, ConsumerName: 'one' }));
  const { EventStream } = await client.send(
    new SubscribeToShardCommand({
      ConsumerARN: Consumer!.ConsumerARN,
      ShardId: FIRST,
      StartingPosition: { Type: 'TRIM_HORIZON' },
    }),
  );
  const texts: string[] = [];
  let last: SubscribeToShardEvent | undefined;
  for await (const { SubscribeToShardEvent: event } of EventStream!) {
    last = event;
    texts.push(...event!.Records!.map(({ Data }) => Buffer.from(Data!).toString()));
    if (texts.length === 1) await put('1');
    else if (texts.length === 2 && !event!.ChildShards) {
      const split = { StreamName: 'fan-out', ShardToSplit: FIRST, NewStartingHashKey: '1000' };
      await client.send(new SplitShardCommand(split));
    }
  }
  assert.deepEqual(texts, ['0', '1']);
  assert.deepEqual(
    last!.ChildShards!.map(({ ShardId }) => ShardId),
    ['shardId-000000000001', 'shardId-000000000002'],
  );
});
