import { type DomainError, messageOf } from '../base/index.ts';
import type { Delivery, DeliveryFailure, GivenUpReason, RetryPolicy } from './delivery.ts';

/** What follows from a failed try. */
export type Verdict =
  | { readonly kind: 'retry'; readonly dueAt: number; readonly counts: boolean }
  | {
      readonly kind: 'give-up';
      readonly reason: GivenUpReason;
      readonly errorCode: string;
      readonly errorMessage: string;
      /** What the target has sent in its stead; absent leaves that to the delivery's dead-letter ARN. */
      readonly instead?: readonly Delivery[];
    };

/**
 * Decides about a failed try: again after a wait with full jitter, or never.
 *
 * An error is permanent only if it says so (`remedy: 'never'` on an error of ours): what was not foreseen is tried again.
 * One that brings its own aftermath is obeyed.
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
  const aftermath = (error as Partial<DeliveryFailure> | undefined)?.aftermath;
  if (aftermath?.kind === 'again')
    return { kind: 'retry', dueAt: now + Math.max(1, Math.ceil(aftermath.afterMs)), counts: aftermath.counts };
  if (aftermath) return { kind: 'give-up', reason: 'permanent', errorCode, errorMessage, instead: aftermath.instead };
  if ((error as Partial<DomainError> | undefined)?.remedy === 'never')
    return { kind: 'give-up', reason: 'permanent', errorCode, errorMessage };
  // At least a millisecond later: a row put again must not have the key of the one it replaces.
  const dueAt =
    now + 1 + Math.floor(jitter * Math.min(policy.backoffMsMax, policy.backoffMsBase * 2 ** Math.min(attempt, 50)));
  if (attempt >= policy.attemptsMax) return { kind: 'give-up', reason: 'attempts', errorCode, errorMessage };
  if (dueAt - sentAt > policy.ageMsMax) return { kind: 'give-up', reason: 'age', errorCode, errorMessage };
  return { kind: 'retry', dueAt, counts: true };
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : 'delivery-failed';
}
