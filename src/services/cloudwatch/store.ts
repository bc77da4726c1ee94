/**
 * Aggregates of metrics by minute, in memory while their minute is young, then in records.
 *
 * | space              | key                              | value                     |
 * |--------------------|----------------------------------|---------------------------|
 * | cloudwatch.metrics | metric key                       | the metric, JSON          |
 * | cloudwatch.minutes | metric key, minute, part         | {@link StoredAggregate}   |
 *
 * A minute may have several parts: each start of the node and each late datum begins a new one, and reading merges them. So
 * nothing is ever read in order to be written. The platform's own data may lose up to `flushMs` in a crash; what
 * PutMetricData brought is durable before it is answered (S1).
 */
import { type Clock, ClockJumps, messageOf, type Random, type Timer } from '../../base/index.ts';
import { decodeKey, encodeKey, keyRange } from '../../codec/index.ts';
import type { Records, Write } from '../../store/index.ts';
import { Registry } from '../../store/index.ts';
import type { Datum, Labels, Logger } from '../../telemetry/index.ts';
import { Aggregate, type StoredAggregate } from './aggregate.ts';
import { CloudWatchError } from './errors.ts';
import { CLOUDWATCH_LIMITS, MINUTE_MS } from './limits.ts';
import { type Metric, metricKey } from './metric.ts';

const METRICS = 'cloudwatch.metrics';
const MINUTES = 'cloudwatch.minutes';
/** Records read or written at once. */
const PAGE = 1000;

/** A metric as it is listed. */
export interface ListedMetric extends Metric {
  /** When its first datum came, epoch milliseconds. */
  readonly seenAt: number;
}

interface OpenMinute {
  readonly key: string;
  readonly minute: number;
  readonly part: string;
  readonly aggregate: Aggregate;
  dirty: boolean;
}

export interface Addition {
  readonly metric: Metric;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly unit: string;
  apply(aggregate: Aggregate): void;
}

/** Values that came together. */
export interface TimedValues extends Metric {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly unit: string;
  readonly values: readonly number[];
}

export class MetricStore implements AsyncDisposable {
  readonly #records: Records;
  readonly #registry: Registry<ListedMetric>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #boot: string;
  /** By metric key and minute. */
  readonly #open = new Map<string, OpenMinute>();
  /** Keys of dimension sets that services keep and pass again and again. */
  readonly #keys = new WeakMap<Labels, Map<string, string>>();
  /** The minute that is open for a meter's line. */
  readonly #metered = new WeakMap<Datum, OpenMinute>();
  /** Metrics on their way into the registry. */
  readonly #unlisted = new Map<string, Promise<void>>();
  #parts = 0;
  #refused = 0;
  #closed = false;
  #timer: Timer | undefined;
  readonly #jumps: ClockJumps;
  /** Of the monotonic clock. */
  #expiredAt: number;
  #flushing: Promise<void> | undefined;
  #expiring: Promise<void> | undefined;

  private constructor(dependencies: StoreDependencies, registry: Registry<ListedMetric>) {
    this.#records = dependencies.records;
    this.#clock = dependencies.clock;
    this.#logger = dependencies.logger;
    this.#registry = registry;
    this.#boot = dependencies.random.bytes(6).toString('hex');
    this.#jumps = new ClockJumps(dependencies.clock);
    this.#expiredAt = dependencies.clock.monotonic();
  }

  static async open(dependencies: StoreDependencies): Promise<MetricStore> {
    const store = new MetricStore(dependencies, await Registry.open<ListedMetric>(dependencies.records, METRICS));
    store.#schedule();
    return store;
  }

  /** Takes a datum of the platform: cheap, and durable within `flushMs`. */
  take(datum: Datum): void {
    const now = this.#clock.now();
    const known = datum.metered ? this.#metered.get(datum) : undefined;
    const current = known && known.minute === Math.floor(now / MINUTE_MS);
    const open = current ? known : this.#minute(this.#keyOf(datum), datum, now, datum.unit);
    if (!open) return;
    open.aggregate.add(datum.value);
    open.dirty = true;
    if (datum.metered && !current) this.#metered.set(datum, open);
  }

