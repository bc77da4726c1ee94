import { TABLE_LIMITS } from '../limits.ts';
import type { ResourcePolicy } from './definition.ts';
import { wrong } from './validation.ts';

/**
 * A policy as it is kept once it is set. One that stays the same keeps its revision.
 * @param at  ms since 1970
 * @throws DynamodbError `validation-failed`: too long, or no policy
 */
export function policyOf(text: string, before: ResourcePolicy | undefined, at: number): ResourcePolicy {
  checkPolicy(text);
  if (before?.text === text) return before;
  return { text, revision: String(Math.max(at, Number(before?.revision ?? 0) + 1)), changedAt: at };
}

function checkPolicy(text: string): void {
  if (Buffer.byteLength(text) > TABLE_LIMITS.policyBytesMax) {
    throw wrong(`Maximum policy size of ${TABLE_LIMITS.policyBytesMax} bytes exceeded`);
  }
  let policy: { readonly Statement?: unknown };
  try {
    policy = JSON.parse(text);
  } catch {
    throw wrong('Invalid policy document: This policy contains invalid Json');
  }
  const { Statement: statements } = policy ?? {};
  if (statements === undefined || (Array.isArray(statements) && statements.length === 0)) {
    throw wrong('Invalid policy document: Could not parse the policy: Statement is empty!');
  }
}
