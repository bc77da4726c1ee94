import type { Clock } from '../base/index.ts';
import { onAbort } from '../base/index.ts';

/** A latch for one waiter: what rings while nobody waits is heard by the next wait. */
export class Wakeup {
  #rung = false;
  #ring: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#ring?.();
  }

  /** Resolves when rung, after `ms` (if given), or when `signal` fires: the caller looks again what there is to do. */
  async wait(clock: Clock, signal: AbortSignal, ms?: number): Promise<void> {
    if (!this.#rung && !signal.aborted && (ms === undefined || ms > 0)) await this.#sleep(clock, signal, ms);
    this.#rung = false;
  }

  #sleep(clock: Clock, signal: AbortSignal, ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#ring = undefined;
        timer?.cancel();
        forget();
        resolve();
      };
      this.#ring = done;
      const timer = ms === undefined ? undefined : clock.timer(ms, done);
      const forget = onAbort(signal, done);
    });
  }
}
