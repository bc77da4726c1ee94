import type { Counter, Gauge, Metrics } from '../telemetry/index.ts';
import { DELIVERY_LIMITS, type EdgeCounts } from './delivery.ts';
import type { Edge } from './edge.ts';
import { shownArn } from './shown.ts';
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
  /** By what is shown of their edges: webhooks that differ in secrets only share one. */
  readonly #lines = new Map<string, Line>();
  #other: Line | undefined;
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
    const sums = new Map<Line, States>();
    for (const edge of edges) {
      const { pending, oldestAgeMs, inFlight } = edge.reading;
      if (pending === 0 && !this.#lines.has(shownArn(edge.name))) continue;
      const line = this.#lineOf(edge.name);
      const sum = sums.get(line) ?? NOTHING;
      sums.set(line, {
        pending: sum.pending + pending,
        inFlight: sum.inFlight + inFlight,
        oldestAge: Math.max(sum.oldestAge, oldestAgeMs / 1000),
      });
      if (tellsCloudWatch && line !== this.#other) this.#tell(edge, pending, oldestAgeMs);
    }
    // An edge that has been forgotten meanwhile has nothing left.
    for (const line of this.#lines.values()) setLine(line, sums.get(line) ?? NOTHING);
    if (this.#other) setLine(this.#other, sums.get(this.#other) ?? NOTHING);
  }

  #tell({ name, tally }: Edge, pending: number, oldestAgeMs: number): void {
    const before = this.#told.get(name) ?? { delivered: 0, retried: 0, deadLettered: 0, lost: 0 };
    const { counts } = tally;
    const Target = shownArn(name);
    this.#told.set(name, { ...counts });
    const put = (metric: string, value: number, unit: 'Count' | 'Milliseconds') =>
      this.#metrics.put({ namespace: 'Millrace/Delivery', name: metric, dimensions: { Target }, value, unit });
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
    const target = this.#lines.has(edge) ? edge : shownArn(edge);
    const found = this.#lines.get(target);
    if (found) return found;
    if (this.#lines.size >= DELIVERY_LIMITS.edgeMetricsMax) {
      this.#other ??= this.#newLine(OTHER);
      return this.#other;
    }
    const line = this.#newLine(target);
    this.#lines.set(target, line);
    return line;
  }

  #newLine(target: string): Line {
    const labels = { target };
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

interface States {
  readonly pending: number;
  readonly oldestAge: number;
  readonly inFlight: number;
}

const NOTHING: States = { pending: 0, oldestAge: 0, inFlight: 0 };

function setLine(line: Line, values: States): void {
  line.pending.set(values.pending);
  line.oldestAge.set(values.oldestAge);
  line.inFlight.set(values.inFlight);
}
