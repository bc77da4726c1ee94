import { networkInterfaces } from 'node:os';
import type { Clock, Timer } from '../../../base/index.ts';
import { SANDBOX_LIMITS } from '../limits.ts';

/** IPv4 addresses at which the node and whatever else runs on this machine listens. */
export class OwnAddresses implements Disposable {
  /** As they were a moment ago: asking takes a tenth of a millisecond, which no start waits for. */
  known: readonly string[] = [];
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#look();
  }

  /** As they are. */
  now(): readonly string[] {
    this.known = addresses();
    return this.known;
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  #look(): void {
    this.now();
    this.#timer = this.#clock.timer(SANDBOX_LIMITS.ownAddressesMs, () => this.#look());
  }
}

/** Loopback may have some that slirp4netns does not take for its own: those of a cluster's services. */
function addresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((each = []) =>
    each.filter(({ family }) => family === 'IPv4').map(({ address }) => address),
  );
  return [...new Set(all)].filter((address) => !address.startsWith('127.'));
}
