import { type Clock, type Random, uuid } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { functionNotFound, invalidParameter, LambdaError, revisionMismatch } from './errors.ts';
import type {
  Alias,
  CodePackage,
  EventInvokeConfig,
  FunctionRecord,
  FunctionUrl,
  FunctionVersion,
  VersionState,
} from './model.ts';
import { functionArn } from './names.ts';
import { Serial } from './serial.ts';
import type { Settings } from './settings.ts';
import { lambdaTime } from './times.ts';

export interface FunctionsOptions {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  /** Told after each change that may alter what an invocation of the function runs. */
  readonly onChange: (region: string, name: string) => void;
}

/** What a name and a qualifier lead to. */
export interface Resolved {
  readonly record: FunctionRecord;
  readonly version: FunctionVersion;
  readonly alias?: Alias;
}

/** Digits of a version number in keys, so that versions sort by number. */
const VERSION_DIGITS = 10;

/** How a version is named. `01` is no name of the first one: rights to `NAME:1` would say nothing of it. */
const VERSION_NUMBER = /^[1-9]\d{0,9}$/;

/** Of a version with SnapStart, until its snapshot is there. */
const SNAPSHOT_PENDING: VersionState = {
  kind: 'Pending',
  reason: 'The function is being created.',
  reasonCode: 'Creating',
};

/** The functions of a node: `$LATEST`, published versions, aliases. Every change is durable when it resolves. */
export class Functions {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onChange: (region: string, name: string) => void;
  readonly #serial = new Serial();
  readonly #functions: Registry<FunctionRecord>;
  readonly #versions: Registry<FunctionVersion>;
  readonly #aliases: Registry<Alias>;
  readonly eventInvokeConfigs: Registry<EventInvokeConfig>;
  readonly urls: Registry<FunctionUrl>;

  private constructor(
    { clock, random, onChange }: FunctionsOptions,
    functions: Registry<FunctionRecord>,
    versions: Registry<FunctionVersion>,
    aliases: Registry<Alias>,
    eventInvokeConfigs: Registry<EventInvokeConfig>,
    urls: Registry<FunctionUrl>,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#onChange = onChange;
    this.#functions = functions;
    this.#versions = versions;
    this.#aliases = aliases;
    this.eventInvokeConfigs = eventInvokeConfigs;
    this.urls = urls;
  }

  static async open(options: FunctionsOptions): Promise<Functions> {
    const { records } = options;
    return new Functions(
      options,
      await Registry.open<FunctionRecord>(records, 'lambda.functions'),
      await Registry.open<FunctionVersion>(records, 'lambda.versions'),
      await Registry.open<Alias>(records, 'lambda.aliases'),
      await Registry.open<EventInvokeConfig>(records, 'lambda.event-invoke-configs'),
      await Registry.open<FunctionUrl>(records, 'lambda.function-urls'),
    );
  }

  /** Functions of a region, by name. */
  list(region: string): readonly FunctionRecord[] {
    return this.#functions.list(`${region}/`);
  }

  find(region: string, name: string): FunctionRecord | undefined {
    return this.#functions.get(`${region}/${name}`);
  }

  /** @throws function-not-found */
  get(region: string, name: string): FunctionRecord {
    const found = this.find(region, name);
    if (!found) throw functionNotFound(functionArn(region, name));
    return found;
  }

  /** What `qualifier` (a version, an alias, `$LATEST` or nothing) means. @throws function-not-found */
  resolve(region: string, name: string, qualifier: string | undefined): Resolved {
    const record = this.find(region, name);
    if (!record) throw functionNotFound(functionArn(region, name, qualifier));
    if (qualifier === undefined || qualifier === '$LATEST') return { record, version: record.latest };
    const alias = this.#aliases.get(`${region}/${name}/${qualifier}`);
    const version = this.#version(region, name, alias ? alias.version : qualifier);
    if (!version) throw functionNotFound(functionArn(region, name, qualifier));
    return alias ? { record, version, alias } : { record, version };
  }

  /** A version by number, or `$LATEST`. @throws function-not-found */
  version(region: string, name: string, version: string): FunctionVersion {
    const found = this.#version(region, name, version);
    if (!found) throw functionNotFound(functionArn(region, name, version));
    return found;
  }

