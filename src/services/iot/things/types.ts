import { ACCOUNT_ID, type Clock, formatArn, hasCode, type Random, Turns, uuid } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';

/** What the API lets a caller say of a type. */
export interface ThingTypeProperties {
  readonly thingTypeDescription?: string;
  readonly searchableAttributes?: readonly string[];
  /** Kept and given back; messages do not carry the attributes yet. */
  readonly mqtt5Configuration?: unknown;
}

/** A thing type as it is stored. */
export interface ThingType {
  readonly name: string;
  readonly id: string;
  readonly region: string;
  readonly properties: ThingTypeProperties;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Set while no new thing may be of it. */
  readonly deprecatedAt?: number;
}

export function thingTypeArn({ name, region }: Pick<ThingType, 'name' | 'region'>): string {
  return formatArn('iot', region, ACCOUNT_ID, `thingtype/${name}`);
}

/** Thing types: all in memory, every change durable when it resolves. */
export class ThingTypes {
  readonly #registry: Registry<ThingType>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #turns = new Turns();

  private constructor(registry: Registry<ThingType>, clock: Clock, random: Random) {
    this.#registry = registry;
    this.#clock = clock;
    this.#random = random;
  }

  static async open(records: Records, clock: Clock, random: Random): Promise<ThingTypes> {
    return new ThingTypes(await Registry.open<ThingType>(records, 'iot.thing-types'), clock, random);
  }

  /** In order of names. */
  list(): readonly ThingType[] {
    return this.#registry.list();
  }

  find(name: string): ThingType | undefined {
    return this.#registry.get(name);
  }

  /** @throws IotError resource-not-found */
  get(name: string): ThingType {
    const type = this.#registry.get(name);
    if (type) return type;
    throw new IotError('resource-not-found', `Thing type ${name} not found.`);
  }

  /** For a thing that is to be of it. @throws IotError resource-not-found, request-invalid (deprecated) */
  usable(name: string): ThingType {
    const type = this.get(name);
    if (type.deprecatedAt === undefined) return type;
    throw new IotError('request-invalid', `Can not create new thing with deprecated thing type: ${name}`);
  }

  /** The same again is no error. @throws IotError resource-exists, request-invalid, limit-exceeded */
  async create(name: string, properties: ThingTypeProperties, region: string): Promise<ThingType> {
    checkProperties(properties);
    const existing = this.#registry.get(name);
    if (existing) return sameOrExists(existing, properties);
    if (this.#registry.size >= IOT_LIMITS.thingTypesMax) {
      throw new IotError('limit-exceeded', `The limit of ${IOT_LIMITS.thingTypesMax} thing types is reached.`);
    }
    const type: ThingType = { name, id: uuid(this.#random), region, properties, createdAt: this.#clock.now() };
    try {
      await this.#registry.create(name, type);
    } catch (error) {
      if (!hasCode(error, 'already-exists')) throw error;
      return sameOrExists(this.get(name), properties);
    }
    return type;
  }

  /** @throws IotError resource-not-found, request-invalid */
  update(name: string, properties: ThingTypeProperties): Promise<void> {
    checkProperties(properties);
    return this.#turns.run(name, async () => {
      const type = this.get(name);
      await this.#registry.put(name, { ...type, properties: { ...type.properties, ...properties } });
    });
  }

  /** @throws IotError resource-not-found */
  deprecate(name: string, isDeprecated: boolean): Promise<void> {
    return this.#turns.run(name, async () => {
      const { deprecatedAt, ...type } = this.get(name);
      if ((deprecatedAt !== undefined) === isDeprecated) return;
      await this.#registry.put(name, { ...type, ...(isDeprecated && { deprecatedAt: this.#clock.now() }) });
    });
  }

  /**
   * @param isUsed  asked when it is this deletion's turn
   * @throws IotError resource-not-found, request-invalid  not deprecated for long enough, or some thing is of it
   */
  delete(name: string, isUsed: () => boolean): Promise<void> {
    return this.#turns.run(name, async () => {
      const { deprecatedAt } = this.get(name);
      const age = this.#clock.now() - (deprecatedAt ?? Number.POSITIVE_INFINITY);
      if (age < IOT_LIMITS.typeDeprecationMsMin) {
        throw new IotError(
          'request-invalid',
          `Can not delete thing type ${name}: it must have been deprecated for 5 minutes.`,
        );
      }
      if (isUsed())
        throw new IotError('request-invalid', `Can not delete thing type ${name}: things are of this type.`);
      await this.#registry.delete(name);
    });
  }
}

function checkProperties({ searchableAttributes = [] }: ThingTypeProperties): void {
  if (searchableAttributes.length <= IOT_LIMITS.searchableAttributesMax) return;
  throw new IotError(
    'request-invalid',
    `A thing type has at most ${IOT_LIMITS.searchableAttributesMax} searchable attributes.`,
  );
}

function sameOrExists(type: ThingType, properties: ThingTypeProperties): ThingType {
  const isSame =
    type.properties.thingTypeDescription === properties.thingTypeDescription &&
    JSON.stringify(type.properties.searchableAttributes ?? []) ===
      JSON.stringify(properties.searchableAttributes ?? []);
  if (isSame) return type;
  const fields = { resourceId: type.id, resourceArn: thingTypeArn(type) };
  throw new IotError('resource-exists', `Thing type ${type.name} already exists with different properties.`, {
    fields,
  });
}
