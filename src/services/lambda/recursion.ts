import { createHash } from 'node:crypto';
import { LambdaError } from './errors.ts';

/** Numbers of recursive loops (S5). @see Lambda developer guide, "Use Lambda recursive loop detection to prevent infinite loops" */
export const RECURSION_LIMITS = {
  /** Invocations of one function in one chain of requests: the next one is stopped. */
  invocationsMax: 16,
  /** Functions that a chain remembers, those that ran last. */
  functionsMax: 8,
} as const;

/** What becomes of an invocation in a chain. */
export interface Lineage {
  /** For what the invocation causes. */
  readonly lineage: string;
  /** Invocations of this function in the chain, this one included. */
  readonly invocations: number;
}

/** What stands for a function in a lineage: 8 hex digits of a digest of its ARN without qualifier. */
export function lineageKey(functionArn: string): string {
  return createHash('sha256').update(functionArn).digest('hex').slice(0, 8);
}

/** The key of the function that ran last in a chain; `undefined` in one where none did. */
export function lastOf(lineage: string): string | undefined {
  return /([0-9a-f]{8}):\d{1,5}$/.exec(lineage)?.[1];
}

/**
 * Continues the chains that have caused an invocation: `KEY:COUNT|KEY:COUNT`, the function that ran last at the end.
 *
 * @param before  one for each cause; the longest counts
 */
export function continueLineage(before: readonly (string | undefined)[], key: string): Lineage {
  const counts = new Map<string, number>();
  for (const lineage of before) {
    for (const [, function_, count] of lineage?.matchAll(/([0-9a-f]{8}):(\d{1,5})/g) ?? []) {
      counts.set(function_!, Math.max(counts.get(function_!) ?? 0, Number(count)));
    }
  }
  const invocations = (counts.get(key) ?? 0) + 1;
  counts.delete(key);
  counts.set(key, invocations);
  const kept = [...counts].slice(-RECURSION_LIMITS.functionsMax);
  return { lineage: kept.map(([function_, count]) => `${function_}:${count}`).join('|'), invocations };
}

/** The refusal of an invocation that would go on with a loop. */
export function recursiveInvocation(): LambdaError {
  const what = "in a recursive loop with other Amazon Web Services resources and stopped your function's invocation.";
  return new LambdaError('recursive-invocation', `The Lambda service detected your function being invoked ${what}`);
}
