import type { Clock } from '../base/index.ts';
import { POLLER_LIMITS } from './settings.ts';

/** How a poller ends: first nothing new begins, then what runs is waited for, at last it is waited for no more. */
export class Lifetime {
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  readonly #abandoning = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Nothing new begins once it fires. */
  get stop(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Invocations under way are given up once it fires; what they were about comes again. */
  get abandon(): AbortSignal {
    return this.#abandoning.signal;
  }

  /** @param rest  settles when nothing of the poller runs any more */
  async end(rest: () => Promise<unknown>): Promise<void> {
    this.#stopping.abort(new DOMException('the poller closes', 'AbortError'));
    const deadline = this.#clock.timer(POLLER_LIMITS.drainMsMax, () =>
      this.#abandoning.abort(new DOMException('draining took too long', 'AbortError')),
    );
    try {
      await rest();
    } finally {
      deadline.cancel();
    }
  }
}
