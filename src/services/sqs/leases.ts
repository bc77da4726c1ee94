import type { Clock, Timer } from '../../base/index.ts';
import type { Records, Write } from '../../store/index.ts';
import { SQS_LIMITS } from './limits.ts';
import type { Entry } from './message.ts';
import type { Rows } from './rows.ts';

/** Writes of one transaction. */
export const WRITES_MAX = 5000;

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

  async #write(rows: Rows, more: readonly Write[]): Promise<void> {
    const leases = [...this.#dirty].filter(({ state, leaving }) => state !== 'gone' && !leaving);
    this.#dirty.clear();
    const writes: Write[] = [...more];
    for (const entry of leases) {
      // From here on a delete has to remove it, whichever is written first.
      entry.leased = true;
      writes.push(rows.lease(entry));
    }
    try {
      for (let at = 0; at < writes.length; at += WRITES_MAX) {
        await this.#dependencies.records.commit({ writes: writes.slice(at, at + WRITES_MAX) });
      }
    } catch (error) {
      for (const entry of leases) this.#dirty.add(entry);
      throw error;
    }
  }
}
