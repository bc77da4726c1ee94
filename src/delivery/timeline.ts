import type { Clock, Timer } from '../base/index.ts';

/** Where a timeline stood, and what the wall clock said then; kept on disk. */
export interface TimelineMark {
  readonly time: number;
  readonly wall: number;
}

/**
 * Time that never jumps: it begins at the wall clock and goes on with the monotonic one; across restarts it takes the time
 * between from the wall clock, but never goes back.
 *
 * The wall clock of a gateway without battery stands in 1970 until it is set, and may be set back at any time: rows would
 * grow too old at one blow, or wait for hours that have been already. What people read is told by {@link wallOf}.
 */
export class Timeline implements Clock {
  readonly #clock: Clock;
  /** What is to be added to the monotonic clock. */
  readonly #origin: number;

  /** @param mark  of the run before */
  constructor(clock: Clock, mark: TimelineMark | undefined) {
    this.#clock = clock;
    const wall = clock.now();
    const begin = mark === undefined ? wall : mark.time + Math.max(0, wall - mark.wall);
    this.#origin = begin - clock.monotonic();
  }

  now(): number {
    return Math.floor(this.#origin + this.#clock.monotonic());
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }

  timer(ms: number, callback: () => void): Timer {
    return this.#clock.timer(ms, callback);
  }

  /** What the wall clock as it is set now would have said at `time`: epoch milliseconds. */
  wallOf(time: number): number {
    return time + this.#clock.now() - this.now();
  }

  mark(): TimelineMark {
    return { time: this.now(), wall: this.#clock.now() };
  }
}
