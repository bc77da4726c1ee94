import type { IndexStatus, KeyAttribute, KeySchema } from '../model/table.ts';

/** Units a second that a table or index is given. */
export interface Provisioned {
  readonly read: number;
  readonly write: number;
  /** Epoch milliseconds. */
  readonly increasedAt?: number;
  readonly decreasedAt?: number;
  /** How many decreases there were on the UTC day of {@link decreasedAt}. */
  readonly decreases: number;
}

/** Request units a second that an on-demand table or index takes at most; -1 takes a maximum away, which is to have none. */
export interface OnDemandMaximum {
  readonly read?: number;
  readonly write?: number;
}

export type BillingMode = 'PROVISIONED' | 'PAY_PER_REQUEST';

export type StreamViewType = 'KEYS_ONLY' | 'NEW_IMAGE' | 'OLD_IMAGE' | 'NEW_AND_OLD_IMAGES';

/** What an index holds beside the keys of index and table. */
export type Projection =
  | { readonly type: 'ALL' | 'KEYS_ONLY' }
  | { readonly type: 'INCLUDE'; readonly names: readonly string[] };

/** An index as it is stored. */
export interface IndexDefinition {
  readonly name: string;
  /** Tells its rows from those of an index of the same name before it, which may still be on their way out. */
  readonly id: string;
  readonly kind: 'global' | 'local';
  readonly key: KeySchema;
  readonly projection: Projection;
  readonly status: IndexStatus;
  /** Of a global index of a provisioned table. */
  readonly provisioned?: Provisioned;
  readonly onDemandMaximum?: OnDemandMaximum;
}

/** Where items of a new table come from until it is ACTIVE. */
export type Filling =
  | { readonly kind: 'backup'; readonly backupArn: string }
  | { readonly kind: 'moment'; readonly sourceId: string; readonly stamp: number }
  | { readonly kind: 'import'; readonly importArn: string };

/** A time to live, on. */
export interface TimeToLive {
  readonly attribute: string;
  /** Tells the rows of this spell from those of an earlier one, which may still be on their way out. */
  readonly id: string;
  /** Whether items that were there before it was switched on are known by now. */
  readonly complete: boolean;
}

/** Old images of one spell in which they are kept. */
export interface History {
  /** Tells its rows from those of an earlier spell, which may still be on their way out. */
  readonly id: string;
}

/** A table as it is stored: an entry of the registry, JSON. */
export interface TableDefinition {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Definitions of all key attributes, of the table and its indexes, in the order of the request. */
  readonly attributes: readonly KeyAttribute[];
  readonly key: KeySchema;
  readonly indexes: readonly IndexDefinition[];
  readonly billing: BillingMode;
  /** When it was last switched to on-demand, epoch milliseconds. */
  readonly onDemandSince?: number;
  readonly provisioned: Provisioned;
  readonly onDemandMaximum?: OnDemandMaximum;
  readonly warmThroughput?: { readonly read?: number; readonly write?: number };
  readonly tableClass?: { readonly name: string; readonly updatedAt?: number };
  readonly deletionProtection: boolean;
  readonly stream?: { readonly viewType: StreamViewType; readonly arn: string; readonly label: string };
  /** The last stream, once it is off: AWS goes on showing it for as long as it can be read. */
  readonly lastStream?: { readonly arn: string; readonly label: string };
  readonly timeToLive?: TimeToLive;
  /** Old images of items are kept, since somebody may ask for a moment of the past. */
  readonly history?: History;
  /** Point-in-time recovery, on. @remarks implies {@link history} */
  readonly recovery?: { readonly since: number; readonly days: number };
  readonly tags: Readonly<Record<string, string>>;
  readonly policy?: ResourcePolicy;
  readonly streamPolicy?: ResourcePolicy;
  readonly contributorInsights?: readonly ContributorInsights[];
  /** Set until the table holds what it was made from. */
  readonly filling?: Filling;
  /** What it was restored from, for descriptions. */
  readonly restored?: { readonly backupArn?: string; readonly sourceArn: string; readonly at: number };
}

/** What a table's owner has said of who may use it. */
export interface ResourcePolicy {
  readonly text: string;
  readonly revision: string;
  readonly changedAt: number;
}

/** Contributor insights of a table, or of one of its indexes. */
export interface ContributorInsights {
  readonly index?: string;
  readonly enabled: boolean;
  readonly mode: string;
  readonly changedAt: number;
}

export const itemsSpace = (tableId: string) => `dynamodb/${tableId}/items`;
export const indexSpace = (tableId: string, index: Pick<IndexDefinition, 'name' | 'id'>) =>
  `dynamodb/${tableId}/index/${index.name}/${index.id}`;
export const expirySpace = (tableId: string, { id }: Pick<TimeToLive, 'id'>) => `dynamodb/${tableId}/expiry/${id}`;
/** Old images of items, while somebody may ask for a moment of the past. */
export const historySpace = (tableId: string, { id }: History) => `dynamodb/${tableId}/history/${id}`;
/** How far backfills are, by the space that they fill. */
export const progressSpace = (tableId: string) => `dynamodb/${tableId}/progress`;

export const tableResource = (name: string) => `table/${name}`;
