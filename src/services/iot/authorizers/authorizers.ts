import { type Clock, hasCode, Turns } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import type { PrincipalChanges } from '../access/changes.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';
import { type Authorizer, authorizerArn, checkAuthorizer } from './authorizer.ts';

export type AuthorizerDefinition = Omit<Authorizer, 'name' | 'region' | 'createdAt' | 'modifiedAt'>;

/** Custom authorizers, and which of them is the default: all in memory, every change durable when it resolves. */
export class Authorizers {
  readonly #registry: Registry<Authorizer>;
  readonly #defaults: Registry<string>;
  readonly #changes: PrincipalChanges;
  readonly #clock: Clock;
  readonly #turns = new Turns();

  private constructor(
    registry: Registry<Authorizer>,
    defaults: Registry<string>,
    changes: PrincipalChanges,
    clock: Clock,
  ) {
    this.#registry = registry;
    this.#defaults = defaults;
    this.#changes = changes;
    this.#clock = clock;
  }

  static async open(parts: {
    readonly records: Records;
    readonly changes: PrincipalChanges;
    readonly clock: Clock;
  }): Promise<Authorizers> {
    const registry = await Registry.open<Authorizer>(parts.records, 'iot.authorizers');
    const defaults = await Registry.open<string>(parts.records, 'iot.default-authorizer');
    return new Authorizers(registry, defaults, parts.changes, parts.clock);
  }

  /** @throws IotError resource-exists, request-invalid, limit-exceeded */
  async create(name: string, definition: AuthorizerDefinition, region: string): Promise<Authorizer> {
    if (this.#registry.size >= IOT_LIMITS.authorizersMax) {
      throw new IotError('limit-exceeded', `The limit of ${IOT_LIMITS.authorizersMax} authorizers is reached.`);
    }
    const now = this.#clock.now();
    const authorizer: Authorizer = { name, region, ...definition, createdAt: now, modifiedAt: now };
    checkAuthorizer(authorizer);
    try {
      await this.#registry.create(name, authorizer);
    } catch (error) {
      if (!hasCode(error, 'already-exists')) throw error;
      throw new IotError('resource-exists', `Authorizer ${name} exists already.`, {
        fields: { resourceId: name, resourceArn: authorizerArn(this.get(name)) },
      });
    }
    return authorizer;
  }

  /** Changes what is given. @throws IotError resource-not-found, request-invalid */
  async update(
    name: string,
    change: Partial<
      Pick<Authorizer, 'functionArn' | 'tokenKeyName' | 'publicKeys' | 'status' | 'enableCachingForHttp'>
    >,
  ): Promise<Authorizer> {
    await this.#turns.run(name, async () => {
      const authorizer = { ...this.get(name), ...change, modifiedAt: this.#clock.now() };
      checkAuthorizer(authorizer);
      await this.#registry.put(name, authorizer);
    });
    const authorizer = this.get(name);
    this.#changes.changed(authorizerArn(authorizer));
    return authorizer;
  }

  /** @throws IotError resource-not-found, delete-conflict (active, or the default) */
  async delete(name: string): Promise<void> {
    const authorizer = this.get(name);
    if (this.default()?.name === name) throw new IotError('delete-conflict', `Authorizer ${name} is the default one.`);
    if (authorizer.status === 'ACTIVE') {
      throw new IotError('delete-conflict', `Authorizer ${name} is active; set it to INACTIVE first.`);
    }
    await this.#registry.delete(name);
    this.#changes.changed(authorizerArn(authorizer));
  }

  /** @throws IotError resource-not-found */
  get(name: string): Authorizer {
    const authorizer = this.#registry.get(name);
    if (authorizer) return authorizer;
    throw new IotError('resource-not-found', `Authorizer ${name} not found.`);
  }

  find(name: string): Authorizer | undefined {
    return this.#registry.get(name);
  }

  /** In order of names. */
  list(): readonly Authorizer[] {
    return this.#registry.list();
  }

  /** The one that decides about clients which prove nothing and name none. */
  default(): Authorizer | undefined {
    const name = this.#defaults.get(DEFAULT);
    return name === undefined ? undefined : this.#registry.get(name);
  }

  /** @throws IotError resource-not-found, resource-exists (another is) */
  async setDefault(name: string): Promise<Authorizer> {
    const authorizer = this.get(name);
    const current = this.default();
    if (current && current.name !== name) {
      throw new IotError('resource-exists', `Authorizer ${current.name} is the default one; clear it first.`, {
        fields: { resourceId: current.name, resourceArn: authorizerArn(current) },
      });
    }
    await this.#defaults.put(DEFAULT, name);
    return authorizer;
  }

  /** @throws IotError resource-not-found */
  async clearDefault(): Promise<void> {
    if (await this.#defaults.delete(DEFAULT)) return;
    throw new IotError('resource-not-found', 'There is no default authorizer.');
  }
}

/** The row that names it. */
const DEFAULT = 'default';
