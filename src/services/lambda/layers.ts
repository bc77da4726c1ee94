import { ACCOUNT_ID, type Clock, formatArn, type Random, uuid } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { invalidParameter, LambdaError, revisionMismatch } from './errors.ts';
import {
  type CodePackage,
  LAMBDA_LIMITS,
  type LayerRecord,
  type LayerUse,
  type LayerVersion,
  type PolicyStatement,
  type ResourcePolicy,
} from './model.ts';
import { Serial } from './serial.ts';
import { lambdaTime } from './times.ts';

const LAYER_ARN =
  /^arn:aws[a-zA-Z-]*:lambda:(?<region>[a-z]{2}(?:-[a-z]+)+-\d):(?<account>\d{12}):layer:(?<name>[a-zA-Z0-9_-]+)(?::(?<version>\d+))?$/;

/** Digits of a version number in keys, so that versions sort by number. */
const VERSION_DIGITS = 10;

export type NewLayerVersion = Pick<LayerVersion, 'description' | 'code' | 'runtimes' | 'architectures' | 'licenseInfo'>;

/** ARN of a layer, or of one of its versions. */
export function layerArn(region: string, name: string, version?: number): string {
  return formatArn('lambda', region, ACCOUNT_ID, `layer:${name}${version === undefined ? '' : `:${version}`}`);
}

/** Name of a layer, given as such or as an ARN. @throws invalid-parameter */
export function layerName(text: string): string {
  if (!text.startsWith('arn:')) return text;
  const name = LAYER_ARN.exec(text)?.groups?.name;
  if (!name) throw invalidParameter(`${text} is not the ARN of a layer`);
  return name;
}

/** The layers of a node. Every change is durable when it resolves. */
export class Layers {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #serial = new Serial();
  readonly #layers: Registry<LayerRecord>;
  readonly #versions: Registry<LayerVersion>;

  private constructor(
    { clock, random }: { readonly clock: Clock; readonly random: Random },
    layers: Registry<LayerRecord>,
    versions: Registry<LayerVersion>,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#layers = layers;
    this.#versions = versions;
  }

  static async open(options: {
    readonly records: Records;
    readonly clock: Clock;
    readonly random: Random;
  }): Promise<Layers> {
    const { records } = options;
    return new Layers(
      options,
      await Registry.open<LayerRecord>(records, 'lambda.layers'),
      await Registry.open<LayerVersion>(records, 'lambda.layer-versions'),
    );
  }

  /** Every package that a layer version has. */
  packages(): readonly CodePackage[] {
    return this.#versions.list().map(({ code }) => code);
  }

  /** Makes the next version: always a new one, also of a content that another one has. */
  publish(region: string, name: string, content: NewLayerVersion): Promise<LayerVersion> {
    return this.#serial.run(`${region}/${name}`, async () => {
      const version = this.#layers.get(`${region}/${name}`)?.nextVersion ?? 1;
      // The number first: one that a crash leaves without a version is passed over, as a deleted one is.
      await this.#layers.put(`${region}/${name}`, { region, name, nextVersion: version + 1 });
      const key = keyOf(region, name, version);
      await this.#versions.put(key, { region, name, version, ...content, created: lambdaTime(this.#clock) });
      return this.#versions.get(key)!;
    });
  }

  /** @throws resource-not-found */
  get(region: string, name: string, version: number): LayerVersion {
    const found = this.#versions.get(keyOf(region, name, version));
    if (!found) throw new LambdaError('resource-not-found', 'The resource you requested does not exist.');
    return found;
  }

  /** @throws invalid-parameter, resource-not-found */
  getByArn(arn: string): LayerVersion {
    const parts = LAYER_ARN.exec(arn)?.groups;
    if (!parts?.version) throw invalidParameter(`${arn} is not the ARN of a layer version`);
    checkAccount(arn, parts.account!);
    return this.get(parts.region!, parts.name!, Number(parts.version));
  }

  /** The newest version of each layer of a region that `matches`, by name. */
  latest(region: string, matches: (version: LayerVersion) => boolean): readonly LayerVersion[] {
    return this.#layers
      .list(`${region}/`)
      .flatMap(({ name }) => this.versions(region, name).find((version) => matches(version)) ?? []);
  }

  /** Versions of a layer, newest first; none of one that is not there. */
  versions(region: string, name: string): readonly LayerVersion[] {
    return this.#versions.list(`${region}/${name}/`).toReversed();
  }

  /** Functions that use it keep it. Deleting what is not there is no error, as on AWS. */
  delete(region: string, name: string, version: number): Promise<void> {
    return this.#serial.run(`${region}/${name}`, async () => {
      await this.#versions.delete(keyOf(region, name, version));
    });
  }

  /**
   * The layers that a function of `region` names.
   *
   * @throws invalid-parameter: too many, two versions of one layer, of another account or region, or not there
   */
  resolve(region: string, arns: readonly string[]): readonly LayerUse[] {
    if (arns.length > LAMBDA_LIMITS.layersMax) {
      throw invalidParameter(`Cannot reference more than ${LAMBDA_LIMITS.layersMax} layers.`);
    }
    const names = new Set<string>();
    return arns.map((arn) => {
      const { code, name } = this.#named(region, arn);
      if (names.has(name)) {
        throw invalidParameter(
          `Two different versions of the same layer are not allowed to be referenced in the same function. Layer: ${layerArn(region, name)}.`,
        );
      }
      names.add(name);
      return { arn, code };
    });
  }

  /** Changes the policy of a version. @throws resource-not-found, revision-mismatch */
  changePolicy(
    { region, name, version }: Pick<LayerVersion, 'region' | 'name' | 'version'>,
    revisionId: string | undefined,
    change: (statements: readonly PolicyStatement[]) => readonly PolicyStatement[],
  ): Promise<ResourcePolicy> {
    return this.#serial.run(`${region}/${name}`, async () => {
      const { policy: before, ...layer } = this.get(region, name, version);
      if (revisionId !== undefined && revisionId !== before?.revisionId)
        throw revisionMismatch('GetLayerVersionPolicy');
      const policy = { revisionId: uuid(this.#random), statements: change(before?.statements ?? []) };
      const kept = policy.statements.length > 0 ? { policy } : {};
      await this.#versions.put(keyOf(region, name, version), { ...layer, ...kept });
      return policy;
    });
  }

  #named(region: string, arn: string): LayerVersion {
    const parts = LAYER_ARN.exec(arn)?.groups;
    if (!parts?.version) {
      throw invalidParameter(`Layer ${arn} is not the ARN of a layer version: it ends with the number of the version.`);
    }
    checkAccount(arn, parts.account!);
    if (parts.region !== region) {
      throw invalidParameter(`Layer version ${arn} and the function are not in the same region: ${region}.`);
    }
    const found = this.#versions.get(keyOf(region, parts.name!, Number(parts.version)));
    if (!found) throw invalidParameter(`Layer version ${arn} does not exist.`);
    return found;
  }
}

function checkAccount(arn: string, account: string): void {
  if (account === ACCOUNT_ID) return;
  throw invalidParameter(
    `Layer version ${arn} belongs to account ${account}, and this node has the layers of account ${ACCOUNT_ID} only: download its zip ` +
      '(GetLayerVersionByArn on AWS), publish it here (PublishLayerVersion), and name the ARN that the answer has.',
  );
}

function keyOf(region: string, name: string, version: number): string {
  return `${region}/${name}/${String(version).padStart(VERSION_DIGITS, '0')}`;
}
