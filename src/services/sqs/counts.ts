import type { Place } from './message.ts';
import type { Tally } from './rows.ts';

/**
 * How many messages a queue has, in two ways that differ while writes are under way: `stored` is what stands on disk once they are
 * done, and is written with each of them; `present` is what is there by now.
 */
export class Counts {
  readonly #stored: Tally;
  #present: number;

  /** @param stored  as it was read from disk */
  constructor(stored: Tally = { messages: 0, delayed: 0 }) {
    this.#stored = { ...stored };
    this.#present = stored.messages;
  }

  get stored(): Readonly<Tally> {
    return this.#stored;
  }

  get present(): number {
    return this.#present;
  }

  /** A write that begins, or one that has failed: then the other way round. */
  writing(places: readonly Place[], by: 1 | -1): void {
    for (const { delayUntil } of places) {
      this.#stored.messages += by;
      if (delayUntil > 0) this.#stored.delayed += by;
    }
  }

  /** A write is done: so many messages came, or went where it is below 0. */
  written(messages: number): void {
    this.#present += messages;
  }

  /** So many were said to be delayed, and are not there. */
  delayedMissing(messages: number): void {
    this.#stored.delayed -= messages;
  }

  /**
   * Where all messages are known there is no need to believe a count. The one on disk may be wrong: a transaction had counted one before
   * it that failed in the end, and then the node died.
   */
  correct(present: number): void {
    this.#stored.messages += present - this.#present;
    this.#present = present;
  }
}
