import { ACCOUNT_ID, formatArn } from '../../../base/index.ts';
import type { KeySchema } from '../model/table.ts';
import { TABLE_STREAM_LIMITS } from './limits.ts';

/** What a stream's records show of an item. */
export type StreamViewType = 'KEYS_ONLY' | 'NEW_IMAGE' | 'OLD_IMAGE' | 'NEW_AND_OLD_IMAGES';

/** What a stream is opened for. */
export interface StreamedTable {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly key: KeySchema;
}

/** What is stored of a stream: plain data. Registry key: its ARN. */
export interface StreamState {
  /** 16 hexadecimal digits; never used again. */
  readonly id: string;
  readonly arn: string;
  /** When it was opened, as its ARN ends: `2026-11-29T00:04:39.123`. */
  readonly label: string;
  readonly tableId: string;
  readonly tableName: string;
  readonly region: string;
  readonly key: KeySchema;
  readonly viewType: StreamViewType;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** It is forwarded to Kinesis, and no API shows it. */
  readonly feed?: true;
  /** No record has a lower sequence number. */
  readonly firstSequence: number;
  /** Set once it is disabled: no record has this sequence number, or one above it. */
  readonly closed?: { readonly at: number; readonly sequence: number };
}

/** Where the records of a stream are. */
export function spaceOf({ id }: Pick<StreamState, 'id'>): string {
  return `dynamodb/${id}/records`;
}

/** Where it stands how far a stream was trimmed: a row a shard, the shard and the highest number in its key. */
export function trimmedSpaceOf({ id }: Pick<StreamState, 'id'>): string {
  return `dynamodb/${id}/trimmed`;
}

/** `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL`. */
export function streamArn(region: string, tableName: string, label: string): string {
  return formatArn('dynamodb', region, ACCOUNT_ID, `table/${tableName}/stream/${label}`);
}

/** The name of a feed: a stream that is forwarded to Kinesis and that no API shows. */
export function feedArn(region: string, tableName: string, id: string): string {
  return formatArn('dynamodb', region, ACCOUNT_ID, `table/${tableName}/feed/${id}`);
}

/** `2026-11-29T00:04:39.123`: UTC, without a zone. */
export function labelOf(at: number): string {
  return new Date(at).toISOString().slice(0, -1);
}

/** `shardId-00000001795910679123-1f3a9c02`: as AWS writes them, the last two digits being the shard's number. */
export function shardId({ id, createdAt }: Pick<StreamState, 'id' | 'createdAt'>, shard: number): string {
  return `shardId-${String(createdAt).padStart(20, '0')}-${id.slice(0, 6)}${shard.toString(16).padStart(2, '0')}`;
}

/** The number of a shard; `undefined` when the stream has none of this id. */
export function shardOf(state: Pick<StreamState, 'id' | 'createdAt'>, text: string): number | undefined {
  const shard = Number.parseInt(text.slice(-2), 16);
  return shard < TABLE_STREAM_LIMITS.shards && shardId(state, shard) === text ? shard : undefined;
}

/** The shard of an item: what its row key begins with is a hash of the partition key. */
export function shardOfItem(rowKey: Uint8Array): number {
  return (rowKey[0]! * TABLE_STREAM_LIMITS.shards) >> 8;
}