  findVersion(region: string, name: string, version: string): FunctionVersion | undefined {
    return this.#version(region, name, version);
  }

  findAlias(region: string, functionName: string, name: string): Alias | undefined {
    return this.#aliases.get(`${region}/${functionName}/${name}`);
  }

  /** Concurrency that the functions of a region hold back for themselves, but one. */
  reservedConcurrency(region: string, except?: string): number {
    return this.list(region)
      .filter(({ latest }) => latest.name !== except)
      .reduce((sum, { reservedConcurrency = 0 }) => sum + reservedConcurrency, 0);
  }

  /** Published versions, oldest first. */
  versions(region: string, name: string): readonly FunctionVersion[] {
    return this.#versions.list(`${region}/${name}/`);
  }

  /** All versions of all functions of a region, `$LATEST` included. */
  versionsOf(region: string): readonly FunctionVersion[] {
    return [...this.list(region).map(({ latest }) => latest), ...this.#versions.list(`${region}/`)];
  }

  aliases(region: string, name: string): readonly Alias[] {
    return this.#aliases.list(`${region}/${name}/`);
  }

  /** Every package that a function or version refers to, those of its layers included; one that several have, several times. */
  packages(): readonly CodePackage[] {
    const versions = [...this.#functions.list().map(({ latest }) => latest), ...this.#versions.list()];
    return versions.flatMap(({ code, layers }) => (layers ? [code, ...layers.map((layer) => layer.code)] : code));
  }

  /** @throws resource-conflict: there is one of this name */
  create(
    region: string,
    name: string,
    settings: Settings,
    code: CodePackage,
    architectures: readonly string[],
    tags: Readonly<Record<string, string>>,
  ): Promise<FunctionVersion> {
    return this.#serial.run(`${region}/${name}`, async () => {
      if (this.find(region, name)) throw alreadyExists(name);
      const latest = { region, name, version: '$LATEST', ...settings, code, architectures, ...this.#stamp() };
      await this.#functions.put(`${region}/${name}`, { latest, nextVersion: 1, tags, policies: {} });
      this.#onChange(region, name);
      return this.get(region, name).latest;
    });
  }

  /** Changes `$LATEST` into what `change` makes of it. @throws function-not-found, revision-mismatch */
  updateLatest(
    region: string,
    name: string,
    revisionId: string | undefined,
    change: (before: FunctionVersion) => FunctionVersion,
  ): Promise<FunctionVersion> {
    return this.update(region, name, (record) => {
      if (revisionId !== undefined && revisionId !== record.latest.revisionId) throw revisionMismatch('GetFunction');
      return { ...record, latest: { ...change(record.latest), ...this.#stamp() } };
    }).then(({ latest }) => latest);
  }

  /** Changes what is stored of a function. @throws function-not-found */
  update(region: string, name: string, change: (before: FunctionRecord) => FunctionRecord): Promise<FunctionRecord> {
    return this.#serial.run(`${region}/${name}`, async () => {
      await this.#functions.put(`${region}/${name}`, change(this.get(region, name)));
      this.#onChange(region, name);
      return this.get(region, name);
    });
  }

  /**
   * Publishes `$LATEST` as the next number; when nothing has changed since the last one, that one is the answer, unless it has failed:
   * what its snapshot lacked may be there now.
   *
   * @throws function-not-found, revision-mismatch, invalid-parameter: the code is not the one expected
   */
  publish(
    region: string,
    name: string,
    expected: { readonly revisionId?: string; readonly codeSha256?: string; readonly description?: string },
  ): Promise<FunctionVersion> {
    return this.#serial.run(`${region}/${name}`, async () => {
      const record = this.get(region, name);
      const { latest, nextVersion } = record;
      checkExpected(latest, expected);
      const last = this.versions(region, name).at(-1);
      const isUsable = last && last.state?.kind !== 'Failed' && Number(last.version) === nextVersion - 1;
      if (isUsable && sameToRun(last, latest)) return last;
      const version = String(nextVersion);
      const description = expected.description ?? latest.description;
      const key = versionKey({ region, name, version });
      const revisionId = uuid(this.#random);
      const state = latest.snapStart ? { state: SNAPSHOT_PENDING } : {};
      await this.#versions.put(key, { ...latest, version, description, revisionId, ...state });
      await this.#functions.put(`${region}/${name}`, { ...record, nextVersion: nextVersion + 1 });
      return this.#versions.get(key)!;
    });
  }

