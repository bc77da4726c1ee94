import type { Attributes } from './attribute-value.ts';
import type { Follower } from './follower.ts';

/** An attribute that is part of a key. */
export interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N' | 'B';
}

/** Which attributes tell an item from others: of a table, or of an index. */
export interface KeySchema {
  readonly hash: KeyAttribute;
  readonly range?: KeyAttribute;
  /** Of a global index whose partition or sort key has several attributes: those behind the first. */
  readonly moreHash?: readonly KeyAttribute[];
  readonly moreRange?: readonly KeyAttribute[];
}

const NONE: readonly KeyAttribute[] = [];

/** Attributes of the partition key, in the order of the schema. */
export function hashAttributes({ hash, moreHash = NONE }: KeySchema): readonly KeyAttribute[] {
  return [hash, ...moreHash];
}

/** Attributes of the sort key, the one that sorts first at the front; none when there is no sort key. */
export function rangeAttributes({ range, moreRange = NONE }: KeySchema): readonly KeyAttribute[] {
  return range ? [range, ...moreRange] : NONE;
}

/** Attributes of a key, partition first. */
export function keyAttributes(key: KeySchema): readonly KeyAttribute[] {
  return [...hashAttributes(key), ...rangeAttributes(key)];
}

export type IndexStatus = 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING';

/** A secondary index, as reads and followers need it. */
export interface Index {
  readonly name: string;
  readonly kind: 'global' | 'local';
  readonly key: KeySchema;
  /** Attributes that stand in the index beside the keys of index and table. */
  readonly projection:
    | { readonly type: 'ALL' | 'KEYS_ONLY' }
    | { readonly type: 'INCLUDE'; readonly names: readonly string[] };
  readonly status: IndexStatus;
  /** Where its rows are. */
  readonly space: string;
  readonly throughput: Throughput;
}

/** What a table or a global index may be asked for: takes units, or refuses. */
export interface Throughput {
  /** @throws DynamodbError `throughput-exceeded` */
  read(units: number): void;
  /** @throws DynamodbError `throughput-exceeded` */
  write(units: number): void;
}

/** What on-demand tables have without a limit of their own: this very object, so that nobody counts in vain. */
export const UNLIMITED: Throughput = { read: () => {}, write: () => {} };

/** A table, as the item operations need it. What it holds changes with UpdateTable: ask it anew in each operation. */
export interface Table {
  /** Never used again, whereas a name may be. */
  readonly id: string;
  readonly name: string;
  readonly arn: string;
  readonly region: string;
  readonly key: KeySchema;
  /** By name; those whose status is DELETING are gone from it. */
  readonly indexes: ReadonlyMap<string, Index>;
  /** Where the items are: `dynamodb/ID/items`. */
  readonly space: string;
  readonly throughput: Throughput;
  /** What is written along with each change of an item: indexes, streams, expiry, history. */
  readonly followers: readonly Follower[];
}

/** Finds tables for the item operations. */
export interface TableDirectory {
  /**
   * @param nameOrArn  as `TableName` takes them
   * @throws DynamodbError `resource-not-found` (none, or not ACTIVE or UPDATING: "Requested resource not found"), `validation-failed` (an ARN that is none)
   */
  get(nameOrArn: string, region: string): Table;
}

/** An item as it is stored. */
export interface StoredItem {
  readonly attributes: Attributes;
  /** As AWS counts it: names and values, UTF-8. */
  readonly sizeBytes: number;
  /** The attributes as the API writes them: a JSON object, as text. */
  readonly json: string;
  /** As it stands in the store: the value of a row. */
  readonly encoded: Uint8Array;
}