  /** Takes values of one metric at a time of its own: durable within `flushMs`. */
  takeValues({ time, unit, values, ...metric }: TimedValues): void {
    const open = this.#minute(metricKey(metric), metric, time, unit, CLOUDWATCH_LIMITS.embeddedMetricsMax);
    if (!open) return;
    for (const value of values) open.aggregate.add(value);
    open.dirty = true;
  }

  /** Adds data of a caller; durable when it resolves. @throws metrics-full: nothing was added */
  async add(additions: readonly Addition[]): Promise<void> {
    const fresh = new Set(additions.map(({ metric }) => metricKey(metric)).filter((key) => !this.#isKnown(key)));
    if (this.#registry.size + this.#unlisted.size + fresh.size > CLOUDWATCH_LIMITS.metricsMax) {
      throw new CloudWatchError('metrics-full', `There are ${CLOUDWATCH_LIMITS.metricsMax} metrics already.`);
    }
    const touched = additions.map(({ metric, time, unit, apply }) => {
      const open = this.#minute(metricKey(metric), metric, time, unit)!;
      apply(open.aggregate);
      open.dirty = true;
      return open;
    });
    await this.#commit([...new Set(touched)]);
  }

  /** Aggregates of a metric by minute (epoch minutes), from `from` inclusive to `to` exclusive, in order. */
  async minutes(metric: Metric, from: number, to: number): Promise<ReadonlyMap<number, Aggregate>> {
    const key = metricKey(metric);
    const found = new Map<number, Aggregate>();
    const include = (minute: number, aggregate: Aggregate) => {
      const whole = found.get(minute) ?? new Aggregate(aggregate.unit);
      whole.merge(aggregate);
      found.set(minute, whole);
    };
    const inMemory = new Set<string>();
    for (const open of this.#open.values()) {
      if (open.key !== key || open.minute < from || open.minute >= to) continue;
      inMemory.add(open.part);
      include(open.minute, open.aggregate);
    }
    for await (const { minute, part, stored } of this.#stored(key, from, to)) {
      if (!inMemory.has(part)) include(minute, Aggregate.fromStored(stored));
    }
    return new Map([...found].sort(([a], [b]) => a - b));
  }

  /** All metrics, in a fixed order. */
  list(): readonly ListedMetric[] {
    return this.#registry.list();
  }

  /** Makes everything durable. */
  async flush(): Promise<void> {
    await this.#flushing;
    this.#flushing = this.#commit([...this.#open.values()].filter(({ dirty }) => dirty)).finally(() => {
      this.#flushing = undefined;
    });
    await Promise.all([this.#flushing, ...this.#unlisted.values()]);
    this.#close();
  }

  /** Flushes, and deletes what is beyond retention once an hour; its own timer calls it. */
  async maintain(): Promise<void> {
    await this.flush();
    // Whoever else does it may have begun a while ago.
    await this.#expiring;
    const isDue = this.#clock.monotonic() - this.#expiredAt >= CLOUDWATCH_LIMITS.expireMs;
    if (!isDue || !this.#jumps.isSteady()) return;
    this.#expiring = this.#expire().finally(() => {
      this.#expiring = undefined;
    });
    await this.#expiring;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.flush();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = this.#clock.timer(CLOUDWATCH_LIMITS.flushMs, () => {
      void this.maintain()
        .catch((error: unknown) => this.#logger.warn('metrics-not-stored', { reason: messageOf(error), error }))
        .then(() => this.#schedule());
    });
  }

  #keyOf(datum: Datum): string {
    const names = this.#keys.get(datum.dimensions) ?? new Map<string, string>();
    if (names.size === 0) this.#keys.set(datum.dimensions, names);
    const name = `${datum.namespace}/${datum.name}`;
    const known = names.get(name);
    if (known) return known;
    const key = metricKey(datum);
    names.set(name, key);
    return key;
  }

