import { ACCOUNT_ID } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import type { Group, Role, User } from '../entities.ts';
import { iamError } from '../errors.ts';
import { type HolderKind, holder } from '../holders.ts';
import { IAM_LIMITS } from '../limits.ts';
import { type AnyPolicy, managedPolicies, versionsOf } from '../policies.ts';
import { groupsOf } from '../principals.ts';
import { profilesOf } from '../roles.ts';
import type { IamState } from '../state.ts';
import { page } from './pages.ts';
import {
  encodeDocument,
  toAttached,
  toGroup,
  toInstanceProfile,
  toListedPolicy,
  toListedUser,
  toRole,
  toUser,
} from './shapes.ts';

/** What is said of the account as a whole. */
export function accountOperations(state: IamState): Record<string, Operation> {
  return {
    ...aliasOperations(state),
    GetAccountSummary: () => ({ SummaryMap: summary(state) }),
    GetAccountAuthorizationDetails: (input) => details(state, input),
    // Nobody signs in with a password here, so none is asked for.
    GetAccountPasswordPolicy: () => {
      const what = `The Password Policy with domain name ${ACCOUNT_ID} cannot be found.`;
      throw iamError('no-such-entity', what);
    },
    ...emptyOperations(state),
  };
}

function aliasOperations(state: IamState): Record<string, Operation> {
  const alias = () => state.account.get('account')?.alias;
  const set = (value: string | undefined) =>
    state.change(() => ({ changes: [state.account.change('account', { alias: value })], result: undefined }));
  return {
    CreateAccountAlias: ({ AccountAlias }) => set(AccountAlias),
    DeleteAccountAlias: ({ AccountAlias }) => {
      if (alias() === AccountAlias) return set(undefined);
      throw iamError('no-such-entity', `The account alias ${AccountAlias} cannot be found.`);
    },
    ListAccountAliases: () => ({ AccountAliases: [alias() ?? []].flat(), IsTruncated: false }),
  };
}

/** What there is none of here; tools ask for it before they delete a user. */
function emptyOperations(state: IamState): Record<string, Operation> {
  const ofUser =
    (member: string): Operation =>
    ({ UserName }) => {
      if (UserName !== undefined) holder(state, 'User', UserName);
      return { [member]: [], IsTruncated: false };
    };
  const noLogin: Operation = ({ UserName }) => {
    holder(state, 'User', UserName);
    throw iamError('no-such-entity', `Login Profile for User ${UserName} cannot be found.`);
  };
  return {
    ListMFADevices: ofUser('MFADevices'),
    ListSSHPublicKeys: ofUser('SSHPublicKeys'),
    ListSigningCertificates: ofUser('Certificates'),
    ListServiceSpecificCredentials: ofUser('ServiceSpecificCredentials'),
    ListVirtualMFADevices: () => ({ VirtualMFADevices: [], IsTruncated: false }),
    ListServerCertificates: () => ({ ServerCertificateMetadataList: [], IsTruncated: false }),
    ListSAMLProviders: () => ({ SAMLProviderList: [] }),
    GetLoginProfile: noLogin,
    DeleteLoginProfile: noLogin,
  };
}

/** @see IAM API reference, GetAccountSummary */
function summary(state: IamState): Readonly<Record<string, number>> {
  const policies = state.policies.list();
  return {
    Users: state.users.size,
    UsersQuota: IAM_LIMITS.usersMax,
    Groups: state.groups.size,
    GroupsQuota: IAM_LIMITS.groupsMax,
    Roles: state.roles.size,
    RolesQuota: IAM_LIMITS.rolesMax,
    Policies: policies.length,
    PoliciesQuota: IAM_LIMITS.policiesMax,
    PolicyVersionsInUse: policies.reduce((sum, { versions }) => sum + Object.keys(versions).length, 0),
    PolicyVersionsInUseQuota: IAM_LIMITS.policiesMax * IAM_LIMITS.versionsPerPolicyMax,
    VersionsPerPolicyQuota: IAM_LIMITS.versionsPerPolicyMax,
    PolicySizeQuota: IAM_LIMITS.managedPolicyCharactersMax,
    InstanceProfiles: state.profiles.size,
    InstanceProfilesQuota: IAM_LIMITS.instanceProfilesMax,
    Providers: state.providers.size,
    AccessKeysPerUserQuota: IAM_LIMITS.accessKeysPerUserMax,
    GroupsPerUserQuota: IAM_LIMITS.groupsPerUserMax,
    AttachedPoliciesPerUserQuota: IAM_LIMITS.attachedPoliciesPerUserMax,
    AttachedPoliciesPerGroupQuota: IAM_LIMITS.attachedPoliciesPerGroupMax,
    AttachedPoliciesPerRoleQuota: IAM_LIMITS.attachedPoliciesPerRoleMax,
    UserPolicySizeQuota: IAM_LIMITS.userPolicyCharactersMax,
    GroupPolicySizeQuota: IAM_LIMITS.groupPolicyCharactersMax,
    RolePolicySizeQuota: IAM_LIMITS.rolePolicyCharactersMax,
    AssumeRolePolicySizeQuota: IAM_LIMITS.trustPolicyCharactersMax,
    AccountAccessKeysPresent: 1,
    AccountPasswordPresent: 0,
    AccountMFAEnabled: 0,
    AccountSigningCertificatesPresent: 0,
    MFADevices: 0,
    MFADevicesInUse: 0,
    ServerCertificates: 0,
    ServerCertificatesQuota: 0,
    SigningCertificatesPerUserQuota: 0,
    GlobalEndpointTokenVersion: 2,
  };
}

