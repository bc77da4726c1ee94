import type { Operation } from '../../index.ts';
import type { Group, Role, User } from '../entities.ts';
import type { HolderKind } from '../holders.ts';
import {
  createPolicy,
  createVersion,
  deletePolicy,
  deleteVersion,
  managedPolicies,
  managedPolicy,
  setDefaultVersion,
  version,
  versionsOf,
} from '../policies.ts';
import type { IamState } from '../state.ts';
import { page } from './pages.ts';
import { encodeDocument, toListedPolicy, toPolicy } from './shapes.ts';
import { under } from './users.ts';

/** Managed policies, their versions, and who uses them. */
export function managedPolicyOperations(state: IamState): Record<string, Operation> {
  return {
    CreatePolicy: async (input) => ({ Policy: toPolicy(state, await createPolicy(state, input)) }),
    GetPolicy: ({ PolicyArn }) => ({ Policy: toPolicy(state, managedPolicy(state, PolicyArn)) }),
    DeletePolicy: ({ PolicyArn }) => deletePolicy(state, PolicyArn),
    ListPolicies: (input) => {
      const { items, rest } = page(listed(state, input), ({ arn }) => arn, input);
      return { Policies: items.map((policy) => toListedPolicy(state, policy)), ...rest };
    },
    ListEntitiesForPolicy: (input) => entitiesFor(state, input),
    ...versionOperations(state),
  };
}

function versionOperations(state: IamState): Record<string, Operation> {
  return {
    CreatePolicyVersion: async ({ PolicyArn, PolicyDocument, SetAsDefault }) => {
      const id = await createVersion(state, PolicyArn, PolicyDocument, SetAsDefault ?? false);
      const { document: _, ...made } = toVersion(version(managedPolicy(state, PolicyArn), id));
      return { PolicyVersion: made };
    },
    GetPolicyVersion: ({ PolicyArn, VersionId }) => {
      const { document, ...found } = toVersion(version(managedPolicy(state, PolicyArn), VersionId));
      return { PolicyVersion: { Document: encodeDocument(document), ...found } };
    },
    ListPolicyVersions: (input) => {
      const versions = versionsOf(managedPolicy(state, input.PolicyArn));
      // Newest first, as AWS has them: what is counted down sorts up.
      const { items, rest } = page(versions, ({ id }) => String(2 ** 40 - Number(id.slice(1))), input);
      return { Versions: items.map(toVersion).map(({ document: _, ...shown }) => shown), ...rest };
    },
    SetDefaultPolicyVersion: ({ PolicyArn, VersionId }) => setDefaultVersion(state, PolicyArn, VersionId),
    DeletePolicyVersion: ({ PolicyArn, VersionId }) => deleteVersion(state, PolicyArn, VersionId),
  };
}

function toVersion({ id, isDefault, createdAt, document }: ReturnType<typeof version>) {
  return { VersionId: id, IsDefaultVersion: isDefault, CreateDate: new Date(createdAt), document };
}

interface Filter {
  readonly Scope?: 'All' | 'AWS' | 'Local';
  readonly OnlyAttached?: boolean;
  readonly PathPrefix?: string;
  readonly PolicyUsageFilter?: Usage;
}

type Usage = 'PermissionsPolicy' | 'PermissionsBoundary';

function listed(state: IamState, { Scope = 'All', OnlyAttached, PathPrefix, PolicyUsageFilter }: Filter) {
  return under(managedPolicies(state, Scope), PathPrefix).filter(({ arn }) => {
    const { attached, bounding } = state.useOf(arn);
    if (OnlyAttached && attached === 0) return false;
    if (PolicyUsageFilter === undefined) return true;
    return (PolicyUsageFilter === 'PermissionsPolicy' ? attached : bounding) > 0;
  });
}

interface EntitiesFilter {
  readonly PolicyArn: string;
  readonly EntityFilter?: string;
  readonly PathPrefix?: string;
  readonly PolicyUsageFilter?: Usage;
  readonly Marker?: string;
  readonly MaxItems?: number;
}

function entitiesFor(state: IamState, input: EntitiesFilter) {
  const { PolicyArn, EntityFilter, PathPrefix, PolicyUsageFilter } = input;
  managedPolicy(state, PolicyArn);
  const uses = ({ attachedPolicies = [], ...found }: User | Group | Role) =>
    (PolicyUsageFilter !== 'PermissionsBoundary' && attachedPolicies.includes(PolicyArn)) ||
    (PolicyUsageFilter !== 'PermissionsPolicy' && 'boundary' in found && found.boundary === PolicyArn);
  const users = (kind: HolderKind, all: readonly (User | Group | Role)[]) =>
    EntityFilter !== undefined && EntityFilter !== kind
      ? []
      : under(all, PathPrefix)
          .filter(uses)
          .map(({ name, id }) => ({ kind, name, id }));
  const all = [
    ...users('Group', state.groups.list()),
    ...users('Role', state.roles.list()),
    ...users('User', state.users.list()),
  ];
  const { items, rest } = page(all, ({ kind, name }) => `${kind}/${name}`, input);
  const of = (kind: HolderKind) =>
    items.filter((item) => item.kind === kind).map(({ name, id }) => ({ [`${kind}Name`]: name, [`${kind}Id`]: id }));
  return { PolicyGroups: of('Group'), PolicyRoles: of('Role'), PolicyUsers: of('User'), ...rest };
}
