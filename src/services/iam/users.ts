import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import type { RegistryChange } from '../../store/index.ts';
import { newSecret, type User, type UserKey, uniqueId } from './entities.ts';
import { iamError, quotaExceeded } from './errors.ts';
import { holder, isTaken } from './holders.ts';
import { IAM_LIMITS } from './limits.ts';
import type { IamState } from './state.ts';

/** @throws entity-exists, limit-exceeded */
export function createUser(
  state: IamState,
  name: string,
  path: string,
  more: Pick<User, 'tags' | 'boundary'>,
): Promise<User> {
  return state.change(() => {
    if (isTaken(state.users.names(), name)) throw iamError('entity-exists', `User with name ${name} already exists.`);
    if (state.users.size >= IAM_LIMITS.usersMax) throw quotaExceeded('UsersPerAccount', IAM_LIMITS.usersMax);
    const user = {
      name,
      id: uniqueId('AIDA', state.random),
      arn: arnOf(path, name),
      path,
      createdAt: state.clock.now(),
      ...more,
    };
    return { changes: [state.users.change(name, user)], result: user };
  });
}

/** Gives a user another name or path; its keys and groups stay with it. @throws no-such-entity, entity-exists */
export function renameUser(state: IamState, name: string, newName = name, newPath?: string): Promise<void> {
  return state.change(() => {
    const user = holder(state, 'User', name);
    const others = state.users.names().filter((other) => other !== name);
    if (isTaken(others, newName)) throw iamError('entity-exists', `User with name ${newName} already exists.`);
    const path = newPath ?? user.path;
    const changes: RegistryChange[] = [
      ...(newName === name ? [] : [state.users.change(name, undefined)]),
      state.users.change(newName, { ...user, name: newName, path, arn: arnOf(path, newName) }),
      ...keysOf(state, name).map((key) => state.keys.change(key.accessKeyId, { ...key, userName: newName })),
    ];
    return { changes, result: undefined };
  });
}

/** @throws no-such-entity, delete-conflict */
export function deleteUser(state: IamState, name: string): Promise<void> {
  return state.change(() => {
    const user = holder(state, 'User', name);
    if ((user.groups ?? []).length > 0) throw holds('must remove users from group first.');
    if ((user.attachedPolicies ?? []).length > 0) throw holds('must detach all policies first.');
    if (Object.keys(user.inlinePolicies ?? {}).length > 0) throw holds('must delete policies first.');
    if (keysOf(state, name).length > 0) throw holds('must delete access keys first.');
    return { changes: [state.users.change(name, undefined)], result: undefined };
  });
}

/** What stops a deletion. @param what  the rest of AWS's sentence */
export function holds(what: string): Error {
  return iamError('delete-conflict', `Cannot delete entity, ${what}`);
}

/** Keys of a user, sorted by id. */
export function keysOf({ keys }: IamState, userName: string): readonly UserKey[] {
  return keys.list().filter((key) => key.userName === userName);
}

/** A fresh key; its secret is shown by whoever calls this, and never again. @throws no-such-entity, limit-exceeded */
export function createKey(state: IamState, userName: string): Promise<UserKey> {
  return state.change(() => {
    holder(state, 'User', userName);
    const { accessKeysPerUserMax } = IAM_LIMITS;
    if (keysOf(state, userName).length >= accessKeysPerUserMax) {
      throw quotaExceeded('AccessKeysPerUser', accessKeysPerUserMax);
    }
    const accessKeyId = uniqueId('AKIA', state.random);
    const key = { accessKeyId, secret: newSecret(state.random), userName, active: true, createdAt: state.clock.now() };
    return { changes: [state.keys.change(accessKeyId, key)], result: key };
  });
}

/** @throws no-such-entity */
export function activateKey(state: IamState, userName: string, accessKeyId: string, active: boolean): Promise<void> {
  return state.change(() => {
    const key = keyOf(state, userName, accessKeyId);
    return { changes: [state.keys.change(accessKeyId, { ...key, active })], result: undefined };
  });
}

/** @throws no-such-entity */
export function deleteKey(state: IamState, userName: string, accessKeyId: string): Promise<void> {
  return state.change(() => {
    keyOf(state, userName, accessKeyId);
    return { changes: [state.keys.change(accessKeyId, undefined)], result: undefined };
  });
}

function keyOf(state: IamState, userName: string, accessKeyId: string): UserKey {
  const key = state.keys.get(accessKeyId);
  if (key?.userName === userName) return key;
  throw iamError('no-such-entity', `The Access Key with id ${accessKeyId} cannot be found.`);
}

function arnOf(path: string, name: string): string {
  return formatArn('iam', '', ACCOUNT_ID, `user${path}${name}`);
}
