import type { Counter, Gauge, Metrics } from '../telemetry/index.ts';
import type { PollerSettings } from './settings.ts';

/** What pollers count, by mapping. */
export interface Instruments {
  readonly batches: Counter;
  readonly records: Counter;
  readonly filtered: Counter;
  readonly failures: Counter;
  readonly discarded: Counter;
  readonly iteratorAge: Gauge;
  /** One finished invocation of a stream batch; `ageMs` is the age of its last record when it was done. */
  iterated(ageMs: number): void;
}

export function createInstruments(metrics: Metrics, settings: PollerSettings): Instruments {
  const labels = { function: settings.functionName, source: settings.sourceArn };
  const iteratorAge = metrics.gauge(
    'millrace_poller_iterator_age_seconds',
    'Age of the last record handed over',
    labels,
  );
  const dimensions = { FunctionName: settings.functionName };
  return {
    batches: metrics.counter('millrace_poller_batches_total', 'Batches handed to functions', labels),
    records: metrics.counter('millrace_poller_records_total', 'Records handed over and done', labels),
    filtered: metrics.counter('millrace_poller_filtered_total', 'Records that filter criteria dropped', labels),
    failures: metrics.counter('millrace_poller_failures_total', 'Invocations that failed or could not be made', labels),
    discarded: metrics.counter('millrace_poller_discarded_total', 'Records given up', labels),
    iteratorAge,
    iterated: (ageMs) => {
      iteratorAge.set(ageMs / 1000);
      metrics.put({ namespace: 'AWS/Lambda', name: 'IteratorAge', dimensions, value: ageMs, unit: 'Milliseconds' });
    },
  };
}
