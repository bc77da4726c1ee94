/** How a poller is doing, for `LastProcessingResult` and the console. Counts are since it was started. */
export interface PollerState {
  /** As AWS words it: `No records processed`, `OK`, `PROBLEM: ...`. */
  readonly lastResult: string;
  /** Names of those who hold it back; empty while it runs. */
  readonly paused: readonly string[];
  readonly shards: readonly ShardState[];
  /** Records or messages that wait in the source; absent while it is not known. */
  readonly depth?: number;
  /** Milliseconds since the oldest of them arrived; absent while it is not known. */
  readonly ageMs?: number;
  /** Records and messages that are through. */
  readonly records: number;
  /** Invocations that were tries of what had failed before; those of a queue are the queue's own. */
  readonly retries: number;
  /** Records given up. */
  readonly discarded: number;
  /** Of a queue: batches under way, and as many as may be now. */
  readonly concurrency?: { readonly running: number; readonly limit: number };
}

export interface ShardState {
  readonly id: string;
  readonly status: 'waiting-for-parents' | 'polling' | 'backing-off' | 'ended';
  readonly position: string;
  readonly depth?: number;
  readonly ageMs?: number;
}

/** A running event source mapping. Disposing it stops reading and waits for batches that run, up to a limit. */
export interface Poller extends AsyncDisposable {
  readonly state: PollerState;
}
