import { Aggregate } from '../aggregate.ts';
import { CloudWatchError } from '../errors.ts';
import { CLOUDWATCH_LIMITS, MINUTE_MS } from '../limits.ts';
import type { Metric } from '../metric.ts';
import type { MetricStore } from '../store.ts';

/** A period's aggregate; `start` in epoch milliseconds. */
export interface Period {
  readonly start: number;
  readonly aggregate: Aggregate;
}

export interface PeriodQuery {
  readonly metric: Metric;
  /** Seconds; multiples of 60. Shorter ones, which only high-resolution metrics have, count as 60. */
  readonly periodSeconds: number;
  /** Epoch milliseconds; `from` inclusive, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  readonly unit?: string;
}

/** Periods with data, oldest first. They begin at multiples of the period, and the first is the one that `from` lies in. */
export async function periodsOf(store: MetricStore, query: PeriodQuery): Promise<readonly Period[]> {
  const { metric, unit } = query;
  const periodMs = periodMsOf(query.periodSeconds);
  const from = Math.floor(query.from / periodMs) * periodMs;
  const minutes = await store.minutes(metric, from / MINUTE_MS, Math.ceil(query.to / MINUTE_MS));
  const periods = new Map<number, Aggregate>();
  for (const [minute, aggregate] of minutes) {
    if (unit !== undefined && unit !== aggregate.unit) continue;
    const start = Math.floor((minute * MINUTE_MS) / periodMs) * periodMs;
    const whole = periods.get(start) ?? new Aggregate(aggregate.unit);
    whole.merge(aggregate);
    periods.set(start, whole);
  }
  return [...periods].map(([start, aggregate]) => ({ start, aggregate }));
}

function periodMsOf(seconds: number): number {
  if ([1, 5, 10, 20, 30].includes(seconds)) return MINUTE_MS;
  if (seconds > 0 && seconds % 60 === 0) return seconds * 1000;
  throw new CloudWatchError('parameter-invalid', 'The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.');
}

/** Epoch milliseconds of both ends. @throws parameter-invalid, parameter-combination */
export function rangeOf(start: Date, end: Date): { readonly from: number; readonly to: number } {
  const [from, to] = [start.getTime(), end.getTime()];
  if (from < to) return { from: Math.max(0, from), to };
  throw new CloudWatchError(
    'parameter-combination',
    'The parameter StartTime must be less than the parameter EndTime.',
  );
}

/** @throws parameter-combination: more points than one answer may hold */
export function checkPoints(range: { readonly from: number; readonly to: number }, periodSeconds: number): void {
  const points = Math.ceil((range.to - range.from) / (Math.max(60, periodSeconds) * 1000));
  if (points <= CLOUDWATCH_LIMITS.statisticsPointsMax) return;
  throw new CloudWatchError(
    'parameter-combination',
    `You have requested up to ${points} datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.`,
  );
}
