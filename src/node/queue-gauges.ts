import type { DeadLetterPlace } from '../gateway/console/index.ts';
import type { QueueView, Sqs } from '../services/sqs/index.ts';
import type { Gauge, Metrics } from '../telemetry/index.ts';
import type { NodeDeadLetters } from './dead-letters/dead-letters.ts';
import { NODE_LIMITS } from './limits.ts';

const OTHER = 'other';

/** Depth and age of queues, and dead letters that wait, in Prometheus, as they are when they are asked for. CloudWatch has its own names for them. */
export function gaugeQueues(
  queues: Pick<Sqs, 'describe'>,
  letters: Pick<NodeDeadLetters, 'places'>,
  metrics: Metrics,
): void {
  const gauges = new QueueGauges(metrics);
  metrics.onRender(() => gauges.set(queues.describe(), letters.places()));
}

class QueueGauges {
  readonly #messages: Lines;
  readonly #ages: Lines;
  readonly #letters: Lines;
  /** Those that came first: a line cannot be taken away again. */
  readonly #named = new Set<string>();

  constructor(metrics: Metrics) {
    const gauge = (name: string, help: string) => (label: string) => metrics.gauge(name, help, JSON.parse(label));
    this.#messages = new Lines(gauge('millrace_queue_messages', 'Messages in a queue by state'), (a, b) => a + b);
    this.#ages = new Lines(gauge('millrace_queue_oldest_age_seconds', 'Age of the oldest message'), Math.max);
    this.#letters = new Lines(
      gauge('millrace_dead_letters', 'Dead letters that wait, by where they lie'),
      (a, b) => a + b,
    );
  }

  set(queues: readonly QueueView[], places: readonly DeadLetterPlace[]): void {
    this.#messages.set(
      queues.flatMap(({ arn, visible, inFlight, delayed }) => {
        const queue = this.#nameOf(arn);
        const line = (state: string, value: number) => [JSON.stringify({ queue, state }), value] as const;
        return [line('visible', visible), line('in-flight', inFlight), line('delayed', delayed)];
      }),
    );
    this.#ages.set(
      queues.map(({ arn, oldestAgeMs }) => [JSON.stringify({ queue: this.#nameOf(arn) }), oldestAgeMs / 1000]),
    );
    this.#letters.set(places.map(({ id, waiting }) => [JSON.stringify({ place: this.#nameOf(id) }), waiting]));
  }

  #nameOf(id: string): string {
    if (this.#named.size < NODE_LIMITS.gaugesMax) this.#named.add(id);
    return this.#named.has(id) ? id : OTHER;
  }
}

/** Lines of one gauge; what is gone stands at nought. */
class Lines {
  readonly #make: (label: string) => Gauge;
  readonly #join: (a: number, b: number) => number;
  readonly #gauges = new Map<string, Gauge>();

  constructor(make: (label: string) => Gauge, join: (a: number, b: number) => number) {
    this.#make = make;
    this.#join = join;
  }

  set(values: readonly (readonly [label: string, value: number])[]): void {
    const joined = new Map<string, number>();
    for (const [label, value] of values) joined.set(label, this.#join(joined.get(label) ?? 0, value));
    for (const [label, gauge] of this.#gauges) if (!joined.has(label)) gauge.set(0);
    for (const [label, value] of joined) this.#of(label).set(value);
  }

  #of(label: string): Gauge {
    const gauge = this.#gauges.get(label) ?? this.#make(label);
    this.#gauges.set(label, gauge);
    return gauge;
  }
}
