import { awsManagedPolicy } from '../aws-managed.ts';
import type { Group, InstanceProfile, Role, User, UserKey } from '../entities.ts';
import type { AnyPolicy } from '../policies.ts';
import type { IamState } from '../state.ts';
import { toTagsIfAny } from '../tags.ts';

/** Policy documents travel percent-encoded, in answers only (RFC 3986). */
export function encodeDocument(text: string): string {
  return encodeURIComponent(text);
}

/** What lists show of a user: neither tags nor boundary. */
export function toListedUser(user: User) {
  return { ...named('User', user), CreateDate: new Date(user.createdAt) };
}

export function toUser(user: User) {
  return { ...toListedUser(user), PermissionsBoundary: toBoundary(user), Tags: toTagsIfAny(user.tags) };
}

export function toGroup(group: Group) {
  return { ...named('Group', group), CreateDate: new Date(group.createdAt) };
}

/** What lists show of a role: neither tags nor boundary. */
export function toListedRole(role: Role) {
  return {
    ...named('Role', role),
    CreateDate: new Date(role.createdAt),
    AssumeRolePolicyDocument: encodeDocument(role.trustPolicy),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
  };
}

export function toRole(role: Role) {
  return {
    ...toListedRole(role),
    PermissionsBoundary: toBoundary(role),
    Tags: toTagsIfAny(role.tags),
    RoleLastUsed: {},
  };
}

/** What lists show of a policy: neither tags nor description. */
export function toListedPolicy(state: IamState, policy: AnyPolicy) {
  const { attached, bounding } = state.useOf(policy.arn);
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: 'versions' in policy ? policy.defaultVersion : policy.version,
    AttachmentCount: attached,
    PermissionsBoundaryUsageCount: bounding,
    IsAttachable: !policy.path.startsWith('/aws-service-role/'),
    CreateDate: new Date(policy.createdAt),
    UpdateDate: new Date(policy.updatedAt),
  };
}

export function toPolicy(state: IamState, policy: AnyPolicy) {
  if (!('versions' in policy)) return { ...toListedPolicy(state, policy), Tags: [] };
  return {
    ...toListedPolicy(state, policy),
    ...(policy.description !== undefined && { Description: policy.description }),
    Tags: toTagsIfAny(policy.tags) ?? [],
  };
}

export function toInstanceProfile(state: IamState, profile: InstanceProfile) {
  return {
    InstanceProfileName: profile.name,
    InstanceProfileId: profile.id,
    Arn: profile.arn,
    Path: profile.path,
    CreateDate: new Date(profile.createdAt),
    Roles: profile.roles.flatMap((name) => state.roles.get(name) ?? []).map(toListedRole),
    Tags: toTagsIfAny(profile.tags),
  };
}

/** A key without its secret. */
export function toKey({ userName, accessKeyId, active, createdAt }: UserKey) {
  const Status = active ? 'Active' : 'Inactive';
  return { UserName: userName, AccessKeyId: accessKeyId, Status, CreateDate: new Date(createdAt) };
}

/** Attached policies of a user, group or role. */
export function toAttached({ attachedPolicies = [] }: User | Group | Role) {
  return attachedPolicies.map((arn) => ({ PolicyName: nameOf(arn), PolicyArn: arn }));
}

export function toBoundary({ boundary }: User | Role) {
  if (boundary === undefined) return undefined;
  return { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: boundary };
}

/** The name in a policy's ARN. */
export function nameOf(policyArn: string): string {
  return awsManagedPolicy(policyArn)?.name ?? policyArn.slice(policyArn.lastIndexOf('/') + 1);
}

function named(kind: 'User' | 'Group' | 'Role', { name, id, arn, path }: User | Group | Role) {
  return { Path: path, [`${kind}Name`]: name, [`${kind}Id`]: id, Arn: arn };
}
