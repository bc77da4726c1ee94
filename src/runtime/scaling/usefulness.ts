/** What is known of an idle environment when memory is short. */
export interface Holding {
  /** Mean time until its function is called next, as its idle times have it; absent when they say nothing. */
  readonly expectedMs: number | undefined;
  /** Idle environments of the function that would be taken before this one. */
  readonly before: number;
  readonly idleMs: number;
  readonly memoryBytes: number;
  /** What it took to start it. */
  readonly coldStartMs: number;
}

/** Shared pages, and memory that has not been measured, still count. */
const MEMORY_BYTES_MIN = 4 * 1024 * 1024;
const WAIT_MS_MIN = 1_000;

/**
 * What a kept environment is worth: the wait that it spares for the memory that it holds and the time that it must hold it. An
 * environment without a history is expected after as long as it has been idle already; one that stands behind others, later than
 * they are.
 */
export function usefulness({ expectedMs, before, idleMs, memoryBytes, coldStartMs }: Holding): number {
  const next = Math.max(WAIT_MS_MIN, expectedMs ?? idleMs, before > 0 ? idleMs : 0) * (1 + before);
  return Math.max(1, coldStartMs) / (Math.max(MEMORY_BYTES_MIN, memoryBytes) * next);
}

/** Those that free `bytes` (or the only one, with 1), least useful first. */
export function leastUseful<T extends Holding>(idle: readonly T[], bytes: number): readonly T[] {
  const order = idle.map((one) => ({ one, worth: usefulness(one) })).sort((a, b) => a.worth - b.worth);
  const gone: T[] = [];
  let freed = 0;
  for (const { one } of order) {
    if (freed >= bytes) break;
    gone.push(one);
    freed += Math.max(MEMORY_BYTES_MIN, one.memoryBytes);
  }
  return gone;
}
