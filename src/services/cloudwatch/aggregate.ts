import { CLOUDWATCH_LIMITS } from './limits.ts';

/** An aggregate as it is stored: JSON, version first (S4). `sketch` is missing when percentiles are not known. */
export interface StoredAggregate {
  readonly v: 1;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
  readonly unit: string;
  /** Bucket and count in turn. */
  readonly sketch?: readonly number[];
}

/** Buckets grow by 2 %: a percentile is right to 1 %. */
const GROWTH = Math.log(1.02);
/** Bucket of the value 1; those of other positive values lie around it, all above zero. Negative values mirror them, zero is 0. */
const ORIGIN = 40_000;

/**
 * Values of one metric over some time: sum, extremes, count, and a sketch of their distribution (logarithmic buckets, as in
 * DDSketch: Masson, Rim, Lee 2019). Two of them merge into what one would have been.
 */
export class Aggregate {
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  count = 0;
  unit: string;
  #sketch: Map<number, number> | undefined = new Map();

  constructor(unit: string) {
    this.unit = unit;
  }

  /** Adds `value`, `count` times. */
  add(value: number, count = 1): void {
    this.sum += value * count;
    this.count += count;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    this.#addBucket(bucketOf(value), count);
  }

  /** Adds a summary made elsewhere: percentiles are unknown from then on, unless all its values are one. */
  addSummary(summary: {
    readonly sum: number;
    readonly min: number;
    readonly max: number;
    readonly count: number;
  }): void {
    if (summary.count === 0) return;
    if (summary.min === summary.max) return this.add(summary.min, summary.count);
    this.#addTotals(summary);
    this.#sketch = undefined;
  }

  merge(other: Aggregate): void {
    this.#addTotals(other);
    if (!other.#sketch) this.#sketch = undefined;
    else for (const [bucket, count] of other.#sketch) this.#addBucket(bucket, count);
  }

  /** The value below which `share` of all values lie; `undefined` when it is not known. @param share 0 to 1 */
  quantile(share: number): number | undefined {
    if (!this.#sketch || this.count === 0) return undefined;
    if (share <= 0) return this.min;
    if (share >= 1) return this.max;
    let rest = share * this.count;
    const buckets = [...this.#sketch].sort(([a], [b]) => a - b);
    for (const [bucket, count] of buckets) {
      if (rest <= count) return Math.min(this.max, Math.max(this.min, middleOf(bucket)));
      rest -= count;
    }
    return this.max;
  }

  toStored(): StoredAggregate {
    const { sum, min, max, count, unit } = this;
    return { v: 1, sum, min, max, count, unit, ...(this.#sketch ? { sketch: [...this.#sketch].flat() } : {}) };
  }

  static fromStored(stored: StoredAggregate): Aggregate {
    const aggregate = new Aggregate(stored.unit);
    aggregate.#addTotals(stored);
    const { sketch } = stored;
    if (!sketch) aggregate.#sketch = undefined;
    else for (let i = 0; i < sketch.length; i += 2) aggregate.#sketch!.set(sketch[i]!, sketch[i + 1]!);
    return aggregate;
  }

  #addTotals({ sum, min, max, count }: { sum: number; min: number; max: number; count: number }): void {
    this.sum += sum;
    this.count += count;
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
  }

  #addBucket(bucket: number, count: number): void {
    const sketch = this.#sketch;
    if (!sketch) return;
    sketch.set(bucket, (sketch.get(bucket) ?? 0) + count);
    if (sketch.size <= CLOUDWATCH_LIMITS.sketchBucketsMax) return;
    // The low end loses its resolution first: people ask for p99, not for p1.
    const [lowest, second] = [...sketch.keys()].sort((a, b) => a - b) as [number, number];
    sketch.set(second, sketch.get(second)! + sketch.get(lowest)!);
    sketch.delete(lowest);
  }
}

/** Most counts are of one. */
const BUCKET_OF_ONE = ORIGIN;

function bucketOf(value: number): number {
  if (value === 0) return 0;
  if (value === 1) return BUCKET_OF_ONE;
  const bucket = ORIGIN + Math.ceil(Math.log(Math.abs(value)) / GROWTH);
  return value > 0 ? bucket : -bucket;
}

/** The middle of a bucket, in the logarithmic sense. */
function middleOf(bucket: number): number {
  if (bucket === 0) return 0;
  const value = Math.exp((Math.abs(bucket) - ORIGIN - 0.5) * GROWTH);
  return bucket > 0 ? value : -value;
}
