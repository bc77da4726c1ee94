import type { DomainError } from '../../base/index.ts';

/** Position of a record in its partition: whole, from 0, without gaps, below 2^53. */
export type Offset = number;

/** A record to append. */
export interface NewLogRecord {
  /** When it arrived, epoch milliseconds; the log stores it and never orders by it. */
  readonly timestamp: number;
  /** Opaque to the log: 0 B to {@link LOG_LIMITS}.payloadBytesMax. Not copied before the append resolves: do not change it. */
  readonly payload: Uint8Array;
}

/** A durable record. `payload` is a view of the log's memory: copy it to keep it beyond the current batch. */
export interface LogRecord extends NewLogRecord {
  readonly offset: Offset;
}

/** Where a partition begins and ends. */
export interface PartitionState {
  /** Offset of the oldest record retained; equals `next` when there is none. */
  readonly first: Offset;
  /** Offset that the next append gets. Only durable records lie below it (S1). */
  readonly next: Offset;
}

/** Numbers of the log port (S5). */
export const LOG_LIMITS = {
  /** Largest payload of one record, bytes: a Kinesis record of 10 MiB and its envelope. */
  payloadBytesMax: 11 * 1024 * 1024,
  /** Partition names: 1 to 512 bytes of UTF-8. */
  partitionNameBytesMax: 512,
  /** Bytes appended and not yet durable; beyond it `append` waits. */
  pendingBytesMax: 64 * 1024 * 1024,
} as const;

/** - `partition-not-found`: no such partition.
 *  - `records-trimmed`: the offset asked for is older than retention; `fields.first` says where to resume.
 *  - `log-full`: the disk is full; reads go on, the writer resumes when there is room again (S3). Retry later.
 *  - `log-failed`: a sync failed; this log takes no more writes until the node restarts (S3).
 *  - `log-damaged`: a checksum failed with valid records after it; the partitions concerned are stopped (S2).
 *  - `record-too-large`: the payload exceeds the limit.
 *  - `log-busy`: the limit of bytes not yet durable is reached ({@link Log.appendNow} cannot wait). Retry after `committed`. */
export type LogErrorCode =
  | 'partition-not-found'
  | 'records-trimmed'
  | 'log-full'
  | 'log-failed'
  | 'log-damaged'
  | 'record-too-large'
  | 'log-busy';

export type LogError = DomainError<LogErrorCode>;

/**
 * The log port: a partitioned append log (DESIGN §4).
 *
 * Many partitions share one group commit: all appends that wait are made durable by one sync, and the next group starts at
 * once when that is done, never on a timer. Appends to one partition are ordered as called.
 */
export interface Log extends AsyncDisposable {
  /** Makes the partition if it is not there. Durable when it resolves. */
  createPartition(partition: string): Promise<void>;

  /** Removes the partition and its records; durable when it resolves. Removing a missing one is no error. */
  dropPartition(partition: string): Promise<void>;

  /** Names of all partitions, sorted. */
  partitions(): readonly string[];

  /** Where the partition begins and ends; @throws partition-not-found */
  state(partition: string): PartitionState;

  /**
   * Appends records to one partition, in order and without others between them.
   *
   * @returns the offset of the first one, once all are durable (S1)
   * @throws partition-not-found, record-too-large: nothing was appended
   * @throws log-damaged: the partition is stopped, nothing was appended
   * @throws log-full, log-failed: nothing was appended, or (log-failed only) it is not known whether
   */
  append(partition: string, records: readonly NewLogRecord[]): Promise<Offset>;

  /**
   * The hot path of {@link append}: takes one record into the next group commit and makes no promise for it. Before the turn of
   * the loop is over ask {@link committed} (once for as many records as there are): it is the acknowledgement (S1).
   *
   * @returns the offset that the record has when the commit succeeds
   * @throws partition-not-found, record-too-large, log-damaged, log-failed, log-busy: the record was not taken
   */
  appendNow(partition: string, record: NewLogRecord): Offset;

  /**
   * Resolves when all that this turn of the loop has appended is durable; one promise for all who ask about the same group.
   *
   * @throws log-full, log-failed: as for {@link append}
   */
  committed(): Promise<void>;

  /** Payload bytes appended and not yet durable: slow down before `LOG_LIMITS.pendingBytesMax`. */
  pendingBytes(): number;

  /**
   * Durable records from `from` on, oldest first.
   *
   * @param recordsMax  1 to 10,000
   * @param bytesMax  ends the read once the payloads reach it; at least one record is returned whatever its size
   * @returns empty when `from` is the end; that means "nothing newer yet"
   * @throws partition-not-found, records-trimmed, log-damaged
   */
  read(partition: string, from: Offset, recordsMax: number, bytesMax: number): Promise<readonly LogRecord[]>;

  /** Offset of the first retained record with `timestamp` at or after the given one; `next` when there is none. */
  offsetAt(partition: string, timestamp: number): Promise<Offset>;

  /**
   * Resolves once a record at `from` is durable, or the partition is dropped or damaged or its log closed (the next read tells which).
   * @throws the signal's reason when it fires first
   */
  wait(partition: string, from: Offset, signal: AbortSignal): Promise<void>;

  /** {@link read} when all that it would return is in memory, as it is near the end; `undefined` when it must go to the disk. */
  readNow(partition: string, from: Offset, recordsMax: number, bytesMax: number): readonly LogRecord[] | undefined;

  /** Lets go of the records before `before` (at most to the end); space is freed in whole segments. Durable when it resolves. */
  trim(partition: string, before: Offset): Promise<void>;

  /** Bytes on disk, all partitions. */
  sizeBytes(): number;
}
