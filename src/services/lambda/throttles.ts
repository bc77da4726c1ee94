import type { ThrottleCause } from '../../runtime/index.ts';

/**
 * How AWS names each cause in `TooManyRequestsException.Reason`. It has no name for a machine that is behind: to a caller that is the
 * account's limit, since it holds for all functions. `CallerRateLimitExceeded` and `ConcurrentSnapshotCreateLimitExceeded` are never said.
 *
 * @see Lambda API reference, TooManyRequestsException
 */
const REASONS = {
  'reserved-concurrency': 'ReservedFunctionConcurrentInvocationLimitExceeded',
  'account-concurrency': 'ConcurrentInvocationLimitExceeded',
  'scaling-rate': 'ConcurrentInvocationLimitExceeded',
  machine: 'ConcurrentInvocationLimitExceeded',
  'reserved-request-rate': 'ReservedFunctionInvocationRateLimitExceeded',
  'request-rate': 'FunctionInvocationRateLimitExceeded',
} as const satisfies Record<ThrottleCause, string>;

/** @param why  as the runtime's `concurrency-limit` carries it */
export function throttleReason(why: unknown): string {
  return REASONS[why as ThrottleCause];
}
