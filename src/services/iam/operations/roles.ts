import type { Operation } from '../../index.ts';
import { quotaExceeded } from '../errors.ts';
import { changeHolder, changePolicies, charactersOf, holder } from '../holders.ts';
import { IAM_LIMITS } from '../limits.ts';
import { checkBoundary } from '../policies.ts';
import { checkTrustPolicy } from '../policy-document.ts';
import { createRole, createServiceLinkedRole, deleteRole, deleteServiceLinkedRole } from '../roles.ts';
import type { IamState } from '../state.ts';
import { withTags } from '../tags.ts';
import { page } from './pages.ts';
import { toListedRole, toRole } from './shapes.ts';
import { under } from './users.ts';

const MAX_SESSION_SECONDS = 3600;

/** Roles, and those of services' own. */
export function roleOperations(state: IamState): Record<string, Operation> {
  return {
    CreateRole: async (input) => {
      checkTrust(input.AssumeRolePolicyDocument);
      const { RoleName, Path = '/', Description, PermissionsBoundary } = input;
      if (PermissionsBoundary !== undefined) checkBoundary(state, PermissionsBoundary, RoleName);
      const role = await createRole(state, RoleName, Path, {
        trustPolicy: input.AssumeRolePolicyDocument,
        ...(Description !== undefined && { description: Description }),
        maxSessionSeconds: input.MaxSessionDuration ?? MAX_SESSION_SECONDS,
        tags: withTags({}, input.Tags),
        ...(PermissionsBoundary !== undefined && { boundary: PermissionsBoundary }),
      });
      return { Role: toRole(role) };
    },
    GetRole: ({ RoleName }) => ({ Role: toRole(holder(state, 'Role', RoleName)) }),
    ListRoles: (input) => {
      const { items, rest } = page(under(state.roles.list(), input.PathPrefix), ({ name }) => name, input);
      return { Roles: items.map(toListedRole), ...rest };
    },
    UpdateRole: async ({ RoleName, Description, MaxSessionDuration }) => {
      await changeHolder(state, 'Role', RoleName, () => ({
        ...(Description !== undefined && { description: Description }),
        ...(MaxSessionDuration !== undefined && { maxSessionSeconds: MaxSessionDuration }),
      }));
      return {};
    },
    UpdateRoleDescription: async ({ RoleName, Description }) => {
      await changeHolder(state, 'Role', RoleName, () => ({ description: Description }));
      return { Role: toRole(holder(state, 'Role', RoleName)) };
    },
    UpdateAssumeRolePolicy: ({ RoleName, PolicyDocument }) => {
      checkTrust(PolicyDocument);
      return changePolicies(state, 'Role', RoleName, () => ({ trustPolicy: PolicyDocument }));
    },
    DeleteRole: ({ RoleName }) => deleteRole(state, RoleName),
    CreateServiceLinkedRole: async ({ AWSServiceName, Description, CustomSuffix }) => ({
      Role: toRole(await createServiceLinkedRole(state, AWSServiceName, Description, CustomSuffix)),
    }),
    DeleteServiceLinkedRole: async ({ RoleName }) => ({
      DeletionTaskId: await deleteServiceLinkedRole(state, RoleName),
    }),
    // Nothing here depends on such a role, so it is gone when its deletion has been answered.
    GetServiceLinkedRoleDeletionStatus: () => ({ Status: 'SUCCEEDED' }),
  };
}

function checkTrust(document: string): void {
  checkTrustPolicy(document);
  const { trustPolicyCharactersMax } = IAM_LIMITS;
  if (charactersOf(document) > trustPolicyCharactersMax) {
    throw quotaExceeded('ACLSizePerRole', trustPolicyCharactersMax);
  }
}
