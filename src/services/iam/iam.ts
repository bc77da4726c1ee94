import { ACCOUNT_ID, type Clock, formatArn, hasCode, type Random, Turns } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import type { AccessKey, Credentials } from '../index.ts';
import { newSecret, type Role, type User, type UserKey, uniqueId } from './entities.ts';
import { iamError } from './errors.ts';
import { IAM_LIMITS } from './limits.ts';

export interface IamDependencies {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
}

type ChangeableRoleMember =
  | 'trustPolicy'
  | 'description'
  | 'maxSessionSeconds'
  | 'tags'
  | 'inlinePolicies'
  | 'attachedPolicies';

/** Roles, users and their keys: all in memory, every change durable when it resolves. */
export class Identities implements Credentials {
  readonly #roles: Registry<Role>;
  readonly #users: Registry<User>;
  readonly #keys: Registry<UserKey>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #turns = new Turns();

  private constructor(
    roles: Registry<Role>,
    users: Registry<User>,
    keys: Registry<UserKey>,
    clock: Clock,
    random: Random,
  ) {
    this.#roles = roles;
    this.#users = users;
    this.#keys = keys;
    this.#clock = clock;
    this.#random = random;
  }

  static async open({ records, clock, random }: IamDependencies): Promise<Identities> {
    const roles = await Registry.open<Role>(records, 'iam-roles');
    const users = await Registry.open<User>(records, 'iam-users');
    const keys = await Registry.open<UserKey>(records, 'iam-access-keys');
    return new Identities(roles, users, keys, clock, random);
  }

  secretFor(accessKeyId: string): AccessKey | undefined {
    const key = this.#keys.get(accessKeyId);
    const user = key?.active ? this.#users.get(key.userName) : undefined;
    return user && { secret: key!.secret, caller: { accountId: ACCOUNT_ID, arn: user.arn, accessKeyId } };
  }

  /** @throws no-such-entity */
  role(name: string): Role {
    const role = this.#roles.get(name);
    if (!role) throw iamError('no-such-entity', `The role with name ${name} cannot be found.`);
    return role;
  }

  /** The role of an ARN; `undefined` when there is none. */
  roleByArn(arn: string): Role | undefined {
    const role = this.#roles.get(arn.slice(arn.lastIndexOf('/') + 1));
    return role?.arn === arn ? role : undefined;
  }

  /** Roles under a path, sorted by name. */
  roles(pathPrefix = '/'): readonly Role[] {
    return this.#roles.list().filter(({ path }) => path.startsWith(pathPrefix));
  }

  /** @throws entity-exists, limit-exceeded */
  async createRole(
    name: string,
    path: string,
    more: Pick<Role, 'trustPolicy' | 'description' | 'maxSessionSeconds' | 'tags'>,
  ): Promise<Role> {
    if (this.#roles.size >= IAM_LIMITS.rolesMax) throw limit('roles', IAM_LIMITS.rolesMax);
    const arn = formatArn('iam', '', ACCOUNT_ID, `role${path}${name}`);
    const id = uniqueId('AROA', this.#random);
    const role = {
      name,
      id,
      arn,
      path,
      createdAt: this.#clock.now(),
      inlinePolicies: {},
      attachedPolicies: [],
      ...more,
    };
    await orExists(this.#roles.create(name, role), `Role with name ${name} already exists.`);
    return role;
  }

  /** Replaces parts of a role as `decide` says, which sees all changes before its own. @throws no-such-entity */
  changeRole(name: string, decide: (role: Role) => Partial<Pick<Role, ChangeableRoleMember>>): Promise<void> {
    return this.#turns.run(`role/${name}`, async () => {
      const role = this.role(name);
      await this.#roles.put(name, { ...role, ...decide(role) });
    });
  }

  /** @throws no-such-entity, delete-conflict */
  deleteRole(name: string): Promise<void> {
    return this.#turns.run(`role/${name}`, () => this.#deleteRole(name));
  }

  async #deleteRole(name: string): Promise<void> {
    const role = this.role(name);
    if (role.attachedPolicies.length > 0) {
      throw iamError('delete-conflict', 'Cannot delete entity, must detach all policies first.');
    }
    if (Object.keys(role.inlinePolicies).length > 0) {
      throw iamError('delete-conflict', 'Cannot delete entity, must delete policies first.');
    }
    await this.#roles.delete(name);
  }

