import { type DomainError, messageOf } from '../base/index.ts';
import type { TargetFailure } from './circuit.ts';
import { DELIVERY_LIMITS, type GivenUpReason, type RetryPolicy } from './delivery.ts';

/** What follows from a failed try. */
export type Verdict =
  | {
      readonly kind: 'retry';
      readonly dueAt: number;
      /** Tries that count, this one included. */
      readonly attempts: number;
    }
  | { readonly kind: 'give-up'; readonly reason: GivenUpReason };

/** A failed try as the outbox sees it. */
export interface Failed extends TargetFailure {
  readonly errorCode: string;
  /** At most 1,024 characters. */
  readonly errorMessage: string;
  readonly isPermanent: boolean;
  readonly isCounted: boolean;
}

/** What is tried. */
export interface Tried {
  readonly policy: RetryPolicy;
  readonly sentAt: number;
  /** Tries made before. */
  readonly attempts: number;
}

/**
 * Reads an error off. It is permanent only if it says so (`remedy: 'never'` on an error of ours): what was not foreseen is
 * tried again.
 */
export function readFailure(error: unknown): Failed {
  const { code, remedy, fields } = (error ?? {}) as Partial<DomainError>;
  const { retryAfterMs, uncounted, unavailable } = (fields ?? {}) as Readonly<Record<string, unknown>>;
  return {
    errorCode: typeof code === 'string' ? code : 'delivery-failed',
    errorMessage: messageOf(error).slice(0, 1024),
    isPermanent: remedy === 'never',
    isCounted: uncounted !== true,
    unavailable: unavailable === true,
    ...(typeof retryAfterMs === 'number' && {
      retryAfterMs: Math.min(Math.max(0, retryAfterMs), DELIVERY_LIMITS.waitMsMax),
    }),
  };
}

/**
 * Decides about a failed try: again after a wait with full jitter, or never.
 *
 * @param jitter  in [0, 1)
 */
export function judgeFailure(
  failed: Failed,
  { policy, sentAt, attempts }: Tried,
  now: number,
  jitter: number,
): Verdict {
  if (failed.isPermanent) return { kind: 'give-up', reason: 'permanent' };
  const made = failed.isCounted ? attempts + 1 : attempts;
  if (failed.isCounted && made >= policy.attemptsMax) return { kind: 'give-up', reason: 'attempts' };
  const most = failed.isCounted
    ? policy.backoffMsBase * 2 ** Math.min(made, 50)
    : // What does not count has no number to grow with: about as long again as it has waited.
      Math.max(policy.backoffMsBase, now - sentAt);
  const waitMs = Math.max(
    Math.floor(jitter * Math.min(policy.backoffMsMax, DELIVERY_LIMITS.waitMsMax, most)),
    failed.retryAfterMs ?? 0,
  );
  // At least a millisecond later: a row put again must not have the key of the one it replaces.
  const dueAt = now + 1 + waitMs;
  if (dueAt - sentAt > policy.ageMsMax) return { kind: 'give-up', reason: 'age' };
  return { kind: 'retry', dueAt, attempts: made };
}

/** It has waited longer than it may: it is not tried any more. */
export function isExpired({ policy, sentAt }: Tried, now: number): boolean {
  return now - sentAt > policy.ageMsMax;
}
