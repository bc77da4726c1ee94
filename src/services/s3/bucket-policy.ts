/*
 * Policies of buckets: whether one may be set, and whether it makes the bucket public. What its statements mean for a call is for
 * the engine that decides calls.
 *
 * @see Amazon S3 user guide, "Bucket policies", "The meaning of public"
 */
import type { Grant } from './acl.ts';
import { bucketStatements } from './acl.ts';
import { s3Error } from './errors.ts';
import { S3_LIMITS } from './limits.ts';
import type { PublicAccessBlock } from './settings.ts';

type Statement = Readonly<Record<string, unknown>>;

const POLICY_FIELDS = new Set(['Version', 'Id', 'Statement']);
const STATEMENT_FIELDS = new Set([
  ...['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'],
]);
const PRINCIPAL_KINDS = new Set(['AWS', 'CanonicalUser', 'Service', 'Federated']);
const VERSIONS = new Set(['2008-10-17', '2012-10-17']);

/** Actions that are done to objects; all others are done to the bucket. */
const OBJECT_ACTION =
  /^(?:(?:get|put|delete|restore|update|rename)object|abortmultipartupload$|listmultipartuploadparts$|bypassgovernanceretention$|replicate|initiatereplication$|objectowneroverride)/;
const BUCKET_ACTION =
  /^(?:[a-z]*bucket|get(?:accelerate|encryption|lifecycle|replication|analytics|inventory|metrics|intelligent)|put)/;

/** @throws DomainError `malformed-policy` in S3's words */
export function checkBucketPolicy(text: string, bucket: string): void {
  if (Buffer.byteLength(text) > S3_LIMITS.bucketPolicyBytesMax) {
    throw malformed(`Policies are limited to ${S3_LIMITS.bucketPolicyBytesMax} bytes`);
  }
  const document = parse(text);
  const unknown = Object.keys(document).find((field) => !POLICY_FIELDS.has(field));
  if (unknown !== undefined) throw malformed(`Unknown field ${unknown}`);
  const { Version, Statement } = document;
  if (Version !== undefined && !VERSIONS.has(Version as string)) {
    throw malformed('The policy must contain a valid version string');
  }
  const statements = listOf(Statement);
  if (statements.length === 0) throw malformed('Missing required field Statement');
  for (const statement of statements) {
    if (!isObject(statement)) throw malformed('Invalid policy syntax.');
    checkStatement(statement, bucket);
  }
}

function parse(text: string): Statement {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    document = undefined;
  }
  if (isObject(document)) return document;
  throw malformed("Policies must be valid JSON and the first byte must be '{'");
}

function checkStatement(statement: Statement, bucket: string): void {
  const unknown = Object.keys(statement).find((field) => !STATEMENT_FIELDS.has(field));
  if (unknown !== undefined) throw malformed(`Unknown field ${unknown}`);
  const { Effect, Condition } = statement;
  if (Effect === undefined) throw malformed('Missing required field Effect');
  if (Effect !== 'Allow' && Effect !== 'Deny') throw malformed(`Invalid effect: ${String(Effect)}`);
  checkPrincipal(oneOf(statement, 'Principal'));
  if (statement.NotPrincipal !== undefined && Effect === 'Allow') {
    throw malformed('Allow with NotPrincipal is not allowed.');
  }
  const actions = texts(oneOf(statement, 'Action'), 'Policy has invalid action');
  if (!actions.every((action) => action === '*' || /^s3(?:-object-lambda)?:[A-Za-z*?]+$/i.test(action))) {
    throw malformed('Policy has invalid action');
  }
  const resources = texts(oneOf(statement, 'Resource'), 'Policy has invalid resource');
  if (!resources.every((resource) => isOfBucket(resource, bucket))) throw malformed('Policy has invalid resource');
  if (Condition !== undefined && !isCondition(Condition)) throw malformed('Policy has an invalid condition');
  if (statement.Action !== undefined && statement.Resource !== undefined) checkReach(actions, resources);
}

