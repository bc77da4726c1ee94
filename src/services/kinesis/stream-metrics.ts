import type { Clock, Timer } from '../../base/index.ts';
import type { Labels, Metrics, Unit } from '../../telemetry/index.ts';
import { Counts } from './counts.ts';
import { KINESIS_LIMITS } from './limits.ts';
import type { Shard } from './shard.ts';
import type { ShardMetric } from './state.ts';
import type { Stream } from './stream.ts';
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
    const sum = new Counts();
    for (const shard of stream.shards.values()) {
      sum.add(shard.counts);
      this.#putShard(stream, shard);
      shard.counts = new Counts();
    }
    const put = this.#putting({ StreamName: stream.name });
    put('IncomingRecords', sum.incomingRecords, 'Count');
    put('IncomingBytes', sum.incomingBytes, 'Bytes');
    put('GetRecords.Records', sum.readRecords, 'Count');
    put('GetRecords.Bytes', sum.readBytes, 'Bytes');
    put('GetRecords.IteratorAgeMilliseconds', sum.iteratorAgeMs, 'Milliseconds');
    put('WriteProvisionedThroughputExceeded', sum.writesThrottled, 'Count');
    put('ReadProvisionedThroughputExceeded', sum.readsThrottled, 'Count');
    this.#expose(stream.name, sum);
  }

  /** Shard-level metrics, those that `EnableEnhancedMonitoring` has switched on. */
  #putShard({ name, state }: Stream, { id, counts }: Shard): void {
    if (state.monitoring.length === 0) return;
    const put = this.#putting({ StreamName: name, ShardId: id });
    const values: Record<ShardMetric, readonly [number, Unit]> = {
      IncomingBytes: [counts.incomingBytes, 'Bytes'],
      IncomingRecords: [counts.incomingRecords, 'Count'],
      IteratorAgeMilliseconds: [counts.iteratorAgeMs, 'Milliseconds'],
      OutgoingBytes: [counts.readBytes, 'Bytes'],
      OutgoingRecords: [counts.readRecords, 'Count'],
      ReadProvisionedThroughputExceeded: [counts.readsThrottled, 'Count'],
      WriteProvisionedThroughputExceeded: [counts.writesThrottled, 'Count'],
    };
    for (const metric of state.monitoring) put(metric, ...values[metric]);
  }

  /** Puts what has happened; an age of 0 is news too, since it ends an alarm. */
  #putting(dimensions: Labels): (name: string, value: number, unit: Unit) => void {
    return (name, value, unit) => {
      const happened = unit === 'Milliseconds' ? value >= 0 : value > 0;
      if (happened) this.#metrics.put({ namespace: 'AWS/Kinesis', name, dimensions, value, unit });
    };
  }

  #expose(stream: string, counts: Counts): void {
    const add = (name: string, help: string, value: number) => this.#metrics.counter(name, help, { stream }).add(value);
    add('millrace_kinesis_incoming_records_total', 'Records put into streams', counts.incomingRecords);
    add('millrace_kinesis_incoming_bytes_total', 'Bytes of data put into streams', counts.incomingBytes);
    add('millrace_kinesis_read_records_total', 'Records read from streams', counts.readRecords);
  }
}
