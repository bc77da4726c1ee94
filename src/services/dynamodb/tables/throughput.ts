import type { Clock } from '../../../base/index.ts';
import { DynamodbError } from '../errors.ts';
import { TABLE_LIMITS } from '../limits.ts';
import type { Throughput } from '../model/table.ts';

/**
 * Units that come back at an even rate, and are saved up for {@link TABLE_LIMITS.burstSeconds}.
 *
 * A request is let through as long as anything is left, and may leave a debt: what it costs is known only when it is done, and an
 * item larger than a second's units must not wait for ever.
 */
export class TokenBucket {
  readonly #clock: Clock;
  #perSecond: number;
  #left: number;
  #at: number;

  /** @param perSecond  it begins with the units of one second: nothing is saved in advance */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#left = perSecond;
    this.#at = clock.monotonic();
  }

  /** What was saved stays, as far as the new rate could have saved it. */
  setRate(perSecond: number): void {
    this.#refill();
    this.#perSecond = perSecond;
    this.#left = Math.min(this.#left, this.#most);
  }

  /** @returns false, having taken nothing, when nothing is left */
  take(units: number): boolean {
    this.#refill();
    if (this.#left <= 0) return false;
    this.#left -= units;
    return true;
  }

  get #most(): number {
    return this.#perSecond * TABLE_LIMITS.burstSeconds;
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    this.#left = Math.min(this.#most, this.#left + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
  }
}

/** Refused as AWS refuses what exceeds provisioned units. */
export const PROVISIONED_EXCEEDED =
  'The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.';

export const INDEX_EXCEEDED =
  'The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary indexes with the UpdateTable API';

/** Units a second; absent is without limit. */
export interface Rates {
  readonly read?: number;
  readonly write?: number;
}

/** The units of a table or index with limits. */
export class LimitedThroughput implements Throughput {
  readonly #reads: TokenBucket | undefined;
  readonly #writes: TokenBucket | undefined;
  readonly #message: string;

  constructor(clock: Clock, rates: Rates, message: string) {
    this.#reads = rates.read === undefined ? undefined : new TokenBucket(clock, rates.read);
    this.#writes = rates.write === undefined ? undefined : new TokenBucket(clock, rates.write);
    this.#message = message;
  }

  read(units: number): void {
    this.#take(this.#reads, units);
  }

  write(units: number): void {
    this.#take(this.#writes, units);
  }

  /** Takes over new rates. @returns false, having changed nothing, when it has not the same limits */
  adopt({ read, write }: Rates): boolean {
    if (
      (read === undefined) !== (this.#reads === undefined) ||
      (write === undefined) !== (this.#writes === undefined)
    ) {
      return false;
    }
    if (read !== undefined) this.#reads?.setRate(read);
    if (write !== undefined) this.#writes?.setRate(write);
    return true;
  }

  #take(bucket: TokenBucket | undefined, units: number): void {
    if (bucket?.take(units) === false) {
      throw new DynamodbError('throughput-exceeded', this.#message, { remedy: 'retry' });
    }
  }
}
