import type { Clock } from '../../base/index.ts';
import type { EmbeddedMetric } from '../../codec/emf/index.ts';
import type { TakeMetrics } from './embedded-metrics.ts';
import { compilePattern, compileSelector, isScalar, type Predicate } from './filter-pattern.ts';
import type { StreamEvents } from './group.ts';
import type { GroupRecord, LogEvent, MetricFilter, MetricTransformation } from './model.ts';

/** A filter made ready; dropped with the record of the group that it stands in. */
interface Compiled {
  readonly matches: Predicate;
  readonly metrics: readonly CompiledMetric[];
}

interface CompiledMetric {
  readonly transformation: MetricTransformation;
  /** What an event counts; `undefined` for one that has no such number. */
  value(message: string): number | undefined;
  dimensions(message: string): Readonly<Record<string, string>> | undefined;
  /** The last minute that was given something, its default included. */
  minute: number;
}

const MINUTE_MS = 60_000;

/** Makes metrics of what groups take, as their metric filters say. */
export class MetricFilters {
  readonly #take: TakeMetrics;
  readonly #clock: Clock;
  readonly #compiled = new WeakMap<MetricFilter, Compiled>();

  constructor(take: TakeMetrics, clock: Clock) {
    this.#take = take;
    this.#clock = clock;
  }

  /** Looks at what a group has just taken. */
  read({ metricFilters = [] }: GroupRecord, parts: readonly StreamEvents[]): void {
    for (const filter of metricFilters) {
      const { matches, metrics } = this.#compile(filter);
      const matching = parts.flatMap(({ events }) => events.filter(({ message }) => matches(message)));
      for (const metric of metrics) this.#count(metric, matching);
    }
  }

  #count(metric: CompiledMetric, events: readonly LogEvent[]): void {
    const { metricNamespace: namespace, metricName: name, unit = 'None', defaultValue } = metric.transformation;
    const found: EmbeddedMetric[] = [];
    for (const { message, timestamp } of events) {
      const value = metric.value(message);
      const dimensions = metric.dimensions(message);
      if (value === undefined || dimensions === undefined) continue;
      found.push({ namespace, name, dimensions, unit, values: [value], time: timestamp });
    }
    const now = this.#clock.now();
    const minute = Math.floor(now / MINUTE_MS);
    if (found.length === 0 && defaultValue !== undefined && metric.minute !== minute) {
      found.push({ namespace, name, dimensions: {}, unit, values: [defaultValue], time: now });
    }
    if (found.length === 0) return;
    metric.minute = minute;
    this.#take(found);
  }

  #compile(filter: MetricFilter): Compiled {
    const known = this.#compiled.get(filter);
    if (known) return known;
    const compiled = { matches: compilePattern(filter.pattern), metrics: filter.transformations.map(compileMetric) };
    this.#compiled.set(filter, compiled);
    return compiled;
  }
}

function compileMetric(transformation: MetricTransformation): CompiledMetric {
  const { metricValue, dimensions = {} } = transformation;
  const select = compileSelector(metricValue);
  const selectors = Object.entries(dimensions).map(([name, text]) => [name, compileSelector(text)] as const);
  return {
    transformation,
    value: (message) => numberOf(select ? select(message) : metricValue),
    dimensions: (message) => {
      const values = selectors.map(([name, read]) => [name, read?.(message)] as const);
      if (values.some(([, value]) => value === '' || !isScalar(value))) return undefined;
      return Object.fromEntries(values.map(([name, value]) => [name, String(value)]));
    },
    minute: -1,
  };
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}
