import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import { type InstanceProfile, type Tags, uniqueId } from './entities.ts';
import { iamError, quotaExceeded } from './errors.ts';
import { checkModifiable, holder, isTaken } from './holders.ts';
import { IAM_LIMITS } from './limits.ts';
import type { IamState } from './state.ts';
import { holds } from './users.ts';

/** @throws no-such-entity */
export function instanceProfile({ profiles }: IamState, name: string): InstanceProfile {
  const profile = profiles.get(name);
  if (!profile) throw iamError('no-such-entity', `Instance Profile ${name} cannot be found.`);
  return profile;
}

/** @throws entity-exists, limit-exceeded */
export function createInstanceProfile(
  state: IamState,
  name: string,
  path: string,
  tags: Tags,
): Promise<InstanceProfile> {
  return state.change(() => {
    if (isTaken(state.profiles.names(), name)) {
      throw iamError('entity-exists', `Instance Profile ${name} already exists.`);
    }
    const { instanceProfilesMax } = IAM_LIMITS;
    if (state.profiles.size >= instanceProfilesMax)
      throw quotaExceeded('InstanceProfilesPerAccount', instanceProfilesMax);
    const arn = formatArn('iam', '', ACCOUNT_ID, `instance-profile${path}${name}`);
    const id = uniqueId('AIPA', state.random);
    const profile = { name, id, arn, path, createdAt: state.clock.now(), tags, roles: [] };
    return { changes: [state.profiles.change(name, profile)], result: profile };
  });
}

/** Replaces members of a profile as `decide` says, which sees all changes before its own. @throws no-such-entity */
export function changeInstanceProfile(
  state: IamState,
  name: string,
  decide: (profile: InstanceProfile) => Partial<InstanceProfile>,
): Promise<void> {
  return state.change(() => {
    const profile = instanceProfile(state, name);
    return { changes: [state.profiles.change(name, { ...profile, ...decide(profile) })], result: undefined };
  });
}

/** @throws no-such-entity, limit-exceeded for a second role, unmodifiable-entity */
export function addRole(state: IamState, name: string, roleName: string): Promise<void> {
  return changeInstanceProfile(state, name, ({ roles }) => {
    checkModifiable(holder(state, 'Role', roleName));
    const { rolesPerInstanceProfileMax } = IAM_LIMITS;
    if (roles.length >= rolesPerInstanceProfileMax) {
      throw quotaExceeded('InstanceSessionsPerInstanceProfile', rolesPerInstanceProfileMax);
    }
    return { roles: [...roles, roleName] };
  });
}

/** @throws no-such-entity */
export function removeRole(state: IamState, name: string, roleName: string): Promise<void> {
  return changeInstanceProfile(state, name, ({ roles }) => {
    if (roles.includes(roleName)) return { roles: roles.filter((other) => other !== roleName) };
    throw iamError('no-such-entity', `The role with name ${roleName} cannot be found.`);
  });
}

/** @throws no-such-entity, delete-conflict */
export function deleteInstanceProfile(state: IamState, name: string): Promise<void> {
  return state.change(() => {
    const { roles } = instanceProfile(state, name);
    if (roles.length > 0) throw holds('must remove roles from instance profile first.');
    return { changes: [state.profiles.change(name, undefined)], result: undefined };
  });
}
