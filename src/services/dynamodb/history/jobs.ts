import type { Clock } from '../../../base/index.ts';
import { HISTORY_LIMITS } from './limits.ts';

/** An export or an import, as lists of them look at it. */
interface Job {
  readonly region: string;
  readonly tableArn: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt?: number;
}

/** The job that a token stands for: one that runs, or has ended no longer ago than a token is good for. */
export function jobOfToken<T extends Job>(
  jobs: Iterable<T>,
  clock: Clock,
  token: string | undefined,
  tokenOf: (job: T) => string | undefined,
): T | undefined {
  if (token === undefined) return undefined;
  const since = clock.now() - HISTORY_LIMITS.jobTokenMs;
  return [...jobs].find((one) => tokenOf(one) === token && (one.endedAt ?? clock.now()) >= since);
}

/** Jobs of a region, or of one of its tables, of the last ninety days, the newest first. */
export function recentJobs<T extends Job>(jobs: Iterable<T>, clock: Clock, region: string, tableArn?: string): T[] {
  const since = clock.now() - HISTORY_LIMITS.jobsKeptMs;
  return [...jobs]
    .filter((one) => one.region === region && one.startedAt >= since)
    .filter((one) => tableArn === undefined || one.tableArn === tableArn)
    .sort((a, b) => b.startedAt - a.startedAt);
}
