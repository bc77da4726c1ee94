import type { RecordFilter } from './filter.ts';

/** Where a stream poller begins in shards that it has never read. */
export type StartingPosition =
  | { readonly kind: 'TRIM_HORIZON' }
  | { readonly kind: 'LATEST' }
  /** `at` is epoch milliseconds. */
  | { readonly kind: 'AT_TIMESTAMP'; readonly at: number };

/** What both kinds of poller are told; resolved, with units, from an event source mapping. */
export interface PollerSettings {
  /** Key of the checkpoints, `source` of what it sends on: the mapping's UUID. */
  readonly id: string;
  /** ARN of the mapping itself: `source` of deliveries to the on-failure destination. */
  readonly mappingArn: string;
  readonly functionArn: string;
  readonly functionName: string;
  readonly sourceArn: string;
  /** Records of one invocation: 1 to 10,000. */
  readonly batchSize: number;
  /** How long a batch may wait for more records; 0 invokes as soon as there is one and an environment for it. */
  readonly windowMs: number;
  /** Absent lets all records through. */
  readonly filter?: RecordFilter;
  /** `ReportBatchItemFailures`. */
  readonly partialResponses: boolean;
}

export interface StreamSettings extends PollerSettings {
  readonly start: StartingPosition;
  /** Batches of one shard under way at once: 1 to 10. Records with the same ordering key never are. */
  readonly lanes: number;
  /**
   * The least time from a batch that was not full to the next: under a steady flow records come together, a full batch or
   * a single record after a quiet time goes out at once. Adds at most this much latency.
   */
  readonly lingerMs: number;
  readonly bisectOnError: boolean;
  /** Retries after function errors; `Infinity` retries until the record is too old. */
  readonly retriesMax: number;
  /** Records older than this go to the on-failure destination; `Infinity` keeps them to the end of retention. */
  readonly recordAgeMsMax: number;
  /** Tumbling window, milliseconds; 0 has none. */
  readonly tumblingWindowMs: number;
  /** Queue or topic that is told of discarded batches. */
  readonly onFailureArn?: string;
}

export interface QueueSettings extends PollerSettings {
  /** Batches under way at once: 2 to 1,000. */
  readonly concurrencyMax: number;
}

/** Numbers of the pollers (S5). */
export const POLLER_LIMITS = {
  /** Payload of one invocation, bytes (AWS: 6 MB). */
  payloadBytesMax: 6 * 1024 * 1024,
  /** Bytes of record payload asked of a source at once: base64 and the envelope make 6 MB of them. */
  readBytesMax: 4 * 1024 * 1024,
  /** State that a tumbling window may carry, bytes (AWS: 1 MB). */
  windowStateBytesMax: 1024 * 1024,
  /** Backoff after failures: full jitter up to base * 2^n, never more than the maximum. */
  backoffMsBase: 100,
  backoffMsMax: 60_000,
  /** How often the list of shards is read again when nothing else asks for it. */
  shardRefreshMs: 10_000,
  /** `lingerMs` of mappings without a window: 10,000 records/s then come 50 at a time instead of three or four. */
  lingerMs: 5,
  /** Checkpoints are written together at most this often; a crash repeats what was done since. */
  checkpointIntervalMs: 100,
  /** How long closing waits for invocations that run. */
  drainMsMax: 20_000,
} as const;
