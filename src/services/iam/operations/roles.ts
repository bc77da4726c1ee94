import type { Operation } from '../../index.ts';
import type { Role } from '../entities.ts';
import { iamError } from '../errors.ts';
import type { Identities } from '../iam.ts';
import { IAM_LIMITS } from '../limits.ts';
import { checkPolicyDocument } from '../policy-document.ts';
import { encodeDocument, fromTags, page, toTags } from './common.ts';

const MAX_SESSION_SECONDS = 3600;

/** CreateRole and what follows in a role's life. */
export function roleOperations(identities: Identities): Record<string, Operation> {
  return {
    CreateRole: async (input) => {
      checkPolicyDocument(input.AssumeRolePolicyDocument);
      const role = await identities.createRole(input.RoleName, input.Path ?? '/', {
        trustPolicy: input.AssumeRolePolicyDocument,
        ...(input.Description === undefined ? {} : { description: input.Description }),
        maxSessionSeconds: input.MaxSessionDuration ?? MAX_SESSION_SECONDS,
        tags: checkedTags(fromTags(input.Tags)),
      });
      return { Role: toRole(role) };
    },
    GetRole: ({ RoleName }) => ({ Role: toRole(identities.role(RoleName)) }),
    ListRoles: (input) => {
      const { items, rest } = page(identities.roles(input.PathPrefix), input);
      return { Roles: items.map(toRole), ...rest };
    },
    UpdateRole: async ({ RoleName, Description, MaxSessionDuration }) => {
      await identities.changeRole(RoleName, () => ({
        ...(Description === undefined ? {} : { description: Description }),
        ...(MaxSessionDuration === undefined ? {} : { maxSessionSeconds: MaxSessionDuration }),
      }));
      return {};
    },
    UpdateAssumeRolePolicy: async ({ RoleName, PolicyDocument }) => {
      checkPolicyDocument(PolicyDocument);
      await identities.changeRole(RoleName, () => ({ trustPolicy: PolicyDocument }));
    },
    DeleteRole: ({ RoleName }) => identities.deleteRole(RoleName),
    TagRole: ({ RoleName, Tags }) =>
      identities.changeRole(RoleName, ({ tags }) => ({ tags: checkedTags({ ...tags, ...fromTags(Tags) }) })),
    UntagRole: ({ RoleName, TagKeys }) => {
      const gone = new Set<string>(TagKeys);
      return identities.changeRole(RoleName, ({ tags }) => ({
        tags: Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key))),
      }));
    },
    // There are no instances, so none has a profile; tools ask before they delete a role.
    ListInstanceProfilesForRole: ({ RoleName }) => {
      identities.role(RoleName);
      return { InstanceProfiles: [], IsTruncated: false };
    },
    ListRoleTags: (input) => {
      const { items, rest } = page(toTags(identities.role(input.RoleName).tags), input);
      return { Tags: items, ...rest };
    },
  };
}

function toRole(role: Role) {
  return {
    RoleName: role.name,
    RoleId: role.id,
    Arn: role.arn,
    Path: role.path,
    CreateDate: new Date(role.createdAt),
    AssumeRolePolicyDocument: encodeDocument(role.trustPolicy),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
    Tags: Object.keys(role.tags).length > 0 ? toTags(role.tags) : undefined,
  };
}

function checkedTags(tags: Record<string, string>): Record<string, string> {
  if (Object.keys(tags).length <= IAM_LIMITS.tagsMax) return tags;
  throw iamError('limit-exceeded', `The number of tags has reached the maximum limit of ${IAM_LIMITS.tagsMax}.`);
}
