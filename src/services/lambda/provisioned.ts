import type { Clock } from '../../base/index.ts';
import type { FunctionSpec, ProvisionedState, Provisioning } from '../../runtime/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { invalidParameter, LambdaError } from './errors.ts';
import type { Functions } from './functions.ts';
import { type Alias, LAMBDA_LIMITS, type ProvisionedConfig } from './model.ts';
import { functionArn } from './names.ts';
import { lambdaTime } from './times.ts';

export interface ProvisionedOptions {
  readonly records: Records;
  readonly functions: Functions;
  readonly provisioning: Provisioning;
  readonly clock: Clock;
  /** Concurrency over all functions. */
  readonly accountConcurrency: number;
  /** What the runtime needs to know of a version. @throws function-not-found */
  readonly specOf: (region: string, name: string, version: string) => FunctionSpec;
  /** Told after each change of the numbers. */
  readonly onChange: (region: string, name: string) => void;
}

/** Shares are what is left of 1: their last digits are not to cost an environment. */
const ROUNDING = 1e-9;

/** A configuration with what has come of it. */
export interface ProvisionedView extends Omit<ProvisionedState, 'requested'> {
  readonly config: ProvisionedConfig;
}

/**
 * Provisioned concurrency of versions and aliases: what is asked for is stored, the runtime is told at each change and each start of
 * the node. An alias that splits its traffic has its number split by the same weights, rounded up.
 */
export class Provisioned {
  readonly #options: ProvisionedOptions;
  readonly #configs: Registry<ProvisionedConfig>;
  /** What the runtime was told, by `region/name`, then by version. */
  readonly #told = new Map<string, ReadonlyMap<string, FunctionSpec>>();
  #started = false;

  private constructor(options: ProvisionedOptions, configs: Registry<ProvisionedConfig>) {
    this.#options = options;
    this.#configs = configs;
  }

  static async open(options: ProvisionedOptions): Promise<Provisioned> {
    return new Provisioned(
      options,
      await Registry.open<ProvisionedConfig>(options.records, 'lambda.provisioned-concurrency'),
    );
  }

  /** Tells the runtime of all that is stored. Not before functions can reach the node: their init may call it. */
  start(): void {
    this.#started = true;
    const functions = new Set(this.#configs.list().map(({ region, functionName }) => `${region}/${functionName}`));
    for (const key of functions) {
      const [region, name] = key.split('/') as [string, string];
      this.changed(region, name);
    }
  }

  /**
   * Stores what is to be kept; the runtime begins at once.
   *
   * @throws invalid-parameter: `$LATEST`, more than the function or the account has, a version that an alias provisions already
   * @throws function-not-found
   */
  put(region: string, name: string, qualifier: string, requested: number): Promise<ProvisionedView> {
    const { functions, clock, onChange } = this.#options;
    return functions.changeShared(region, async () => {
      this.#check(region, name, qualifier, requested);
      const config = { region, functionName: name, qualifier, requested, lastModified: lambdaTime(clock) };
      await this.#configs.put(keyOf(region, name, qualifier), config);
      onChange(region, name);
      this.changed(region, name);
      return this.#view(config);
    });
  }

  /** @throws provisioned-not-found, function-not-found */
  get(region: string, name: string, qualifier: string): ProvisionedView {
    this.#options.functions.resolve(region, name, qualifier);
    const config = this.#configs.get(keyOf(region, name, qualifier));
    if (config) return this.#view(config);
    throw new LambdaError('provisioned-not-found', 'No Provisioned Concurrency Config found for this function');
  }

  list(region: string, name: string): readonly ProvisionedView[] {
    return this.#configs.list(`${region}/${name}/`).map((config) => this.#view(config));
  }

  /** Deleting what is not there is no error, as on AWS. */
  async delete(region: string, name: string, qualifier: string): Promise<void> {
    await this.#configs.delete(keyOf(region, name, qualifier));
    this.#options.onChange(region, name);
    this.changed(region, name);
  }

  /** Environments that are asked for, of a function's versions together. */
  requested(region: string, name: string): number {
    return this.#configs.list(`${region}/${name}/`).reduce((sum, { requested }) => sum + requested, 0);
  }

  /** Those of functions without reserved concurrency: they count against the account. */
  requestedOfAccount(region: string, except?: string): number {
    const { functions } = this.#options;
    return this.#configs
      .list(`${region}/`)
      .filter(({ functionName }) => functionName !== except)
      .filter(({ functionName }) => functions.find(region, functionName)?.reservedConcurrency === undefined)
      .reduce((sum, { requested }) => sum + requested, 0);
  }

  /** Environments that one version is to have, its own and those of aliases that point to it. */
  ofVersion(region: string, name: string, version: string): number {
    if (this.#configs.size === 0) return 0;
    return this.#wanted(region, name).get(version) ?? 0;
  }

  /** Something about the function, its versions or aliases is different: the runtime is told what follows. */
  changed(region: string, name: string): void {
    if (!this.#started) return;
    const key = `${region}/${name}`;
    const before = this.#told.get(key);
    const wanted = this.#wanted(region, name);
    if (!before && wanted.size === 0) return;
    const { provisioning, specOf } = this.#options;
    const told = new Map<string, FunctionSpec>();
    for (const [version, count] of wanted) {
      const spec = { ...specOf(region, name, version), provisionedConcurrency: count };
      told.set(version, spec);
      provisioning.provision(spec);
    }
    for (const [version, spec] of before ?? []) {
      if (!told.has(version)) provisioning.provision({ ...spec, provisionedConcurrency: 0 });
    }
    if (told.size > 0) this.#told.set(key, told);
    else this.#told.delete(key);
  }

  /** Forgets what is kept for qualifiers that are not there any more. */
  async forgetMissing(region: string, name: string): Promise<void> {
    for (const { qualifier } of this.#configs.list(`${region}/${name}/`)) {
      if (this.#versionsOf(region, name, qualifier).length === 0) await this.delete(region, name, qualifier);
    }
  }

  #wanted(region: string, name: string): ReadonlyMap<string, number> {
    const wanted = new Map<string, number>();
    for (const { qualifier, requested } of this.#configs.list(`${region}/${name}/`)) {
      for (const { version, share } of this.#versionsOf(region, name, qualifier)) {
        wanted.set(version, (wanted.get(version) ?? 0) + Math.ceil(requested * share - ROUNDING));
      }
    }
    return wanted;
  }

  /** The versions that a qualifier leads to, with their shares of its traffic; none when it leads nowhere. */
  #versionsOf(region: string, name: string, qualifier: string): readonly { version: string; share: number }[] {
    const { functions } = this.#options;
    const alias = functions.findAlias(region, name, qualifier);
    if (alias) return sharesOf(alias).filter(({ version }) => functions.findVersion(region, name, version));
    return functions.findVersion(region, name, qualifier) ? [{ version: qualifier, share: 1 }] : [];
  }

  #view(config: ProvisionedConfig): ProvisionedView {
    const { region, functionName, qualifier, requested } = config;
    const states = this.#versionsOf(region, functionName, qualifier).map(({ version }) =>
      this.#options.provisioning.provisioned(functionArn(region, functionName, version)),
    );
    const sum = (count: (state: ProvisionedState) => number) =>
      Math.min(
        requested,
        states.reduce((total, state) => total + (state ? count(state) : 0), 0),
      );
    const failed = states.find((state) => state?.status === 'failed');
    const ready = states.length > 0 && states.every((state) => state?.status === 'ready');
    return {
      config,
      allocated: sum(({ allocated }) => allocated),
      available: sum(({ available }) => available),
      status: failed ? 'failed' : ready ? 'ready' : 'in-progress',
      ...(failed?.reason === undefined ? {} : { reason: failed.reason }),
    };
  }

