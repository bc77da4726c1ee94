import type { TraceContext } from '../telemetry/index.ts';

/*
 * The two ports of the pull edges. A new source implements one of them and gets everything else from the pollers:
 *
 *     StreamSource   ordered parts (shards, partitions) read from a position, which the poller keeps as a checkpoint
 *     QueueSource    messages that are leased, and deleted when they are done
 */

/** Code of the error that reading throws where whoever reads may not: no fault of the source, which says it in `problem`. */
export const SOURCE_REFUSED = 'source-refused';

/** One item of a batch, as a source gives it. It stays readable for as long as the poller holds it: a retried batch is written again. */
export interface SourceRecord {
  /** What `batchItemFailures[].itemIdentifier` names: sequence number, message id. */
  readonly id: string;
  /** Order holds among records with the same key; empty where there is none. */
  readonly orderingKey: string;
  /** When it arrived, epoch milliseconds; decides about age limits and `IteratorAge`. */
  readonly arrivedAt: number;
  readonly sizeBytes: number;
  /** Its payload as filter criteria see it (`data`, `body`): bytes, parsed by the poller only if a filter asks. */
  readonly body: Uint8Array;
  /** Of a record whose sender traces it and samples the trace, or that a function has caused. */
  readonly trace?: TraceContext | undefined;
  /** Writes the record as JSON into the event's `Records`, exactly as AWS spells it for this source. */
  toEvent(): string;
}

export interface SourceBatch {
  readonly records: readonly SourceRecord[];
  /** Where to read next; stored as the checkpoint once the batch is done. Opaque to the poller. */
  readonly next: string;
}

/** One independently ordered part of a source: a shard of a stream. */
export interface SourceShard {
  readonly id: string;
  /** Shards that must be finished before this one is read (after a split or merge). */
  readonly parents: readonly string[];
}

/** Where a stream poller begins in shards that it has never read. */
export type StartingPosition =
  | { readonly kind: 'TRIM_HORIZON' }
  | { readonly kind: 'LATEST' }
  /** `at` is epoch milliseconds. */
  | { readonly kind: 'AT_TIMESTAMP'; readonly at: number };

/** What waits in a source, or in a part of it. */
export interface Backlog {
  readonly records: number;
  /** Milliseconds since the oldest of them arrived; 0 when there is none. */
  readonly ageMs: number;
}

/** What a poller reads from a stream-like source. */
export interface StreamSource {
  readonly kind: 'stream';
  /** `aws:kinesis`, ... */
  readonly eventSource: string;
  /** ARN of the stream itself, for documents about its records, whichever way it is read. */
  readonly streamArn: string;
  /** The member that describes a discarded batch in the document for the on-failure destination: `KinesisBatchInfo`. */
  readonly batchInfo: string;
  /** Tells the stream from an earlier one of the same name: checkpoints of that one mean nothing here. @throws when it is gone */
  identity(): string;
  shards(): Promise<readonly SourceShard[]>;
  /** Position for a shard that has no checkpoint yet. */
  start(shard: string, position: StartingPosition): Promise<string>;
  /**
   * Records from `position`, oldest first; `undefined` when the shard is closed and read to its end.
   * @throws DomainError `records-trimmed`: the position is older than retention
   */
  read(shard: string, position: string, recordsMax: number, bytesMax: number): Promise<SourceBatch | undefined>;
  /** Resolves when `read` at `position` would return something, or the shard has closed. */
  wait(shard: string, position: string, signal: AbortSignal): Promise<void>;
  /** What waits in a shard from `position` on. */
  backlog(shard: string, position: string): Promise<Backlog>;
  /** Why nothing can be read now, in words for `LastProcessingResult`. */
  problem?(): string | undefined;
}

/** A message that is ours until its lease ends; then others see it again. */
export interface LeasedRecord extends SourceRecord {
  /** Monotonic milliseconds: a wall clock that is set must not make a lease seem longer than it is. */
  readonly leasedUntil: number;
  /** How often it was received and handed to a function, this time included: of sources that have {@link QueueSource.retryLater}. */
  readonly receives?: number;
}

/** What a poller reads from a queue-like source. Records are given back as they came: the lease is in them. */
export interface QueueSource {
  readonly kind: 'queue';
  readonly eventSource: string;
  /** Resolves when `receive` would return something: the poller waits here without holding an environment. */
  wait(signal: AbortSignal): Promise<void>;
  /** How long a message is ours, milliseconds: the queue's visibility timeout. */
  leaseMs(): number;
  /**
   * Leases what there is, without waiting.
   * @param batch  leased for the same invocation already: these hold nothing back that goes with them
   */
  receive(recordsMax: number, batch?: readonly LeasedRecord[]): Promise<readonly LeasedRecord[]>;
  /** Done: these will not come again. A lease that has ended deletes nothing, and that is no error. */
  delete(records: readonly LeasedRecord[]): Promise<void>;
  /** Not handed to any function: these may come again at once. */
  release(records: readonly LeasedRecord[]): Promise<void>;
  /**
   * A function has failed on these: they may come again after a pause. Of sources without a redrive policy: the poller counts
   * their tries, and what has used them up goes to the mapping's on-failure destination.
   */
  retryLater?(records: readonly LeasedRecord[]): void;
  backlog(): Backlog;
  /** Why nothing can be read now, in words for `LastProcessingResult`. */
  problem?(): string | undefined;
  /** Ends what reading has begun; the poller that was given the source calls it. */
  [Symbol.asyncDispose]?(): Promise<void>;
}

/** Which invocation it was, for records sent to on-failure destinations. */
export interface InvocationIdentity {
  readonly requestId?: string;
  /** `$LATEST` or a number. */
  readonly executedVersion?: string;
}

/** What came of one invocation. */
export type InvocationOutcome =
  | ({ readonly kind: 'success'; readonly payload: Uint8Array } & InvocationIdentity)
  /** The handler threw, timed out or died; `payload` is the error object. */
  | ({ readonly kind: 'function-error'; readonly payload: Uint8Array; readonly errorType: string } & InvocationIdentity)
  /** It was not run: throttled, or the function is gone or broken. Try the same batch later. */
  | { readonly kind: 'not-invoked'; readonly reason: string };

/** A slot in an execution environment, reserved before reading: waiting for it is the backpressure (DESIGN §3). */
export interface Reservation extends Disposable {
  /** @param traces  what has caused it: it goes on with the first and is linked to the others; none begins a trace of its own */
  invoke(payload: Uint8Array, signal: AbortSignal, traces?: readonly TraceContext[]): Promise<InvocationOutcome>;
}

/** How pollers reach functions; `services/lambda` implements it, `node/` joins the two. */
export interface FunctionInvoker {
  /** Whether there is such a function (and version or alias). */
  exists(functionArn: string): boolean;
  /** How long it may run, milliseconds; `undefined` when there is no such function. */
  timeoutMs(functionArn: string): number | undefined;
  /** Waits until an environment may be used. Dispose the reservation, used or not. */
  reserve(functionArn: string, signal: AbortSignal): Promise<Reservation>;
}
