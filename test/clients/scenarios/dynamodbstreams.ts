import assert from 'node:assert/strict';
import type { Call, Rig, Scenario } from '../scenario.ts';

export const dynamodbstreams: Scenario = {
  service: 'dynamodbstreams',
  async run(rig) {
    const table = await tableWithRecords(rig);
    await streams(rig, table);
    await records(rig, table);
    await ended(rig, table);
  },
};

interface StreamedTable {
  readonly TableName: string;
  readonly StreamArn: string;
  readonly StreamLabel: string;
}

const PAYLOAD = Buffer.from([0, 1, 254, 255]);

async function tableWithRecords({ name, of }: Rig): Promise<StreamedTable> {
  const dynamodb = of('dynamodb');
  const TableName = name('streamed');
  const { TableDescription } = await dynamodb('CreateTable', {
    ...{ TableName, BillingMode: 'PAY_PER_REQUEST' },
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
  });
  const Key = { id: { S: 'one' } };
  await dynamodb('PutItem', { TableName, Item: { ...Key, n: { N: '1' }, blob: { B: PAYLOAD } } });
  await dynamodb('PutItem', { TableName, Item: { ...Key, n: { N: '2.5' }, set: { SS: ['a', 'b'] } } });
  await dynamodb('DeleteItem', { TableName, Key });
  return { TableName, StreamArn: TableDescription.LatestStreamArn, StreamLabel: TableDescription.LatestStreamLabel };
}

async function streams({ call, name }: Rig, { TableName, StreamArn, StreamLabel }: StreamedTable): Promise<void> {
  assert.deepEqual(await call('ListStreams', { TableName }), { Streams: [{ StreamArn, TableName, StreamLabel }] });
  const { StreamDescription } = await call('DescribeStream', { StreamArn });
  const { Shards, CreationRequestDateTime, ...description } = StreamDescription;
  assert.deepEqual(description, {
    ...{ StreamArn, StreamLabel, TableName, StreamStatus: 'ENABLED', StreamViewType: 'NEW_AND_OLD_IMAGES' },
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  });
  assert.ok(Math.abs(Date.now() - CreationRequestDateTime.getTime()) < 60_000);
  const first = await call('DescribeStream', { StreamArn, Limit: 1 });
  const { LastEvaluatedShardId: ExclusiveStartShardId } = first.StreamDescription;
  const rest = await call('DescribeStream', { StreamArn, ExclusiveStartShardId });
  assert.deepEqual([...first.StreamDescription.Shards, ...rest.StreamDescription.Shards], Shards);
  await assert.rejects(call('DescribeStream', { StreamArn: StreamArn.replace(TableName, name('none')) }), {
    name: 'ResourceNotFoundException',
  });
  const { Streams: all } = await call('ListStreams');
  assert.ok(all.some((one: any) => one.StreamArn === StreamArn));
}

async function records({ call }: Rig, { StreamArn }: StreamedTable): Promise<void> {
  const { ShardId, Records: read } = await filledShard(call, StreamArn);
  const { ApproximateCreationDateTime, SequenceNumber, SizeBytes, ...inserted } = read[0].dynamodb;
  assert.ok(Math.abs(Date.now() - ApproximateCreationDateTime.getTime()) < 60_000);
  assert.match(SequenceNumber, /^\d{21,40}$/);
  assert.ok(SizeBytes >= PAYLOAD.length);
  const Keys = { id: { S: 'one' } };
  const [first, second] = [
    { ...Keys, n: { N: '1' }, blob: { B: PAYLOAD } },
    { ...Keys, n: { N: '2.5' }, set: { SS: ['a', 'b'] } },
  ];
  assert.deepEqual(inserted, { Keys, NewImage: first, StreamViewType: 'NEW_AND_OLD_IMAGES' });
  assert.deepEqual(
    read.map(({ eventName, eventSource, awsRegion, dynamodb: { OldImage, NewImage } }) => ({
      ...{ eventName, eventSource, awsRegion, OldImage, NewImage },
    })),
    [
      { eventName: 'INSERT', OldImage: undefined, NewImage: first },
      { eventName: 'MODIFY', OldImage: first, NewImage: second },
      { eventName: 'REMOVE', OldImage: second, NewImage: undefined },
    ].map((one) => ({ ...one, eventSource: 'aws:dynamodb', awsRegion: 'us-east-1' })),
  );

  const after = { StreamArn, ShardId, ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber };
  const { ShardIterator } = await call('GetShardIterator', after);
  const page = await call('GetRecords', { ShardIterator, Limit: 1 });
  assert.deepEqual(page.Records, [read[1]]);
  assert.deepEqual((await call('GetRecords', { ShardIterator: page.NextShardIterator })).Records, [read[2]]);
  await assert.rejects(call('GetRecords', { ShardIterator: 'nonsense' }), { name: 'ValidationException' });
}

/** A stream that was turned off is read to its end: there is no iterator behind it. */
async function ended({ call, of }: Rig, { TableName, StreamArn }: StreamedTable): Promise<void> {
  await of('dynamodb')('UpdateTable', { TableName, StreamSpecification: { StreamEnabled: false } });
  const { StreamDescription } = await call('DescribeStream', { StreamArn });
  assert.equal(StreamDescription.StreamStatus, 'DISABLED');
  const { ShardId } = StreamDescription.Shards[0];
  const { ShardIterator } = await call('GetShardIterator', { StreamArn, ShardId, ShardIteratorType: 'LATEST' });
  assert.deepEqual(await call('GetRecords', { ShardIterator }), { Records: [] });
}

/** The one shard that has records: all are of one item. */
async function filledShard(call: Call, StreamArn: string) {
  const { StreamDescription } = await call('DescribeStream', { StreamArn });
  const filled: { readonly ShardId: string; readonly Records: readonly any[] }[] = [];
  for (const { ShardId } of StreamDescription.Shards) {
    const wish = { StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
    const { Records } = await call('GetRecords', await call('GetShardIterator', wish));
    if (Records.length > 0) filled.push({ ShardId, Records });
  }
  assert.equal(filled.length, 1);
  return filled[0]!;
}
