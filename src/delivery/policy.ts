import { type DomainError, messageOf } from '../base/index.ts';
import type { GivenUpReason, RetryPolicy } from './delivery.ts';

/** What follows from a failed try. */
export type Verdict =
  | { readonly kind: 'retry'; readonly dueAt: number }
  | {
      readonly kind: 'give-up';
      readonly reason: GivenUpReason;
      readonly errorCode: string;
      readonly errorMessage: string;
    };

/**
 * Decides about a failed try: again after a wait with full jitter, or never.
 *
 * An error is permanent only if it says so (`remedy: 'never'` on an error of ours): what was not foreseen is tried again.
 *
 * @param attempt  tries made, this one included; @param jitter  in [0, 1)
 */
export function judgeFailure(
  error: unknown,
  policy: RetryPolicy,
  attempt: number,
  sentAt: number,
  now: number,
  jitter: number,
): Verdict {
  const errorMessage = messageOf(error).slice(0, 1024);
  const errorCode = codeOf(error);
  if ((error as Partial<DomainError> | undefined)?.remedy === 'never')
    return { kind: 'give-up', reason: 'permanent', errorCode, errorMessage };
  // At least a millisecond later: a row put again must not have the key of the one it replaces.
  const dueAt =
    now + 1 + Math.floor(jitter * Math.min(policy.backoffMsMax, policy.backoffMsBase * 2 ** Math.min(attempt, 50)));
  if (attempt >= policy.attemptsMax) return { kind: 'give-up', reason: 'attempts', errorCode, errorMessage };
  if (dueAt - sentAt > policy.ageMsMax) return { kind: 'give-up', reason: 'age', errorCode, errorMessage };
  return { kind: 'retry', dueAt };
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : 'delivery-failed';
}
