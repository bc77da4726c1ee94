import type { Clock, Random } from '../../base/index.ts';
import { Turns } from '../../base/index.ts';
import { commitChanges, type Records, Registry, type RegistryChange } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type {
  AccountSettings,
  Group,
  InstanceProfile,
  ManagedPolicy,
  OidcProvider,
  Role,
  User,
  UserKey,
} from './entities.ts';

export interface IamDependencies {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of policies that grant nothing here. */
  readonly logger: Logger;
}

/** Who attaches a policy, and who is bounded by it: numbers by the policy's ARN. */
export interface PolicyUse {
  readonly attached: number;
  readonly bounding: number;
}

const UNUSED: PolicyUse = { attached: 0, bounding: 0 };

/**
 * The entities of the account: all in memory, every change durable when it resolves.
 *
 * 1. Changes are made one after the other (`change`): what a decision has read stands still until it is durable.
 * 2. A change of several entities is one transaction.
 * 3. `generation` grows with every change.
 */
export class IamState {
  readonly roles: Registry<Role>;
  readonly users: Registry<User>;
  readonly groups: Registry<Group>;
  readonly keys: Registry<UserKey>;
  /** By name. */
  readonly policies: Registry<ManagedPolicy>;
  readonly profiles: Registry<InstanceProfile>;
  /** By URL. */
  readonly providers: Registry<OidcProvider>;
  /** One entry, `account`. */
  readonly account: Registry<AccountSettings>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly #records: Records;
  readonly #turns = new Turns();
  #generation = 0;
  readonly #listeners = new Set<() => void>();
  #uses: { readonly generation: number; readonly byArn: ReadonlyMap<string, PolicyUse> } | undefined;

  private constructor(dependencies: IamDependencies, registries: Registries) {
    this.#records = dependencies.records;
    this.clock = dependencies.clock;
    this.random = dependencies.random;
    this.logger = dependencies.logger;
    this.roles = registries.roles;
    this.users = registries.users;
    this.groups = registries.groups;
    this.keys = registries.keys;
    this.policies = registries.policies;
    this.profiles = registries.profiles;
    this.providers = registries.providers;
    this.account = registries.account;
  }

  static async open(dependencies: IamDependencies): Promise<IamState> {
    return new IamState(dependencies, await openRegistries(dependencies.records));
  }

  /** Grows with every change of any entity: what was derived from an older one is to be derived again. */
  get generation(): number {
    return this.#generation;
  }

  /** Runs `decide` when every earlier change is durable, and makes what it returns; durable when it resolves. */
  change<T>(decide: () => { readonly changes: readonly RegistryChange[]; readonly result: T }): Promise<T> {
    return this.#turns.run('iam', async () => {
      const { changes, result } = decide();
      if (changes.length === 0) return result;
      await commitChanges(this.#records, changes);
      this.#generation++;
      for (const listener of this.#listeners) listener();
      return result;
    });
  }

  /** Has the listener told of every change, once it is durable, until the result is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** How often a managed policy is used. */
  useOf(policyArn: string): PolicyUse {
    if (this.#uses?.generation !== this.#generation) {
      this.#uses = { generation: this.#generation, byArn: this.#countUses() };
    }
    return this.#uses.byArn.get(policyArn) ?? UNUSED;
  }

  #countUses(): Map<string, PolicyUse> {
    const uses = new Map<string, { attached: number; bounding: number }>();
    const count = (arn: string | undefined, what: keyof PolicyUse) => {
      if (arn === undefined) return;
      const use = uses.get(arn) ?? { attached: 0, bounding: 0 };
      use[what]++;
      uses.set(arn, use);
    };
    for (const registry of [this.roles, this.users, this.groups] as const) {
      for (const { attachedPolicies = [] } of registry.list())
        for (const arn of attachedPolicies) count(arn, 'attached');
    }
    for (const registry of [this.roles, this.users] as const) {
      for (const { boundary } of registry.list()) count(boundary, 'bounding');
    }
    return uses;
  }
}

interface Registries {
  readonly roles: Registry<Role>;
  readonly users: Registry<User>;
  readonly groups: Registry<Group>;
  readonly keys: Registry<UserKey>;
  readonly policies: Registry<ManagedPolicy>;
  readonly profiles: Registry<InstanceProfile>;
  readonly providers: Registry<OidcProvider>;
  readonly account: Registry<AccountSettings>;
}

async function openRegistries(records: Records): Promise<Registries> {
  const [roles, users, groups, keys, policies, profiles, providers, account] = await Promise.all([
    Registry.open<Role>(records, 'iam-roles'),
    Registry.open<User>(records, 'iam-users'),
    Registry.open<Group>(records, 'iam-groups'),
    Registry.open<UserKey>(records, 'iam-access-keys'),
    Registry.open<ManagedPolicy>(records, 'iam-policies'),
    Registry.open<InstanceProfile>(records, 'iam-instance-profiles'),
    Registry.open<OidcProvider>(records, 'iam-oidc-providers'),
    Registry.open<AccountSettings>(records, 'iam-account'),
  ]);
  return { roles, users, groups, keys, policies, profiles, providers, account };
}
