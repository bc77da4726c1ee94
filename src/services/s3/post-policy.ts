/*
 * Policies of browsers' forms: what whoever signed one lets others put.
 *
 * @see Amazon S3 API reference, "Browser-based uploads using POST", "POST policy"
 */
import { s3Error } from './errors.ts';

/** Fields of a form by their names in lower case. */
export type PostFields = ReadonlyMap<string, string>;

/** How many bytes the file may have. */
export interface SizeRange {
  readonly min: number;
  readonly max: number;
}

/** Fields that no condition must speak of. */
const FREE = new Set(['policy', 'file', 'signature', 'x-amz-signature', 'awsaccesskeyid']);

/**
 * Checks a form against its policy.
 *
 * @param policy  base64, as the form has it; @param now  epoch milliseconds
 * @returns the sizes that it allows; `undefined` for any
 * @throws DomainError `post-policy-invalid`, `access-denied`
 */
export function checkPostPolicy(
  policy: string,
  bucket: string,
  fields: PostFields,
  now: number,
): SizeRange | undefined {
  const { expiration, conditions } = parse(policy);
  const until =
    typeof expiration === 'string' && /^\d{4}-\d\d-\d\dT/.test(expiration) ? Date.parse(expiration) : Number.NaN;
  if (Number.isNaN(until)) throw invalid("Invalid 'expiration' value");
  if (until <= now) throw denied('Policy expired.');
  if (!Array.isArray(conditions)) throw invalid('Policy missing conditions.');
  const values = new Map([...fields, ['bucket', bucket]]);
  const spokenOf = new Set<string>();
  let range: SizeRange | undefined;
  for (const condition of conditions.flatMap(asList)) {
    const [operator, first, second] = condition;
    const kind = String(operator).toLowerCase();
    if (kind === 'content-length-range') {
      range = narrowed(range, sizeRange(condition));
      continue;
    }
    if (typeof first !== 'string' || !first.startsWith('$') || typeof second !== 'string' || condition.length !== 3) {
      throw invalid(`Invalid Condition: ${JSON.stringify(condition)}`);
    }
    const name = first.slice(1).toLowerCase();
    spokenOf.add(name);
    const value = values.get(name) ?? '';
    const holds = kind === 'eq' ? value === second : kind === 'starts-with' && startsWith(name, value, second);
    if (kind !== 'eq' && kind !== 'starts-with') throw invalid(`Invalid Condition: ${JSON.stringify(condition)}`);
    if (!holds) throw denied(`Policy Condition failed: ${JSON.stringify(condition)}`);
  }
  const extra = [...fields.keys()].filter(
    (name) => !FREE.has(name) && !name.startsWith('x-ignore-') && !spokenOf.has(name),
  );
  if (extra.length > 0) throw denied(`Extra input fields: ${extra.join(', ')}`);
  return range;
}

function parse(policy: string): { readonly expiration?: unknown; readonly conditions?: unknown } {
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(policy, 'base64').toString('utf8'));
  } catch {
    throw invalid('Invalid JSON.');
  }
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document;
  throw invalid('Invalid JSON.');
}

/** `{"acl": "private"}` is an `eq` of each of its members. */
function asList(condition: unknown): readonly (readonly unknown[])[] {
  if (Array.isArray(condition)) return [condition];
  if (typeof condition !== 'object' || condition === null) throw invalid('Invalid Condition.');
  return Object.entries(condition).map(([name, value]) => ['eq', `$${name}`, value]);
}

/** Of a list of types all must. */
function startsWith(name: string, value: string, prefix: string): boolean {
  const parts = name === 'content-type' ? value.split(',') : [value];
  return parts.every((part) => part.trimStart().startsWith(prefix));
}

function sizeRange(condition: readonly unknown[]): SizeRange {
  const [, min, max] = condition.map(Number);
  if (condition.length === 3 && Number.isSafeInteger(min) && Number.isSafeInteger(max) && min! >= 0 && min! <= max!) {
    return { min: min!, max: max! };
  }
  throw invalid('Invalid content-length-range');
}

function narrowed(range: SizeRange | undefined, other: SizeRange): SizeRange {
  return range ? { min: Math.max(range.min, other.min), max: Math.min(range.max, other.max) } : other;
}

function invalid(reason: string) {
  return s3Error('post-policy-invalid', { message: `Invalid Policy: ${reason}` });
}

function denied(reason: string) {
  return s3Error('access-denied', { message: `Invalid according to Policy: ${reason}` });
}
