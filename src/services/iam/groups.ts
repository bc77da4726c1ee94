import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import type { User } from './entities.ts';
import { type Group, uniqueId } from './entities.ts';
import { iamError, quotaExceeded } from './errors.ts';
import { holder, isTaken } from './holders.ts';
import { IAM_LIMITS } from './limits.ts';
import type { IamState } from './state.ts';
import { holds } from './users.ts';

/** @throws entity-exists, limit-exceeded */
export function createGroup(state: IamState, name: string, path: string): Promise<Group> {
  return state.change(() => {
    if (isTaken(state.groups.names(), name)) throw iamError('entity-exists', `Group with name ${name} already exists.`);
    if (state.groups.size >= IAM_LIMITS.groupsMax) throw quotaExceeded('GroupsPerAccount', IAM_LIMITS.groupsMax);
    const group = {
      name,
      id: uniqueId('AGPA', state.random),
      arn: arnOf(path, name),
      path,
      createdAt: state.clock.now(),
    };
    return { changes: [state.groups.change(name, group)], result: group };
  });
}

/** Gives a group another name or path; who is in it stays so. @throws no-such-entity, entity-exists */
export function renameGroup(state: IamState, name: string, newName = name, newPath?: string): Promise<void> {
  return state.change(() => {
    const group = holder(state, 'Group', name);
    const others = state.groups.names().filter((other) => other !== name);
    if (isTaken(others, newName)) throw iamError('entity-exists', `Group with name ${newName} already exists.`);
    const path = newPath ?? group.path;
    const changed = { ...group, name: newName, path, arn: arnOf(path, newName) };
    const gone = newName === name ? [] : [state.groups.change(name, undefined)];
    return { changes: [...gone, state.groups.change(newName, changed)], result: undefined };
  });
}

/** @throws no-such-entity, delete-conflict */
export function deleteGroup(state: IamState, name: string): Promise<void> {
  return state.change(() => {
    const group = holder(state, 'Group', name);
    if (membersOf(state, group).length > 0) throw holds('must remove users from group first.');
    if ((group.attachedPolicies ?? []).length > 0) throw holds('must detach all policies first.');
    if (Object.keys(group.inlinePolicies ?? {}).length > 0) throw holds('must delete policies first.');
    return { changes: [state.groups.change(name, undefined)], result: undefined };
  });
}

/** Users of a group, sorted by name. */
export function membersOf({ users }: IamState, { id }: Group): readonly User[] {
  return users.list().filter(({ groups = [] }) => groups.includes(id));
}

/** Adding a member twice changes nothing. @throws no-such-entity, limit-exceeded */
export function addMember(state: IamState, groupName: string, userName: string): Promise<void> {
  return state.change(() => {
    const { id } = holder(state, 'Group', groupName);
    const user = holder(state, 'User', userName);
    const groups = user.groups ?? [];
    if (groups.includes(id)) return { changes: [], result: undefined };
    const { groupsPerUserMax } = IAM_LIMITS;
    if (groups.length >= groupsPerUserMax) throw quotaExceeded('GroupsPerUser', groupsPerUserMax);
    return { changes: [state.users.change(userName, { ...user, groups: [...groups, id] })], result: undefined };
  });
}

/** Removing who is no member changes nothing. @throws no-such-entity */
export function removeMember(state: IamState, groupName: string, userName: string): Promise<void> {
  return state.change(() => {
    const { id } = holder(state, 'Group', groupName);
    const user = holder(state, 'User', userName);
    const groups = (user.groups ?? []).filter((other) => other !== id);
    return { changes: [state.users.change(userName, { ...user, groups })], result: undefined };
  });
}

function arnOf(path: string, name: string): string {
  return formatArn('iam', '', ACCOUNT_ID, `group${path}${name}`);
}
