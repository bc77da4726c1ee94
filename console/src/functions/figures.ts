/** What metrics say of functions: values in, figures out. */
import type { Columns } from '../charts/gaps.ts';

/** A metric of a function, by one of its statistics. */
export interface MetricAsked {
  readonly functionName: string;
  readonly metric: string;
  readonly stat: string;
}

/** Periods that have data, the oldest first: where they begin in epoch seconds, and what they have. */
export interface Points {
  readonly times: readonly number[];
  readonly values: readonly number[];
}

export const totalOf = ({ values }: Points) => values.reduce((sum, value) => sum + value, 0);

/** When the last period with a value above zero ended at the latest, in epoch milliseconds. */
export function lastOf({ times, values }: Points, periodSeconds: number): number | undefined {
  const at = values.findLastIndex((value) => value > 0);
  return at < 0 ? undefined : (times[at]! + periodSeconds) * 1000;
}

/**
 * Columns over whole periods from the one that `from` lies in to the one that `to` does.
 *
 * @param series  with what a period without data stands for: zero where things are counted, `null` where they are measured
 */
export function columnsOf(
  series: readonly { readonly points: Points; readonly none: 0 | null }[],
  { from, to, periodSeconds }: { readonly from: number; readonly to: number; readonly periodSeconds: number },
): Columns {
  const first = Math.floor(from / 1000 / periodSeconds) * periodSeconds;
  const count = Math.ceil((to / 1000 - first) / periodSeconds);
  const times = Array.from({ length: count }, (_, at) => first + at * periodSeconds);
  return {
    times,
    values: series.map(({ points, none }) => {
      const known = new Map(points.times.map((time, at) => [time, points.values[at]!]));
      return times.map((time) => known.get(time) ?? none);
    }),
  };
}