  /** @throws no-such-entity */
  user(name: string): User {
    const user = this.#users.get(name);
    if (!user) throw iamError('no-such-entity', `The user with name ${name} cannot be found.`);
    return user;
  }

  users(pathPrefix = '/'): readonly User[] {
    return this.#users.list().filter(({ path }) => path.startsWith(pathPrefix));
  }

  /** @throws entity-exists, limit-exceeded */
  async createUser(name: string, path: string, tags: Readonly<Record<string, string>>): Promise<User> {
    if (this.#users.size >= IAM_LIMITS.usersMax) throw limit('users', IAM_LIMITS.usersMax);
    const arn = formatArn('iam', '', ACCOUNT_ID, `user${path}${name}`);
    const user = { name, id: uniqueId('AIDA', this.#random), arn, path, createdAt: this.#clock.now(), tags };
    await orExists(this.#users.create(name, user), `User with name ${name} already exists.`);
    return user;
  }

  /** @throws no-such-entity, delete-conflict */
  deleteUser(name: string): Promise<void> {
    return this.#turns.run(`user/${name}`, () => this.#deleteUser(name));
  }

  async #deleteUser(name: string): Promise<void> {
    this.user(name);
    if (this.keysOf(name).length > 0) {
      throw iamError('delete-conflict', 'Cannot delete entity, must delete access keys first.');
    }
    await this.#users.delete(name);
  }

  /** Keys of a user, sorted by id. */
  keysOf(userName: string): readonly UserKey[] {
    return this.#keys.list().filter((key) => key.userName === userName);
  }

  /** @throws no-such-entity, limit-exceeded */
  createKey(userName: string): Promise<UserKey> {
    return this.#turns.run(`user/${userName}`, () => this.#createKey(userName));
  }

  async #createKey(userName: string): Promise<UserKey> {
    this.user(userName);
    const { accessKeysPerUserMax } = IAM_LIMITS;
    if (this.keysOf(userName).length >= accessKeysPerUserMax) throw limit('accessKeysPerUser', accessKeysPerUserMax);
    const accessKeyId = uniqueId('AKIA', this.#random);
    const key = { accessKeyId, secret: newSecret(this.#random), userName, active: true, createdAt: this.#clock.now() };
    await this.#keys.create(accessKeyId, key);
    return key;
  }

  /** A user's key. @throws no-such-entity */
  key(userName: string, accessKeyId: string): UserKey {
    const key = this.#keys.get(accessKeyId);
    if (key?.userName !== userName) {
      throw iamError('no-such-entity', `The Access Key with id ${accessKeyId} cannot be found.`);
    }
    return key;
  }

  /** @throws no-such-entity */
  async activateKey(userName: string, accessKeyId: string, active: boolean): Promise<void> {
    await this.#keys.put(accessKeyId, { ...this.key(userName, accessKeyId), active });
  }

  /** @throws no-such-entity */
  async deleteKey(userName: string, accessKeyId: string): Promise<void> {
    this.key(userName, accessKeyId);
    await this.#keys.delete(accessKeyId);
  }
}

function limit(what: string, max: number): Error {
  return iamError('limit-exceeded', `Cannot exceed quota for ${what}: ${max}`);
}

async function orExists(created: Promise<void>, message: string): Promise<void> {
  try {
    await created;
  } catch (error) {
    throw hasCode(error, 'already-exists') ? iamError('entity-exists', message) : error;
  }
}
