import type { TraceContext } from '../telemetry/index.ts';

/** One item of a batch, as a source gives it. */
export interface SourceRecord {
  /** What `batchItemFailures[].itemIdentifier` names: sequence number, message id. */
  readonly id: string;
  /** Order holds among records with the same key; a queue has none. */
  readonly orderingKey: string;
  /** When it arrived, epoch milliseconds; decides about age limits and `IteratorAge`. */
  readonly arrivedAt: number;
  readonly sizeBytes: number;
  /** Its payload as filter criteria see it (`data`, `body`): bytes, parsed by the poller only if a filter asks. */
  readonly body: Uint8Array;
  /** Of a record whose sender traces it, and samples the trace. */
  readonly trace?: TraceContext | undefined;
  /** Writes the record as JSON into the event's `Records`, exactly as AWS spells it for this source. */
  toEvent(): string;
}

/** A record stays readable (`body`, `toEvent`) for as long as the poller holds it: a retried batch is written again. */

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

/** What a poller reads from a stream-like source: kinesis now, DynamoDB streams, Kafka and brokers later. */
export interface StreamSource {
  /** `aws:kinesis`, ... */
  readonly eventSource: string;
  shards(): Promise<readonly SourceShard[]>;
  /** Position for a shard that has no checkpoint yet. `at` is epoch milliseconds. */
  start(
    shard: string,
    position:
      | { readonly kind: 'TRIM_HORIZON' }
      | { readonly kind: 'LATEST' }
      | { readonly kind: 'AT_TIMESTAMP'; readonly at: number },
  ): Promise<string>;
  /**
   * Records from `position`, oldest first; `undefined` when the shard is closed and read to its end.
   * @throws DomainError `records-trimmed`: the position is older than retention
   */
  read(shard: string, position: string, recordsMax: number, bytesMax: number): Promise<SourceBatch | undefined>;
  /** Resolves when `read` at `position` would return something, or the shard has closed. */
  wait(shard: string, position: string, signal: AbortSignal): Promise<void>;
  /** Milliseconds between the newest record and the one at `position`. */
  lagMs(shard: string, position: string): Promise<number>;
}

/** What a poller reads from a queue-like source. */
export interface QueueSource {
  readonly eventSource: string;
  /** Resolves when `receive` would return something: the poller waits here without holding an environment. */
  wait(signal: AbortSignal): Promise<void>;
  /** Waits up to `waitMs` for messages and leases them for `leaseMs`; 0 is the queue's own visibility timeout. */
  receive(recordsMax: number, waitMs: number, leaseMs: number, signal: AbortSignal): Promise<readonly SourceRecord[]>;
  /** Done: these will not come again. */
  delete(ids: readonly string[]): Promise<void>;
  /** Failed: these come again when their lease ends, or as the queue's redrive policy says. */
  release(ids: readonly string[]): Promise<void>;
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
  /** @param trace  what has caused it; absent begins a trace of its own */
  invoke(payload: Uint8Array, signal: AbortSignal, trace?: TraceContext): Promise<InvocationOutcome>;
}

/** How pollers reach functions; `services/lambda` implements it, `node/` joins the two. */
export interface FunctionInvoker {
  /** Whether there is such a function (and version or alias). */
  exists(functionArn: string): boolean;
  /** Waits until an environment may be used. Dispose the reservation, used or not. */
  reserve(functionArn: string, signal: AbortSignal): Promise<Reservation>;
}
