import type { Counter, Gauge, Meter, Metrics } from '../telemetry/index.ts';
import type { PollerSettings } from './settings.ts';
import type { Backlog } from './source.ts';

/** The `EventCount` metrics of an event source mapping. @see AWS Lambda developer guide, "Event source mapping metrics" */
const EVENT_COUNTS = [
  'PolledEventCount',
  'FilteredOutEventCount',
  'InvokedEventCount',
  'FailedInvokeEventCount',
  'DeletedEventCount',
  'DroppedEventCount',
  'OnFailureDestinationDeliveredEventCount',
] as const;

type EventCount = (typeof EVENT_COUNTS)[number];

/** What a poller counts: for Prometheus, for its state, and for CloudWatch (`IteratorAge`, and `EventCount` where it is asked for). */
export class Tally {
  /** Since the poller was started. */
  records = 0;
  retries = 0;
  discarded = 0;
  readonly #counters: Readonly<Record<keyof typeof COUNTERS, Counter>>;
  readonly #gauges: Readonly<Record<keyof typeof GAUGES, Gauge>>;
  readonly #iteratorAge: Meter;
  readonly #events: Readonly<Record<EventCount, Meter>> | undefined;

  constructor(metrics: Metrics, settings: PollerSettings) {
    const labels = { function: settings.functionName, source: settings.sourceArn };
    const meter = (name: string, dimensions: Readonly<Record<string, string>>, unit: 'Count' | 'Milliseconds') =>
      metrics.meter({ namespace: 'AWS/Lambda', name, dimensions, unit });
    this.#counters = mapValues(COUNTERS, ([name, help]) => metrics.counter(name, help, labels));
    this.#gauges = mapValues(GAUGES, ([name, help]) => metrics.gauge(name, help, labels));
    this.#iteratorAge = meter('IteratorAge', { FunctionName: settings.functionName }, 'Milliseconds');
    const dimensions = { EventSourceMappingUUID: settings.id };
    this.#events = settings.eventCounts
      ? (Object.fromEntries(EVENT_COUNTS.map((name) => [name, meter(name, dimensions, 'Count')])) as never)
      : undefined;
  }

  /** Records came from the source, and so many passed the filter. */
  polled(count: number, kept: number): void {
    this.#counters.polled.add(count);
    this.#events?.PolledEventCount.put(count);
    if (kept === count) return;
    this.#counters.filtered.add(count - kept);
    this.#events?.FilteredOutEventCount.put(count - kept);
  }

  /** An invocation begins. @param again  its records were in one that failed before */
  invoking(count: number, again: boolean): void {
    this.#counters.batches.add();
    this.#events?.InvokedEventCount.put(count);
    if (!again) return;
    this.retries++;
    this.#counters.retries.add();
  }

  /** An invocation ended in an error, or could not be made. */
  failed(): void {
    this.#counters.failures.add();
  }

  /** So many records of an invocation have failed. */
  failedRecords(count: number): void {
    if (count > 0) this.#events?.FailedInvokeEventCount.put(count);
  }

  done(count: number): void {
    this.records += count;
    this.#counters.records.add(count);
  }

  /** Messages that are through were deleted from their queue. */
  deleted(count: number): void {
    this.#events?.DeletedEventCount.put(count);
  }

  /** Records were given up. @param delivered  the on-failure destination has their document */
  dropped(count: number, delivered: boolean): void {
    this.discarded += count;
    this.#counters.discarded.add(count);
    this.#events?.DroppedEventCount.put(count);
    if (delivered) this.#events?.OnFailureDestinationDeliveredEventCount.put(count);
  }

  /** An invocation with stream records is over. @param ageMs  age of its last record */
  iterated(ageMs: number): void {
    this.#gauges.iteratorAge.set(ageMs / 1000);
    this.#iteratorAge.put(ageMs);
  }

  /** Nothing is left to read or to do: whoever looks at the gauge must not see the age of the last batch for ever. */
  atTip(): void {
    this.#gauges.iteratorAge.set(0);
  }

  backlog({ records, ageMs }: Backlog): void {
    this.#gauges.depth.set(records);
    this.#gauges.age.set(ageMs / 1000);
  }

  running(batches: number): void {
    this.#gauges.running.set(batches);
  }

  /** The poller ends: nobody measures any more. */
  ended(): void {
    for (const gauge of Object.values(this.#gauges)) gauge.set(0);
  }
}

const COUNTERS = {
  polled: ['millrace_poller_polled_total', 'Records that came from the source'],
  filtered: ['millrace_poller_filtered_total', 'Records that filter criteria dropped'],
  batches: ['millrace_poller_batches_total', 'Batches handed to functions'],
  records: ['millrace_poller_records_total', 'Records handed over and done'],
  failures: ['millrace_poller_failures_total', 'Invocations that failed or could not be made'],
  retries: ['millrace_poller_retries_total', 'Invocations that tried again what had failed'],
  discarded: ['millrace_poller_discarded_total', 'Records given up'],
} as const;

const GAUGES = {
  iteratorAge: ['millrace_poller_iterator_age_seconds', 'Age of the last record handed over'],
  depth: ['millrace_poller_depth', 'Records that wait in the source'],
  age: ['millrace_poller_oldest_age_seconds', 'Age of the oldest record that waits in the source'],
  running: ['millrace_poller_batches_running', 'Batches of a queue under way'],
} as const;

function mapValues<K extends string, V, R>(of: Readonly<Record<K, V>>, make: (value: V) => R): Record<K, R> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, make(value as V)])) as Record<K, R>;
}