/** The field itself or its negation, but not both. */
function oneOf(statement: Statement, name: string): unknown {
  const [plain, negated] = [statement[name], statement[`Not${name}`]];
  if (plain !== undefined && negated !== undefined) throw malformed('Invalid policy syntax.');
  if (plain === undefined && negated === undefined) throw malformed(`Missing required field ${name}`);
  return plain ?? negated;
}

function checkPrincipal(principal: unknown): void {
  if (principal === '*') return;
  const kinds = isObject(principal) ? Object.entries(principal) : [];
  if (kinds.length === 0) throw malformed('Invalid principal in policy');
  for (const [kind, names] of kinds) {
    const valid =
      PRINCIPAL_KINDS.has(kind) && texts(names, 'Invalid principal in policy').every(isPrincipal[kind] ?? isName);
    if (!valid)
      throw s3Error('malformed-policy', {
        message: 'Invalid principal in policy',
        fields: { Detail: show(principal) },
      });
  }
}

const isName = (name: string) => name !== '';

const isPrincipal: Readonly<Record<string, (name: string) => boolean>> = {
  AWS: (name) =>
    name === '*' ||
    /^\d{12}$/.test(name) ||
    /^arn:aws[a-z-]*:(?:iam|sts)::(?:\d{12}|cloudfront):(?:root$|(?:user|role|assumed-role|federated-user)\/.)/.test(
      name,
    ) ||
    // What is left of a principal that was deleted.
    /^A[A-Z0-9]{15,}$/.test(name),
  CanonicalUser: (name) => /^[0-9a-f]{64}$/.test(name),
  Service: (name) => /^[a-z0-9.-]+\.(?:amazonaws\.com|aws\.internal)(?:\.cn)?$/.test(name),
};

/** A condition block: operator -> key -> values. */
function isCondition(condition: unknown): boolean {
  if (!isObject(condition)) return false;
  return Object.values(condition).every((keys) => isObject(keys) && Object.values(keys).every(isValue));
}

function isValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((one) => typeof one !== 'object');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function isOfBucket(resource: string, bucket: string): boolean {
  const match = /^arn:aws[a-z-]*:s3:::([^/]+)/.exec(resource);
  if (!match) return false;
  const pattern = match[1]!.replace(/\$\{[^}]*\}/g, '*');
  return matches(pattern, bucket);
}