  #check(region: string, name: string, qualifier: string, requested: number): void {
    const { functions, accountConcurrency } = this.#options;
    if (qualifier === '$LATEST') {
      throw invalidParameter('Provisioned Concurrency Configs cannot be applied to unpublished function versions.');
    }
    const { record, version, alias } = functions.resolve(region, name, qualifier);
    if (version.version === '$LATEST') {
      throw invalidParameter('Provisioned Concurrency Configs cannot be applied to unpublished function versions.');
    }
    if (version.snapStart) {
      throw invalidParameter('Provisioned Concurrency is not supported for functions with SnapStart enabled.');
    }
    this.#checkOthers(region, name, qualifier, alias ? sharesOf(alias).map((one) => one.version) : [qualifier]);
    const before = this.#configs.get(keyOf(region, name, qualifier))?.requested ?? 0;
    const sum = this.requested(region, name) - before + requested;
    const { reservedConcurrency } = record;
    if (reservedConcurrency !== undefined) {
      if (sum <= reservedConcurrency) return;
      throw invalidParameter(
        'Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function',
      );
    }
    const others = functions.reservedConcurrency(region) + this.requestedOfAccount(region, name);
    checkUnreserved(accountConcurrency - others - sum, 'ConcurrentExecutions');
  }

  /** A version is provisioned once: by itself or by one alias. */
  #checkOthers(region: string, name: string, qualifier: string, versions: readonly string[]): void {
    for (const other of this.#configs.list(`${region}/${name}/`)) {
      if (other.qualifier === qualifier) continue;
      const shared = this.#versionsOf(region, name, other.qualifier).some(({ version }) => versions.includes(version));
      if (!shared) continue;
      throw invalidParameter(
        versions.includes(other.qualifier)
          ? "Alias can't be used for Provisioned Concurrency configuration on an already provisioned version"
          : `Version is pointed by a Provisioned Concurrency alias: ${other.qualifier}`,
      );
    }
  }
}

/** @throws invalid-parameter: fewer than AWS leaves to the functions without reservation */
export function checkUnreserved(left: number, what: 'ReservedConcurrentExecutions' | 'ConcurrentExecutions'): void {
  if (left >= LAMBDA_LIMITS.unreservedConcurrencyMin) return;
  throw invalidParameter(
    `Specified ${what} for function decreases account's UnreservedConcurrentExecution below its minimum value of [${LAMBDA_LIMITS.unreservedConcurrencyMin}].`,
  );
}

function sharesOf({ version, weights }: Alias): { version: string; share: number }[] {
  const others = Object.entries(weights).map(([other, share]) => ({ version: other, share }));
  const rest = others.reduce((left, { share }) => left - share, 1);
  return [{ version, share: rest }, ...others].filter(({ share }) => share > 0);
}

const keyOf = (region: string, name: string, qualifier: string) => `${region}/${name}/${qualifier}`;
