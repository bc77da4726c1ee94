import type { IdleTimes } from './idle-times.ts';
import { SCALING_LIMITS } from './limits.ts';

/** Part of the window that is added at both of its ends, since the past is no promise. */
const MARGIN = 0.1;
const HEAD = 0.05;
const TAIL = 0.99;

/** What becomes of a function's environments once it is idle. Times count from the end of its last invocation. */
export interface Plan {
  /** They are unloaded, and started again at this time; absent: they stay. */
  readonly prewarmMs: number | undefined;
  /** Then they go, unless a call has come. */
  readonly keepAliveMs: number;
}

/**
 * The hybrid histogram policy: a function whose idle times repeat is loaded just before its next call is due, and kept until all
 * but the latest would have come. One with few or scattered idle times is kept for `fallbackMs`. The paper's third way, a
 * forecast of idle times beyond the range, is left out: these functions fall back too.
 *
 * @see Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, section 4.2
 */
export function planFor(times: IdleTimes, fallbackMs: number): Plan {
  const { idleTimesMin, variationMin, outsideMax, unloadMsMin, keepAliveMsMin } = SCALING_LIMITS;
  if (times.size < idleTimesMin || times.outside > outsideMax || times.variation < variationMin) {
    return { prewarmMs: undefined, keepAliveMs: fallbackMs };
  }
  const headMs = times.quantile(HEAD).fromMs * (1 - MARGIN);
  const tailMs = times.quantile(TAIL).toMs * (1 + MARGIN);
  return {
    prewarmMs: headMs >= unloadMsMin ? headMs : undefined,
    keepAliveMs: Math.max(keepAliveMsMin, tailMs),
  };
}

/**
 * - `kept`: what is loaded stays loaded. - `unloaded`: nothing is. - `pre-warmed`: environments are started, unless there are some.
 */
export interface Stage {
  readonly kind: 'kept' | 'unloaded' | 'pre-warmed';
  /** Idle time at which the next stage begins; absent in the last one. */
  readonly untilMs: number | undefined;
}

/** Where in its plan a function is that has been idle for `idleMs`. */
export function stageOf({ prewarmMs, keepAliveMs }: Plan, idleMs: number): Stage {
  if (idleMs >= keepAliveMs) return { kind: 'unloaded', untilMs: undefined };
  if (prewarmMs === undefined) return { kind: 'kept', untilMs: keepAliveMs };
  const { unloadAfterMs } = SCALING_LIMITS;
  if (idleMs < unloadAfterMs) return { kind: 'kept', untilMs: unloadAfterMs };
  if (idleMs < prewarmMs) return { kind: 'unloaded', untilMs: prewarmMs };
  return { kind: 'pre-warmed', untilMs: keepAliveMs };
}