  #isKnown(key: string): boolean {
    return this.#registry.has(key) || this.#unlisted.has(key);
  }

  /** The aggregate that is open for the minute of `time`; `undefined` when there are too many metrics. */
  #minute(
    key: string,
    metric: Metric,
    time: number,
    unit: string,
    metricsMax: number = CLOUDWATCH_LIMITS.metricsMax,
  ): OpenMinute | undefined {
    const minute = Math.floor(time / MINUTE_MS);
    const name = `${key}\n${minute}`;
    const known = this.#open.get(name);
    if (known) return known;
    if (!this.#isKnown(key)) {
      if (this.#registry.size + this.#unlisted.size >= metricsMax) return this.#refuse(metric);
      this.#list(key, metric);
    }
    const part = `${this.#boot}-${this.#parts++}`;
    const open: OpenMinute = { key, minute, part, aggregate: new Aggregate(unit), dirty: true };
    this.#open.set(name, open);
    return open;
  }

  #refuse({ namespace, name }: Metric): undefined {
    if (this.#refused++ === 0)
      this.#logger.warn('metrics-full', { namespace, name, limit: CLOUDWATCH_LIMITS.metricsMax });
    return undefined;
  }

  /** Written in the background: a metric that is lost here by a crash is listed again by its next datum. */
  #list(key: string, { namespace, name, dimensions }: Metric): void {
    const listed = this.#registry
      .put(key, { namespace, name, dimensions, seenAt: this.#clock.now() })
      .catch((error: unknown) => this.#logger.warn('metric-not-listed', { namespace, name, reason: messageOf(error) }))
      .finally(() => this.#unlisted.delete(key));
    this.#unlisted.set(key, listed);
  }

  async #commit(opens: readonly OpenMinute[]): Promise<void> {
    for (let at = 0; at < opens.length; at += PAGE) {
      const page = opens.slice(at, at + PAGE);
      const writes = page.map(
        ({ key, minute, part, aggregate }): Write => ({
          kind: 'put',
          space: MINUTES,
          key: encodeKey([key, minute, part]),
          value: Buffer.from(JSON.stringify(aggregate.toStored())),
        }),
      );
      for (const open of page) open.dirty = false;
      try {
        await this.#records.commit({ writes });
      } catch (error) {
        for (const open of page) open.dirty = true;
        throw error;
      }
    }
  }

  /** Lets go of what is durable and whose minute is long over. */
  #close(): void {
    const before = this.#clock.now() - CLOUDWATCH_LIMITS.closeMinuteMs;
    for (const [name, { minute, dirty }] of this.#open) {
      if (!dirty && (minute + 1) * MINUTE_MS < before) this.#open.delete(name);
    }
  }

  async *#stored(key: string, from: number, to: number) {
    const last = encodeKey([key, to]);
    let first: Uint8Array = encodeKey([key, from]);
    for (;;) {
      const page = await this.#records.range(MINUTES, { from: first, to: last, limit: PAGE });
      for (const entry of page) {
        const [, minute, part] = decodeKey(entry.key) as [string, number, string];
        yield {
          minute,
          part,
          key: entry.key,
          stored: JSON.parse(Buffer.from(entry.value).toString()) as StoredAggregate,
        };
      }
      if (page.length < PAGE) return;
      first = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
    }
  }

  /** Deletes minutes beyond retention, and metrics that have none left. */
  async #expire(): Promise<void> {
    this.#expiredAt = this.#clock.monotonic();
    const oldest = Math.floor(this.#clock.now() / MINUTE_MS) - CLOUDWATCH_LIMITS.retentionMinutes;
    for (const key of this.#registry.names()) {
      const writes: Write[] = [];
      for await (const entry of this.#stored(key, 0, oldest))
        writes.push({ kind: 'delete', space: MINUTES, key: entry.key });
      for (let at = 0; at < writes.length; at += PAGE)
        await this.#records.commit({ writes: writes.slice(at, at + PAGE) });
      const [left] = await this.#records.range(MINUTES, { ...keyRange([key]), limit: 1 });
      const isOpen = [...this.#open.values()].some((open) => open.key === key);
      if (writes.length > 0 && !left && !isOpen) await this.#registry.delete(key);
    }
  }
}

export interface StoreDependencies {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}
