import { deflateRawSync } from 'node:zlib';
import { parseArn } from '../../base/index.ts';
import { stsError } from './errors.ts';
import { STS_LIMITS } from './limits.ts';

/** What a session is made with beside its role, as the API has it. */
export interface SessionRequest {
  readonly Policy?: string;
  readonly PolicyArns?: readonly { readonly arn?: string }[];
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
  readonly TransitiveTagKeys?: readonly string[];
}

/**
 * The documents that limit a session; `undefined` where it names none. Managed policies are taken as they are now.
 *
 * @param managed  text of a managed policy
 * @throws malformed-policy, validation
 */
export function sessionPolicies(
  { Policy, PolicyArns = [] }: SessionRequest,
  managed: (arn: string) => string | undefined,
): readonly string[] | undefined {
  if (Policy === undefined && PolicyArns.length === 0) return undefined;
  const { sessionPolicyCharactersMax, sessionPolicyArnsMax } = STS_LIMITS;
  if (PolicyArns.length > sessionPolicyArnsMax) {
    throw stsError('validation', `You can specify a maximum of ${sessionPolicyArnsMax} managed policy ARNs.`);
  }
  if (Policy !== undefined && Policy.length > sessionPolicyCharactersMax) {
    throw stsError('validation', `The session policy is longer than ${sessionPolicyCharactersMax} characters.`);
  }
  if (Policy !== undefined) checkDocument(Policy);
  return [...(Policy === undefined ? [] : [Policy]), ...PolicyArns.map(({ arn = '' }) => managedText(arn, managed))];
}

function managedText(arn: string, managed: (arn: string) => string | undefined): string {
  const text = parseArn(arn)?.service === 'iam' ? managed(arn) : undefined;
  if (text === undefined)
    throw stsError('validation', `The specified policy ${arn} does not exist or is not attachable.`);
  return text;
}

/** What its statements say is read when it is asked for the first time; what is no document is refused here. */
function checkDocument(text: string): void {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw stsError('malformed-policy', 'This policy contains invalid Json', error);
  }
  const { Statement } = Object(document) as { Statement?: unknown };
  if (typeof Statement !== 'object' || Statement === null)
    throw stsError('malformed-policy', 'Syntax errors in policy.');
}

/** Percent of what may be kept of a session. @throws packed-policy-too-large */
export function packedSize(
  policies: readonly string[] | undefined,
  tags: Readonly<Record<string, string>>,
): number | undefined {
  if (policies === undefined && Object.keys(tags).length === 0) return undefined;
  const bytes = deflateRawSync(JSON.stringify([policies ?? [], tags])).length;
  const percent = Math.ceil((bytes * 100) / STS_LIMITS.packedBytesMax);
  if (percent <= 100) return percent;
  throw stsError('packed-policy-too-large', `Packed size of session tags consumes ${percent}% of allotted space.`);
}

/** Tags by key. @throws validation  a key twice, or too many */
export function sessionTags({ Tags = [] }: SessionRequest): Record<string, string> {
  const tags: Record<string, string> = {};
  const seen = new Set<string>();
  for (const { Key, Value } of Tags) {
    // Keys are compared without case, as AWS does.
    const key = Key.toLowerCase();
    if (seen.has(key))
      throw stsError('validation', 'Duplicate tag keys found. Please note that Tag keys are case insensitive.');
    seen.add(key);
    tags[Key] = Value;
  }
  if (seen.size > STS_LIMITS.sessionTagsMax) {
    throw stsError('validation', `You can specify a maximum of ${STS_LIMITS.sessionTagsMax} session tags.`);
  }
  return tags;
}