/** Matches `*` and `?`, going back to the last star only: no pattern takes more than its length times that of the text. */
function matches(pattern: string, text: string): boolean {
  let [at, from, star, mark] = [0, 0, -1, 0];
  while (from < text.length) {
    if (at < pattern.length && pattern[at] !== '*' && (pattern[at] === '?' || pattern[at] === text[from])) {
      at++;
      from++;
    } else if (pattern[at] === '*') {
      star = at++;
      mark = from;
    } else if (star >= 0) {
      at = star + 1;
      from = ++mark;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}

/** Every action has a resource among those named that it can be done to. */
function checkReach(actions: readonly string[], resources: readonly string[]): void {
  const onObjects = resources.some((resource) => /^[^/]*[*/]/.test(resource.slice('arn:aws:s3:::'.length)));
  const onBucket = resources.some((resource) => !resource.includes('/') || /^arn:aws[a-z-]*:s3:::\*/.test(resource));
  for (const action of actions) {
    const name = action.slice(action.indexOf(':') + 1).toLowerCase();
    if (/[*?]/.test(name)) continue;
    const ofObjects = OBJECT_ACTION.test(name);
    const ofBucket = !ofObjects && BUCKET_ACTION.test(name);
    if ((ofObjects && !onObjects) || (ofBucket && !onBucket)) {
      throw malformed('Action does not apply to any resource(s) in statement');
    }
  }
}

/** Keys that, given fixed values, leave a statement for everybody not public. */
const NARROWING = new Set([
  ...['aws:sourceip', 'aws:sourcearn', 'aws:sourcevpc', 'aws:sourcevpce', 'aws:sourceowner', 'aws:sourceaccount'],
  ...['aws:sourceorgid', 'aws:userid', 'aws:principalorgid', 'aws:principalarn', 'aws:principalaccount'],
  ...['s3:x-amz-server-side-encryption-aws-kms-key-id', 's3:dataaccesspointarn', 's3:dataaccesspointaccount'],
]);

/** Whether a policy, which is well formed, gives anything to everybody. */
export function isPublicPolicy(text: string): boolean {
  return listOf((JSON.parse(text) as Statement).Statement).some((one) => isPublicStatement(one as Statement));
}

function isPublicStatement({ Effect, Principal, NotPrincipal, Condition }: Statement): boolean {
  if (Effect !== 'Allow') return false;
  if (NotPrincipal === undefined && !isEverybody(Principal)) return false;
  return !isNarrowed(Condition);
}

function isEverybody(principal: unknown): boolean {
  if (principal === '*') return true;
  return isObject(principal) && listOf(principal.AWS).includes('*');
}

function isNarrowed(condition: unknown): boolean {
  if (!isObject(condition)) return false;
  return Object.entries(condition).some(([operator, keys]) => {
    if (
      !/^(?:ForA(?:ny|ll)Value:)?(?:String(?:Equals|Like|EqualsIgnoreCase)|Arn(?:Equals|Like)|IpAddress)$/i.test(
        operator,
      )
    ) {
      return false;
    }
    return Object.entries(keys as Statement).some(
      ([key, values]) => NARROWING.has(key.toLowerCase()) && listOf(values).every(isFixed),
    );
  });
}

/** No wildcard in what tells apart, no variable, and no network wider than AWS holds to be one's own. */
function isFixed(value: unknown): boolean {
  const text = String(value);
  if (text.includes('$')) return false;
  const [, bits] = /^[0-9.]+\/(\d+)$/.exec(text) ?? [];
  if (bits !== undefined) return Number(bits) >= 8;
  const [, wide] = /^[0-9a-f:]+\/(\d+)$/i.exec(text) ?? [];
  if (wide !== undefined) return Number(wide) >= 32;
  if (!text.startsWith('arn:')) return !/[*?]/.test(text);
  // The account of an ARN, or its resource where S3's have no account.
  const [, , , , account, ...resource] = text.split(':');
  return account ? !/[*?]/.test(account) : !/^[*?]/.test(resource.join(':'));
}

/**
 * What decides calls on a bucket, beside the rights of who calls: its policy, and its list where that still counts.
 *
 * @param statements  of the object's own list
 * @returns JSON text; `undefined` where there is nothing
 */
export function effectivePolicy(
  bucket: string,
  policy: string | undefined,
  grants: readonly Grant[],
  statements: readonly object[],
  block: PublicAccessBlock | null,
): string | undefined {
  const lists = block?.IgnorePublicAcls ? [] : [...bucketStatements(bucket, grants), ...statements];
  const isRestricted = block?.RestrictPublicBuckets === true && policy !== undefined && isPublicPolicy(policy);
  if (lists.length === 0 && !isRestricted) return policy;
  const document = (policy === undefined ? { Version: '2012-10-17' } : JSON.parse(policy)) as Statement;
  // A public bucket that is restricted is for the account and for services alone.
  const kept = listOf(document.Statement).filter((one) => !isRestricted || !isPublicStatement(one as Statement));
  return JSON.stringify({ ...document, Statement: [...kept, ...lists] });
}

function texts(value: unknown, problem: string): readonly string[] {
  const list = listOf(value);
  if (list.length === 0 || !list.every((one) => typeof one === 'string')) throw malformed(problem);
  return list as string[];
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

function malformed(message: string) {
  return s3Error('malformed-policy', { message });
}
