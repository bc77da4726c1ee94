/** Names and values that tell one line of a metric from another, for example `{ stream: 'telemetry' }`. */
export type Labels = Readonly<Record<string, string>>;

/** Units as CloudWatch spells them. */
export type Unit =
  | 'Count'
  | 'Seconds'
  | 'Milliseconds'
  | 'Bytes'
  | 'Percent'
  | 'None'
  | 'Count/Second'
  | 'Bytes/Second';

/** One value of an AWS metric, as services emit them (`AWS/Lambda` `Duration` by `FunctionName`). */
export interface Datum {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Labels;
  /** Of a datum that comes from a {@link Meter}, only until the listener returns. */
  readonly value: number;
  readonly unit: Unit;
  /** It comes from a meter: the same object again and again, by which a listener may remember what belongs to it. */
  readonly metered?: true;
}

/** One line of an AWS metric that gets many values. */
export interface Meter {
  put(value: number): void;
}

/** The value of one line of a metric. */
export interface Reading {
  readonly labels: Labels;
  readonly value: number;
}

/** Goes up only. */
export interface Counter {
  add(value?: number): void;
}

/** Goes up and down. */
export interface Gauge {
  set(value: number): void;
}

/** Counts values by bucket; `quantile` estimates from the buckets. */
export interface Histogram {
  observe(value: number): void;
  quantile(q: number): number;
}

/**
 * What the platform says about itself in numbers. Get an instrument once, keep it, and call it on the hot path: that costs an
 * addition. Names follow Prometheus (`millrace_mqtt_messages_total`); units go last, in seconds and bytes.
 */
export interface Metrics {
  counter(name: string, help: string, labels?: Labels): Counter;
  gauge(name: string, help: string, labels?: Labels): Gauge;
  histogram(name: string, help: string, labels?: Labels): Histogram;

  /** Emits a value of an AWS metric; `services/cloudwatch` aggregates them by minute. */
  put(datum: Datum): void;
  /** The same for the hot path: got once and kept, it spares the making and finding of the line. */
  meter(line: Pick<Datum, 'namespace' | 'name' | 'dimensions' | 'unit'>): Meter;
  /** Receives every datum from now on; returns the way to stop. */
  onDatum(listener: (datum: Datum) => void): () => void;

  /** Values of all lines of a counter or gauge; none when there is no such metric. */
  read(name: string): readonly Reading[];

  /** Calls `fill` before each {@link render}: for gauges that are read off something, and that nobody needs in between. */
  onRender(fill: () => void): void;
  /** Prometheus text exposition format 0.0.4. */
  render(): string;
}
