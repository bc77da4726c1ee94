import type { Clock } from '../../../base/index.ts';
import { API_LIMITS } from '../limits.ts';

/** What authorizers have said, kept for as long as they are set to; the oldest goes first. */
export class KeptResults<T> {
  readonly #clock: Clock;
  readonly #results = new Map<string, { readonly value: T; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string): T | undefined {
    const found = this.#results.get(key);
    if (!found) return undefined;
    if (found.until > this.#clock.monotonic()) return found.value;
    this.#results.delete(key);
    return undefined;
  }

  put(key: string, value: T, ttlSeconds: number): void {
    if (ttlSeconds <= 0) return;
    this.#results.delete(key);
    for (const oldest of this.#results.keys()) {
      if (this.#results.size < API_LIMITS.authorizerResultsMax) break;
      this.#results.delete(oldest);
    }
    this.#results.set(key, { value, until: this.#clock.monotonic() + ttlSeconds * 1000 });
  }

  /** Forgets those whose keys begin so. */
  forget(prefix: string): void {
    for (const key of this.#results.keys()) if (key.startsWith(prefix)) this.#results.delete(key);
  }
}
