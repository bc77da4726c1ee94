import type { RecordFilter } from './filter.ts';
import type { StartingPosition } from './source.ts';

/** What both kinds of poller are told; resolved, with units, from an event source mapping. */
export interface PollerSettings {
  /** Key of the checkpoints: the mapping's UUID. */
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
  /**
   * The least time from a batch that was not full to the next: under a steady flow records come together, a full batch or
   * a single record after a quiet time goes out at once. Adds at most this much latency.
   */
  readonly lingerMs: number;
  /** Absent lets all records through. */
  readonly filter?: RecordFilter;
  /** `ReportBatchItemFailures`. */
  readonly partialResponses: boolean;
  /** The `EventCount` metrics are wanted. */
  readonly eventCounts: boolean;
}

export interface StreamSettings extends PollerSettings {
  readonly start: StartingPosition;
  /** Batches of one shard under way at once: 1 to 10. Records with the same ordering key never are. */
  readonly lanes: number;
  readonly bisectOnError: boolean;
  /** Retries after function errors; `Infinity` retries until the record is too old. */
  readonly retriesMax: number;
  /** Records older than this go to the on-failure destination; `Infinity` keeps them to the end of retention. */
  readonly recordAgeMsMax: number;
  /** Tumbling window, milliseconds; 0 has none. */
  readonly tumblingWindowMs: number;
  /** Queue, topic or bucket that is told of discarded batches. */
  readonly onFailureArn?: string;
}

export interface QueueSettings extends PollerSettings {
  /** How many batches may be under way at once, and how fast that grows. */
  readonly scaling: ScalingRules;
  /** Of sources that leave retries to us: tries after the first, and the queue or topic that gets what has used them up. */
  readonly retriesMax?: number;
  readonly onFailureArn?: string;
}

/** Batches of a queue under way at once. */
export interface ScalingRules {
  /** Where it begins, and what it goes back to when the queue is empty. */
  readonly start: number;
  readonly max: number;
  /** More, for each second that all places are taken and messages wait. */
  readonly growthPerSecond: number;
  /** What failing functions bring it down to. */
  readonly min: number;
}

/** Numbers of the pollers (S5). */
export const POLLER_LIMITS = {
  /** Payload of one invocation, bytes (AWS: 6 MB). */
  payloadBytesMax: 6 * 1024 * 1024,
  /** Bytes of record payload asked of a source at once: base64 and the envelope make 6 MB of them. */
  readBytesMax: 4 * 1024 * 1024,
  /** Messages asked of a queue at once, while their size is not known yet; then as many as fit, up to the second number. */
  receiveFirst: 10,
  receiveMax: 1000,
  /** State that a tumbling window may carry, bytes (AWS: 1 MB). */
  windowStateBytesMax: 1024 * 1024,
  /** Backoff after failures: full jitter up to base * 2^n, never more than the maximum. */
  backoffMsBase: 100,
  backoffMsMax: 60_000,
  /** How often the list of shards, and what waits in them, is read again when nothing else asks for it. */
  shardRefreshMs: 5_000,
  /** `lingerMs` of mappings without a window: 10,000 records/s then come 50 at a time instead of three or four. */
  lingerMs: 5,
  /** How often a queue whose batching window runs is looked at: is a batch together yet? */
  windowLookMs: 20,
  /** Batches of a queue under way at once: at the beginning, at most, and after failures (AWS's numbers). */
  queueBatchesStart: 5,
  queueBatchesMax: 1000,
  queueBatchesMin: 2,
  /** More of them a second while messages wait (AWS: 300 a minute; 1,000 a minute in provisioned mode). */
  queueGrowthPerSecond: 5,
  provisionedGrowthPerSecond: 1000 / 60,
  /** Batches that one provisioned poller carries at once (AWS's number). */
  batchesOfPoller: 10,
  /** Traces that the span of an invocation is linked to, of all that its batch comes from. */
  tracesMax: 32,
  /** Checkpoints are written together at most this often; a crash repeats what was done since. */
  checkpointIntervalMs: 100,
  /** How often checkpoints that could not be written are tried again. */
  checkpointRetryMs: 1000,
  /** Tries of an object for an on-failure bucket, with the pollers' backoff in between; then the records are dropped and logged. */
  archiveAttemptsMax: 10,
  /** How long closing waits for invocations that run. */
  drainMsMax: 20_000,
} as const;
