import type { ScalingRules } from './settings.ts';

/** How many batches of a queue may be under way: the part of a queue's poller that grows with the backlog and vanishes with it. */
export interface Scale {
  /** Fractional: it grows by time. */
  readonly limit: number;
  /** When the time that it last grew by ended; monotonic milliseconds. `undefined` while it has no reason to grow. */
  readonly growingSince: number | undefined;
}

export function startScale({ start, max }: ScalingRules): Scale {
  return { limit: Math.min(start, max), growingSince: undefined };
}

/** All places are taken and messages wait: the limit grows with the time for which that holds. */
export function onBacklog({ limit, growingSince }: Scale, now: number, rules: ScalingRules): Scale {
  const elapsedMs = growingSince === undefined ? 0 : now - growingSince;
  return { limit: Math.min(rules.max, limit + (elapsedMs * rules.growthPerSecond) / 1000), growingSince: now };
}

/** There are places enough: the limit stays. */
export function onEnough(scale: Scale): Scale {
  return scale.growingSince === undefined ? scale : { limit: scale.limit, growingSince: undefined };
}

/** The queue is empty and nothing runs: it begins anew, unless failures have brought it below that. */
export function onIdle({ limit }: Scale, rules: ScalingRules): Scale {
  return { limit: Math.min(limit, startScale(rules).limit), growingSince: undefined };
}

/** The function failed or was not to be had: half as many at once. */
export function onFailure({ limit }: Scale, rules: ScalingRules): Scale {
  return { limit: Math.max(Math.min(rules.min, rules.max), limit / 2), growingSince: undefined };
}

/** The function works: below its start the limit comes back one batch at a time. */
export function onSuccess(scale: Scale, rules: ScalingRules): Scale {
  const { limit } = startScale(rules);
  return scale.limit >= limit ? scale : { ...scale, limit: Math.min(limit, scale.limit + 1) };
}

/** What a poller sees of a queue before it reserves an environment. Monotonic milliseconds. */
export interface QueueView {
  readonly now: number;
  /** Since when messages are known to wait. */
  readonly since: number;
  /** How many wait. */
  readonly waiting: number;
  /** A batch that is not full goes out no earlier. */
  readonly restsUntil: number;
}

/** Milliseconds until the next batch goes out: a full one at once, others when their window and the rest after the last are over. */
export function dueInMs({ now, since, waiting, restsUntil }: QueueView, batchSize: number, windowMs: number): number {
  if (waiting >= batchSize) return 0;
  return Math.max(0, since + windowMs - now, restsUntil - now);
}
