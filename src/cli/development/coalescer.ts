import type { Clock, Timer } from '../../base/index.ts';

/** Editors write a file in several steps (truncate, write, rename): changes count when it has been quiet for so long. */
const QUIET_MS = 25;
/** A stream of changes that does not end (a checkout, a generator) is looked at this often. */
const BURST_MS_MAX = 300;

/** Gathers what comes in quick succession into one. */
export class Coalescer<T> implements Disposable {
  readonly #clock: Clock;
  readonly #deliver: (items: readonly T[], begun: number) => void;
  #items: T[] = [];
  #begun = 0;
  #timer: Timer | undefined;

  /** @param deliver  gets what has come, at least one, and when the first came by the monotonic clock */
  constructor(clock: Clock, deliver: (items: readonly T[], begun: number) => void) {
    this.#clock = clock;
    this.#deliver = deliver;
  }

  add(item: T): void {
    const now = this.#clock.monotonic();
    if (this.#items.length === 0) this.#begun = now;
    this.#items.push(item);
    this.#timer?.cancel();
    const left = Math.max(0, this.#begun + BURST_MS_MAX - now);
    this.#timer = this.#clock.timer(Math.min(QUIET_MS, left), () => this.#flush());
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#items = [];
  }

  #flush(): void {
    const items = this.#items;
    this.#items = [];
    this.#deliver(items, this.#begun);
  }
}
