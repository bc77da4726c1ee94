import type { Aggregate } from './aggregate.ts';
import { CloudWatchError } from './errors.ts';

/** Reads one number off an aggregate; `undefined` when it is not known. */
export type Statistic = (aggregate: Aggregate) => number | undefined;

const SIMPLE: Readonly<Record<string, Statistic>> = {
  SampleCount: ({ count }) => count,
  Sum: ({ sum }) => sum,
  Average: ({ sum, count }) => sum / count,
  Minimum: ({ min }) => min,
  Maximum: ({ max }) => max,
};

/**
 * The statistic of that name: the five simple ones, and percentiles `p0` to `p100` with up to ten decimals.
 * Trimmed and winsorized means and ranks, which CloudWatch has too, are refused by name.
 */
export function statisticOf(name: string): Statistic {
  const simple = SIMPLE[name];
  if (simple) return simple;
  const percentile = /^p(\d{1,2}(?:\.\d{1,10})?|100)$/.exec(name);
  if (!percentile)
    throw new CloudWatchError('parameter-invalid', `The value ${name} for parameter Stat is not supported.`);
  const share = Number(percentile[1]) / 100;
  return (aggregate) => aggregate.quantile(share);
}
