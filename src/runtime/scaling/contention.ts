import { SCALING_LIMITS } from './limits.ts';

/** How many looks at its environments an average is made of. */
const WEIGHT = 0.2;

/** What the invocations of one function ask of the processors. */
export interface Work {
  /** Invocations that run. */
  readonly running: number;
  /** Part of their time in which they have a processor or wait for one, 0 to 1: 0 sleeps, 1 computes. Unknown at first: 0. */
  readonly demand: number;
}

/** The average after another look. @param runnable  how many of those `seen` had a processor or waited for one */
export function learnDemand(demand: number, runnable: number, seen: number): number {
  return seen === 0 ? demand : demand + (runnable / seen - demand) * WEIGHT;
}

/**
 * Would one more invocation have all of them take more than about twice their time? Each function may use its part of what the
 * processors bear, and one invocation in any case: one that computes without end slows itself down, and not the others.
 *
 * @param load  what all invocations that run ask of the processors, in processors
 * @param functions  how many functions run any
 */
export function isContended({ running, demand }: Work, load: number, functions: number, processors: number): boolean {
  const bearable = processors * SCALING_LIMITS.loadPerProcessor;
  if (running === 0 || load + demand <= bearable) return false;
  return (running + 1) * demand > bearable / Math.max(1, functions);
}
