import { type Clock, onAbort } from '../../base/index.ts';
import { SqsError } from './errors.ts';
import { SQS_LIMITS } from './limits.ts';

/** Long polls of one queue: woken in the order they came, when there may be something. */
export class Waiters {
  readonly #clock: Clock;
  readonly #receivers = new Set<Wake>();
  readonly #watchers = new Set<Wake>();
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param who  a receiver takes what it finds; a watcher only looks, and is woken besides
   * @returns true when there may be something; false when `ms` are over, the caller is gone, or the queue closes
   */
  wait(who: 'receiver' | 'watcher', ms: number, signal: AbortSignal): Promise<boolean> {
    if (this.#ended || signal.aborted) return Promise.resolve(false);
    const waiting = who === 'receiver' ? this.#receivers : this.#watchers;
    if (waiting.size >= SQS_LIMITS.waitersMax) throw new SqsError('over-limit', 'Too many receivers wait.');
    return new Promise((resolve) => {
      const wake = (woken: boolean) => {
        waiting.delete(wake);
        timer.cancel();
        forget();
        resolve(woken);
      };
      waiting.add(wake);
      const timer = this.#clock.timer(ms, () => wake(false));
      const forget = onAbort(signal, () => wake(false));
    });
  }

  /** Wakes all watchers, and as many receivers as there are messages. */
  notify(messages = 1): void {
    for (const wake of [...this.#watchers]) wake(true);
    for (const wake of this.#receivers) {
      if (messages-- <= 0) return;
      wake(true);
    }
  }

  /** Wakes all for the last time. */
  end(): void {
    this.#ended = true;
    for (const wake of [...this.#watchers, ...this.#receivers]) wake(false);
  }
}

type Wake = (woken: boolean) => void;