  /** Published versions that wait for their snapshot: those that the end of the node has interrupted. */
  pendingVersions(): readonly FunctionVersion[] {
    return this.#versions.list().filter(({ state }) => state?.kind === 'Pending');
  }

  /** Sets the state of a published version; nothing where it is gone. */
  setState({ region, name, version }: FunctionVersion, state: VersionState | undefined): Promise<void> {
    return this.#serial.run(`${region}/${name}`, async () => {
      const found = this.#version(region, name, version);
      if (!found) return;
      const { state: _, ...rest } = found;
      await this.#versions.put(versionKey(found), { ...rest, ...(state ? { state } : {}) });
      this.#onChange(region, name);
    });
  }

  /** Deletes one published version. @throws function-not-found, resource-conflict: an alias points to it */
  deleteVersion(region: string, name: string, version: string): Promise<void> {
    return this.#serial.run(`${region}/${name}`, async () => {
      this.get(region, name);
      const found = this.#version(region, name, version);
      if (!found) return;
      const user = this.aliases(region, name).find(
        (alias) => alias.version === version || Object.hasOwn(alias.weights, version),
      );
      if (user) {
        throw new LambdaError('resource-conflict', `Version ${version} is referenced by alias ${user.name}.`);
      }
      await this.#dropPolicy(region, name, version);
      await this.#versions.delete(versionKey(found));
      await this.eventInvokeConfigs.delete(`${region}/${name}/${version}`);
      this.#onChange(region, name);
    });
  }

  /** Runs a change of what belongs to a function between those of the function itself. */
  change<T>(region: string, name: string, change: () => Promise<T>): Promise<T> {
    return this.#serial.run(`${region}/${name}`, change);
  }

  /** Runs a change of what the functions of a region share, their concurrency: what it has checked stays so until it is done. */
  changeShared<T>(region: string, change: () => Promise<T>): Promise<T> {
    return this.#serial.run(region, change);
  }

  /** Deletes a function with all its versions, aliases and settings. @throws function-not-found */
  deleteFunction(region: string, name: string): Promise<void> {
    return this.#serial.run(`${region}/${name}`, async () => {
      this.get(region, name);
      // Its URLs before all: they would lead to the next function of that name.
      await Promise.all(this.urls.names(`${region}/${name}/`).map((key) => this.urls.delete(key)));
      // The function next: what is left after a crash between is found by nobody, and overwritten or removed next time.
      await this.#functions.delete(`${region}/${name}`);
      for (const registry of [this.#versions, this.#aliases, this.eventInvokeConfigs]) {
        await Promise.all(registry.names(`${region}/${name}/`).map((key) => registry.delete(key)));
      }
      this.#onChange(region, name);
    });
  }

  /** @throws function-not-found */
  alias(region: string, functionName: string, name: string): Alias {
    this.get(region, functionName);
    const found = this.#aliases.get(`${region}/${functionName}/${name}`);
    if (!found) throw aliasNotFound(region, functionName, name);
    return found;
  }

  /** @throws function-not-found, resource-conflict, invalid-parameter */
  createAlias(alias: Omit<Alias, 'revisionId'>): Promise<Alias> {
    const { region, functionName, name } = alias;
    return this.#serial.run(`${region}/${functionName}`, async () => {
      this.#checkAlias(alias);
      if (this.#aliases.has(`${region}/${functionName}/${name}`)) {
        throw new LambdaError('resource-conflict', `Alias already exists: ${functionArn(region, functionName, name)}`);
      }
      return this.#putAlias(alias);
    });
  }

  /** @throws function-not-found, revision-mismatch, invalid-parameter */
  updateAlias(
    region: string,
    functionName: string,
    name: string,
    revisionId: string | undefined,
    change: Partial<Pick<Alias, 'version' | 'description' | 'weights'>>,
  ): Promise<Alias> {
    return this.#serial.run(`${region}/${functionName}`, async () => {
      const before = this.alias(region, functionName, name);
      if (revisionId !== undefined && revisionId !== before.revisionId) throw revisionMismatch('GetAlias');
      const next = { ...before, ...change };
      this.#checkAlias(next);
      return this.#putAlias(next);
    });
  }

  /** Deleting what is not there is no error, as on AWS. */
  deleteAlias(region: string, functionName: string, name: string): Promise<void> {
    return this.#serial.run(`${region}/${functionName}`, async () => {
      await this.#dropPolicy(region, functionName, name);
      await this.#aliases.delete(`${region}/${functionName}/${name}`);
      await this.eventInvokeConfigs.delete(`${region}/${functionName}/${name}`);
      await this.urls.delete(`${region}/${functionName}/${name}`);
      this.#onChange(region, functionName);
    });
  }

  async #putAlias(alias: Omit<Alias, 'revisionId'>): Promise<Alias> {
    const key = `${alias.region}/${alias.functionName}/${alias.name}`;
    await this.#aliases.put(key, { ...alias, revisionId: uuid(this.#random) });
    this.#onChange(alias.region, alias.functionName);
    return this.#aliases.get(key)!;
  }

  #checkAlias({ region, functionName, version, weights }: Omit<Alias, 'revisionId'>): void {
    this.version(region, functionName, version);
    const others = Object.entries(weights);
    if (others.length > 1)
      throw invalidParameter('Number of items in AdditionalVersionWeights cannot be greater than 1');
    for (const [other, weight] of others) {
      this.version(region, functionName, other);
      if (version === '$LATEST')
        throw invalidParameter('$LATEST is not supported for an alias pointing to more than 1 version');
      if (other === version || !(weight >= 0 && weight <= 1)) {
        throw invalidParameter(`Invalid value ${weight} for the weight of version ${other}`);
      }
    }
  }

  #version(region: string, name: string, version: string): FunctionVersion | undefined {
    if (version === '$LATEST') return this.find(region, name)?.latest;
    return VERSION_NUMBER.test(version) ? this.#versions.get(versionKey({ region, name, version })) : undefined;
  }

  /** Who may use a version or an alias is forgotten with it, before it: the next one of that name is let to nobody. */
  async #dropPolicy(region: string, name: string, qualifier: string): Promise<void> {
    const record = this.find(region, name);
    if (!record || !Object.hasOwn(record.policies, qualifier)) return;
    const { [qualifier]: _, ...policies } = record.policies;
    await this.#functions.put(`${region}/${name}`, { ...record, policies });
  }

  #stamp(): { readonly lastModified: string; readonly revisionId: string } {
    return { lastModified: lambdaTime(this.#clock), revisionId: uuid(this.#random) };
  }
}

