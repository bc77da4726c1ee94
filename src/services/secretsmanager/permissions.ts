import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import {
  anything,
  type Conditions,
  each,
  madeWithTags,
  type PermissionsOf,
  permission,
  resourceTags,
  right,
  type Target,
  tagging,
} from '../index.ts';
import { secretFilter } from './filters.ts';
import type { Secret } from './model.ts';
import { arnOf } from './names.ts';
import type { Secrets } from './secrets.ts';

/** Input members that conditions may ask for, by their key. */
const MEMBERS: Readonly<Record<string, string>> = {
  'secretsmanager:VersionId': 'VersionId',
  'secretsmanager:VersionStage': 'VersionStage',
  'secretsmanager:RecoveryWindowInDays': 'RecoveryWindowInDays',
  'secretsmanager:ForceDeleteWithoutRecovery': 'ForceDeleteWithoutRecovery',
  'secretsmanager:BlockPublicPolicy': 'BlockPublicPolicy',
  'secretsmanager:RotationLambdaARN': 'RotationLambdaARN',
  'secretsmanager:RotateImmediately': 'RotateImmediately',
  'secretsmanager:KmsKeyId': 'KmsKeyId',
  'secretsmanager:Description': 'Description',
  'secretsmanager:Name': 'Name',
};

/**
 * The rights that operations on secrets need.
 * @see Service Authorization Reference, "Actions, resources, and condition keys for AWS Secrets Manager"
 */
export function secretsPermissions(secrets: Pick<Secrets, 'peek' | 'list'>): Readonly<Record<string, PermissionsOf>> {
  const target = (id: string, region: string, more: Conditions = {}): Target => {
    const found = secrets.peek(region, id);
    return {
      resources: [found ? arnOf(found) : arnFor(id, region)],
      context: { 'secretsmanager:SecretId': found ? arnOf(found) : id, ...factsOf(found), ...more },
      policy: found?.policy,
    };
  };
  const named = (input: Readonly<Record<string, unknown>>, { region }: { region: string }) =>
    target(String(input.SecretId), region, membersOf(input));

  return {
    ...each('secretsmanager', named, [
      ...['CancelRotateSecret', 'DeleteResourcePolicy', 'DeleteSecret', 'DescribeSecret', 'GetResourcePolicy'],
      ...['ListSecretVersionIds', 'PutResourcePolicy', 'PutSecretValue', 'RestoreSecret', 'UpdateSecret'],
      ...['UpdateSecretVersionStage'],
    ]),
    ...each('secretsmanager', tagging(named), ['TagResource', 'UntagResource']),
    ...each('secretsmanager', anything, ['ListSecrets', 'GetRandomPassword']),
    // The value that is given where a call names none counts in conditions too.
    GetSecretValue: right('secretsmanager:GetSecretValue', ({ SecretId, ...input }, { region }) =>
      target(SecretId, region, { 'secretsmanager:VersionStage': 'AWSCURRENT', ...membersOf(input) }),
    ),
    BatchGetSecretValue: ({ SecretIdList = [], Filters }, { region }) => [
      permission('secretsmanager:BatchGetSecretValue', anything()),
      ...(Filters ? [permission('secretsmanager:ListSecrets', { resources: ['*'] })] : []),
      // A secret that may not be read is answered for, beside those that may.
      ...(Filters ? secrets.list(region).filter(secretFilter(Filters)).map(arnOf) : SecretIdList).map((id: string) => ({
        ...permission(
          'secretsmanager:GetSecretValue',
          target(id, region, { 'secretsmanager:VersionStage': 'AWSCURRENT' }),
        ),
        entry: id,
      })),
    ],
    RotateSecret: (input, place) => {
      const { RotateImmediately = true, RotationRules = {} } = input;
      const found = named({ ...input, RotateImmediately, ...RotationRules }, place);
      return [permission('secretsmanager:RotateSecret', found)];
    },
    CreateSecret: madeWithTags(
      'secretsmanager:CreateSecret',
      'secretsmanager:TagResource',
      (input, { region }) => ({ resources: [arnFor(input.Name, region)], context: membersOf(input) }),
      ({ Tags }) => Tags,
    ),
    ValidateResourcePolicy: ({ SecretId }, { region }) => [
      permission(
        'secretsmanager:ValidateResourcePolicy',
        SecretId === undefined ? { resources: ['*'] } : target(SecretId, region),
      ),
    ],
  };
}

function factsOf(secret: Secret | undefined): Conditions {
  if (!secret) return {};
  return {
    ...resourceTags(secret.tags, 'secretsmanager:ResourceTag/'),
    ...(secret.rotationFunction !== undefined && {
      'secretsmanager:resource/AllowRotationLambdaArn': secret.rotationFunction,
    }),
  };
}

function membersOf(input: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(MEMBERS)
      .filter(([, member]) => input[member] !== undefined)
      .map(([key, member]) => [key, String(input[member])]),
  );
}

/** ARN of a secret that is not there, as policies name it: with any six characters at its end. */
function arnFor(id: string, region: string): string {
  return id.startsWith('arn:') ? id : formatArn('secretsmanager', region, ACCOUNT_ID, `secret:${id}-??????`);
}
