import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import type { CallPlace, Permission, PermissionsOf } from '../index.ts';
import type { Tags } from './entities.ts';
import { policyByArn } from './principals.ts';
import { serviceLinkedRoleName } from './roles.ts';
import type { IamState } from './state.ts';
import type { Tag } from './tags.ts';

type Context = Readonly<Record<string, string | readonly string[]>>;

/** What a call is about: its ARN, and what conditions may ask of it. */
interface Target {
  readonly arn: string;
  readonly context?: Context;
}

type TargetOf = (input: Input, place: CallPlace) => Target;

interface Input {
  readonly [member: string]: unknown;
  readonly Tags?: readonly Tag[];
  readonly TagKeys?: readonly string[];
}

/**
 * Which rights IAM's operations need.
 *
 * @see Service Authorization Reference, Actions, resources, and condition keys for AWS Identity and Access Management
 */
export function iamPermissions(state: IamState): Record<string, PermissionsOf> {
  const user: TargetOf = (input, place) => {
    const name = input.UserName ?? callerName(place);
    const found = state.users.get(String(name));
    return entity(found, name === undefined ? '*' : arnOf('user', input.Path, name));
  };
  const group: TargetOf = ({ GroupName, Path }) =>
    entity(state.groups.get(String(GroupName)), arnOf('group', Path, GroupName));
  const role: TargetOf = ({ RoleName, Path }) =>
    entity(state.roles.get(String(RoleName)), arnOf('role', Path, RoleName));
  const profile: TargetOf = ({ InstanceProfileName: name, Path }) =>
    entity(state.profiles.get(String(name)), arnOf('instance-profile', Path, name));
  const policy: TargetOf = ({ PolicyArn }) => entity(policyByArn(state, String(PolicyArn)), String(PolicyArn));
  const newPolicy: TargetOf = ({ PolicyName, Path }) => ({ arn: arnOf('policy', Path, PolicyName) });
  const provider: TargetOf = ({ OpenIDConnectProviderArn: arn }) =>
    entity(
      state.providers.list().find((one) => one.arn === arn),
      String(arn),
    );
  const newProvider: TargetOf = ({ Url }) => ({
    arn: formatArn('iam', '', ACCOUNT_ID, `oidc-provider/${String(Url).replace(/^https:\/\//, '')}`),
  });
  const linkedRole: TargetOf = ({ AWSServiceName, CustomSuffix }) => {
    const name = serviceLinkedRoleName(String(AWSServiceName), CustomSuffix as string | undefined);
    return {
      arn: arnOf('role', `/aws-service-role/${AWSServiceName}/`, name),
      context: { 'iam:AWSServiceName': String(AWSServiceName) },
    };
  };
  /** Whoever gives something another name or path needs the right to what it becomes too. */
  const renaming = (operation: string, kind: 'user' | 'group', before: TargetOf): PermissionsOf => {
    return (input: Input, place) => {
      const { UserName, GroupName, NewUserName, NewGroupName, NewPath } = input;
      const known = kind === 'user' ? state.users.get(String(UserName)) : state.groups.get(String(GroupName));
      const after = arnOf(kind, NewPath ?? known?.path, NewUserName ?? NewGroupName ?? known?.name);
      const rights = rightsTo(operation, before, input, place);
      const isMoved = known !== undefined && after !== known.arn;
      return isMoved ? [...rights, { action: `iam:${operation}`, resources: [after] }] : rights;
    };
  };
  const passing: PermissionsOf = (input: Input, place) => [
    {
      action: 'iam:PassRole',
      resources: [role(input, place).arn],
      context: { 'iam:PassedToService': 'ec2.amazonaws.com' },
    },
  ];

  return {
    ...each(anything, [
      ...['CreateAccountAlias', 'DeleteAccountAlias', 'ListAccountAliases', 'GetAccountSummary'],
      ...['GetAccountAuthorizationDetails', 'GetAccountPasswordPolicy', 'GenerateCredentialReport'],
      ...['GetCredentialReport', 'GetContextKeysForCustomPolicy', 'ListPolicies', 'ListOpenIDConnectProviders'],
      ...['ListSAMLProviders', 'ListServerCertificates', 'ListVirtualMFADevices', 'SimulateCustomPolicy'],
    ]),
    ...each(listOf('user'), ['ListUsers']),
    ...each(listOf('group'), ['ListGroups']),
    ...each(listOf('role'), ['ListRoles']),
    ...each(listOf('instance-profile'), ['ListInstanceProfiles']),
    ...each(user, [
      ...['CreateUser', 'GetUser', 'DeleteUser', 'CreateAccessKey', 'UpdateAccessKey', 'DeleteAccessKey'],
      ...['ListAccessKeys', 'ListGroupsForUser', 'GetUserPolicy', 'PutUserPolicy', 'DeleteUserPolicy', 'TagUser'],
      ...['ListUserPolicies', 'ListAttachedUserPolicies', 'AttachUserPolicy', 'DetachUserPolicy', 'UntagUser'],
      ...['PutUserPermissionsBoundary', 'DeleteUserPermissionsBoundary', 'ListUserTags', 'ListMFADevices'],
      ...['ListSSHPublicKeys', 'ListSigningCertificates', 'ListServiceSpecificCredentials', 'GetLoginProfile'],
      ...['DeleteLoginProfile'],
    ]),
    UpdateUser: renaming('UpdateUser', 'user', user),
    UpdateGroup: renaming('UpdateGroup', 'group', group),
    ...each(group, [
      ...['CreateGroup', 'GetGroup', 'DeleteGroup', 'AddUserToGroup', 'RemoveUserFromGroup'],
      ...['GetGroupPolicy', 'PutGroupPolicy', 'DeleteGroupPolicy', 'ListGroupPolicies', 'ListAttachedGroupPolicies'],
      ...['AttachGroupPolicy', 'DetachGroupPolicy'],
    ]),
    ...each(role, [
      ...['CreateRole', 'GetRole', 'UpdateRole', 'UpdateRoleDescription', 'UpdateAssumeRolePolicy', 'DeleteRole'],
      ...['GetRolePolicy', 'PutRolePolicy', 'DeleteRolePolicy', 'ListRolePolicies', 'ListAttachedRolePolicies'],
      ...['AttachRolePolicy', 'DetachRolePolicy', 'PutRolePermissionsBoundary', 'DeleteRolePermissionsBoundary'],
      ...['TagRole', 'UntagRole', 'ListRoleTags', 'ListInstanceProfilesForRole', 'DeleteServiceLinkedRole'],
    ]),
    ...each(linkedRole, ['CreateServiceLinkedRole']),
    ...each(linkedRoleOfTask, ['GetServiceLinkedRoleDeletionStatus']),
    ...each(newPolicy, ['CreatePolicy']),
    ...each(policy, [
      ...['GetPolicy', 'DeletePolicy', 'ListEntitiesForPolicy', 'CreatePolicyVersion', 'GetPolicyVersion'],
      ...['ListPolicyVersions', 'SetDefaultPolicyVersion', 'DeletePolicyVersion', 'TagPolicy', 'UntagPolicy'],
      ...['ListPolicyTags'],
    ]),
    ...each(profile, [
      ...['CreateInstanceProfile', 'GetInstanceProfile', 'DeleteInstanceProfile', 'RemoveRoleFromInstanceProfile'],
      ...['TagInstanceProfile', 'UntagInstanceProfile', 'ListInstanceProfileTags'],
    ]),
    AddRoleToInstanceProfile: async (input, place) => [
      ...rightsTo('AddRoleToInstanceProfile', profile, input, place),
      ...(await passing(input, place)),
    ],
    ...each(newProvider, ['CreateOpenIDConnectProvider']),
    ...each(provider, [
      ...['GetOpenIDConnectProvider', 'AddClientIDToOpenIDConnectProvider', 'RemoveClientIDFromOpenIDConnectProvider'],
      ...['UpdateOpenIDConnectProviderThumbprint', 'DeleteOpenIDConnectProvider', 'TagOpenIDConnectProvider'],
      ...['UntagOpenIDConnectProvider', 'ListOpenIDConnectProviderTags'],
    ]),
    ...each(policySource, ['GetContextKeysForPrincipalPolicy', 'SimulatePrincipalPolicy']),
  };
}

