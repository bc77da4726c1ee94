import { iamError } from './errors.ts';

/** Refuses what is no policy at all; what its statements mean is for the engine that decides calls. @throws malformed-policy */
export function checkPolicyDocument(text: string): void {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw iamError('malformed-policy', 'This policy contains invalid Json');
  }
  const statements = (document as { Statement?: unknown } | null)?.Statement;
  const list = Array.isArray(statements) ? statements : [statements];
  if (typeof document !== 'object' || list.length === 0 || !list.every(isStatement)) {
    throw iamError('malformed-policy', 'Syntax errors in policy.');
  }
}

function isStatement(statement: unknown): boolean {
  const { Effect } = (statement ?? {}) as { Effect?: unknown };
  return typeof statement === 'object' && (Effect === 'Allow' || Effect === 'Deny');
}
