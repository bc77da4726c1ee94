import type { Clock, Timer } from '../../base/index.ts';
import type { Records, Write } from '../../store/index.ts';
import { SQS_LIMITS } from './limits.ts';
import type { Entry } from './message.ts';
import type { Rows } from './rows.ts';

/** Writes of one transaction. */
export const WRITES_MAX = 5000;
/** Leases, and other writes, of one transaction. */
const PART = WRITES_MAX / 2;

export interface LeasesDependencies {
  readonly records: Records;
  readonly clock: Clock;
  /** Told of a write that failed; the next one takes what it has left. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Receive counts and visibility of messages in flight, written soon after and not before the answer: a crash repeats
 * messages, and never loses any.
 */
export class Leases {
  readonly #dependencies: LeasesDependencies;
  #dirty = new Set<Entry>();
  #timer: Timer | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(dependencies: LeasesDependencies) {
    this.#dependencies = dependencies;
  }

  /** @param flush  what the timer calls: it knows where to write */
  note(entry: Entry, flush: () => Promise<void>): void {
    this.#dirty.add(entry);
    if (this.#closed) return;
    const { clock, onFailure } = this.#dependencies;
    this.#timer ??= clock.timer(SQS_LIMITS.leaseIntervalMs, () => {
      this.#timer = undefined;
      flush().catch(onFailure);
    });
  }

  /** The message is on its way out: a lease written after its deletion would be left over. */
  forget(entry: Entry): void {
    this.#dirty.delete(entry);
  }

  clear(): void {
    this.#dirty = new Set();
  }

  /** @param rows  where they are written, as it is when their turn comes; @param more  writes to go along */
  flush(rows: () => Rows, more: () => readonly Write[]): Promise<void> {
    this.#flushing = this.#flushing.catch(() => {}).then(() => this.#write(rows(), more()));
    return this.#flushing;
  }

  stop(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** In parts; what is deleted while an earlier one is written is left out, or its lease would be left over. */
  async #write(rows: Rows, more: readonly Write[]): Promise<void> {
    const noted = [...this.#dirty];
    this.#dirty.clear();
    for (let at = 0; at < Math.max(noted.length, more.length); at += PART) {
      const part = noted.slice(at, at + PART).filter(({ state, leaving }) => state !== 'gone' && !leaving);
      // From here on a delete has to remove it, whichever is written first.
      for (const entry of part) entry.leased = true;
      const writes = [...more.slice(at, at + PART), ...part.map((entry) => rows.lease(entry))];
      try {
        if (writes.length > 0) await this.#dependencies.records.commit({ writes });
      } catch (error) {
        for (const entry of noted.slice(at)) this.#dirty.add(entry);
        throw error;
      }
    }
  }
}