function each(target: TargetOf, operations: readonly string[]): Record<string, PermissionsOf> {
  return Object.fromEntries(
    operations.map((name) => [name, (input: Input, place: CallPlace) => rightsTo(name, target, input, place)]),
  );
}

/** The right to the operation; where something is made with tags, the right to tag it too. */
function rightsTo(operation: string, target: TargetOf, input: Input, place: CallPlace): readonly Permission[] {
  const { arn, context } = target(input, place);
  const all = { ...context, ...contextOf(input) };
  const right = (action: string): Permission => ({ action: `iam:${action}`, resources: [arn], context: all });
  const made = /^Create(User|Role|Policy|InstanceProfile|OpenIDConnectProvider)$/.exec(operation)?.[1];
  const tagging = made !== undefined && (input.Tags?.length ?? 0) > 0 ? [right(`Tag${made}`)] : [];
  return [right(operation), ...tagging];
}

/** What conditions may ask of the call itself. */
function contextOf({ PolicyArn, PermissionsBoundary, Tags, TagKeys }: Input): Context {
  const keys = Tags?.map(({ Key }) => Key) ?? TagKeys;
  return {
    ...(typeof PolicyArn === 'string' && { 'iam:PolicyARN': PolicyArn }),
    ...(typeof PermissionsBoundary === 'string' && { 'iam:PermissionsBoundary': PermissionsBoundary }),
    ...Object.fromEntries((Tags ?? []).map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value])),
    ...(keys && { 'aws:TagKeys': keys }),
  };
}

