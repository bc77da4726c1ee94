import { messageOf } from '../base/index.ts';
import type { TargetFailure } from './circuit.ts';
import {
  type Aftermath,
  DELIVERY_LIMITS,
  type Delivery,
  type DeliveryFailure,
  type GivenUpReason,
  type RetryPolicy,
  type RetrySchedule,
} from './delivery.ts';

/** What follows from a failed try. */
export type Verdict =
  | { readonly kind: 'retry'; readonly dueAt: number; readonly counts: boolean }
  | {
      readonly kind: 'give-up';
      readonly reason: GivenUpReason;
      /** What the target has sent in its stead; absent leaves that to the delivery's dead-letter ARN. */
      readonly instead?: readonly Delivery[];
    };

/** A failed try as the outbox sees it. */
export interface Failed extends TargetFailure {
  readonly errorCode: string;
  /** At most 1,024 characters. */
  readonly errorMessage: string;
  readonly isPermanent: boolean;
  readonly counts: boolean;
  /** The target decides itself what follows. */
  readonly aftermath?: Aftermath;
}

/** What is tried. */
export interface Tries {
  readonly policy: RetryPolicy;
  readonly sentAt: number;
  /** Those made before that count. */
  readonly attempts: number;
}

/**
 * Reads an error off. It is permanent only if it says so (`remedy: 'never'` on an error of ours): what was not foreseen is
 * tried again.
 */
export function readFailure(error: unknown): Failed {
  const { code, remedy, fields, aftermath } = (error ?? {}) as Partial<DeliveryFailure>;
  const { retryAfterMs, uncounted, unavailable } = (fields ?? {}) as Readonly<Record<string, unknown>>;
  return {
    errorCode: typeof code === 'string' ? code : 'delivery-failed',
    errorMessage: messageOf(error).slice(0, 1024),
    isPermanent: remedy === 'never',
    counts: aftermath?.kind === 'again' ? aftermath.counts : uncounted !== true,
    unavailable: unavailable === true,
    ...(typeof retryAfterMs === 'number' && {
      retryAfterMs: Math.min(Math.max(0, retryAfterMs), DELIVERY_LIMITS.waitMsMax),
    }),
    ...(aftermath && { aftermath }),
  };
}

/**
 * Decides about a failed try: again after a wait with full jitter, or never. One that brings its own aftermath is obeyed.
 *
 * @param jitter  in [0, 1)
 */
export function judgeFailure(
  failed: Failed,
  { policy, sentAt, attempts }: Tries,
  now: number,
  jitter: number,
): Verdict {
  const { aftermath, counts } = failed;
  // At least a millisecond later: a row put again must not have the key of the one it replaces.
  if (aftermath?.kind === 'again') {
    return { kind: 'retry', dueAt: now + Math.max(1, Math.ceil(aftermath.afterMs)), counts };
  }
  if (aftermath) return { kind: 'give-up', reason: 'permanent', instead: aftermath.instead };
  if (failed.isPermanent) return { kind: 'give-up', reason: 'permanent' };
  if (counts && attempts + 1 >= policy.attemptsMax) return { kind: 'give-up', reason: 'attempts' };
  const waitMs = counts ? backoffMs(policy, attempts + 1, jitter) : heldUpMs(policy, now - sentAt, jitter);
  const dueAt = now + 1 + Math.floor(Math.max(Math.min(waitMs, DELIVERY_LIMITS.waitMsMax), failed.retryAfterMs ?? 0));
  if (dueAt - sentAt > policy.ageMsMax) return { kind: 'give-up', reason: 'age' };
  return { kind: 'retry', dueAt, counts };
}

/** It has waited longer than it may: it is not tried any more. */
export function isExpired({ policy, sentAt }: Tries, now: number): boolean {
  return now - sentAt > policy.ageMsMax;
}

function backoffMs({ schedule, backoffMsBase, backoffMsMax }: RetryPolicy, attempt: number, jitter: number): number {
  if (schedule) return scheduledMs(schedule, attempt) * (1 + jitter / 10);
  return jitter * Math.min(backoffMsMax, backoffMsBase * 2 ** Math.min(attempt, 50));
}

/** What does not count has no number to grow with: it waits about as long again as it has waited. */
function heldUpMs({ backoffMsBase, backoffMsMax }: RetryPolicy, ageMs: number, jitter: number): number {
  return jitter * Math.min(backoffMsMax, Math.max(backoffMsBase, ageMs));
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
