import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsOf, rightsOf, testRows } from '../../../test/support/permissions.ts';
import { kinesisPermissions } from './permissions.ts';
import type { Stream } from './stream.ts';

const ARN = 'arn:aws:kinesis:eu-west-1:000000000000:stream/telemetry';
const CONSUMER = `${ARN}/consumer/reader:1700000000`;
const StreamName = 'telemetry';

const telemetry = {
  ...{ arn: ARN, name: StreamName },
  state: {
    id: 'shhh',
    tags: { team: 'a' },
    consumers: [{ name: 'reader', createdAt: 1_700_000_000, tags: { team: 'b' } }],
    policies: { [ARN]: '"of the stream"', [CONSUMER]: '"of the consumer"' },
  },
} as unknown as Stream;

const permissions = kinesisPermissions({
  find: (region, name) => (region === 'eu-west-1' && name === StreamName ? telemetry : undefined),
  byArn: (arn) => (arn.startsWith(ARN) ? telemetry : undefined),
  list: () => [telemetry],
});

const iterator = Buffer.from(['1', 'eu-west-1', StreamName, 'shhh', 0, 0, 0].join('\n')).toString('base64');
const token = Buffer.from(JSON.stringify({ arn: ARN, after: 0, at: 0 })).toString('base64');

describe('rights of Kinesis, as the Service Authorization Reference lists them', () => {
  testRows(
    () => permissions,
    [
      ...[
        ...['AddTagsToStream', 'CreateStream', 'DecreaseStreamRetentionPeriod', 'DeleteStream', 'DescribeStream'],
        ...['DescribeStreamSummary', 'GetShardIterator', 'IncreaseStreamRetentionPeriod', 'ListShards'],
        ...['ListStreamConsumers', 'ListTagsForStream', 'MergeShards', 'PutRecord', 'PutRecords'],
        ...['RegisterStreamConsumer', 'RemoveTagsFromStream', 'SplitShard', 'UpdateMaxRecordSize'],
        ...['UpdateStreamWarmThroughput'],
      ].map((name) => [name, { StreamName }, [`kinesis:${name} ${ARN}`]] as const),
      ...[
        ...['DescribeLimits', 'DisableEnhancedMonitoring', 'EnableEnhancedMonitoring', 'ListStreams'],
        ...['UpdateShardCount', 'UpdateStreamMode'],
      ].map((name) => [name, { StreamName }, [`kinesis:${name} *`]] as const),
      ...['DeregisterStreamConsumer', 'DescribeStreamConsumer', 'SubscribeToShard'].flatMap((name) => [
        [name, { ConsumerARN: CONSUMER }, [`kinesis:${name} ${CONSUMER}`]] as const,
        [name, { StreamARN: ARN, ConsumerName: 'reader' }, [`kinesis:${name} ${CONSUMER}`]] as const,
      ]),
      ...[
        ...['DeleteResourcePolicy', 'GetResourcePolicy', 'PutResourcePolicy', 'ListTagsForResource', 'TagResource'],
        ...['UntagResource'],
      ].flatMap((name) =>
        [ARN, CONSUMER].map((arn) => [name, { ResourceARN: arn }, [`kinesis:${name} ${arn}`]] as const),
      ),
      ['GetRecords', { ShardIterator: iterator }, [`kinesis:GetRecords ${ARN}`]],
      ['GetRecords', { ShardIterator: 'nonsense' }, ['kinesis:GetRecords *']],
      ['ListShards', { NextToken: token }, [`kinesis:ListShards ${ARN}`]],
      ['PutRecord', { StreamId: '0000000000000000shhh-000' }, [`kinesis:PutRecord ${ARN}`]],
      ['PutRecord', { StreamARN: ARN }, [`kinesis:PutRecord ${ARN}`]],
      [
        'CreateStream',
        { StreamName, Tags: { a: 'b' } },
        [`kinesis:CreateStream ${ARN}`, `kinesis:AddTagsToStream ${ARN}`],
      ],
      [
        'RegisterStreamConsumer',
        { StreamARN: ARN, Tags: { a: 'b' } },
        [`kinesis:RegisterStreamConsumer ${ARN}`, `kinesis:TagResource ${ARN}`],
      ],
    ],
  );

  it('an iterator is of its own stream, whatever stream the call names beside it', async () => {
    const other = 'arn:aws:kinesis:eu-west-1:000000000000:stream/other';
    const [right] = await rightsOf(permissions, 'GetRecords', { ShardIterator: iterator, StreamARN: other });
    assert.deepEqual(right!.resources, [ARN]);
  });

  it('a stream and a consumer have their own policies and tags', async () => {
    const stream = (await rightsOf(permissions, 'PutRecord', { StreamName }))[0]!;
    assert.equal(stream.resourcePolicy, '"of the stream"');
    assert.deepEqual(stream.context, { 'aws:ResourceTag/team': 'a' });
    const consumer = (await rightsOf(permissions, 'SubscribeToShard', { ConsumerARN: CONSUMER }))[0]!;
    assert.equal(consumer.resourcePolicy, '"of the consumer"');
    assert.deepEqual(consumer.context, { 'aws:ResourceTag/team': 'b' });
    assert.deepEqual(await conditionsOf(permissions, 'TagResource', { ResourceARN: ARN, Tags: { cost: '7' } }), {
      ...{ 'aws:ResourceTag/team': 'a', 'aws:RequestTag/cost': '7', 'aws:TagKeys': ['cost'] },
    });
  });
});
