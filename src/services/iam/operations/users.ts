import type { Caller, Operation } from '../../index.ts';
import type { User, UserKey } from '../entities.ts';
import { iamError } from '../errors.ts';
import type { Identities } from '../iam.ts';
import { fromTags, page, toTags } from './common.ts';

/** Users and their access keys. */
export function userOperations(identities: Identities): Record<string, Operation> {
  return {
    CreateUser: async ({ UserName, Path, Tags }) => ({
      User: toUser(await identities.createUser(UserName, Path ?? '/', fromTags(Tags))),
    }),
    GetUser: ({ UserName }, { caller }) => ({ User: toUser(identities.user(UserName ?? ownName(caller))) }),
    ListUsers: (input) => {
      const { items, rest } = page(identities.users(input.PathPrefix), input);
      return { Users: items.map(toUser), ...rest };
    },
    DeleteUser: ({ UserName }) => identities.deleteUser(UserName),
    CreateAccessKey: async ({ UserName }, { caller }) => {
      const key = await identities.createKey(UserName ?? ownName(caller));
      return { AccessKey: { ...toKey(key), SecretAccessKey: key.secret } };
    },
    UpdateAccessKey: ({ UserName, AccessKeyId, Status }, { caller }) =>
      identities.activateKey(UserName ?? ownName(caller), AccessKeyId, Status === 'Active'),
    DeleteAccessKey: ({ UserName, AccessKeyId }, { caller }) =>
      identities.deleteKey(UserName ?? ownName(caller), AccessKeyId),
    ListAccessKeys: (input, { caller }) => {
      const name = input.UserName ?? ownName(caller);
      identities.user(name);
      const { items, rest } = page(identities.keysOf(name), input);
      return { AccessKeyMetadata: items.map(toKey), ...rest };
    },
  };
}

/** The user who asks, where a call names none. */
function ownName({ arn }: Caller): string {
  const match = /:user\/(?:.*\/)?([^/]+)$/.exec(arn);
  if (!match) throw iamError('invalid-input', 'Must specify userName when calling with non-User credentials');
  return match[1]!;
}

function toUser(user: User) {
  return {
    UserName: user.name,
    UserId: user.id,
    Arn: user.arn,
    Path: user.path,
    CreateDate: new Date(user.createdAt),
    Tags: Object.keys(user.tags).length > 0 ? toTags(user.tags) : undefined,
  };
}

function toKey({ userName, accessKeyId, active, createdAt }: UserKey) {
  const Status = active ? 'Active' : 'Inactive';
  return { UserName: userName, AccessKeyId: accessKeyId, Status, CreateDate: new Date(createdAt) };
}
