import { onAbort } from '../../../base/index.ts';
import type { Version } from '../records.ts';

interface Waiter {
  readonly after: Version;
  readonly settle: (error?: unknown) => void;
}

/** Those who wait for changes of a space. */
export class ChangeWaiters {
  readonly #bySpace = new Map<string, Set<Waiter>>();

  /** Resolves at the first `moved` above `after`; rejects with the signal's reason, or as `failAll` says. */
  beyond(space: string, after: Version, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown) => {
        forget();
        this.#remove(space, waiter);
        if (error === undefined) resolve();
        else reject(error);
      };
      const waiter: Waiter = { after, settle };
      const waiters = this.#bySpace.get(space) ?? new Set();
      this.#bySpace.set(space, waiters.add(waiter));
      let forget = () => {};
      forget = onAbort(signal, settle);
    });
  }

  /** Says that a change of `version` was made durable. */
  moved(space: string, version: Version): void {
    for (const waiter of this.#bySpace.get(space) ?? []) if (waiter.after < version) waiter.settle();
  }

  failAll(error: unknown): void {
    for (const waiters of this.#bySpace.values()) for (const waiter of waiters) waiter.settle(error);
  }

  #remove(space: string, waiter: Waiter): void {
    const waiters = this.#bySpace.get(space);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#bySpace.delete(space);
  }
}
