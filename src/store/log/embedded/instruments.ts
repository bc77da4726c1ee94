import type { Counter, Histogram, Metrics } from '../../../telemetry/index.ts';

/** What the log says about itself in numbers, once a group commit. */
export interface LogInstruments {
  /** From the start of a group's write to its being durable, seconds. */
  readonly commitSeconds: Histogram;
  /** Records that became durable together. */
  readonly commitRecords: Histogram;
  readonly records: Counter;
  readonly bytes: Counter;
  readonly refused: Counter;
}

export function logInstruments(metrics: Metrics): LogInstruments {
  return {
    commitSeconds: metrics.histogram('millrace_log_commit_seconds', 'Time to write and sync a group of appends'),
    commitRecords: metrics.histogram('millrace_log_commit_records', 'Records that became durable in one group'),
    records: metrics.counter('millrace_log_records_total', 'Records made durable'),
    bytes: metrics.counter('millrace_log_payload_bytes_total', 'Bytes of payload made durable'),
    refused: metrics.counter(
      'millrace_log_records_refused_total',
      'Records refused because the disk was full or failed',
    ),
  };
}
