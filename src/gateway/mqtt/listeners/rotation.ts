/** What changes with a turn. */
export interface TurnPlan<T> {
  /** Are not read any more: others wait. */
  readonly hold: readonly T[];
  /** Are read again. */
  readonly read: readonly T[];
  /** Are worked on for the first time, and read. */
  readonly begin: readonly T[];
}

/** Share of a turn that is for those who have not begun while others are half done. */
const NEWCOMERS = 1 / 4;

/**
 * Decides who may be worked on in a turn, when more want to than one turn has time for: never more than `perTurn`, so that it does not
 * matter how many become ready at the same moment.
 *
 *     waiting --(begin)--> reading <--(read / hold)--> held
 *
 * - Who has begun goes before who has not, so that those half done do not grow in number; but a quarter of each turn is for new ones, so
 *   that none waits for those who have stopped to answer.
 * - Each class goes round: whoever was read stands behind all of its class, so each has its turn again after a known number of turns.
 */
export class Rotation<T> {
  readonly #waiting = new Set<T>();
  readonly #held = new Set<T>();
  readonly #reading = new Set<T>();

  /** All of them, begun or not. */
  all(): readonly T[] {
    return [...this.#reading, ...this.#held, ...this.#waiting];
  }

  /** Those that have begun. */
  get begun(): number {
    return this.#held.size + this.#reading.size;
  }

  /** Somebody waits for a turn. */
  get isCrowded(): boolean {
    return this.#waiting.size + this.#held.size > 0;
  }

  add(one: T): void {
    this.#waiting.add(one);
  }

  /** It needs no further turn. */
  remove(one: T): void {
    // Almost always one of those that are read.
    if (!this.#reading.delete(one) && !this.#held.delete(one)) this.#waiting.delete(one);
  }

  /**
   * Who is worked on in the next turn; the ones that this says nothing about stay as they are.
   *
   * @param perTurn  how many the turn has time for, at least 1
   * @param beginMax  how many may begin
   */
  turn(perTurn: number, beginMax: number): TurnPlan<T> {
    const share = Math.max(perTurn - this.begun, Math.ceil(perTurn * NEWCOMERS));
    const begin = first(this.#waiting, Math.min(share, beginMax));
    const room = perTurn - begin.length;
    const read = first(this.#held, room);
    const hold = first(this.#reading, this.#reading.size - (room - read.length));
    for (const one of hold) move(one, this.#reading, this.#held);
    for (const one of read) move(one, this.#held, this.#reading);
    for (const one of begin) move(one, this.#waiting, this.#reading);
    return { hold, read, begin };
  }
}

function first<T>(set: ReadonlySet<T>, count: number): readonly T[] {
  return count > 0 ? Array.from(set.values().take(count)) : [];
}

function move<T>(one: T, from: Set<T>, to: Set<T>): void {
  from.delete(one);
  to.add(one);
}
