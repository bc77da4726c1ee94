import type { Clock, Timer } from '../../base/index.ts';
import type { Metrics, Unit } from '../../telemetry/index.ts';
import { KINESIS_LIMITS } from './limits.ts';
import { type Stream, StreamCounts } from './stream.ts';
import type { Streams } from './streams.ts';

/** Sums up what streams count and hands it to the metrics: the hot path costs an addition, a record never a datum. */
export class StreamMetrics {
  readonly #streams: Streams;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(streams: Streams, metrics: Metrics, clock: Clock) {
    this.#streams = streams;
    this.#metrics = metrics;
    this.#clock = clock;
  }

  start(): void {
    this.#timer = this.#clock.timer(KINESIS_LIMITS.metricsIntervalMs, () => {
      this.flush();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.flush();
  }

  flush(): void {
    for (const stream of this.#streams.all()) this.#flush(stream);
  }

  #flush(stream: Stream): void {
    const { counts } = stream;
    const put = (name: string, value: number, unit: Unit) => {
      if (value > 0 || unit === 'Milliseconds') {
        this.#metrics.put({ namespace: 'AWS/Kinesis', name, dimensions: { StreamName: stream.name }, value, unit });
      }
    };
    put('IncomingRecords', counts.incomingRecords, 'Count');
    put('IncomingBytes', counts.incomingBytes, 'Bytes');
    put('GetRecords.Records', counts.readRecords, 'Count');
    put('GetRecords.Bytes', counts.readBytes, 'Bytes');
    // An age of 0 is news too: it ends an alarm.
    if (counts.iteratorAgeMs >= 0) put('GetRecords.IteratorAgeMilliseconds', counts.iteratorAgeMs, 'Milliseconds');
    put('WriteProvisionedThroughputExceeded', counts.writesThrottled, 'Count');
    put('ReadProvisionedThroughputExceeded', counts.readsThrottled, 'Count');
    this.#expose(stream);
    Object.assign(counts, new StreamCounts());
  }

  #expose({ name, counts }: Stream): void {
    const labels = { stream: name };
    const records = 'millrace_kinesis_incoming_records_total';
    this.#metrics.counter(records, 'Records put into streams', labels).add(counts.incomingRecords);
    const bytes = 'millrace_kinesis_incoming_bytes_total';
    this.#metrics.counter(bytes, 'Bytes of data put into streams', labels).add(counts.incomingBytes);
    const read = 'millrace_kinesis_read_records_total';
    this.#metrics.counter(read, 'Records read from streams', labels).add(counts.readRecords);
  }
}
