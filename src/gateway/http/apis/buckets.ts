import type { Clock } from '../../../base/index.ts';
import { API_LIMITS } from '../limits.ts';

/** How many requests may come. */
export interface Rate {
  /** Requests a second; 0 lets none in. */
  readonly perSecond: number;
  /** Requests at once. */
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Token buckets by name: one request takes one token, and they come back evenly. */
export class Buckets {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether one more may come now. What a name's rate is may change at any time. */
  take(name: string, { perSecond, burst }: Rate): boolean {
    const now = this.#clock.monotonic();
    const bucket = this.#bucketOf(name, burst, now);
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * perSecond) / 1000);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  #bucketOf(name: string, burst: number, now: number): Bucket {
    const known = this.#buckets.get(name);
    if (known) return known;
    if (this.#buckets.size >= API_LIMITS.bucketsMax) this.#buckets.clear();
    const made = { tokens: burst, at: now };
    this.#buckets.set(name, made);
    return made;
  }
}
