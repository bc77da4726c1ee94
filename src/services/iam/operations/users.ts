import type { Caller, Operation } from '../../index.ts';
import { iamError } from '../errors.ts';
import { holder } from '../holders.ts';
import { checkBoundary } from '../policies.ts';
import { groupsOf } from '../principals.ts';
import type { IamState } from '../state.ts';
import { withTags } from '../tags.ts';
import { activateKey, createKey, createUser, deleteKey, deleteUser, keysOf, renameUser } from '../users.ts';
import { page } from './pages.ts';
import { toGroup, toKey, toListedUser, toUser } from './shapes.ts';

/** Users and their access keys. */
export function userOperations(state: IamState): Record<string, Operation> {
  return {
    CreateUser: async ({ UserName, Path, Tags, PermissionsBoundary }) => {
      if (PermissionsBoundary !== undefined) checkBoundary(state, PermissionsBoundary, UserName);
      const boundary = PermissionsBoundary !== undefined && { boundary: PermissionsBoundary };
      const user = await createUser(state, UserName, Path ?? '/', { tags: withTags({}, Tags), ...boundary });
      return { User: toUser(user) };
    },
    GetUser: ({ UserName }, { caller }) => {
      if (UserName === undefined && isRoot(caller)) return { User: rootUser(caller) };
      return { User: toUser(holder(state, 'User', UserName ?? ownName(caller))) };
    },
    ListUsers: (input) => {
      const { items, rest } = page(under(state.users.list(), input.PathPrefix), ({ name }) => name, input);
      return { Users: items.map(toListedUser), ...rest };
    },
    UpdateUser: ({ UserName, NewUserName, NewPath }) => renameUser(state, UserName, NewUserName, NewPath),
    DeleteUser: ({ UserName }) => deleteUser(state, UserName),
    ListGroupsForUser: (input) => {
      const groups = groupsOf(state, holder(state, 'User', input.UserName));
      const { items, rest } = page(groups, ({ name }) => name, input);
      return { Groups: items.map(toGroup), ...rest };
    },
    ...keyOperations(state),
  };
}

function keyOperations(state: IamState): Record<string, Operation> {
  return {
    CreateAccessKey: async ({ UserName }, { caller }) => {
      const key = await createKey(state, UserName ?? ownName(caller));
      return { AccessKey: { ...toKey(key), SecretAccessKey: key.secret } };
    },
    UpdateAccessKey: ({ UserName, AccessKeyId, Status }, { caller }) =>
      activateKey(state, UserName ?? ownName(caller), AccessKeyId, Status === 'Active'),
    DeleteAccessKey: ({ UserName, AccessKeyId }, { caller }) =>
      deleteKey(state, UserName ?? ownName(caller), AccessKeyId),
    ListAccessKeys: (input, { caller }) => {
      const { name } = holder(state, 'User', input.UserName ?? ownName(caller));
      const { items, rest } = page(keysOf(state, name), ({ accessKeyId }) => accessKeyId, input);
      return { AccessKeyMetadata: items.map(toKey), ...rest };
    },
  };
}

/** Entities under a path. */
export function under<T extends { readonly path: string }>(items: readonly T[], pathPrefix = '/'): readonly T[] {
  return items.filter(({ path }) => path.startsWith(pathPrefix));
}

/** The user who asks, where a call names none. @throws invalid-input */
export function ownName({ arn }: Caller): string {
  const match = /:user\/(?:.*\/)?([^/]+)$/.exec(arn);
  if (!match) throw iamError('invalid-input', 'Must specify userName when calling with non-User credentials');
  return match[1]!;
}

function isRoot({ arn }: Caller): boolean {
  return arn.endsWith(':root');
}

/** The account itself, which is as old as time can say. */
function rootUser({ accountId, arn }: Caller) {
  return { Path: '/', UserId: accountId, Arn: arn, UserName: 'root', CreateDate: new Date(0) };
}