interface DetailsInput {
  readonly Filter?: readonly string[];
  readonly Marker?: string;
  readonly MaxItems?: number;
}

type Detail =
  | { readonly kind: HolderKind; readonly name: string }
  | { readonly kind: 'Policy'; readonly policy: AnyPolicy };

/** Users, groups, roles and policies with all that hangs on them, page by page. */
function details(state: IamState, input: DetailsInput) {
  const filter = new Set(input.Filter ?? []);
  const asked = (name: string) => filter.size === 0 || filter.has(name);
  const holders = (kind: HolderKind, names: readonly string[]): Detail[] =>
    asked(kind) ? names.map((name) => ({ kind, name })) : [];
  const policies = [
    ...(asked('LocalManagedPolicy') ? managedPolicies(state, 'Local') : []),
    ...(asked('AWSManagedPolicy') ? managedPolicies(state, 'AWS').filter(({ arn }) => isUsed(state, arn)) : []),
  ];
  const all: Detail[] = [
    ...holders('Group', state.groups.names()),
    ...holders('Role', state.roles.names()),
    ...holders('User', state.users.names()),
    ...policies.map((policy): Detail => ({ kind: 'Policy', policy })),
  ];
  const keyOf = (detail: Detail) => `${detail.kind}/${'name' in detail ? detail.name : detail.policy.arn}`;
  const { items, rest } = page(all, keyOf, input);
  const of = <Kind extends HolderKind>(kind: Kind) =>
    items.flatMap((item) => (item.kind === kind ? holder(state, kind, (item as { name: string }).name) : []));
  return {
    UserDetailList: of('User').map((user) => userDetail(state, user)),
    GroupDetailList: of('Group').map(groupDetail),
    RoleDetailList: of('Role').map((role) => roleDetail(state, role)),
    Policies: items.flatMap((item) => ('policy' in item ? policyDetail(state, item.policy) : [])),
    ...rest,
  };
}

function isUsed(state: IamState, arn: string): boolean {
  const { attached, bounding } = state.useOf(arn);
  return attached + bounding > 0;
}

function userDetail(state: IamState, user: User) {
  return {
    ...toListedUser(user),
    ...tagsAndBoundary(toUser(user)),
    UserPolicyList: inlineOf(user),
    GroupList: groupsOf(state, user).map(({ name }) => name),
    AttachedManagedPolicies: toAttached(user),
  };
}

function groupDetail(group: Group) {
  return { ...toGroup(group), GroupPolicyList: inlineOf(group), AttachedManagedPolicies: toAttached(group) };
}

function roleDetail(state: IamState, role: Role) {
  const { MaxSessionDuration: _, Description: __, ...shown } = toRole(role);
  return {
    ...shown,
    InstanceProfileList: profilesOf(state, role.name).map((profile) => toInstanceProfile(state, profile)),
    RolePolicyList: inlineOf(role),
    AttachedManagedPolicies: toAttached(role),
  };
}

function policyDetail(state: IamState, policy: AnyPolicy) {
  return {
    ...toListedPolicy(state, policy),
    PolicyVersionList: versionsOf(policy).map(({ id, isDefault, createdAt, document }) => ({
      Document: encodeDocument(document),
      VersionId: id,
      IsDefaultVersion: isDefault,
      CreateDate: new Date(createdAt),
    })),
  };
}

function tagsAndBoundary({ Tags, PermissionsBoundary }: ReturnType<typeof toUser>) {
  return { Tags, PermissionsBoundary };
}

function inlineOf({ inlinePolicies = {} }: User | Group | Role) {
  return Object.entries(inlinePolicies).map(([PolicyName, text]) => ({
    PolicyName,
    PolicyDocument: encodeDocument(text),
  }));
}
