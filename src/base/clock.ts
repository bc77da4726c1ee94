import { setTimeout as delay } from 'node:timers/promises';
import { onAbort } from './abort.ts';

/** A scheduled callback; `cancel` twice is safe. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as a port: everything that waits or reads the time takes one, so that tests run on a simulated one.
 * `Date.now`, `setTimeout` and `setInterval` are allowed only in `base/`; `test/architecture.test.ts` enforces it.
 */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch, whole. */
  now(): number;
  /** Milliseconds from an arbitrary origin, fractional, never going back: for durations and deadlines. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with `signal.reason` at once when it fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Runs `callback` once after `ms`. Does not keep the process alive. */
  timer(ms: number, callback: () => void): Timer;
}

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    await delay(ms, undefined, { signal }).catch((error: unknown) => {
      throw signal?.aborted ? signal.reason : error;
    });
  },
  timer: (ms, callback) => {
    const handle = setTimeout(callback, ms);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/**
 * Wall time that goes on evenly: it begins at the wall clock, or where it is told to, and goes on with the monotonic one. What waits
 * or expires goes by it, so that a clock that is set while the node runs (a gateway without a battery learns the time from the
 * network) neither makes anything too old nor lets it wait for hours that have been already.
 */
export class SteadyClock {
  readonly #clock: Clock;
  /** What is to be added to the monotonic clock. */
  readonly #origin: number;

  /** @param start  what it says now, epoch milliseconds */
  constructor(clock: Clock, start: number = clock.now()) {
    this.#clock = clock;
    this.#origin = start - clock.monotonic();
  }

  /** Milliseconds since the Unix epoch, whole. */
  now(): number {
    return Math.floor(this.#origin + this.#clock.monotonic());
  }
}

interface Waiter {
  readonly at: number;
  readonly order: number;
  readonly wake: () => void;
}

/** A clock that stands still until `advance` is called; timers fire in order of their time, then of their creation. */
export class SimulatedClock implements Clock {
  #now: number;
  #order = 0;
  readonly #origin: number;
  readonly #waiters = new Set<Waiter>();

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
    this.#origin = start;
  }

  now(): number {
    return Math.floor(this.#now);
  }

  monotonic(): number {
    return this.#now - this.#origin;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = this.timer(ms, () => {
        forget?.();
        resolve();
      });
      const forget =
        signal &&
        onAbort(signal, (reason) => {
          timer.cancel();
          reject(reason);
        });
    });
  }

  timer(ms: number, callback: () => void): Timer {
    const waiter: Waiter = { at: this.#now + ms, order: this.#order++, wake: callback };
    this.#waiters.add(waiter);
    return { cancel: () => this.#waiters.delete(waiter) };
  }

  /** How many sleeps and timers are pending. */
  get pending(): number {
    return this.#waiters.size;
  }

  /** Moves the time on by `ms`, firing what falls due on the way and letting promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#earliest(end);
      if (!next) break;
      this.#now = Math.max(this.#now, next.at);
      this.#waiters.delete(next);
      next.wake();
    }
    this.#now = end;
    await settle();
  }

  #earliest(end: number): Waiter | undefined {
    let first: Waiter | undefined;
    for (const waiter of this.#waiters) {
      if (waiter.at > end) continue;
      if (!first || waiter.at < first.at || (waiter.at === first.at && waiter.order < first.order)) first = waiter;
    }
    return first;
  }
}

/** Lets promise chains and one turn of the event loop run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
