import type {
  ListShardsInput,
  MergeShardsInput,
  ShardFilter,
  SplitShardInput,
  UpdateShardCountInput,
} from '@aws-sdk/client-kinesis';
import type { Operation } from '../../index.ts';
import { invalidArgument, KinesisError } from '../errors.ts';
import { toShard } from '../reading.ts';
import { mergeShards, openShards, scaleShards, splitShard } from '../reshard.ts';
import type { Shard } from '../shard.ts';
import { shardIndex } from '../state.ts';
import type { Stream } from '../stream.ts';
import { decodeToken, encodeToken } from '../tokens.ts';
import type { KinesisParts } from './context.ts';

interface ShardsToken {
  readonly arn: string;
  readonly after: number;
  readonly filter?: { readonly Type: ShardFilter['Type']; readonly ShardId?: string; readonly Timestamp?: string };
}

/** Shards: list, split, merge, scale. */
export function shardOperations({ streams, clock }: KinesisParts) {
  const ListShards: Operation<ListShardsInput> = async (input, { region }) => {
    const now = clock.now();
    const page = input.NextToken === undefined ? firstPage(input, region) : nextPage(input, now);
    const stream = streams.resolve(region, { StreamARN: page.arn });
    const filter = page.filter && {
      ...page.filter,
      Timestamp: page.filter.Timestamp && new Date(page.filter.Timestamp),
    };
    const all = filtered(stream, filter as ShardFilter | undefined).filter(({ state }) => state.index > page.after);
    const shards = all.slice(0, input.MaxResults ?? 1000);
    const more = shards.length < all.length;
    return {
      Shards: shards.map(toShard),
      ...(more && { NextToken: encodeToken({ ...page, after: shards.at(-1)!.state.index }, now) }),
    };
  };

  function firstPage(input: ListShardsInput, region: string): ShardsToken {
    const stream = streams.resolve(region, input);
    const { ShardFilter: filter, ExclusiveStartShardId: start } = input;
    if (filter) checkFilter(filter);
    return {
      arn: stream.arn,
      after: start === undefined ? -1 : (shardIndex(start) ?? -1),
      ...(filter && { filter: { ...filter, Timestamp: filter.Timestamp?.toISOString() } as ShardsToken['filter'] }),
    };
  }

  function nextPage(input: ListShardsInput, now: number): ShardsToken {
    const { StreamName, StreamARN, StreamCreationTimestamp, ExclusiveStartShardId, ShardFilter } = input;
    if (StreamName ?? StreamARN ?? StreamCreationTimestamp ?? ExclusiveStartShardId ?? ShardFilter) {
      throw invalidArgument('NextToken and StreamName cannot be provided together.');
    }
    return decodeToken<ShardsToken>(input.NextToken!, now);
  }

  const SplitShard: Operation<SplitShardInput> = async (input, { region }) => {
    const stream = streams.resolve(region, input);
    stream.shard(input.ShardToSplit!);
    streams.checkShardLimit(region, 1);
    await streams.update(stream, (state) => ({
      ...state,
      shards: splitShard(state, input.ShardToSplit!, input.NewStartingHashKey!, clock.now()),
    }));
    return {};
  };

  const MergeShards: Operation<MergeShardsInput> = async (input, { region }) => {
    const stream = streams.resolve(region, input);
    await streams.update(stream, (state) => ({
      ...state,
      shards: mergeShards(state, input.ShardToMerge!, input.AdjacentShardToMerge!, clock.now()),
    }));
    return {};
  };

  const UpdateShardCount: Operation<UpdateShardCountInput> = async (input, { region }) => {
    const stream = streams.resolve(region, input);
    const target = input.TargetShardCount!;
    const current = openShards(stream.state.shards).length;
    checkTarget(stream, current, target);
    if (target > current) streams.checkShardLimit(region, target - current);
    await streams.update(stream, (state) => ({ ...state, shards: scaleShards(state.shards, target, clock.now()) }));
    return {
      StreamName: stream.name,
      CurrentShardCount: current,
      TargetShardCount: target,
      StreamARN: stream.arn,
    };
  };

  return { ListShards, SplitShard, MergeShards, UpdateShardCount };
}

/** AWS scales to between half and double at a time. */
function checkTarget(stream: Stream, current: number, target: number): void {
  if (stream.state.mode === 'ON_DEMAND') {
    throw new KinesisError(
      'validation',
      `Request is invalid. Stream ${stream.name} is in ON_DEMAND mode; its shard count cannot be updated.`,
    );
  }
  if (target > current * 2) {
    throw new KinesisError(
      'limit-exceeded',
      `UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: ${current} Target shard count: ${target}`,
    );
  }
  if (target < current / 2) {
    throw new KinesisError(
      'limit-exceeded',
      `UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: ${current} Target shard count: ${target}`,
    );
  }
}

function checkFilter(filter: ShardFilter): void {
  if (filter.Type === 'AFTER_SHARD_ID' && filter.ShardId === undefined) {
    throw invalidArgument('ShardFilter of type AFTER_SHARD_ID must specify ShardId.');
  }
  if ((filter.Type === 'AT_TIMESTAMP' || filter.Type === 'FROM_TIMESTAMP') && filter.Timestamp === undefined) {
    throw invalidArgument(`ShardFilter of type ${filter.Type} must specify Timestamp.`);
  }
}

function filtered(stream: Stream, filter: ShardFilter | undefined): Shard[] {
  const shards = [...stream.shards.values()];
  const at = filter?.Timestamp?.getTime() ?? 0;
  switch (filter?.Type) {
    case 'AFTER_SHARD_ID':
      return shards.filter(({ state }) => state.index > (shardIndex(filter.ShardId!) ?? -1));
    case 'AT_LATEST':
      return shards.filter((shard) => !shard.isClosed);
    case 'AT_TIMESTAMP':
      return shards.filter((shard) => openedAt(shard) <= at && at < closedAt(shard));
    case 'FROM_TIMESTAMP':
      return shards.filter((shard) => at < closedAt(shard));
    case 'AT_TRIM_HORIZON':
      // The oldest generation that is still there: shards whose parents are all gone.
      return shards.filter(({ state }) =>
        [state.parent, state.adjacentParent].every((parent) => parent === undefined || !stream.shards.has(parent)),
      );
    default:
      return shards;
  }
}

const openedAt = ({ state }: Shard) => state.generation * 1000;
const closedAt = ({ state }: Shard) => state.closedAt ?? Number.POSITIVE_INFINITY;
