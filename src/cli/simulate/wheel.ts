/** Something that a wheel turns up when its time has come. Both fields are written by the wheel alone. */
export interface Wheeled {
  /** Monotonic milliseconds; `Infinity` when it is not on the wheel. */
  dueAt: number;
  /** The tick of its one valid entry. */
  dueTick: number;
}

/** Ticks of one turn: what is due later goes round once more. */
const SLOTS = 4096;

/**
 * When each of many things is to be looked at, by ticks: adding and turning up cost the same for ten as for twenty thousand, and what
 * is not due costs nothing.
 */
export class TimingWheel<T extends Wheeled> {
  readonly #slots: T[][] = Array.from({ length: SLOTS }, () => []);
  readonly #tickMs: number;
  #tick: number;

  constructor(tickMs: number, now: number) {
    this.#tickMs = tickMs;
    this.#tick = Math.floor(now / tickMs);
  }

  /** Has the thing turned up at `at`; sooner, when that was already said. */
  add(thing: T, at: number): void {
    if (thing.dueAt <= at) return;
    thing.dueAt = at;
    this.#place(thing);
  }

  /** Turns up everything that is due; `look` may add. */
  turn(now: number, look: (thing: T) => void): void {
    for (const last = Math.floor(now / this.#tickMs); this.#tick < last; ) {
      const tick = ++this.#tick;
      const due = this.#slots[tick % SLOTS]!;
      if (due.length === 0) continue;
      this.#slots[tick % SLOTS] = [];
      for (const thing of due) {
        // Another entry is the valid one: it was wanted sooner.
        if (thing.dueTick !== tick) continue;
        if (thing.dueAt > now) {
          this.#place(thing);
          continue;
        }
        thing.dueAt = Number.POSITIVE_INFINITY;
        thing.dueTick = -1;
        look(thing);
      }
    }
  }

  #place(thing: T): void {
    const wanted = Math.max(Math.ceil(thing.dueAt / this.#tickMs), this.#tick + 1);
    const tick = Math.min(wanted, this.#tick + SLOTS - 1);
    thing.dueTick = tick;
    this.#slots[tick % SLOTS]!.push(thing);
  }
}
