import type { Operation } from '../../index.ts';
import { addMember, createGroup, deleteGroup, membersOf, removeMember, renameGroup } from '../groups.ts';
import { holder } from '../holders.ts';
import type { IamState } from '../state.ts';
import { page } from './pages.ts';
import { toGroup, toListedUser } from './shapes.ts';
import { under } from './users.ts';

/** Groups and who is in them. */
export function groupOperations(state: IamState): Record<string, Operation> {
  return {
    CreateGroup: async ({ GroupName, Path }) => ({ Group: toGroup(await createGroup(state, GroupName, Path ?? '/')) }),
    GetGroup: (input) => {
      const group = holder(state, 'Group', input.GroupName);
      const { items, rest } = page(membersOf(state, group), ({ name }) => name, input);
      return { Group: toGroup(group), Users: items.map(toListedUser), ...rest };
    },
    ListGroups: (input) => {
      const { items, rest } = page(under(state.groups.list(), input.PathPrefix), ({ name }) => name, input);
      return { Groups: items.map(toGroup), ...rest };
    },
    UpdateGroup: ({ GroupName, NewGroupName, NewPath }) => renameGroup(state, GroupName, NewGroupName, NewPath),
    DeleteGroup: ({ GroupName }) => deleteGroup(state, GroupName),
    AddUserToGroup: ({ GroupName, UserName }) => addMember(state, GroupName, UserName),
    RemoveUserFromGroup: ({ GroupName, UserName }) => removeMember(state, GroupName, UserName),
  };
}
