import { rowsFor } from './backlog.ts';
import { SQS_LIMITS } from './limits.ts';
import type { Entry, Place } from './message.ts';
import type { Rows } from './rows.ts';

export const LAST: Place = { delayUntil: Number.MAX_SAFE_INTEGER, sequence: 0 };

/**
 * Messages of a standard queue that may be seen later only. They stand on disk in the order in which they fall due, and are
 * read when they do.
 */
export class Delayed {
  /** Messages that are not due yet, or not read; below 0 where what was read is about to be counted. */
  waiting: number;
  #from: Place = { delayUntil: 1, sequence: 0 };
  /** Up to here a page is being read; 0 while none is. */
  #readingUntil = 0;
  /** Sequences of those that became durable in that part meanwhile. */
  readonly #late = new Set<number>();
  #due = 0;
  /** Earliest of those that came while the ones on disk were looked at. */
  #since = Number.POSITIVE_INFINITY;
  /** What was delayed by a clock that was ahead of today's is due: up to here. */
  #strayUntil = 0;
  #rowsNext: number = SQS_LIMITS.pageFirst;

  constructor(waiting: number) {
    this.waiting = waiting;
  }

  /** Looks whether the clock has gone back since messages were delayed. */
  async open(rows: Rows, now: number): Promise<void> {
    const last = await rows.lastDelayedUntil();
    if (last > now + SQS_LIMITS.delaySecondsMax * 1000) this.#strayUntil = last;
  }

  /** When the next one falls due; infinite when none waits. */
  get due(): number {
    return this.#due;
  }

  /** The place of a message to be delayed: never one that was read past already, even if the clock went back. */
  placeFor(until: number): number {
    return Math.max(until, this.#from.delayUntil + 1);
  }

  /** The place of a message that has just become durable was read past, or may be at this moment: nobody looks there again. */
  isPassed(place: Place): boolean {
    if (!this.#isAhead(place)) return true;
    if (place.delayUntil > this.#readingUntil) return false;
    this.#late.add(place.sequence);
    return true;
  }

  /** A message was deleted: where it was not read yet, it does not wait any more. */
  removed(place: Place): void {
    if (this.#isAhead(place)) this.waiting--;
  }

  add(until: number): void {
    this.waiting++;
    this.#due = Math.min(this.#due, until);
    this.#since = Math.min(this.#since, until);
  }

  /**
   * Messages that are due, a page of them.
   * @returns surplus  how many more were said to wait than do, where none does
   */
  async next(rows: Rows, now: number): Promise<{ readonly page: readonly Entry[]; readonly surplus: number }> {
    this.#since = Number.POSITIVE_INFINITY;
    const limit = this.#rowsNext;
    const until = Math.max(now, this.#strayUntil);
    const page = await this.#read(rows, until, limit);
    this.#rowsNext = rowsFor(page);
    const last = page.at(-1);
    if (page.length === limit) {
      this.#from = { delayUntil: last!.delayUntil, sequence: last!.sequence + 1 };
      return { page, surplus: 0 };
    }
    this.#from = { delayUntil: until + 1, sequence: 0 };
    this.#strayUntil = 0;
    const [next] = await rows.page(this.#from, LAST, 1);
    this.#due = Math.min(next?.delayUntil ?? Number.POSITIVE_INFINITY, this.#since);
    const surplus = this.#due === Number.POSITIVE_INFINITY ? this.waiting : 0;
    this.waiting -= surplus;
    return { page, surplus };
  }

  async #read(rows: Rows, until: number, limit: number): Promise<readonly Entry[]> {
    this.#readingUntil = until;
    try {
      const page = await rows.page(this.#from, { delayUntil: until + 1, sequence: 0 }, limit);
      const waited = page.filter(({ sequence }) => !this.#late.has(sequence));
      this.waiting -= waited.length;
      return page;
    } finally {
      this.#readingUntil = 0;
      this.#late.clear();
    }
  }

  #isAhead({ delayUntil, sequence }: Place): boolean {
    const { delayUntil: from, sequence: first } = this.#from;
    return delayUntil > from || (delayUntil === from && sequence >= first);
  }
}
