import { type Clock, SteadyClock, type Timer } from '../base/index.ts';

/** Where a timeline stood, and what the wall clock said then; kept on disk. */
export interface TimelineMark {
  readonly time: number;
  readonly wall: number;
}

/**
 * Time that never jumps, across restarts either: those take the time between from the wall clock, but never go back. What people
 * read is told by {@link wallOf}.
 */
export class Timeline implements Clock {
  readonly #clock: Clock;
  readonly #steady: SteadyClock;

  /** @param mark  of the run before */
  constructor(clock: Clock, mark: TimelineMark | undefined) {
    this.#clock = clock;
    const wall = clock.now();
    this.#steady = new SteadyClock(clock, mark === undefined ? wall : mark.time + Math.max(0, wall - mark.wall));
  }

  now(): number {
    return this.#steady.now();
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
