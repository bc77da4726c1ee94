import type { Counter, Gauge, Metrics } from '../telemetry/index.ts';
import { DELIVERY_LIMITS, type EdgeCounts } from './delivery.ts';
import type { Edge } from './edge.ts';
import { shown } from './shown.ts';
import type { Outcome } from './tally.ts';

/** CloudWatch has one value a minute of what is a state. */
const CLOUDWATCH_MS = 60_000;
const OTHER = 'other';

interface Line {
  readonly counters: Readonly<Record<Outcome, Counter>>;
  readonly pending: Gauge;
  readonly oldestAge: Gauge;
  readonly inFlight: Gauge;
}

/** Edges in Prometheus (`millrace_edge_*`) and in CloudWatch (`Millrace/Delivery` by `Target`); only the first 200 by name. */
export class EdgeMetrics {
  readonly #metrics: Metrics;
  readonly #lines = new Map<string, Line>();
  readonly #totals: Readonly<Record<Outcome, Counter>>;
  readonly #letters: Gauge;
  /** What CloudWatch was told last, by edge. */
  readonly #told = new Map<string, EdgeCounts>();
  #cloudWatchAt = 0;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#totals = countersOf(metrics, 'millrace_deliveries_total', 'Deliveries by outcome', {});
    this.#letters = metrics.gauge('millrace_lost_letters', 'Deliveries given up without a dead-letter queue');
  }

  count(edge: string, outcome: Outcome): void {
    this.#totals[outcome].add();
    this.#lineOf(edge).counters[outcome].add();
  }

  /** Sets what is a state: to be called every few seconds. */
  refresh(edges: Iterable<Edge>, letters: number, now: number): void {
    this.#letters.set(letters);
    const tellsCloudWatch = now >= this.#cloudWatchAt;
    if (tellsCloudWatch) this.#cloudWatchAt = now + CLOUDWATCH_MS;
    const others = { pending: 0, oldestAge: 0, inFlight: 0 };
    for (const edge of edges) {
      const { pending, oldestAgeMs, inFlight } = edge.reading;
      if (pending === 0 && !this.#lines.has(edge.name)) continue;
      const line = this.#lineOf(edge.name);
      if (line === this.#lines.get(OTHER)) {
        others.pending += pending;
        others.inFlight += inFlight;
        others.oldestAge = Math.max(others.oldestAge, oldestAgeMs / 1000);
        continue;
      }
      setLine(line, { pending, inFlight, oldestAge: oldestAgeMs / 1000 });
      if (tellsCloudWatch) this.#tell(edge, pending, oldestAgeMs);
    }
    const line = this.#lines.get(OTHER);
    if (line) setLine(line, others);
  }

  #tell({ name, tally }: Edge, pending: number, oldestAgeMs: number): void {
    const before = this.#told.get(name) ?? { delivered: 0, retried: 0, deadLettered: 0, lost: 0 };
    const { counts } = tally;
    this.#told.set(name, { ...counts });
    const put = (metric: string, value: number, unit: 'Count' | 'Milliseconds') =>
      this.#metrics.put({
        namespace: 'Millrace/Delivery',
        name: metric,
        dimensions: { Target: shown(name) },
        value,
        unit,
      });
    put('PendingDeliveries', pending, 'Count');
    put('OldestDeliveryAge', oldestAgeMs, 'Milliseconds');
    // An edge that was forgotten and made again counts from zero.
    const since = (outcome: Outcome) => counts[outcome] - (counts[outcome] >= before[outcome] ? before[outcome] : 0);
    put('DeliveriesSucceeded', since('delivered'), 'Count');
    put('DeliveriesRetried', since('retried'), 'Count');
    put('DeliveriesDeadLettered', since('deadLettered'), 'Count');
    put('DeliveriesLost', since('lost'), 'Count');
  }

  #lineOf(edge: string): Line {
    const found = this.#lines.get(edge);
    if (found) return found;
    const target = this.#lines.size < DELIVERY_LIMITS.edgeMetricsMax ? edge : OTHER;
    const line = this.#lines.get(target) ?? this.#newLine(target);
    this.#lines.set(target, line);
    return line;
  }

  #newLine(target: string): Line {
    const labels = { target: shown(target) };
    const gauge = (name: string, help: string) => this.#metrics.gauge(name, help, labels);
    return {
      counters: countersOf(this.#metrics, 'millrace_edge_deliveries_total', 'Deliveries by target and outcome', labels),
      pending: gauge('millrace_edge_pending', 'Deliveries that wait or are under way'),
      oldestAge: gauge('millrace_edge_oldest_age_seconds', 'Age of the oldest of them'),
      inFlight: gauge('millrace_edge_in_flight', 'Deliveries under way'),
    };
  }
}

function countersOf(metrics: Metrics, name: string, help: string, labels: Readonly<Record<string, string>>) {
  const counter = (outcome: string) => metrics.counter(name, help, { ...labels, outcome });
  return {
    delivered: counter('delivered'),
    retried: counter('retried'),
    deadLettered: counter('dead-lettered'),
    lost: counter('lost'),
  } satisfies Record<Outcome, Counter>;
}

function setLine(
  line: Line,
  values: { readonly pending: number; readonly oldestAge: number; readonly inFlight: number },
): void {
  line.pending.set(values.pending);
  line.oldestAge.set(values.oldestAge);
  line.inFlight.set(values.inFlight);
}