function policySource({ PolicySourceArn }: Input): Target {
  return { arn: String(PolicySourceArn) };
}

function anything(): Target {
  return { arn: '*' };
}

/** The resource of a list: all that is under its path. */
function listOf(kind: string): TargetOf {
  return ({ PathPrefix = '/' }) => ({ arn: formatArn('iam', '', ACCOUNT_ID, `${kind}${PathPrefix}`) });
}

/** The role in `task/aws-service-role/SERVICE/NAME/ID`. */
function linkedRoleOfTask({ DeletionTaskId }: Input): Target {
  const [, path, service, name] = String(DeletionTaskId).split('/');
  return { arn: arnOf('role', `/${path}/${service}/`, name) };
}

/** An entity as it is, else as the call names it. */
function entity(
  found: { readonly arn: string; readonly tags?: Tags; readonly boundary?: string } | undefined,
  arn: string,
): Target {
  if (!found) return { arn };
  const tags = Object.entries(found.tags ?? {}).flatMap(([key, value]) => [
    [`iam:ResourceTag/${key}`, value],
    [`aws:ResourceTag/${key}`, value],
  ]);
  const boundary = found.boundary === undefined ? {} : { 'iam:PermissionsBoundary': found.boundary };
  return { arn: found.arn, context: { ...Object.fromEntries(tags), ...boundary } };
}

function arnOf(kind: string, path: unknown, name: unknown): string {
  return formatArn('iam', '', ACCOUNT_ID, `${kind}${path ?? '/'}${name}`);
}

/** The caller's own name, where a call means the caller. */
function callerName({ caller }: CallPlace): string | undefined {
  return /:user\/(?:.*\/)?([^/]+)$/.exec(caller?.arn ?? '')?.[1];
}
