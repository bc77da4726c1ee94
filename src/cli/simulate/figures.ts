/** Latencies by logarithmic buckets: quantiles are right to 4 %, from 10 µs to 20 minutes. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;

  add(ms: number): void {
    const bucket = ms <= LOWEST_MS ? 0 : Math.floor(Math.log(ms / LOWEST_MS) / STEP);
    this.#counts[Math.min(bucket, BUCKETS - 1)]!++;
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  /** Milliseconds below which a share `q` lies, rounded to three digits; 0 when nothing was added. */
  quantile(q: number): number {
    if (this.#count === 0) return 0;
    let rest = Math.ceil(q * this.#count);
    let bucket = 0;
    while (bucket < BUCKETS - 1 && rest > this.#counts[bucket]!) rest -= this.#counts[bucket++]!;
    return Number((LOWEST_MS * Math.exp((bucket + 0.5) * STEP)).toPrecision(3));
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
  }
}

const LOWEST_MS = 0.01;
const STEP = Math.log(1.08);
const BUCKETS = 240;

/** Counts of a run; they only grow, but for `connected` and `inFlight`. */
export interface Counts {
  /** Messages handed to a socket for the first time. */
  sent: number;
  acked: number;
  /** Sent again after a reconnect. */
  resent: number;
  malformed: number;
  connected: number;
  connects: number;
  /** Connections that ended without our asking, and attempts that failed. */
  disconnects: number;
  /** Acknowledged with an error: the broker has refused the message. */
  refused: number;
  inFlight: number;
  bytes: number;
}

/** What is shown once a second. */
export interface Second extends Readonly<Counts> {
  readonly elapsedSeconds: number;
  /** Messages sent and acknowledged within the last second. */
  readonly sentPerSecond: number;
  readonly ackedPerSecond: number;
  /** Of the acknowledgements of the last second, milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What a run comes to, as `--json` prints it. */
export interface Summary extends Readonly<Counts> {
  readonly devices: number;
  readonly elapsedSeconds: number;
  readonly perSecond: number;
  readonly ackLatencyMs: { readonly p50: number; readonly p99: number; readonly p999: number };
  /** Unacknowledged when the draining ended: nobody knows what became of them. */
  readonly unacknowledged: number;
}
