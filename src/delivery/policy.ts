import { type DomainError, messageOf } from '../base/index.ts';
import type { Delivery, DeliveryFailure, GivenUpReason, RetryPolicy, RetrySchedule } from './delivery.ts';

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
  const dueAt = now + 1 + Math.floor(waitMs(policy, attempt, jitter));
  if (attempt >= policy.attemptsMax) return { kind: 'give-up', reason: 'attempts', errorCode, errorMessage };
  if (dueAt - sentAt > policy.ageMsMax) return { kind: 'give-up', reason: 'age', errorCode, errorMessage };
  return { kind: 'retry', dueAt, counts: true };
}

function waitMs({ schedule, backoffMsBase, backoffMsMax }: RetryPolicy, attempt: number, jitter: number): number {
  if (schedule) return scheduledMs(schedule, attempt) * (1 + jitter / 10);
  return jitter * Math.min(backoffMsMax, backoffMsBase * 2 ** Math.min(attempt, 50));
}

/** The wait before retry number `retry`, counted from 1. */
function scheduledMs(schedule: RetrySchedule, retry: number): number {
  const { noDelay, minDelay, backoff, minDelayMs, maxDelayMs, backoffFunction } = schedule;
  if (retry <= noDelay) return 0;
  const step = retry - noDelay - minDelay;
  if (step <= 0) return minDelayMs;
  if (step >= backoff) return maxDelayMs;
  const part = GROWTH[backoffFunction](step - 1, Math.max(1, backoff - 1), maxDelayMs / minDelayMs);
  return minDelayMs + (maxDelayMs - minDelayMs) * part;
}

/**
 * How much of the way from the least to the greatest wait is gone after `step` of `steps`. AWS names the functions and shows
 * their curves only: linear grows by the same each time, arithmetic by more each time, exponential by a factor, geometric
 * doubles what it adds.
 */
const GROWTH: Readonly<
  Record<RetrySchedule['backoffFunction'], (step: number, steps: number, factor: number) => number>
> = {
  linear: (step, steps) => step / steps,
  arithmetic: (step, steps) => (step * (step + 1)) / (steps * (steps + 1)),
  exponential: (step, steps, factor) => (factor === 1 ? 1 : (factor ** (step / steps) - 1) / (factor - 1)),
  geometric: (step, steps) => (2 ** step - 1) / (2 ** steps - 1),
};

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : 'delivery-failed';
}
