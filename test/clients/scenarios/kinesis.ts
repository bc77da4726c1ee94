import assert from 'node:assert/strict';
import type { Rig, Scenario } from '../scenario.ts';

const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream';
const [FIRST, SECOND, THIRD, FOURTH] = [0, 1, 2, 3].map((index) => `shardId-${String(index).padStart(12, '0')}`);
/** One more than the greatest hash key. */
const HASH_KEYS = 2n ** 128n;
const notFound = { name: 'ResourceNotFoundException' };

/** Kinesis: a stream of two shards, what is put into it and read from it, its scaling, settings, consumers and tags. */
export const kinesis: Scenario = {
  service: 'kinesis',
  async run(rig) {
    const StreamName = rig.name('readings');
    const StreamARN = await streams(rig, StreamName);
    const last = await records(rig, StreamName);
    await shards(rig, StreamName);
    await settings(rig, StreamName);
    await modes(rig, StreamARN);
    await consumers(rig, StreamARN, last);
    await tags(rig, StreamName);
    if (await rig.knows('TagResource')) await resourceTags(rig, StreamARN);
    if (await rig.knows('PutResourcePolicy')) await policies(rig, StreamARN);
    await removal(rig, StreamName);
  },
};

async function streams({ call }: Rig, StreamName: string): Promise<string> {
  await call('CreateStream', { StreamName, ShardCount: 2 });
  await assert.rejects(call('CreateStream', { StreamName, ShardCount: 2 }), { name: 'ResourceInUseException' });
  const { StreamDescription: described } = await call('DescribeStream', { StreamName });
  assert.deepEqual(
    [described.StreamARN, described.StreamStatus, described.RetentionPeriodHours, described.HasMoreShards],
    [`${ARN}/${StreamName}`, 'ACTIVE', 24, false],
  );
  assert.deepEqual(
    described.Shards.map(({ ShardId, HashKeyRange }: any) => [ShardId, HashKeyRange]),
    [
      [FIRST, { StartingHashKey: '0', EndingHashKey: `${HASH_KEYS / 2n - 1n}` }],
      [SECOND, { StartingHashKey: `${HASH_KEYS / 2n}`, EndingHashKey: `${HASH_KEYS - 1n}` }],
    ],
  );
  assert.ok(Math.abs(described.StreamCreationTimestamp.getTime() - Date.now()) < 60_000);
  const { StreamDescriptionSummary: summary } = await call('DescribeStreamSummary', { StreamName });
  assert.deepEqual([summary.OpenShardCount, summary.ConsumerCount], [2, 0]);
  await assert.rejects(call('DescribeStreamSummary', { StreamName: `${StreamName}-none` }), notFound);

  const { StreamNames, HasMoreStreams } = await call('ListStreams', { ExclusiveStartStreamName: 'readings', Limit: 1 });
  assert.deepEqual([StreamNames, HasMoreStreams], [[StreamName], false]);
  const limits = await call('DescribeLimits');
  assert.ok(limits.OpenShardCount >= 2 && limits.OpenShardCount < limits.ShardLimit);
  return described.StreamARN;
}

/** @returns the sequence number of the last record of the first shard */
async function records({ call }: Rig, StreamName: string): Promise<string> {
  const Data = Buffer.from([0, 255, 10]);
  const one = await call('PutRecord', { StreamName, Data, PartitionKey: 'grün', ExplicitHashKey: '1' });
  assert.equal(one.ShardId, FIRST);
  const more = await call('PutRecords', {
    StreamName,
    Records: [
      { Data: Buffer.from('two'), PartitionKey: 'b', ExplicitHashKey: '0' },
      { Data: Buffer.from('elsewhere'), PartitionKey: 'c', ExplicitHashKey: `${HASH_KEYS - 1n}` },
    ],
  });
  assert.equal(more.FailedRecordCount, 0);
  assert.deepEqual(
    more.Records.map(({ ShardId }: any) => ShardId),
    [FIRST, SECOND],
  );
  const two = more.Records[0].SequenceNumber;

  const start = { StreamName, ShardId: FIRST };
  const first = await call('GetShardIterator', { ...start, ShardIteratorType: 'TRIM_HORIZON' });
  const page = await call('GetRecords', { ShardIterator: first.ShardIterator, Limit: 1 });
  const rest = await call('GetRecords', { ShardIterator: page.NextShardIterator });
  const [{ ApproximateArrivalTimestamp: arrived }] = page.Records;
  assert.ok(Math.abs(arrived.getTime() - Date.now()) < 60_000);
  assert.deepEqual(
    [...page.Records, ...rest.Records].map((read) => [read.SequenceNumber, read.PartitionKey, read.Data]),
    [
      [one.SequenceNumber, 'grün', Data],
      [two, 'b', Buffer.from('two')],
    ],
  );
  const behind = { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: one.SequenceNumber };
  const after = await call('GetShardIterator', { ...start, ...behind });
  const { Records } = await call('GetRecords', { ShardIterator: after.ShardIterator });
  assert.deepEqual(
    Records.map((read: any) => read.SequenceNumber),
    [two],
  );
  const at = await call('GetShardIterator', { ...start, ShardIteratorType: 'AT_TIMESTAMP', Timestamp: arrived });
  const same = await call('GetRecords', { ShardIterator: at.ShardIterator });
  assert.equal(same.Records[0].SequenceNumber, one.SequenceNumber);
  await assert.rejects(call('GetRecords', { ShardIterator: 'nonsense' }), { name: 'InvalidArgumentException' });
  return two;
}

