import type { LogRecord, Offset } from '../../store/index.ts';
import type { Shard } from './shard.ts';
import { type ShardState, shardId } from './state.ts';
import type { Stream } from './stream.ts';

/** How far a reader that stands at `next` is behind: 0 at the tip, else the age of the last record that it got. */
export function millisBehind(shard: Shard, next: Offset, records: readonly LogRecord[], now: number): number {
  if (next >= shard.next) return 0;
  const last = records.at(-1);
  return last ? Math.max(0, now - last.timestamp) : 0;
}

/** A shard as `ListShards` and `DescribeStream` show it. */
export function toShard(shard: Shard) {
  const { state, sequence } = shard;
  const ending = shard.endingSequenceNumber;
  return {
    ShardId: shard.id,
    ...(state.parent !== undefined && { ParentShardId: shardId(state.parent) }),
    ...(state.adjacentParent !== undefined && { AdjacentParentShardId: shardId(state.adjacentParent) }),
    HashKeyRange: toRange(state),
    SequenceNumberRange: {
      StartingSequenceNumber: sequence.of(-1),
      ...(ending !== undefined && { EndingSequenceNumber: ending }),
    },
  };
}

/** The shards that go on where a closed one ended. */
export function childShards(stream: Stream, parent: Shard) {
  return [...stream.shards.values()]
    .filter(({ state }) => state.parent === parent.state.index || state.adjacentParent === parent.state.index)
    .map(({ id, state }) => ({
      ShardId: id,
      ParentShards: [state.parent, state.adjacentParent].filter((index) => index !== undefined).map((i) => shardId(i!)),
      HashKeyRange: toRange(state),
    }));
}

const toRange = ({ start, end }: ShardState) => ({ StartingHashKey: start, EndingHashKey: end });
