/** What is stored of a shard; hash keys are decimal strings. */
export interface ShardState {
  /** Counts the shards of a stream from 0, in order of creation. */
  readonly index: number;
  /** Epoch seconds of its creation, later than that of its parents: orders sequence numbers across generations. */
  readonly generation: number;
  readonly start: string;
  readonly end: string;
  /** Indexes of the shards it came from. */
  readonly parent?: number;
  readonly adjacentParent?: number;
  /** When a split or merge closed it, epoch milliseconds; it takes no more records. */
  readonly closedAt?: number;
}

export interface ConsumerState {
  readonly name: string;
  /** Epoch seconds: part of its ARN. */
  readonly createdAt: number;
  readonly tags: Readonly<Record<string, string>>;
}

export type StreamMode = 'PROVISIONED' | 'ON_DEMAND';

/** Metrics of single shards, as `EnableEnhancedMonitoring` names them. */
export const SHARD_METRICS = [
  'IncomingBytes',
  'IncomingRecords',
  'IteratorAgeMilliseconds',
  'OutgoingBytes',
  'OutgoingRecords',
  'ReadProvisionedThroughputExceeded',
  'WriteProvisionedThroughputExceeded',
] as const;

export type ShardMetric = (typeof SHARD_METRICS)[number];

/** What is stored of a stream. */
export interface StreamState {
  readonly name: string;
  readonly region: string;
  /** Tells it from an earlier stream of the same name: its partitions bear it. */
  readonly id: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly mode: StreamMode;
  readonly retentionHours: number;
  readonly recordKiBMax: number;
  readonly shards: readonly ShardState[];
  readonly consumers: readonly ConsumerState[];
  readonly tags: Readonly<Record<string, string>>;
  /** Shard-level metrics that are switched on. */
  readonly monitoring: readonly ShardMetric[];
  /** Its deletion has begun: it is answered for as if it were gone. */
  readonly deleting?: boolean;
  readonly warmThroughputMiBps?: number;
  /** Resource policies by ARN (the stream's or a consumer's). */
  readonly policies: Readonly<Record<string, string>>;
}

/** The id of a stream as clients have it, which is of a form that the model prescribes. */
export function streamIdOf({ id }: Pick<StreamState, 'id'>): string {
  return `${id.padStart(20, '0')}-000`;
}

export const shardId = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

/** Index of a shard by its id; `undefined` when it is none. AWS takes ids without leading zeros too. */
export function shardIndex(id: string): number | undefined {
  const match = /^(?:shardId-)?0*(\d{1,12})$/.exec(id);
  return match ? Number(match[1]) : undefined;
}

/** Name of a shard's partition in the log. */
export const partitionName = ({ region, name, id }: Pick<StreamState, 'region' | 'name' | 'id'>, index: number) =>
  `kinesis/${region}/${name}/${id}/${index}`;

export const isOpen = (shard: ShardState) => shard.closedAt === undefined;