async function shards({ call }: Rig, StreamName: string): Promise<void> {
  const split = { StreamName, ShardToSplit: FIRST, NewStartingHashKey: `${HASH_KEYS / 4n}` };
  await call('SplitShard', split);
  const listed = await call('ListShards', { StreamName, ShardFilter: { Type: 'AFTER_SHARD_ID', ShardId: SECOND } });
  assert.deepEqual(
    listed.Shards.map(({ ShardId, ParentShardId }: any) => [ShardId, ParentShardId]),
    [
      [THIRD, FIRST],
      [FOURTH, FIRST],
    ],
  );
  const start = { StreamName, ShardId: FIRST, ShardIteratorType: 'TRIM_HORIZON' };
  const { ShardIterator } = await call('GetShardIterator', start);
  const closed = await call('GetRecords', { ShardIterator });
  assert.deepEqual([closed.Records.length, closed.NextShardIterator], [2, undefined]);
  assert.deepEqual(
    closed.ChildShards.map(({ ShardId, ParentShards }: any) => [ShardId, ParentShards]),
    [
      [THIRD, [FIRST]],
      [FOURTH, [FIRST]],
    ],
  );
  const first = await call('ListShards', { StreamName, MaxResults: 3 });
  const rest = await call('ListShards', { NextToken: first.NextToken });
  assert.deepEqual([first.Shards.length, rest.Shards.length], [3, 1]);
  await call('MergeShards', { StreamName, ShardToMerge: THIRD, AdjacentShardToMerge: FOURTH });
  const open = await call('ListShards', { StreamName, ShardFilter: { Type: 'AT_LATEST' } });
  assert.equal(open.Shards.length, 2);
  const scale = { StreamName, TargetShardCount: 4, ScalingType: 'UNIFORM_SCALING' };
  const scaled = await call('UpdateShardCount', scale);
  assert.deepEqual([scaled.CurrentShardCount, scaled.TargetShardCount], [2, 4]);
  const beyond = call('UpdateShardCount', { ...scale, TargetShardCount: 9 });
  await assert.rejects(beyond, { name: 'LimitExceededException' });
}

async function settings({ call, knows }: Rig, StreamName: string): Promise<void> {
  const hours = async () => (await call('DescribeStreamSummary', { StreamName })).StreamDescriptionSummary;
  await call('IncreaseStreamRetentionPeriod', { StreamName, RetentionPeriodHours: 72 });
  assert.equal((await hours()).RetentionPeriodHours, 72);
  await call('DecreaseStreamRetentionPeriod', { StreamName, RetentionPeriodHours: 48 });
  assert.equal((await hours()).RetentionPeriodHours, 48);
  const shorter = call('IncreaseStreamRetentionPeriod', { StreamName, RetentionPeriodHours: 24 });
  await assert.rejects(shorter, { name: 'InvalidArgumentException' });

  const some = ['IncomingBytes', 'IteratorAgeMilliseconds'];
  const enabled = await call('EnableEnhancedMonitoring', { StreamName, ShardLevelMetrics: some });
  assert.deepEqual([enabled.CurrentShardLevelMetrics, enabled.DesiredShardLevelMetrics], [[], some]);
  const disabled = await call('DisableEnhancedMonitoring', { StreamName, ShardLevelMetrics: ['ALL'] });
  assert.deepEqual([disabled.CurrentShardLevelMetrics, disabled.DesiredShardLevelMetrics], [some, []]);
  if (!(await knows('UpdateMaxRecordSize'))) return;
  await call('UpdateMaxRecordSize', { StreamARN: `${ARN}/${StreamName}`, MaxRecordSizeInKiB: 2048 });
  assert.equal((await hours()).MaxRecordSizeInKiB, 2048);
}

