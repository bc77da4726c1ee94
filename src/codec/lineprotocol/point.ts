/** A point as line protocol carries it. `bigint` is an integer field, `number` a float. */
export interface LinePoint {
  readonly measurement: string;
  readonly tags: Record<string, string>;
  readonly fields: Record<string, number | bigint | boolean | string>;
  /** Epoch nanoseconds. */
  readonly time: bigint;
}

/** Unit of the timestamps of a text. */
export type Precision = 'ns' | 'us' | 'ms' | 's';

export const NANOS_PER: Readonly<Record<Precision, bigint>> = { ns: 1n, us: 1000n, ms: 1_000_000n, s: 1_000_000_000n };
