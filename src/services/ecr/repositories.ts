import { ACCOUNT_ID, type Clock, formatArn, Turns } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { EcrError } from './errors.ts';
import { ECR_LIMITS } from './limits.ts';

/** A repository. There are no images in it: functions from images are not built, and nothing can be pushed. */
export interface Repository {
  readonly name: string;
  readonly region: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly tagMutability: string;
  /** Which tags {@link tagMutability} is not of. */
  readonly tagExclusions?: readonly { readonly filterType: string; readonly filter: string }[];
  readonly scanOnPush: boolean;
  readonly encryption: { readonly encryptionType: string; readonly kmsKey?: string };
  readonly tags: Readonly<Record<string, string>>;
  /** Documents as they were given. */
  readonly policyText?: string;
  readonly lifecyclePolicyText?: string;
}

/** @see ECR API reference, CreateRepository: `repositoryName` */
const NAME = /^(?=.{2,256}$)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;

/** The repositories of a node: in memory, every change durable when it resolves. */
export class Repositories {
  readonly #registry: Registry<Repository>;
  readonly #clock: Clock;
  readonly #turns = new Turns();

  private constructor(registry: Registry<Repository>, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
  }

  static async open({ records, clock }: { readonly records: Records; readonly clock: Clock }): Promise<Repositories> {
    return new Repositories(await Registry.open(records, 'ecr-repositories'), clock);
  }

  /** Those of a region, by name. */
  list(region: string): readonly Repository[] {
    const own = [...this.#registry.list()].filter((repository) => repository.region === region);
    return own.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws repository-not-found */
  get(region: string, name: string): Repository {
    const found = this.#registry.get(keyOf(region, name));
    if (found) return found;
    const where = `in the registry with id '${ACCOUNT_ID}'`;
    throw new EcrError('repository-not-found', `The repository with name '${name}' does not exist ${where}`);
  }

  /** @throws repository-exists, parameter-invalid, limit-exceeded */
  create(
    region: string,
    name: string,
    settings: Omit<Repository, 'name' | 'region' | 'createdAt'>,
  ): Promise<Repository> {
    if (!NAME.test(name)) {
      throw new EcrError('parameter-invalid', `Invalid parameter at 'repositoryName' failed to satisfy constraint`);
    }
    return this.#turns.run(keyOf(region, name), async () => {
      if (this.#registry.get(keyOf(region, name))) {
        const where = `in the registry with id '${ACCOUNT_ID}'`;
        throw new EcrError('repository-exists', `The repository with name '${name}' already exists ${where}`);
      }
      if (this.list(region).length >= ECR_LIMITS.repositoriesMax) {
        throw new EcrError(
          'limit-exceeded',
          `There are ${ECR_LIMITS.repositoriesMax} repositories, as many as there may be`,
        );
      }
      const made: Repository = { name, region, createdAt: this.#clock.now(), ...settings };
      await this.#registry.put(keyOf(region, name), made);
      return made;
    });
  }

  /** @throws repository-not-found */
  change(region: string, name: string, change: (current: Repository) => Repository): Promise<Repository> {
    return this.#turns.run(keyOf(region, name), async () => {
      const changed = change(this.get(region, name));
      await this.#registry.put(keyOf(region, name), changed);
      return changed;
    });
  }

  /** @throws repository-not-found */
  delete(region: string, name: string): Promise<Repository> {
    return this.#turns.run(keyOf(region, name), async () => {
      const gone = this.get(region, name);
      await this.#registry.delete(keyOf(region, name));
      return gone;
    });
  }
}

export const repositoryArn = ({ region, name }: Pick<Repository, 'region' | 'name'>) =>
  formatArn('ecr', region, ACCOUNT_ID, `repository/${name}`);

const keyOf = (region: string, name: string) => `${region}/${name}`;
