import { type Clock, messageOf, type Timer } from '../../base/index.ts';
import type { FunctionSpec, Metering } from '../../runtime/index.ts';
import type { Logger } from '../../telemetry/index.ts';

/** What one version has used since the last row of its kind: what a bill is made of. */
export interface UsageRow {
  readonly region: string;
  readonly function: string;
  readonly version: string;
  readonly start: Metering['start'];
  /** When it was written, epoch milliseconds: it holds for the time since the row before. */
  readonly at: number;
  /** The last one, where it has changed meanwhile. */
  memoryMb: number;
  invocations: number;
  errors: number;
  durationMs: number;
  billedMs: number;
  initMs: number;
  restoreMs: number;
  /** Billed time by memory size, as AWS prices it: 1 GB is 1,024 MB. */
  gbSeconds: number;
  /** The most that one of the invocations has used. */
  memoryUsedMbMax: number;
}

/** Keeps usage rows; `node/` joins it to the time series. */
export interface UsageSink {
  /** Durable when it resolves. A row that fails comes again. */
  write(rows: readonly UsageRow[]): Promise<void>;
}

/** Numbers of usage rows (S5). */
export const USAGE_LIMITS = {
  /** How often rows are written: a crash loses this much of them at most. */
  everyMs: 60_000,
  /** Rows that wait for a sink that does not take them; the oldest are dropped, counted and logged. */
  rowsMax: 20_000,
} as const;

/** Counts what functions use, and hands it over each minute: as many rows as versions have run, however often. */
export class Usage implements AsyncDisposable {
  readonly #sink: UsageSink | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #touched: UsageCounter[] = [];
  #waiting: UsageRow[] = [];
  #timer: Timer | undefined;
  #closed = false;
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: { readonly sink: UsageSink | undefined; readonly clock: Clock; readonly logger: Logger }) {
    this.#sink = options.sink;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  counter(spec: FunctionSpec, region: string): UsageCounter {
    return new UsageCounter(spec, region, (counter) => this.#touch(counter));
  }

  /** Writes what has been counted. Never rejects: what could not be written waits. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.flush();
  }

  #touch(counter: UsageCounter): void {
    if (!this.#sink) return;
    this.#touched.push(counter);
    this.#later();
  }

  #later(): void {
    if (this.#closed) return;
    this.#timer ??= this.#clock.timer(USAGE_LIMITS.everyMs, () => {
      this.#timer = undefined;
      void this.flush();
    });
  }

  async #write(): Promise<void> {
    const at = this.#clock.now();
    const touched = this.#touched;
    this.#touched = [];
    this.#waiting.push(...merged(touched.flatMap((counter) => counter.take(at))));
    this.#shorten();
    if (this.#waiting.length === 0) return;
    const rows = this.#waiting;
    this.#waiting = [];
    try {
      await this.#sink!.write(rows);
    } catch (error) {
      this.#logger.warn('usage-not-written', { rows: rows.length, reason: messageOf(error) });
      this.#waiting = [...rows, ...this.#waiting];
      this.#later();
    }
  }

  #shorten(): void {
    const dropped = this.#waiting.length - USAGE_LIMITS.rowsMax;
    if (dropped <= 0) return;
    this.#waiting.splice(0, dropped);
    this.#logger.error('usage-dropped', { rows: dropped });
  }
}

type Sums = Omit<UsageRow, 'region' | 'function' | 'version' | 'start' | 'at' | 'memoryMb'>;

/** The sums of one version under one name. */
export class UsageCounter {
  readonly #spec: FunctionSpec;
  readonly #region: string;
  readonly #onFirst: (counter: UsageCounter) => void;
  #sums = new Map<Metering['start'], Sums>();

  constructor(spec: FunctionSpec, region: string, onFirst: (counter: UsageCounter) => void) {
    this.#spec = spec;
    this.#region = region;
    this.#onFirst = onFirst;
  }

  add({ start, durationMs, billedMs, initMs = 0, restoreMs = 0, memoryUsedMb }: Metering, failed: boolean): void {
    if (this.#sums.size === 0) this.#onFirst(this);
    let sums = this.#sums.get(start);
    if (!sums) {
      sums = nothing();
      this.#sums.set(start, sums);
    }
    sums.invocations++;
    if (failed) sums.errors++;
    sums.durationMs += durationMs;
    sums.billedMs += billedMs;
    sums.initMs += initMs;
    sums.restoreMs += restoreMs;
    sums.gbSeconds += (billedMs / 1000) * (this.#spec.memoryMb / 1024);
    if (memoryUsedMb > sums.memoryUsedMbMax) sums.memoryUsedMbMax = memoryUsedMb;
  }

  /** The rows so far; counting begins anew. */
  take(at: number): UsageRow[] {
    const { name, version, memoryMb } = this.#spec;
    const sums = this.#sums;
    this.#sums = new Map();
    const of = { region: this.#region, function: name, version, at, memoryMb };
    return Array.from(sums, ([start, counted]) => ({ ...of, start, ...counted }));
  }
}

const nothing = (): Sums => ({
  invocations: 0,
  errors: 0,
  durationMs: 0,
  billedMs: 0,
  initMs: 0,
  restoreMs: 0,
  gbSeconds: 0,
  memoryUsedMbMax: 0,
});

/** One row a version and kind of start, whatever names it was called by. */
function merged(rows: readonly UsageRow[]): UsageRow[] {
  const byKey = new Map<string, UsageRow>();
  for (const row of rows) {
    const key = [row.region, row.function, row.version, row.start].join('/');
    const known = byKey.get(key);
    if (!known) byKey.set(key, row);
    else addTo(known, row);
  }
  return [...byKey.values()];
}

function addTo(sum: UsageRow, row: UsageRow): void {
  sum.memoryMb = row.memoryMb;
  sum.invocations += row.invocations;
  sum.errors += row.errors;
  sum.durationMs += row.durationMs;
  sum.billedMs += row.billedMs;
  sum.initMs += row.initMs;
  sum.restoreMs += row.restoreMs;
  sum.gbSeconds += row.gbSeconds;
  sum.memoryUsedMbMax = Math.max(sum.memoryUsedMbMax, row.memoryUsedMbMax);
}
