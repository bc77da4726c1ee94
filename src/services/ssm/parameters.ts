/**
 * The parameters of a node: what is known of them in memory, their versions sealed on disk.
 *
 *  1. A parameter and the version that changes it are one transaction: both are durable when a call resolves, or neither.
 *  2. Changes of one parameter are made one after the other.
 *  3. What has expired is not there, from the millisecond on; it leaves the disk soon after.
 *  4. Values are in no message and no log line.
 */
import { type Clock, type DomainError, hasCode, type Random, type Timer, Turns } from '../../base/index.ts';
import { encodeKey, keyRange } from '../../codec/index.ts';
import { type Records, Registry, type Write } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { invalid, parameterNotFound, SsmError } from './errors.ts';
import { SSM_LIMITS } from './limits.ts';
import { DEFAULT_KEY_ID, type Parameter, type ParameterType, type ParameterVersion, type Tier } from './model.ts';
import { type Asked, checkedName } from './names.ts';
import { expiryOf, readPolicies } from './policies.ts';
import { checkPattern, checkText, tierFor } from './values.ts';

/** Sealed on disk. */
const VALUES = 'ssm/values';
const CIPHER_BYTES = 96;
const DATA_TYPES = ['text', 'aws:ec2:image', 'aws:ssm:integration'];
/** Keys by which the one key that there is may be named. */
const OWN_KEYS = [DEFAULT_KEY_ID, 'aws/ssm'];

export interface ParametersOptions {
  /** Seals {@link VALUES}. */
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A version as it is asked for, as the API has it. */
export interface PutRequest {
  readonly Name: string;
  readonly Value: string;
  readonly Type?: ParameterType;
  readonly Description?: string;
  readonly KeyId?: string;
  readonly Overwrite?: boolean;
  readonly AllowedPattern?: string;
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
  readonly Tier?: 'Standard' | 'Advanced' | 'Intelligent-Tiering';
  readonly Policies?: string;
  readonly DataType?: string;
}

export class Parameters implements AsyncDisposable {
  readonly #options: ParametersOptions;
  readonly #registry: Registry<Parameter>;
  readonly #turns = new Turns();
  #expiry: { readonly at: number; readonly timer: Timer } | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: ParametersOptions, registry: Registry<Parameter>) {
    this.#options = options;
    this.#registry = registry;
  }

  static async open(options: ParametersOptions): Promise<Parameters> {
    const parameters = new Parameters(options, await Registry.open<Parameter>(options.records, 'ssm/parameters'));
    parameters.#sweep();
    return parameters;
  }

  /** Those of a region whose names begin so, in the order of their names. */
  list(region: string, prefix = ''): readonly Parameter[] {
    return this.#registry.list(keyOf(region, prefix)).filter((parameter) => this.#isAlive(parameter));
  }

  /** The one of that name, for whoever decides about a call. */
  peek(region: string, name: string): Parameter | undefined {
    return this.#alive(region, name);
  }

  /** The one that is asked for. @throws parameter-not-found */
  find(region: string, { names, text }: Asked): Parameter {
    for (const name of names) {
      const found = this.#alive(region, name);
      if (found) return found;
    }
    throw parameterNotFound(text);
  }

  /** The version that is asked for, with its value. @throws parameter-not-found, version-not-found */
  async version(region: string, asked: Asked): Promise<{ parameter: Parameter; version: ParameterVersion }> {
    const parameter = this.find(region, asked);
    const number = numberOf(parameter, asked.selector);
    const version = await this.#read(parameter, number);
    // Deleted meanwhile.
    if (!version)
      throw asked.selector === undefined ? parameterNotFound(asked.text) : versionNotFound(parameter, number);
    return { parameter, version };
  }

  /** Versions of several parameters in their order, without those that are gone meanwhile; one snapshot. */
  async versions(
    wanted: readonly { readonly parameter: Parameter; readonly number: number }[],
  ): Promise<readonly { readonly parameter: Parameter; readonly version: ParameterVersion }[]> {
    const keys = wanted.map(({ parameter, number }) => ({ space: VALUES, key: versionKey(parameter, number) }));
    const entries = await this.#options.records.getAll(keys);
    return entries.flatMap((entry, at) =>
      entry ? [{ parameter: wanted[at]!.parameter, version: decoded(entry.value) }] : [],
    );
  }

