import type { Operation } from '../../index.ts';
import { holder } from '../holders.ts';
import {
  addRole,
  createInstanceProfile,
  deleteInstanceProfile,
  instanceProfile,
  removeRole,
} from '../instance-profiles.ts';
import { profilesOf } from '../roles.ts';
import type { IamState } from '../state.ts';
import { withTags } from '../tags.ts';
import { page } from './pages.ts';
import { toInstanceProfile } from './shapes.ts';
import { under } from './users.ts';

/** Instance profiles: there are no instances here, but templates make them and roles are held by them. */
export function instanceProfileOperations(state: IamState): Record<string, Operation> {
  return {
    CreateInstanceProfile: async ({ InstanceProfileName, Path, Tags }) => {
      const profile = await createInstanceProfile(state, InstanceProfileName, Path ?? '/', withTags({}, Tags));
      return { InstanceProfile: toInstanceProfile(state, profile) };
    },
    GetInstanceProfile: ({ InstanceProfileName }) => ({
      InstanceProfile: toInstanceProfile(state, instanceProfile(state, InstanceProfileName)),
    }),
    ListInstanceProfiles: (input) => {
      const { items, rest } = page(under(state.profiles.list(), input.PathPrefix), ({ name }) => name, input);
      return { InstanceProfiles: items.map((profile) => withoutTags(toInstanceProfile(state, profile))), ...rest };
    },
    ListInstanceProfilesForRole: (input) => {
      const { name } = holder(state, 'Role', input.RoleName);
      const { items, rest } = page(profilesOf(state, name), (profile) => profile.name, input);
      return { InstanceProfiles: items.map((profile) => withoutTags(toInstanceProfile(state, profile))), ...rest };
    },
    DeleteInstanceProfile: ({ InstanceProfileName }) => deleteInstanceProfile(state, InstanceProfileName),
    AddRoleToInstanceProfile: ({ InstanceProfileName, RoleName }) => addRole(state, InstanceProfileName, RoleName),
    RemoveRoleFromInstanceProfile: ({ InstanceProfileName, RoleName }) =>
      removeRole(state, InstanceProfileName, RoleName),
  };
}

/** Lists do not show tags. */
function withoutTags({ Tags: _, ...shown }: ReturnType<typeof toInstanceProfile>) {
  return shown;
}
