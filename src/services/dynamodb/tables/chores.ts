import { type Clock, hasCode, messageOf } from '../../../base/index.ts';
import type { Logger } from '../../../telemetry/index.ts';

/** Before the first new try; it doubles up to the last. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;

/** A piece of work in the background. It is begun again from the start after a failure: what it has done must be found done. */
export type Chore = (signal: AbortSignal) => Promise<void>;

interface Running {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  /** To be begun when this has ended. */
  next?: Chore;
}

/** Work in the background, by name: tried until it is done, ended when the service closes. */
export class Chores implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #running = new Map<string, Running>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Begins a chore, unless one of its name runs. @param name  for the log too */
  start(name: string, chore: Chore): void {
    if (this.#stop.signal.aborted || this.#running.has(name)) return;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#stop.signal]);
    const ended = this.#run(name, chore, signal).finally(() => {
      const { next } = this.#running.get(name)!;
      this.#running.delete(name);
      if (next) this.start(name, next);
    });
    this.#running.set(name, { stop, ended });
  }

  /** Begins a chore; once more, if one of its name runs, which may have passed by what there is to do now. */
  startAgain(name: string, chore: Chore): void {
    const running = this.#running.get(name);
    if (running) running.next = chore;
    else this.start(name, chore);
  }

  /** Ends the chores whose names begin so. */
  async cancel(prefix: string): Promise<void> {
    const running = [...this.#running].filter(([name]) => name.startsWith(prefix)).map(([, chore]) => chore);
    for (const { stop } of running) stop.abort();
    await Promise.all(running.map(({ ended }) => ended));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  async #run(name: string, chore: Chore, signal: AbortSignal): Promise<void> {
    for (let waitMs = RETRY_MS_MIN; !signal.aborted; waitMs = Math.min(2 * waitMs, RETRY_MS_MAX)) {
      try {
        await chore(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        // The store is gone until the node restarts (S3), and with it all that this could do.
        const hopeless = hasCode(error, 'records-failed');
        this.#logger.error(`dynamodb: ${name} failed`, { cause: messageOf(error), again: !hopeless });
        if (hopeless) return;
        await this.#clock.sleep(waitMs, signal).catch(() => {});
      }
    }
  }
}