  /** Adds a version. @throws SsmErrorCode */
  async put(region: string, request: PutRequest, by: string): Promise<{ version: number; tier: Tier }> {
    const name = checkedName(request.Name, region);
    checkText(request.Value);
    return this.#change(region, name, async () => {
      const before = this.#alive(region, name);
      const { parameter, version } = this.#next(region, name, before, request, by);
      const evicted = this.#evicted(parameter);
      const kept = { ...parameter, oldest: evicted === undefined ? parameter.oldest : evicted + 1 };
      const writes: Write[] = [
        // Of a parameter that was there before: one that has expired leaves its values behind until it is swept.
        ...(before ? [] : [{ kind: 'deleteRange', space: VALUES, ...keyRange([region, name]) } as const]),
        ...(evicted === undefined
          ? []
          : [{ kind: 'delete', space: VALUES, key: versionKey(parameter, evicted) } as const]),
        {
          kind: 'put',
          space: VALUES,
          key: versionKey(parameter, version.version),
          value: Buffer.from(JSON.stringify(version)),
        },
      ];
      await this.#registry.put(keyOf(region, name), kept, writes);
      if (kept.expiresAt !== undefined) this.#expireBy(kept.expiresAt);
      return { version: version.version, tier: version.tier };
    });
  }

  /** Changes labels or tags. @throws parameter-not-found */
  async update(region: string, name: string, decide: (before: Parameter) => Parameter): Promise<void> {
    await this.#change(region, name, async () => {
      const before = this.#alive(region, name);
      if (!before) throw parameterNotFound(name);
      await this.#registry.put(keyOf(region, name), decide(before));
    });
  }

  /** @returns whether it was there */
  delete(region: string, name: string): Promise<boolean> {
    return this.#change(region, name, async () => {
      const was = this.#alive(region, name) !== undefined;
      await this.#remove(region, name);
      return was;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#expiry?.timer.cancel();
    await this.#sweeping;
  }

  /** The parameter with its next version, as the request has it. */
  #next(region: string, name: string, before: Parameter | undefined, request: PutRequest, by: string) {
    const { Overwrite = false, Tags = [], Value: value } = request;
    if (before && !Overwrite) {
      throw new SsmError(
        'already-exists',
        'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
      );
    }
    if (Overwrite && Tags.length > 0) {
      throw invalid(
        "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
      );
    }
    const type = typeOf(before, request);
    const dataType = dataTypeOf(type, before, request.DataType);
    const policies =
      request.Policies === undefined
        ? before?.latest.policies
        : readPolicies(request.Policies, this.#options.clock.now());
    const hasPolicies = (policies?.length ?? 0) > 0;
    const tier = tierFor(request.Tier, before, value, hasPolicies);
    if (before?.latest.tier !== tier) this.#checkQuota(region, tier);
    const allowedPattern = request.AllowedPattern ?? before?.latest.allowedPattern;
    if (allowedPattern) checkPattern(allowedPattern, value);
    const description = request.Description ?? before?.latest.description;
    const latest = {
      version: (before?.latest.version ?? 0) + 1,
      modifiedAt: this.#options.clock.now(),
      modifiedBy: by,
      tier,
      dataType,
      ...(description && { description }),
      ...(allowedPattern && { allowedPattern }),
      ...(hasPolicies && { policies: policies! }),
    };
    const cipher = type === 'SecureString' && this.#options.random.bytes(CIPHER_BYTES).toString('base64');
    const version: ParameterVersion = { ...latest, value, ...(cipher && { cipher }) };
    const expiresAt = policies && expiryOf(policies);
    const parameter: Parameter = {
      region,
      name,
      type,
      latest,
      oldest: before?.oldest ?? 1,
      labels: before?.labels ?? {},
      tags: before?.tags ?? tagsOf(Tags),
      ...(expiresAt !== undefined && { expiresAt }),
    };
    return { parameter, version };
  }

  /** The version that goes for the newest one to come. @throws too-many-versions  somebody has labelled it */
  #evicted({ name, latest, oldest, labels }: Parameter): number | undefined {
    if (latest.version - oldest < SSM_LIMITS.versionsMax) return undefined;
    if (!Object.values(labels).includes(oldest)) return oldest;
    throw new SsmError(
      'too-many-versions',
      `You attempted to create a new version of ${name} by calling the PutParameter API with the overwrite flag. Version ${oldest}, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.`,
    );
  }

  #checkQuota(region: string, tier: Tier): void {
    const max = tier === 'Standard' ? SSM_LIMITS.standardParametersMax : SSM_LIMITS.advancedParametersMax;
    // Names alone first: below the quota there is nothing to count.
    if (this.#registry.names(keyOf(region, '')).length < max) return;
    if (this.list(region).filter(({ latest }) => latest.tier === tier).length < max) return;
    throw new SsmError(
      'too-many-parameters',
      `You have exceeded the number of ${tier} parameters for this account: ${max}. Delete one or more parameters and try again.`,
    );
  }

  async #read(parameter: Parameter, number: number): Promise<ParameterVersion | undefined> {
    const entry = await this.#options.records.get(VALUES, versionKey(parameter, number));
    return entry && decoded(entry.value);
  }

  #alive(region: string, name: string): Parameter | undefined {
    const found = this.#registry.get(keyOf(region, name));
    return found && this.#isAlive(found) ? found : undefined;
  }

  #isAlive({ expiresAt = Number.POSITIVE_INFINITY }: Parameter): boolean {
    return this.#options.clock.now() < expiresAt;
  }

  #change<T>(region: string, name: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.run(keyOf(region, name), work);
  }

  async #remove(region: string, name: string): Promise<void> {
    await this.#registry.delete(keyOf(region, name), [
      { kind: 'deleteRange', space: VALUES, ...keyRange([region, name]) },
    ]);
  }

  #expireBy(at: number): void {
    if (this.#closed || (this.#expiry && this.#expiry.at <= at)) return;
    this.#expiry?.timer.cancel();
    const delay = Math.min(Math.max(at - this.#options.clock.now(), 0), SSM_LIMITS.expiryTimerMsMax);
    this.#expiry = { at, timer: this.#options.clock.timer(delay, () => this.#sweep()) };
  }

  /** Takes what has expired from the disk, and waits for the next. */
  #sweep(): void {
    this.#expiry?.timer.cancel();
    this.#expiry = undefined;
    const dated = this.#registry.list().filter(({ expiresAt }) => expiresAt !== undefined);
    const expired = dated.filter((parameter) => !this.#isAlive(parameter));
    const next = Math.min(...dated.filter((one) => this.#isAlive(one)).map(({ expiresAt }) => expiresAt!));
    if (Number.isFinite(next)) this.#expireBy(next);
    this.#sweeping = this.#sweeping
      .then(async () => {
        for (const { region, name } of expired) {
          await this.#change(region, name, async () => {
            if (!this.#alive(region, name)) await this.#remove(region, name);
          });
        }
      })
      .catch((error: unknown) => this.#options.logger.warn('expired-parameters-not-deleted', { error }));
  }
}

function typeOf(before: Parameter | undefined, { Type, KeyId }: PutRequest): ParameterType {
  const type = before?.type ?? Type;
  if (!type) throw invalid('A parameter type is required when you create a parameter.');
  if (Type !== undefined && Type !== type) {
    throw new SsmError(
      'type-mismatch',
      `Parameter Store doesn't support changing a parameter type in a hierarchy: the parameter is a ${type}. You must create a new, unique parameter.`,
    );
  }
  if (KeyId === undefined) return type;
  if (type !== 'SecureString') throw invalid('KeyId is required for SecureString type parameter only.');
  if (OWN_KEYS.includes(KeyId) || KeyId.endsWith(`:${DEFAULT_KEY_ID}`)) return type;
  throw new SsmError(
    'invalid-key',
    `Key ${KeyId} cannot be found: KMS is not built in Millrace. Leave KeyId out, or give ${DEFAULT_KEY_ID}: the node's own key seals every value.`,
  );
}

function dataTypeOf(type: ParameterType, before: Parameter | undefined, asked: string | undefined): string {
  const dataType = asked ?? before?.latest.dataType ?? 'text';
  if (!DATA_TYPES.includes(dataType)) {
    throw invalid(
      `The following data type is not supported: ${dataType} (Data type names are all lowercase.) Supported data types: ${DATA_TYPES.join(', ')}`,
    );
  }
  if (dataType === 'aws:ec2:image' && type !== 'String') {
    throw invalid(`The data type aws:ec2:image is for String parameters only.`);
  }
  return dataType;
}

/** @throws too-many-tags, validation */
export function tagsOf(list: readonly { readonly Key: string; readonly Value: string }[]): Record<string, string> {
  const tags = Object.fromEntries(list.map(({ Key, Value }) => [Key, Value]));
  if (Object.keys(tags).length > SSM_LIMITS.tagsMax) {
    throw new SsmError('too-many-tags', `A parameter has at most ${SSM_LIMITS.tagsMax} tags.`);
  }
  return tags;
}

/** Number of the version that a selector means. @throws version-not-found */
export function numberOf(parameter: Parameter, selector: string | undefined): number {
  const { latest, oldest, labels, name } = parameter;
  if (selector === undefined) return latest.version;
  if (!/^\d+$/.test(selector)) {
    const labelled = Object.hasOwn(labels, selector) ? labels[selector] : undefined;
    if (labelled !== undefined) return labelled;
    throw new SsmError(
      'version-not-found',
      `Systems Manager could not find label ${selector} of ${name}. Verify the label and try again.`,
    );
  }
  const number = Number(selector);
  if (number < oldest || number > latest.version) throw versionNotFound(parameter, selector);
  return number;
}

export function versionNotFound({ name }: Parameter, number: number | string): DomainError {
  return new SsmError(
    'version-not-found',
    `Systems Manager could not find version ${number} of ${name}. Verify the version and try again.`,
  );
}

/** Whether an error says that a parameter, or a version of it, is not there. */
export function isMissing(error: unknown): boolean {
  return hasCode(error, 'parameter-not-found') || hasCode(error, 'version-not-found');
}

function keyOf(region: string, name: string): string {
  return `${region}/${name}`;
}

function versionKey({ region, name }: Parameter, number: number): Buffer {
  return encodeKey([region, name, number]);
}

function decoded(value: Uint8Array): ParameterVersion {
  return JSON.parse(Buffer.from(value).toString()) as ParameterVersion;
}
