import type { Clock } from './clock.ts';

/** Of wall clocks that are set while the node runs (S5). */
export const CLOCK_LIMITS = {
  /** One that was set by more than this is not believed for a while, milliseconds. */
  jumpMs: 3_600_000,
  restMs: 600_000,
} as const;

/**
 * Whether the wall clock can be believed. A gateway that learns the time late, or wrongly, must not delete in a moment what was
 * to live for days or years: after a jump, whatever deletes by age rests until the clock has gone evenly for a while.
 */
export class ClockJumps {
  readonly #clock: Clock;
  #offset: number;
  #restUntil = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = clock.now() - clock.monotonic();
  }

  /** To be asked before each deletion by age: it compares with the time of the last question. */
  isSteady(): boolean {
    const offset = this.#clock.now() - this.#clock.monotonic();
    const jumped = Math.abs(offset - this.#offset) > CLOCK_LIMITS.jumpMs;
    this.#offset = offset;
    const now = this.#clock.monotonic();
    if (jumped) this.#restUntil = now + CLOCK_LIMITS.restMs;
    return now >= this.#restUntil;
  }
}
