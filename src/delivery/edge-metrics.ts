import type { Counter, Gauge, Metrics } from '../telemetry/index.ts';
import { DELIVERY_LIMITS } from './delivery.ts';
import type { Edge } from './edge.ts';
import { shownArn } from './shown.ts';
import { type Counts, newCounts, type Outcome } from './tally.ts';

/** CloudWatch has one value a minute of what is a state. */
const CLOUDWATCH_MS = 60_000;
const OTHER = 'other';

interface Line {
  /** As it is shown. */
  readonly target: string;
  readonly counters: Readonly<Record<Outcome, Counter>>;
  readonly pending: Gauge;
  readonly oldestAge: Gauge;
  readonly inFlight: Gauge;
  /** What CloudWatch was not told yet. */
  untold: Counts;
}

/** Edges in Prometheus (`millrace_edge_*`) and in CloudWatch (`Millrace/Delivery` by `Target`); only the first 200 by name. */
export class EdgeMetrics {
  readonly #metrics: Metrics;
  /** By what is shown of their edges: webhooks that differ in secrets only share one. */
  readonly #lines = new Map<string, Line>();
  #other: Line | undefined;
  readonly #totals: Readonly<Record<Outcome, Counter>>;
  readonly #letters: Gauge;
  #cloudWatchAt = 0;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#totals = countersOf(metrics, 'millrace_deliveries_total', 'Deliveries by outcome', {});
    this.#letters = metrics.gauge('millrace_lost_letters', 'Deliveries given up without a dead-letter queue');
  }

  count(edge: string, outcome: Outcome): void {
    this.#totals[outcome].add();
    const line = this.#lineOf(edge);
    line.counters[outcome].add();
    line.untold[outcome]++;
  }

  /** Sets what is a state: to be called every few seconds. */
  refresh(edges: Iterable<Edge>, letters: number, now: number): void {
    this.#letters.set(letters);
    const sums = new Map<Line, States>();
    for (const edge of edges) {
      const { pending, oldestAgeMs, inFlight } = edge.reading;
      if (pending === 0 && !this.#lines.has(shownArn(edge.name))) continue;
      const line = this.#lineOf(edge.name);
      const sum = sums.get(line) ?? NOTHING;
      sums.set(line, {
        pending: sum.pending + pending,
        inFlight: sum.inFlight + inFlight,
        oldestAgeMs: Math.max(sum.oldestAgeMs, oldestAgeMs),
      });
    }
    // An edge that has been forgotten meanwhile has nothing left.
    for (const line of this.#lines.values()) setLine(line, sums.get(line) ?? NOTHING);
    if (this.#other) setLine(this.#other, sums.get(this.#other) ?? NOTHING);
    if (now < this.#cloudWatchAt) return;
    this.#cloudWatchAt = now + CLOUDWATCH_MS;
    for (const line of this.#lines.values()) this.#tell(line, sums.get(line) ?? NOTHING);
  }

  #tell(line: Line, { pending, oldestAgeMs }: States): void {
    const { target: Target, untold } = line;
    line.untold = newCounts();
    const put = (metric: string, value: number, unit: 'Count' | 'Milliseconds') =>
      this.#metrics.put({ namespace: 'Millrace/Delivery', name: metric, dimensions: { Target }, value, unit });
    put('PendingDeliveries', pending, 'Count');
    put('OldestDeliveryAge', oldestAgeMs, 'Milliseconds');
    put('DeliveriesSucceeded', untold.delivered, 'Count');
    put('DeliveriesRetried', untold.retried, 'Count');
    put('DeliveriesDeadLettered', untold.deadLettered, 'Count');
    put('DeliveriesLost', untold.lost, 'Count');
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
      target,
      untold: newCounts(),
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
  readonly oldestAgeMs: number;
  readonly inFlight: number;
}

const NOTHING: States = { pending: 0, oldestAgeMs: 0, inFlight: 0 };

function setLine(line: Line, values: States): void {
  line.pending.set(values.pending);
  line.oldestAge.set(values.oldestAgeMs / 1000);
  line.inFlight.set(values.inFlight);
}
