import { SQS_LIMITS } from './limits.ts';
import type { Entry, Place } from './message.ts';
import type { Rows } from './rows.ts';

export const FIRST: Place = { delayUntil: 0, sequence: 0 };
/** Messages beyond this place are delayed: those that may be seen at once have 0. */
export const DELAYED: Place = { delayUntil: 1, sequence: 0 };

/**
 * What stands on disk behind the messages that a queue knows in memory: read page by page when those run out.
 *
 * B1. Every message before the cursor is known or gone; where nothing is `behind`, that is every message.
 * B2. Pages are cut by bytes as well: a backlog of large messages costs no more memory than one of small ones.
 */
export class Backlog {
  #cursor = FIRST;
  #behind = true;
  /** Something was left on disk while a page was read. */
  #stale = false;
  #heldUntil = 0;
  #rowsNext: number = SQS_LIMITS.pageFirst;

  /** There may be messages on disk that are not known. */
  get behind(): boolean {
    return this.#behind;
  }

  /** When the message at the cursor may be seen; what comes after it waits with it. */
  get heldUntil(): number {
    return this.#heldUntil;
  }

  mayRead(now: number): boolean {
    return this.#behind && this.#heldUntil <= now;
  }

  /** A message at this place, or from it on, is on disk and not known. */
  leave({ sequence }: Place, heldUntil = 0): void {
    if (!this.#behind || sequence < this.#cursor.sequence) {
      this.#cursor = { delayUntil: 0, sequence };
      this.#heldUntil = heldUntil;
    }
    this.#behind = true;
    this.#stale = true;
  }

  /** Looks at all of it again. */
  rewind(): void {
    this.#heldUntil = 0;
    this.leave(FIRST);
  }

  /** The next page; the cursor moves past it. A space that was replaced meanwhile is for the caller to notice. */
  async next(rows: Rows): Promise<readonly Entry[]> {
    this.#stale = false;
    const limit = this.#rowsNext;
    const from = this.#cursor;
    const page = await rows.page(from, DELAYED, limit);
    const last = page.at(-1);
    // What was left further ahead meanwhile is looked at again, and the page with it.
    if (last && this.#cursor === from) this.#cursor = { delayUntil: 0, sequence: last.sequence + 1 };
    this.#behind = page.length === limit || this.#stale;
    this.#rowsNext = rowsFor(page);
    return page;
  }
}

/** So many rows that the next page will be about as large as it may be. */
export function rowsFor(page: readonly Entry[]): number {
  if (page.length === 0) return SQS_LIMITS.pageFirst;
  const bytes = page.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const wanted = Math.floor((SQS_LIMITS.pageBytes * page.length) / bytes);
  return Math.max(SQS_LIMITS.pageMin, Math.min(SQS_LIMITS.pageMax, wanted));
}
