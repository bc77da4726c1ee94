import type { Random } from '../../src/base/index.ts';
import type { StoreFiles } from '../../src/store/index.ts';

/** Where a store under test lives. */
export interface Place {
  readonly directory: string;
  /** Simulated files; absent when it is a real folder. */
  readonly files?: StoreFiles;
}

/**
 * - `acknowledged`: it must be there, whole and in order.
 * - `refused`: it must not be there.
 * - `unknown`: in flight at the crash, or failed without a promise; whole or absent. After a recovery it is one of the others.
 */
export type Outcome = 'acknowledged' | 'refused' | 'unknown';

export interface HistoryEntry<Step> {
  /** Counts steps in the order in which they were begun, over all generations. */
  readonly id: number;
  readonly step: Step;
  outcome: Outcome;
}

/** A kind of store as the crash drivers see it. */
export interface CrashSubject<Store extends AsyncDisposable = any, Step = any> {
  readonly name: string;
  /** It does all its file access through `place.files`. */
  readonly simulated: boolean;
  /** Seeds of `npm test` that are killed for real, each in three generations: this subject's share of 200. */
  readonly kills: number;
  /** A child is killed after it has told so many lines at most; 400 unless said. */
  readonly linesMax?: number;
  /** Steps that run side by side. */
  readonly concurrency: number;
  open(place: Place): Promise<Store>;
  /** Decides a step; JSON only. */
  plan(random: Random, id: number): Step;
  /** Begins the step at once, synchronously as far as order matters; resolving is the acknowledgement. */
  run(store: Store, step: Step, id: number): Promise<unknown>;
  /** The error promises that nothing was done. */
  isRefusal(error: unknown): boolean;
  /**
   * Compares what a recovered store holds with the history.
   *
   * @returns ids of the `unknown` steps that were done
   * @throws when an acknowledged step is missing or out of order, or anything is there in part or was refused
   */
  verify(store: Store, history: readonly HistoryEntry<Step>[]): Promise<ReadonlySet<number>>;
}

/** Turns `unknown` outcomes into what a recovery found: from then on they may not change. */
export function settle<Step>(history: readonly HistoryEntry<Step>[], done: ReadonlySet<number>): void {
  for (const entry of history) {
    if (entry.outcome === 'unknown') entry.outcome = done.has(entry.id) ? 'acknowledged' : 'refused';
  }
}
