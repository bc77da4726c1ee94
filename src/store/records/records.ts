import type { DomainError } from '../../base/index.ts';

/** Counts commits: every commit gets the next one; all its writes carry it. Below 2^53. */
export type Version = number;

/** A stored record. */
export interface RecordEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Commit that last wrote it. */
  readonly version: Version;
}

/** What must hold for a transaction to commit. */
export interface Condition {
  readonly space: string;
  readonly key: Uint8Array;
  /** `absent`, `present`, or the exact version the caller has read. */
  readonly is: 'absent' | 'present' | Version;
}

/** Where a record is. */
export interface RecordKey {
  readonly space: string;
  readonly key: Uint8Array;
}

/** Puts or deletes one record. */
export type RowWrite =
  | { readonly kind: 'put'; readonly space: string; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly space: string; readonly key: Uint8Array };

/**
 * One write of a transaction; they take effect in their order.
 *
 * `deleteRange` deletes the keys at or above `from` and below `to`. It costs what its records cost one by one inside the engine,
 * less their way there: about a microsecond each, two with a feed, which gets a change for each. No other commit goes on
 * meanwhile, so whoever deletes millions does it in ranges of thousands.
 */
export type Write =
  | RowWrite
  | { readonly kind: 'deleteRange'; readonly space: string; readonly from: Uint8Array; readonly to: Uint8Array };

/** All or nothing; an empty `conditions` always holds. */
export interface Transaction {
  readonly conditions?: readonly Condition[];
  readonly writes: readonly Write[];
}

/** Keys in byte order: `from` inclusive, `to` exclusive; absent means open. */
export interface KeyRange {
  readonly from?: Uint8Array;
  readonly to?: Uint8Array;
  readonly reverse?: boolean;
  /** 1 to 10,000. */
  readonly limit: number;
  /** Ends the range with the record at which keys and values reach so many bytes: 1 or more, so that it never ends before the first. */
  readonly bytesMax?: number;
}

/** One write of one commit, as the change feed gives it: `value` is absent for a delete. */
export interface Change {
  readonly version: Version;
  readonly key: Uint8Array;
  readonly value?: Uint8Array;
}

/** Numbers of the records port (S5). */
export const RECORDS_LIMITS = {
  /** An index of tables has the key of the index and that of the item in one, 12.3 KB with what escaping adds. */
  keyBytesMax: 16 * 1024,
  valueBytesMax: 16 * 1024 * 1024,
  /** Enough to abort an upload of 10,000 parts at once. */
  writesPerTransactionMax: 40_000,
  /** Transactions that wait for the writer; beyond it `commit` is refused with `records-busy`. */
  pendingTransactionsMax: 100_000,
  /** Their keys and values in all, bytes; beyond it likewise. */
  pendingBytesMax: 256 * 1024 * 1024,
  /** Records or changes of one read; keys of a `getAll`. */
  readRecordsMax: 10_000,
} as const;

/** - `condition-failed`: a condition did not hold, nothing was written; `fields.index` is the first one that failed.
 *  - `records-busy`: too many transactions wait. Retry later.
 *  - `records-full`: the disk is full; reads go on (S3). Retry later.
 *  - `records-failed`: a sync failed or the engine died; no more writes until the node restarts (S3).
 *  - `record-too-large`: a key, value or transaction exceeds its limit.
 *  - `format-too-new`: a later release wrote the data; it is refused by name and left as it is (S4). */
export type RecordsErrorCode =
  | 'condition-failed'
  | 'records-busy'
  | 'records-full'
  | 'records-failed'
  | 'record-too-large'
  | 'format-too-new';

export type RecordsError = DomainError<RecordsErrorCode>;

/**
 * The records port: ordered key-value with conditional transactions, ranges and a change feed (DESIGN §4).
 *
 * A space is a named, independent key range; it exists from its first write. Reads see every commit that resolved before
 * they were called. Transactions that wait are grouped into one sync.
 */
export interface Records extends AsyncDisposable {
  /** The record at `key`; `undefined` when there is none. */
  get(space: string, key: Uint8Array): Promise<RecordEntry | undefined>;

  /**
   * The records at the keys, in their order, `undefined` where there is none; a key given twice is answered twice. One snapshot.
   * @param keys  0 to 10,000
   */
  getAll(keys: readonly RecordKey[]): Promise<readonly (RecordEntry | undefined)[]>;

  /** Records of the range in key order (or reversed), at most `limit`, and of `bytesMax`. One snapshot. */
  range(space: string, range: KeyRange): Promise<readonly RecordEntry[]>;

  /** Checks the conditions and applies the writes, atomically; durable when it resolves (S1). @throws RecordsErrorCode */
  commit(transaction: Transaction): Promise<Version>;

  /**
   * Keeps a feed of the changes of `space` from now on (durable, ordered by version then by position in its commit).
   * Without it no feed is written. Calling it again is no error.
   */
  watchChanges(space: string): Promise<void>;

  /** Changes with a version above `after`, oldest first, at most `limit` plus the rest of the last commit. */
  changes(space: string, after: Version, limit: number): Promise<readonly Change[]>;

  /** Resolves when the feed of `space` holds a change above `after`. @throws the signal's reason */
  waitForChanges(space: string, after: Version, signal: AbortSignal): Promise<void>;

  /** Lets go of the feed of `space` up to and including `through`. */
  trimChanges(space: string, through: Version): Promise<void>;

  /** Removes a space whole, its feed too. */
  dropSpace(space: string): Promise<void>;

  /** Bytes on disk. */
  sizeBytes(): Promise<number>;
}
