import { invalidParameter, invalidRequest, SecretsError } from '../errors.ts';
import { SECRETS_LIMITS } from '../limits.ts';
import type { Secret, SecretValue } from '../model.ts';
import { arnOf } from '../names.ts';

export interface GivenTag {
  readonly Key?: string;
  readonly Value?: string;
}

/** What nearly every answer begins with. */
export function identityShape(secret: Secret): { readonly ARN: string; readonly Name: string } {
  return { ARN: arnOf(secret), Name: secret.name };
}

export function valueShape({ string, binary }: SecretValue): Record<string, unknown> {
  return string === undefined ? { SecretBinary: Buffer.from(binary!, 'base64') } : { SecretString: string };
}

/** What DescribeSecret and ListSecrets tell alike: members without a value are left out. */
export function secretShape(secret: Secret): Record<string, unknown> {
  const { tags } = secret;
  return {
    ...identityShape(secret),
    ...given('Type', secret.type),
    ...given('Description', secret.description),
    ...given('KmsKeyId', secret.kmsKeyId),
    ...given('RotationEnabled', secret.rotationEnabled),
    ...given('RotationLambdaARN', secret.rotationFunction),
    ...given('RotationRules', secret.rotationRules),
    ...date('LastRotatedDate', secret.rotatedAt),
    ...date('LastChangedDate', secret.changedAt),
    ...date('LastAccessedDate', secret.accessedAt),
    ...date('DeletedDate', secret.deletedAt),
    ...date('NextRotationDate', secret.nextRotationAt),
    ...(Object.keys(tags).length > 0 && { Tags: tagList(tags) }),
    CreatedDate: new Date(secret.createdAt),
  };
}

/** Labels by version, of those that have any. */
export function stagesShape({ versions }: Secret): Record<string, readonly string[]> {
  const labelled = Object.entries(versions).filter(([, { stages }]) => stages.length > 0);
  return Object.fromEntries(labelled.map(([id, { stages }]) => [id, stages]));
}

export function tagList(tags: Readonly<Record<string, string>>): readonly GivenTag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** @throws invalid-parameter */
export function tagsOf(
  list: readonly GivenTag[],
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const tags = { ...before };
  for (const { Key, Value = '' } of list) {
    if (Key === undefined || Key === '') throw invalidParameter('A tag has no key.');
    tags[Key] = Value;
  }
  if (Object.keys(tags).length <= SECRETS_LIMITS.tagsMax) return tags;
  throw invalidParameter(`A secret has at most ${SECRETS_LIMITS.tagsMax} tags.`);
}

/** @throws invalid-request  there is one key, the node's */
export function checkKey(KmsKeyId: string | undefined): void {
  if (!KmsKeyId || /(^|:)alias\/aws\/secretsmanager$/.test(KmsKeyId)) return;
  throw invalidRequest(
    `KMS is not built in Millrace, and key ${KmsKeyId} cannot be found: leave KmsKeyId out, the node's own key seals every value.`,
  );
}

/** How a list operation is asked for a page. */
export function paging(max: number, { MaxResults, NextToken }: { MaxResults?: number; NextToken?: string }) {
  return {
    max: Math.min(MaxResults ?? max, max),
    token: NextToken,
    invalid: () => new SecretsError('invalid-token', 'The NextToken value is invalid.'),
  };
}

function given(name: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [name]: value };
}

function date(name: string, at: number | undefined): Record<string, Date> {
  return at === undefined ? {} : { [name]: new Date(at) };
}
