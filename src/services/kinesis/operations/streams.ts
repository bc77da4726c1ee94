import type {
  CreateStreamInput,
  DeleteStreamInput,
  DescribeStreamInput,
  DescribeStreamSummaryInput,
  ListStreamsInput,
  UpdateMaxRecordSizeInput,
  UpdateStreamModeInput,
  UpdateStreamWarmThroughputInput,
} from '@aws-sdk/client-kinesis';
import { ACCOUNT_ID } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { invalidArgument, KinesisError } from '../errors.ts';
import { KINESIS_LIMITS } from '../limits.ts';
import { toShard } from '../reading.ts';
import { openShards } from '../reshard.ts';
import { shardIndex, streamIdOf } from '../state.ts';
import type { Stream } from '../stream.ts';
import { decodeToken, encodeToken } from '../tokens.ts';
import type { KinesisParts } from './context.ts';

/** Streams themselves: create, delete, describe, list, and what one is set to. Changes are done when they are answered. */
export function streamOperations({ streams, clock }: KinesisParts) {
  const CreateStream: Operation<CreateStreamInput> = async (input, { region }) => {
    const mode = input.StreamModeDetails?.StreamMode ?? 'PROVISIONED';
    if (mode === 'PROVISIONED' && input.ShardCount === undefined) {
      throw new KinesisError('validation', 'ShardCount is required when the stream mode is PROVISIONED.');
    }
    if (mode === 'ON_DEMAND' && input.ShardCount !== undefined) {
      throw new KinesisError('validation', 'ShardCount must not be specified when the stream mode is ON_DEMAND.');
    }
    if (mode === 'ON_DEMAND') checkOnDemandLimit(streams.list(region));
    await streams.create({
      name: input.StreamName!,
      region,
      mode,
      shardCount: mode === 'ON_DEMAND' ? KINESIS_LIMITS.onDemandShards : input.ShardCount!,
      tags: input.Tags ?? {},
      recordKiBMax: input.MaxRecordSizeInKiB ?? KINESIS_LIMITS.recordKiBDefault,
      ...(input.WarmThroughputMiBps !== undefined && { warmThroughputMiBps: input.WarmThroughputMiBps }),
    });
    return {};
  };

  const DeleteStream: Operation<DeleteStreamInput> = async (input, { region }) => {
    const stream = streams.resolve(region, input);
    if (stream.state.consumers.length > 0 && input.EnforceConsumerDeletion !== true) {
      throw new KinesisError(
        'in-use',
        `Stream ${stream.name} under account ${ACCOUNT_ID} has ${stream.state.consumers.length} registered consumers. ` +
          'Set EnforceConsumerDeletion to true to delete the stream and its consumers.',
      );
    }
    await streams.delete(stream);
    return {};
  };

  const DescribeStream: Operation<DescribeStreamInput> = (input, { region }) => {
    const stream = streams.resolve(region, input);
    const after = input.ExclusiveStartShardId === undefined ? -1 : (shardIndex(input.ExclusiveStartShardId) ?? -1);
    const shards = [...stream.shards.values()].filter(({ state }) => state.index > after);
    const page = shards.slice(0, input.Limit ?? 100);
    return {
      StreamDescription: {
        ...describe(stream),
        Shards: page.map(toShard),
        HasMoreShards: page.length < shards.length,
      },
    };
  };

  const DescribeStreamSummary: Operation<DescribeStreamSummaryInput> = (input, { region }) => {
    const stream = streams.resolve(region, input);
    const { shards, consumers, recordKiBMax, warmThroughputMiBps } = stream.state;
    return {
      StreamDescriptionSummary: {
        ...describe(stream),
        StreamId: streamIdOf(stream.state),
        OpenShardCount: openShards(shards).length,
        ConsumerCount: consumers.length,
        MaxRecordSizeInKiB: recordKiBMax,
        ...(warmThroughputMiBps !== undefined && { WarmThroughput: warm(warmThroughputMiBps) }),
      },
    };
  };

  const ListStreams: Operation<ListStreamsInput> = (input, { region }) => {
    const token =
      input.NextToken === undefined ? undefined : decodeToken<{ after: string }>(input.NextToken, clock.now());
    const after = token?.after ?? input.ExclusiveStartStreamName ?? '';
    const all = streams.list(region).filter(({ name }) => name > after);
    const page = all.slice(0, input.Limit ?? 100);
    const more = page.length < all.length;
    return {
      StreamNames: page.map(({ name }) => name),
      HasMoreStreams: more,
      ...(more && { NextToken: encodeToken({ after: page.at(-1)!.name }, clock.now()) }),
      StreamSummaries: page.map((stream) => ({
        StreamName: stream.name,
        StreamARN: stream.arn,
        StreamStatus: 'ACTIVE',
        StreamModeDetails: { StreamMode: stream.state.mode },
        StreamCreationTimestamp: new Date(stream.state.createdAt),
      })),
    };
  };

  const DescribeLimits: Operation = (_input, { region }) => ({
    ShardLimit: KINESIS_LIMITS.openShardsMax,
    OpenShardCount: streams.openShardCount(region),
    OnDemandStreamCount: onDemand(streams.list(region)),
    OnDemandStreamCountLimit: KINESIS_LIMITS.onDemandStreamsMax,
  });

  const UpdateStreamMode: Operation<UpdateStreamModeInput> = async (input, { region }) => {
    const stream = streams.resolve(region, input);
    const mode = input.StreamModeDetails!.StreamMode!;
    const { WarmThroughputMiBps: warmThroughputMiBps } = input;
    if (mode !== 'ON_DEMAND' && warmThroughputMiBps !== undefined) throw warmInOtherMode();
    if (mode === 'ON_DEMAND' && stream.state.mode !== mode) checkOnDemandLimit(streams.list(region));
    await streams.update(stream, (state) => ({
      ...{ ...state, mode },
      ...(warmThroughputMiBps !== undefined && { warmThroughputMiBps }),
    }));
    return {};
  };

  const UpdateMaxRecordSize: Operation<UpdateMaxRecordSizeInput> = async (input, { region }) => {
    const stream = streams.resolve(region, input);
    await streams.update(stream, (state) => ({ ...state, recordKiBMax: input.MaxRecordSizeInKiB! }));
    return {};
  };

  const UpdateStreamWarmThroughput: Operation<UpdateStreamWarmThroughputInput> = async (input, { region }) => {
    const stream = streams.resolve(region, input);
    if (stream.state.mode !== 'ON_DEMAND') throw warmInOtherMode();
    await streams.update(stream, (state) => ({ ...state, warmThroughputMiBps: input.WarmThroughputMiBps! }));
    return { StreamARN: stream.arn, StreamName: stream.name, WarmThroughput: warm(input.WarmThroughputMiBps!) };
  };

  return {
    CreateStream,
    DeleteStream,
    DescribeStream,
    DescribeStreamSummary,
    ListStreams,
    DescribeLimits,
    UpdateStreamMode,
    UpdateMaxRecordSize,
    UpdateStreamWarmThroughput,
  };
}

/** What `DescribeStream` and its summary share. */
function describe(stream: Stream) {
  const { state } = stream;
  return {
    StreamName: state.name,
    StreamARN: stream.arn,
    StreamStatus: 'ACTIVE',
    StreamModeDetails: { StreamMode: state.mode },
    RetentionPeriodHours: state.retentionHours,
    StreamCreationTimestamp: new Date(state.createdAt),
    EnhancedMonitoring: [{ ShardLevelMetrics: [...state.monitoring] }],
    EncryptionType: 'NONE',
  };
}

const warmInOtherMode = () => invalidArgument('Warm throughput can only be updated for streams in ON_DEMAND mode.');

const warm = (mibps: number) => ({ TargetMiBps: mibps, CurrentMiBps: mibps });

const onDemand = (streams: readonly Stream[]) => streams.filter(({ state }) => state.mode === 'ON_DEMAND').length;

function checkOnDemandLimit(streams: readonly Stream[]): void {
  if (onDemand(streams) < KINESIS_LIMITS.onDemandStreamsMax) return;
  throw new KinesisError(
    'limit-exceeded',
    `This request would exceed the on-demand stream limit of ${KINESIS_LIMITS.onDemandStreamsMax} for the account ${ACCOUNT_ID}.`,
  );
}
