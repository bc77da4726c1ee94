import type { Clock } from '../../../base/index.ts';
import { HISTORY_LIMITS } from './limits.ts';

/** An export or an import, as lists of them look at it. */
interface Job {
  readonly region: string;
  readonly tableArn: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
}

/** Jobs of a region, or of one of its tables, of the last ninety days, the newest first. */
export function recentJobs<T extends Job>(jobs: Iterable<T>, clock: Clock, region: string, tableArn?: string): T[] {
  const since = clock.now() - HISTORY_LIMITS.jobsKeptMs;
  return [...jobs]
    .filter((one) => one.region === region && one.startedAt >= since)
    .filter((one) => tableArn === undefined || one.tableArn === tableArn)
    .sort((a, b) => b.startedAt - a.startedAt);
}
