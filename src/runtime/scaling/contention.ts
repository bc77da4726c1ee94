import { SCALING_LIMITS } from './limits.ts';

/** Weight of one environment that was looked at in the average, and of one look at most. */
const WEIGHT = 0.08;
const WEIGHT_MAX = 0.3;
/** Weight of one invocation in the average of how long they take. */
const WEIGHT_OF_ONE = 0.1;

/** What the invocations of one function ask of the processors. */
export interface Work {
  /** Invocations that run, or begin at once. */
  readonly running: number;
  /** Part of their time in which they have a processor or wait for one, 0 to 1: 0 sleeps, 1 computes. Unknown at first: 0. */
  readonly demand: number;
  /** How long the last ones took, milliseconds. Unknown at first: without end. */
  readonly durationMs: number;
}

/** What a look at some of a function's environments has shown. */
export interface Sample {
  readonly environments: number;
  /** Invocations that ran in them. */
  readonly invocations: number;
  /** Environments that had a processor, or waited for one. */
  readonly runnable: number;
}

/** The average after another look. */
export function learnDemand(demand: number, { environments, invocations, runnable }: Sample): number {
  if (invocations === 0) return demand;
  return demand + (runnable / invocations - demand) * Math.min(WEIGHT_MAX, WEIGHT * environments);
}

/**
 * Would one more invocation have all of them wait for processors, rather than compute? Each function may use its part of what the
 * processors bear, and one invocation in any case: one that computes without end slows itself down, and not the others.
 *
 * @param load  what all invocations that run ask of the processors, in processors
 * @param functions  how many functions run any
 */
export function isContended(work: Work, load: number, functions: number, processors: number): boolean {
  const { running, demand } = work;
  const bearable = processors + Math.max(1, processors * SCALING_LIMITS.loadBeyond);
  if (running === 0 || load + demand <= bearable) return false;
  return (running + 1) * demand > bearable / Math.max(1, functions);
}

/** Invocations that are over in a moment though they wait for each other are no overload: it begins when they no longer are. */
export function areQuick({ durationMs }: Pick<Work, 'durationMs'>): boolean {
  return durationMs < SCALING_LIMITS.quickMs;
}

/** How long invocations take after another one. */
export function learnDuration(known: number, ms: number): number {
  return Number.isFinite(known) ? known + (ms - known) * WEIGHT_OF_ONE : ms;
}

/** Invocations that are let in though processors are contended. */
export interface Grace {
  readonly left: number;
  /** When they were last found contended. */
  readonly at: number;
}

/** Processors are found contended at `now`: a whole burst is left after a while without. */
export function graceAt({ left, at }: Grace, now: number): Grace {
  const { burstBeyond, burstAfterMs } = SCALING_LIMITS;
  return { left: now - at >= burstAfterMs ? burstBeyond : left, at: now };
}
