import type { Clock } from '../../base/index.ts';

/**
 * Wall time that goes on evenly: the wall clock as it was at the start, moved on by the monotonic one. What waits or expires
 * goes by it, so that a clock that is set while the node runs (a gateway without a battery learns the time from the network)
 * neither expires messages nor shows what others work on.
 */
export class SteadyClock {
  readonly #clock: Clock;
  readonly #start: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#start = clock.now() - clock.monotonic();
  }

  /** Milliseconds since the Unix epoch, whole. */
  now(): number {
    return Math.floor(this.#start + this.#clock.monotonic());
  }
}
