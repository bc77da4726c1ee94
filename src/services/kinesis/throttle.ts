import type { Clock } from '../../base/index.ts';
import type { Throttles } from './limits.ts';

/** AWS's throttles of one shard, by the second; only where the node was configured to have them. */
export class ShardThrottle {
  readonly #limits: Throttles;
  readonly #clock: Clock;
  #second = -1;
  #records = 0;
  #bytes = 0;
  #reads = 0;

  constructor(limits: Throttles, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Whether one more record of `bytes` may be written in this second; counts it if so. */
  takeWrite(bytes: number): boolean {
    this.#turn();
    const { writeRecordsPerSecond, writeBytesPerSecond } = this.#limits;
    if (this.#records + 1 > writeRecordsPerSecond || this.#bytes + bytes > writeBytesPerSecond) return false;
    this.#records++;
    this.#bytes += bytes;
    return true;
  }

  /** Whether one more read may be made in this second; counts it if so. */
  takeRead(): boolean {
    this.#turn();
    if (this.#reads >= this.#limits.readsPerSecond) return false;
    this.#reads++;
    return true;
  }

  #turn(): void {
    const second = Math.floor(this.#clock.monotonic() / 1000);
    if (second === this.#second) return;
    this.#second = second;
    this.#records = 0;
    this.#bytes = 0;
    this.#reads = 0;
  }
}