function versionKey({ region, name, version }: Pick<FunctionVersion, 'region' | 'name' | 'version'>): string {
  return `${region}/${name}/${version.padStart(VERSION_DIGITS, '0')}`;
}

/** What decides whether a published version would differ. */
function sameToRun(a: FunctionVersion, b: FunctionVersion): boolean {
  const toRun = ({
    version: _v,
    revisionId: _r,
    lastModified: _l,
    description: _d,
    state: _s,
    ...rest
  }: FunctionVersion) =>
    JSON.stringify(rest, (_key, value) =>
      value && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)))
        : value,
    );
  return toRun(a) === toRun(b);
}

function checkExpected(latest: FunctionVersion, expected: { revisionId?: string; codeSha256?: string }): void {
  if (expected.revisionId !== undefined && expected.revisionId !== latest.revisionId)
    throw revisionMismatch('GetFunction');
  if (expected.codeSha256 !== undefined && expected.codeSha256 !== latest.code.sha256) {
    throw invalidParameter(
      `CodeSHA256 (${expected.codeSha256}) is different from current CodeSHA256 in $LATEST (${latest.code.sha256}). Please try again with the CodeSHA256 in $LATEST.`,
    );
  }
}

function alreadyExists(name: string): LambdaError {
  return new LambdaError('resource-conflict', `Function already exist: ${name}`);
}

function aliasNotFound(region: string, functionName: string, name: string): LambdaError {
  return new LambdaError('resource-not-found', `Cannot find alias arn: ${functionArn(region, functionName, name)}`);
}