async function modes({ call, knows }: Rig, StreamARN: string): Promise<void> {
  await call('UpdateStreamMode', { StreamARN, StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
  const StreamName = StreamARN.split('/')[1];
  const { StreamDescriptionSummary: summary } = await call('DescribeStreamSummary', { StreamName });
  assert.deepEqual(summary.StreamModeDetails, { StreamMode: 'ON_DEMAND' });
  if (await knows('UpdateStreamWarmThroughput')) {
    const warm = await call('UpdateStreamWarmThroughput', { StreamARN, WarmThroughputMiBps: 20 });
    assert.deepEqual(warm.WarmThroughput, { TargetMiBps: 20, CurrentMiBps: 20 });
  }
  const provisioned = { StreamARN, StreamModeDetails: { StreamMode: 'PROVISIONED' } };
  if (await knows('UpdateStreamMode', 'WarmThroughputMiBps')) {
    const refused = call('UpdateStreamMode', { ...provisioned, WarmThroughputMiBps: 30 });
    await assert.rejects(refused, { name: 'InvalidArgumentException' });
    const onDemand = { StreamARN, StreamModeDetails: { StreamMode: 'ON_DEMAND' } };
    await call('UpdateStreamMode', { ...onDemand, WarmThroughputMiBps: 30 });
    const after = (await call('DescribeStreamSummary', { StreamName })).StreamDescriptionSummary;
    assert.equal(after.WarmThroughput.TargetMiBps, 30);
  }
  await call('UpdateStreamMode', provisioned);
}

/** @param last  sequence number of the last record of the first shard, which is closed: a subscription to it ends by itself */
async function consumers({ call, knows }: Rig, StreamARN: string, last: string): Promise<void> {
  const { Consumer } = await call('RegisterStreamConsumer', { StreamARN, ConsumerName: 'one' });
  const { ConsumerARN } = Consumer;
  assert.ok(ConsumerARN.startsWith(`${StreamARN}/consumer/one:`), ConsumerARN);
  const { ConsumerDescription } = await call('DescribeStreamConsumer', { StreamARN, ConsumerName: 'one' });
  assert.deepEqual(ConsumerDescription, { ...Consumer, StreamARN });
  assert.deepEqual((await call('ListStreamConsumers', { StreamARN })).Consumers, [Consumer]);
  if (await knows('SubscribeToShard')) {
    const StartingPosition = { Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: last };
    const { EventStream } = await call('SubscribeToShard', { ConsumerARN, ShardId: FIRST, StartingPosition });
    const events = EventStream.map((one: any) => one.SubscribeToShardEvent);
    assert.deepEqual(
      events.flatMap(({ Records }: any) => Records).map(({ Data, SequenceNumber }: any) => [`${Data}`, SequenceNumber]),
      [['two', last]],
    );
    assert.deepEqual(
      events.at(-1).ChildShards.map((one: any) => one.ShardId),
      [THIRD, FOURTH],
    );
  }
  await call('DeregisterStreamConsumer', { ConsumerARN });
  await assert.rejects(call('DescribeStreamConsumer', { ConsumerARN }), notFound);
}

async function tags({ call }: Rig, StreamName: string): Promise<void> {
  await call('AddTagsToStream', { StreamName, Tags: { team: 'a', site: 'north & south' } });
  await call('RemoveTagsFromStream', { StreamName, TagKeys: ['team'] });
  const { Tags, HasMoreTags } = await call('ListTagsForStream', { StreamName });
  assert.deepEqual([Tags, HasMoreTags], [[{ Key: 'site', Value: 'north & south' }], false]);
}

async function resourceTags({ call }: Rig, ResourceARN: string): Promise<void> {
  await call('TagResource', { ResourceARN, Tags: { floor: '2' } });
  await call('UntagResource', { ResourceARN, TagKeys: ['site'] });
  assert.deepEqual((await call('ListTagsForResource', { ResourceARN })).Tags, [{ Key: 'floor', Value: '2' }]);
}

async function policies({ call }: Rig, ResourceARN: string): Promise<void> {
  const Statement = [
    {
      ...{ Sid: 'others', Effect: 'Allow', Action: ['kinesis:GetRecords'], Resource: ResourceARN },
      Principal: { AWS: 'arn:aws:iam::111122223333:root' },
    },
  ];
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  await call('PutResourcePolicy', { ResourceARN, Policy });
  assert.deepEqual(JSON.parse((await call('GetResourcePolicy', { ResourceARN })).Policy), JSON.parse(Policy));
  await call('DeleteResourcePolicy', { ResourceARN });
  await assert.rejects(call('GetResourcePolicy', { ResourceARN }), notFound);
}

async function removal({ call }: Rig, StreamName: string): Promise<void> {
  await call('DeleteStream', { StreamName });
  await assert.rejects(call('DescribeStream', { StreamName }), notFound);
}
