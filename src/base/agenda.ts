import type { Clock, Timer } from './clock.ts';

/** Something that is to be looked at, with when. */
export interface Dated {
  /** By the monotonic clock; `Infinity` when it has no date. Written by the agenda alone. */
  tendAt: number;
}

/** Looking at something too often costs more than looking at it late. */
const PERIOD_MS_MIN = 50;

/** So few entries that are out of date are left until their time comes. */
const STALE_MIN = 64;

/**
 * Dates of many things with one timer: what has no date costs nothing. A heap, whose entries may be out of date: only the one
 * that carries its thing's current date counts.
 */
export class Agenda<T extends Dated> {
  readonly #clock: Clock;
  readonly #look: (thing: T) => number | undefined;
  #heap: { readonly at: number; readonly thing: T }[] = [];
  /** Entries that are out of date. */
  #stale = 0;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #closed = false;

  /** @param look  called when the date has come. @returns the next date, or nothing */
  constructor(clock: Clock, look: (thing: T) => number | undefined) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Has the thing looked at by then; sooner, when that was already said. */
  by(thing: T, at: number): void {
    if (thing.tendAt <= at || this.#closed) return;
    if (thing.tendAt !== Number.POSITIVE_INFINITY) this.#stale++;
    thing.tendAt = at;
    this.#push({ at, thing });
    this.#arm();
  }

  /** Takes the thing's date away: one that is days ahead would keep it in memory till then. */
  forget(thing: T): void {
    if (thing.tendAt === Number.POSITIVE_INFINITY) return;
    thing.tendAt = Number.POSITIVE_INFINITY;
    this.#stale++;
    if (this.#stale < STALE_MIN || this.#stale * 2 < this.#heap.length) return;
    this.#stale = 0;
    // In order, which is a heap too.
    this.#heap = this.#heap.filter(({ at, thing: { tendAt } }) => tendAt === at).sort((a, b) => a.at - b.at);
  }

  /** Entries that are kept, those out of date among them. */
  get size(): number {
    return this.#heap.length;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#heap.length = 0;
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!first || first.at >= this.#timerAt) return;
    this.#timer?.cancel();
    const delay = Math.max(PERIOD_MS_MIN, first.at - this.#clock.monotonic());
    this.#timerAt = first.at;
    this.#timer = this.#clock.timer(delay, () => this.#fire());
  }

  #fire(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.monotonic();
    for (let first = this.#heap[0]; first && first.at <= now; first = this.#heap[0]) {
      this.#pop();
      const { thing, at } = first;
      if (thing.tendAt !== at) {
        this.#stale = Math.max(0, this.#stale - 1);
        continue;
      }
      thing.tendAt = Number.POSITIVE_INFINITY;
      const next = this.#look(thing);
      if (next !== undefined) this.by(thing, Math.max(next, now + PERIOD_MS_MIN));
    }
    this.#arm();
  }

  #push(entry: { readonly at: number; readonly thing: T }): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.at <= entry.at) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= last.at) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}
