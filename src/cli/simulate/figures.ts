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

/** Why connections ended and messages were refused, each with its number; the first {@link REASONS_MAX} kinds. */
export class Reasons {
  readonly #counts = new Map<string, number>();

  add(reason: string): void {
    const known = this.#counts.get(reason);
    if (known === undefined && this.#counts.size >= REASONS_MAX) return this.add('other');
    this.#counts.set(reason, (known ?? 0) + 1);
  }

  /** The most frequent first. */
  list(): readonly (readonly [reason: string, count: number])[] {
    return [...this.#counts].sort(([, one], [, other]) => other - one);
  }
}

const REASONS_MAX = 20;

/** Counts of a run; they only grow, but for `connected`, `dialling`, `away`, `buffered` and `inFlight`. */
export interface Counts {
  /** Messages handed to a socket for the first time. */
  sent: number;
  acked: number;
  /** Sent again after a reconnect. */
  resent: number;
  malformed: number;
  connected: number;
  /** Connections that are being made. */
  dialling: number;
  /** Devices that are not there: asleep, without power or network. */
  away: number;
  /** Messages that wait in devices which are not connected. */
  buffered: number;
  /** Messages that found no room there. */
  forgotten: number;
  /** Messages that came for devices. */
  received: number;
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
  /** Of the connections made in the last second, from the dial to CONNACK. */
  readonly connectsPerSecond: number;
  readonly connectP50Ms: number;
  readonly connectP99Ms: number;
  readonly reasons: ReturnType<Reasons['list']>;
  /** Of this process, bytes. */
  readonly memoryBytes: number;
}

/** What a run comes to, as `--json` prints it. */
export interface Summary extends Readonly<Counts> {
  readonly devices: number;
  readonly elapsedSeconds: number;
  readonly perSecond: number;
  readonly ackLatencyMs: { readonly p50: number; readonly p99: number; readonly p999: number };
  readonly connectLatencyMs: { readonly p50: number; readonly p99: number };
  /** Why connections ended and messages were refused. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Most of this process at the end of a second. */
  readonly memoryBytesMax: number;
  /** Unacknowledged when the draining ended: nobody knows what became of them. */
  readonly unacknowledged: number;
}
