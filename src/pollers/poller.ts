/** How a poller is doing, for `LastProcessingResult` and the console. */
export interface PollerState {
  /** As AWS words it: `No records processed`, `OK`, `PROBLEM: ...`. */
  readonly lastResult: string;
  /** Names of those who hold it back; empty while it runs. */
  readonly paused: readonly string[];
  readonly shards: readonly ShardState[];
}

export interface ShardState {
  readonly id: string;
  readonly status: 'waiting-for-parents' | 'polling' | 'backing-off' | 'ended';
  readonly position: string;
}

/** A running event source mapping. */
export interface Poller extends AsyncDisposable {
  readonly state: PollerState;
  /** Holds the poller back under a name; it runs again when all names are resumed. */
  pause(reason: string): void;
  resume(reason: string): void;
}
