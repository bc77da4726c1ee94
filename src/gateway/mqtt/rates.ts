import type { Clock } from '../../base/index.ts';

/**
 * A bucket of tokens that fills at a steady rate. It may be overdrawn: what was read in one piece is not taken apart, and the debt is
 * waited for.
 */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, burst: number, now: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Takes tokens if there is one at least; false takes none. */
  take(now: number): boolean {
    this.#fill(now);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes as many as were used, whether they are there or not; milliseconds until the debt is paid, 0 when there is none. */
  spend(tokens: number, now: number): number {
    this.#fill(now);
    this.#tokens -= tokens;
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs);
  }

  /** Nobody has taken anything for so long that it is as good as new. */
  isFull(now: number): boolean {
    this.#fill(now);
    return this.#tokens === this.#burst;
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}

/** How much a client, or an address, may send: messages and bytes a second, each with a burst of as much as one second brings. */
export class Throttle {
  readonly #clock: Clock;
  readonly #messages: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;

  private constructor(clock: Clock, messagesPerSecond: number, bytesPerSecond: number) {
    const now = clock.monotonic();
    const bucket = (rate: number) => (rate > 0 ? new TokenBucket(rate, rate, now) : undefined);
    this.#clock = clock;
    this.#messages = bucket(messagesPerSecond);
    this.#bytes = bucket(bytesPerSecond);
  }

  /** `undefined` when neither is limited (0), so that nothing is counted. */
  static of(clock: Clock, messagesPerSecond: number, bytesPerSecond: number): Throttle | undefined {
    if (messagesPerSecond === 0 && bytesPerSecond === 0) return undefined;
    return new Throttle(clock, messagesPerSecond, bytesPerSecond);
  }

  /** Counts what has been read; milliseconds for which no more should be read. */
  spend(messages: number, bytes: number): number {
    const now = this.#clock.monotonic();
    return Math.max(this.#messages?.spend(messages, now) ?? 0, this.#bytes?.spend(bytes, now) ?? 0);
  }
}
