import { SecretsError } from './errors.ts';
import { SECRETS_LIMITS } from './limits.ts';

type Statement = Readonly<Record<string, unknown>>;

const FIELDS = new Set([
  ...['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'],
]);

/** What is wrong with a resource policy: its form, and whom it lets in. */
export interface PolicyProblems {
  /** It is no policy, and why. */
  readonly malformed?: string;
  /** It lets anybody in. */
  readonly isPublic: boolean;
}

export function problemsOf(text: string): PolicyProblems {
  const statements = statementsOf(text);
  if (typeof statements === 'string') return { malformed: statements, isPublic: false };
  const malformed = statements.map(faultOf).find((fault) => fault !== undefined);
  return { ...(malformed !== undefined && { malformed }), isPublic: statements.some(letsAnybodyIn) };
}

/** @throws malformed-policy, public-policy */
export function checkPolicy(text: string, blockPublic: boolean): void {
  const { malformed, isPublic } = problemsOf(text);
  if (malformed !== undefined) {
    throw new SecretsError('malformed-policy', `This resource policy contains a syntax error: ${malformed}`);
  }
  if (!blockPublic || !isPublic) return;
  throw new SecretsError('public-policy', 'This resource policy grants public access to the secret, which is blocked.');
}

function statementsOf(text: string): readonly Statement[] | string {
  if (Buffer.byteLength(text) > SECRETS_LIMITS.policyBytesMax) return 'it is too long';
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return 'it is no JSON';
  }
  if (!isObject(document)) return 'it is no JSON object';
  const { Version = '2008-10-17', Statement } = document;
  if (Version !== '2012-10-17' && Version !== '2008-10-17') return 'its Version is unknown';
  const list: readonly unknown[] = Array.isArray(Statement) ? Statement : [Statement];
  return list.length > 0 && list.every(isObject) ? (list as readonly Statement[]) : 'it has no statements';
}

function faultOf(statement: Statement): string | undefined {
  const unknown = Object.keys(statement).find((field) => !FIELDS.has(field));
  if (unknown !== undefined) return `unknown field ${unknown}`;
  if (statement.Effect !== 'Allow' && statement.Effect !== 'Deny') return 'a statement has no Effect';
  const hasOne = (a: string, b: string) => (statement[a] === undefined) !== (statement[b] === undefined);
  if (!hasOne('Principal', 'NotPrincipal')) return 'a statement has no Principal';
  if (!hasOne('Action', 'NotAction')) return 'a statement has no Action';
  if (!hasOne('Resource', 'NotResource')) return 'a statement has no Resource';
  return undefined;
}

function letsAnybodyIn({ Effect, Principal, Condition }: Statement): boolean {
  if (Effect !== 'Allow' || (isObject(Condition) && Object.keys(Condition).length > 0)) return false;
  const aws = isObject(Principal) ? Principal.AWS : Principal;
  return (Array.isArray(aws) ? aws : [aws]).includes('*');
}

function isObject(value: unknown): value is Statement {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
