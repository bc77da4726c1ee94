import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import {
  anything,
  type CallPlace,
  each,
  madeWithTags,
  type PermissionsOf,
  resourceTags,
  right,
  type Target,
  type TargetOf,
  tagging,
} from '../index.ts';
import { streamOfIterator } from './iterator.ts';
import { consumerArn } from './operations/consumers.ts';
import { streamIdOf } from './state.ts';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';
import { streamOfToken } from './tokens.ts';

interface Input {
  readonly StreamARN?: string;
  readonly StreamName?: string;
  readonly StreamId?: string;
}

/**
 * Which rights the operations on streams need: on a stream, or on one of its consumers.
 *
 * @see Service Authorization Reference, "Actions, resources, and condition keys for Amazon Kinesis Data Streams"
 */
export function kinesisPermissions(
  streams: Pick<Streams, 'find' | 'byArn' | 'list'>,
): Readonly<Record<string, PermissionsOf>> {
  const find = ({ StreamARN, StreamName, StreamId }: Input, region: string): Stream | undefined => {
    if (StreamARN !== undefined) return streams.byArn(StreamARN);
    if (StreamName !== undefined) return streams.find(region, StreamName);
    return streams.list(region).find(({ state }) => streamIdOf(state) === StreamId);
  };
  const stream = (input: Input, { region }: CallPlace): Target => {
    const found = find(input, region);
    return ofStream(found, found?.arn ?? input.StreamARN ?? arnOf(region, input.StreamName ?? '*'));
  };
  const named: TargetOf = ({ StreamName }, { region }) =>
    ofStream(streams.find(region, StreamName), arnOf(region, StreamName));
  /** By the ARN of a stream or of a consumer. */
  const resource = (arn: string): Target => {
    const found = streams.byArn(arn);
    // Another spelling of an ARN (no account, another partition) is still this stream's.
    if (!arn.includes('/consumer/')) return ofStream(found, found?.arn ?? arn);
    const consumer = found?.state.consumers.find((one) => consumerArn(found, one) === arn);
    return {
      resources: [found ? `${found.arn}${arn.slice(arn.indexOf('/consumer/'))}` : arn],
      context: resourceTags(consumer?.tags),
      policy: found?.state.policies[arn],
    };
  };
  const consumer: TargetOf = (input, place) => {
    if (input.ConsumerARN !== undefined) return resource(input.ConsumerARN);
    const found = find(input, place.region);
    const one = found?.state.consumers.find(({ name }) => name === input.ConsumerName);
    if (found && one) return resource(consumerArn(found, one));
    return { resources: [`${stream(input, place).resources[0]}/consumer/${input.ConsumerName}:0`] };
  };
  const iterated: TargetOf = ({ ShardIterator, ...input }, place) => {
    const from = streamOfIterator(ShardIterator);
    if (from) return ofStream(streams.find(from.region, from.name), arnOf(from.region, from.name));
    return input.StreamARN === undefined ? anything() : stream(input, place);
  };
  const listed: TargetOf = (input, place) => {
    const arn = input.NextToken === undefined ? undefined : streamOfToken(input.NextToken);
    return arn === undefined ? stream(input, place) : resource(arn);
  };
  const byResource: TargetOf = ({ ResourceARN }) => resource(ResourceARN);
  return {
    ...each('kinesis', stream, [
      ...['PutRecord', 'PutRecords', 'GetShardIterator', 'DeleteStream', 'DescribeStream', 'DescribeStreamSummary'],
      ...['IncreaseStreamRetentionPeriod', 'DecreaseStreamRetentionPeriod', 'ListStreamConsumers'],
      ...['ListTagsForStream', 'MergeShards', 'SplitShard', 'UpdateMaxRecordSize', 'UpdateStreamWarmThroughput'],
    ]),
    ...each('kinesis', tagging(stream), ['AddTagsToStream', 'RemoveTagsFromStream']),
    ...each('kinesis', anything, [
      ...['DescribeLimits', 'DisableEnhancedMonitoring', 'EnableEnhancedMonitoring', 'ListStreams'],
      ...['UpdateShardCount', 'UpdateStreamMode'],
    ]),
    ...each('kinesis', consumer, ['DeregisterStreamConsumer', 'DescribeStreamConsumer', 'SubscribeToShard']),
    ...each('kinesis', byResource, [
      ...['DeleteResourcePolicy', 'GetResourcePolicy', 'PutResourcePolicy', 'ListTagsForResource'],
    ]),
    ...each('kinesis', tagging(byResource), ['TagResource', 'UntagResource']),
    CreateStream: madeWithTags('kinesis:CreateStream', 'kinesis:AddTagsToStream', named, ({ Tags }) => Tags),
    RegisterStreamConsumer: madeWithTags(
      'kinesis:RegisterStreamConsumer',
      'kinesis:TagResource',
      stream,
      ({ Tags }) => Tags,
    ),
    GetRecords: right('kinesis:GetRecords', iterated),
    ListShards: right('kinesis:ListShards', listed),
  };
}

function ofStream(found: Stream | undefined, arn: string): Target {
  return { resources: [arn], context: resourceTags(found?.state.tags), policy: found?.state.policies[arn] };
}

function arnOf(region: string, name: string): string {
  return formatArn('kinesis', region, ACCOUNT_ID, `stream/${name}`);
}
