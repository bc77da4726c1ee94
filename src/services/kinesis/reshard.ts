import { ACCOUNT_ID } from '../../base/index.ts';
import { invalidArgument, KinesisError, shardNotFound } from './errors.ts';
import { evenRanges } from './hash-key.ts';
import { isOpen, type ShardState, type StreamState, shardId, shardIndex } from './state.ts';

/** Decides what splits and merges make of a stream's shards; nothing here has an effect. `now` is epoch milliseconds. */

export function initialShards(count: number, now: number): ShardState[] {
  return evenRanges(count).map(({ start, end }, index) => ({
    index,
    generation: Math.floor(now / 1000),
    start: String(start),
    end: String(end),
  }));
}

/** Closes one shard and opens two in its place, the second from `newStart` on. */
export function splitShard(stream: StreamState, id: string, newStart: string, now: number): ShardState[] {
  const shard = openShard(stream, id);
  const [start, end, at] = [BigInt(shard.start), BigInt(shard.end), BigInt(newStart)];
  if (at <= start + 1n || at >= end) {
    throw invalidArgument(
      `NewStartingHashKey ${newStart} used in SplitShard() on shard ${shardId(shard.index)} in stream ${stream.name} under account ` +
        `${ACCOUNT_ID} is not both greater than one plus the shard's StartingHashKey ${shard.start} and less than the shard's EndingHashKey ${shard.end}.`,
    );
  }
  return divide(stream.shards, shard, [start, at], now);
}

/** Closes two neighbours and opens one in their place. */
export function mergeShards(stream: StreamState, firstId: string, secondId: string, now: number): ShardState[] {
  const [first, second] = [openShard(stream, firstId), openShard(stream, secondId)];
  const [low, high] = BigInt(first.start) < BigInt(second.start) ? [first, second] : [second, first];
  if (BigInt(low.end) + 1n !== BigInt(high.start)) {
    throw invalidArgument(
      `Shards ${shardId(first.index)} and ${shardId(second.index)} in stream ${stream.name} under account ${ACCOUNT_ID} ` +
        'are not an adjacent pair of shards eligible for merging',
    );
  }
  return unite(stream.shards, first, second, now);
}

/**
 * Splits and merges until there are `target` shards of equal share (`UNIFORM_SCALING`).
 *
 * First every shard is cut where a new range begins, then the pieces of each new range are merged. Each step is an ordinary
 * split or merge, so that every shard has at most two parents, as AWS's API can tell.
 */
export function scaleShards(shards: readonly ShardState[], target: number, now: number): ShardState[] {
  let result = [...shards];
  const ranges = evenRanges(target);
  for (const { start } of ranges) {
    const cut = result.find((shard) => isOpen(shard) && BigInt(shard.start) < start && start <= BigInt(shard.end));
    if (cut) result = divide(result, cut, [BigInt(cut.start), start], now);
  }
  for (const { start, end } of ranges) {
    for (let pieces = within(result, start, end); pieces.length > 1; pieces = within(result, start, end)) {
      result = unite(result, pieces[0]!, pieces[1]!, now);
    }
  }
  return result;
}

export const openShards = (shards: readonly ShardState[]) => shards.filter(isOpen);

function within(shards: readonly ShardState[], start: bigint, end: bigint): ShardState[] {
  return openShards(shards)
    .filter((shard) => BigInt(shard.start) >= start && BigInt(shard.end) <= end)
    .sort((a, b) => (BigInt(a.start) < BigInt(b.start) ? -1 : 1));
}

function divide(
  shards: readonly ShardState[],
  shard: ShardState,
  starts: readonly bigint[],
  now: number,
): ShardState[] {
  const generation = nextGeneration([shard], now);
  const children = starts.map((start, i) => ({
    index: nextIndex(shards) + i,
    generation,
    start: String(start),
    end: i + 1 < starts.length ? String(starts[i + 1]! - 1n) : shard.end,
    parent: shard.index,
  }));
  return [...close(shards, [shard], now), ...children];
}

function unite(shards: readonly ShardState[], first: ShardState, second: ShardState, now: number): ShardState[] {
  const [low, high] = BigInt(first.start) < BigInt(second.start) ? [first, second] : [second, first];
  const child = {
    index: nextIndex(shards),
    generation: nextGeneration([first, second], now),
    start: low.start,
    end: high.end,
    parent: first.index,
    adjacentParent: second.index,
  };
  return [...close(shards, [first, second], now), child];
}

function close(shards: readonly ShardState[], closing: readonly ShardState[], now: number): ShardState[] {
  return shards.map((shard) => (closing.includes(shard) ? { ...shard, closedAt: now } : shard));
}

/** Children outlive their parents, so the highest number is always still there. */
function nextIndex(shards: readonly ShardState[]): number {
  return 1 + Math.max(...shards.map(({ index }) => index));
}

function nextGeneration(parents: readonly ShardState[], now: number): number {
  return Math.max(Math.floor(now / 1000), ...parents.map(({ generation }) => generation + 1));
}

function openShard(stream: StreamState, id: string): ShardState {
  const index = shardIndex(id);
  const shard = stream.shards.find((one) => one.index === index);
  if (!shard) throw shardNotFound(id, stream.name);
  if (isOpen(shard)) return shard;
  throw new KinesisError(
    'in-use',
    `Shard ${shardId(shard.index)} in stream ${stream.name} under account ${ACCOUNT_ID} has already been merged or split, ` +
      'and thus is not eligible for merging or splitting.',
  );
}
