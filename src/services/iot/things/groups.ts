import { ACCOUNT_ID, type Clock, formatArn, type Random, Turns, uuid } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';
import {
  type AttributePayload,
  type Attributes,
  checkAttributes,
  checkVersion,
  sameAttributes,
  updatedAttributes,
} from './thing.ts';

/** A static thing group as it is stored. */
export interface ThingGroup {
  readonly name: string;
  /** Things name the group by its id, so that a later group of the same name starts empty. */
  readonly id: string;
  readonly region: string;
  readonly version: number;
  readonly parentName?: string;
  readonly description?: string;
  readonly attributes: Attributes;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** What the API lets a caller say of a group. */
export interface ThingGroupProperties {
  readonly thingGroupDescription?: string;
  readonly attributePayload?: AttributePayload;
}

export function thingGroupArn({ name, region }: Pick<ThingGroup, 'name' | 'region'>): string {
  return formatArn('iot', region, ACCOUNT_ID, `thinggroup/${name}`);
}

/** Static thing groups and how they stand above one another: all in memory, every change durable when it resolves. */
export class ThingGroups {
  readonly #registry: Registry<ThingGroup>;
  readonly #byId = new Map<string, string>();
  readonly #clock: Clock;
  readonly #random: Random;
  /** The hierarchy is one thing: a parent must not go while a child comes. */
  readonly #turns = new Turns();

  private constructor(registry: Registry<ThingGroup>, clock: Clock, random: Random) {
    this.#registry = registry;
    this.#clock = clock;
    this.#random = random;
    for (const { id, name } of registry.list()) this.#byId.set(id, name);
  }

  static async open(records: Records, clock: Clock, random: Random): Promise<ThingGroups> {
    return new ThingGroups(await Registry.open<ThingGroup>(records, 'iot.thing-groups'), clock, random);
  }

  /** In order of names. */
  list(): readonly ThingGroup[] {
    return this.#registry.list();
  }

  find(name: string): ThingGroup | undefined {
    return this.#registry.get(name);
  }

  /** @throws IotError resource-not-found */
  get(name: string): ThingGroup {
    const group = this.#registry.get(name);
    if (group) return group;
    throw new IotError('resource-not-found', `Thing group ${name} not found.`);
  }

  /** `undefined` when the group is gone. */
  ofId(id: string): ThingGroup | undefined {
    const name = this.#byId.get(id);
    return name === undefined ? undefined : this.#registry.get(name);
  }

  /** The groups above one, the root first. */
  above(group: ThingGroup): readonly ThingGroup[] {
    const path: ThingGroup[] = [];
    let parentName = group.parentName;
    while (parentName !== undefined) {
      const parent = this.get(parentName);
      path.unshift(parent);
      parentName = parent.parentName;
    }
    return path;
  }

  /** The group and all below it. */
  within(group: ThingGroup): readonly ThingGroup[] {
    return [group, ...this.childrenOf(group.name).flatMap((child) => this.within(child))];
  }

  childrenOf(name: string): readonly ThingGroup[] {
    return this.#registry.list().filter(({ parentName }) => parentName === name);
  }

  /** The same again is no error. @throws IotError resource-exists, resource-not-found (parent), request-invalid, limit-exceeded */
  create(
    name: string,
    parentName: string | undefined,
    properties: ThingGroupProperties,
    region: string,
  ): Promise<ThingGroup> {
    const attributes = updatedAttributes({}, properties.attributePayload ?? {});
    checkAttributes(attributes, IOT_LIMITS.attributesWithTypeMax);
    const { thingGroupDescription: description } = properties;
    return this.#turns.run('hierarchy', async () => {
      const existing = this.#registry.get(name);
      if (existing) return sameOrExists(existing, { parentName, description, attributes });
      this.#checkPlace(parentName);
      const group: ThingGroup = {
        ...{ name, id: uuid(this.#random), region, version: 1, attributes, createdAt: this.#clock.now() },
        ...(parentName !== undefined && { parentName }),
        ...(description !== undefined && { description }),
      };
      await this.#registry.create(name, group);
      this.#byId.set(group.id, name);
      return group;
    });
  }

  /** @returns the new version @throws IotError resource-not-found, version-conflict, request-invalid */
  update(name: string, properties: ThingGroupProperties, expectedVersion: number | undefined): Promise<number> {
    return this.#turns.run('hierarchy', async () => {
      const group = this.get(name);
      checkVersion(`Thing group ${name}`, group.version, expectedVersion);
      const { thingGroupDescription, attributePayload } = properties;
      const attributes = attributePayload ? updatedAttributes(group.attributes, attributePayload) : group.attributes;
      checkAttributes(attributes, IOT_LIMITS.attributesWithTypeMax);
      const version = group.version + 1;
      const description = thingGroupDescription === undefined ? {} : { description: thingGroupDescription };
      await this.#registry.put(name, { ...group, ...description, attributes, version });
      return version;
    });
  }

  /** Deleting a group that is not there is no error, as on AWS. @throws IotError version-conflict, request-invalid (it has children) */
  delete(name: string, expectedVersion: number | undefined): Promise<ThingGroup | undefined> {
    return this.#turns.run('hierarchy', async () => {
      const group = this.#registry.get(name);
      if (!group) return undefined;
      checkVersion(`Thing group ${name}`, group.version, expectedVersion);
      if (this.childrenOf(name).length > 0) {
        throw new IotError('request-invalid', `Cannot delete thing group ${name}: it has child groups.`);
      }
      await this.#registry.delete(name);
      this.#byId.delete(group.id);
      return group;
    });
  }

  #checkPlace(parentName: string | undefined): void {
    if (this.#registry.size >= IOT_LIMITS.thingGroupsMax) {
      throw new IotError('limit-exceeded', `The limit of ${IOT_LIMITS.thingGroupsMax} thing groups is reached.`);
    }
    if (parentName === undefined) return;
    const parent = this.get(parentName);
    if (this.above(parent).length + 2 > IOT_LIMITS.groupDepthMax) {
      throw new IotError('limit-exceeded', `Thing groups stand at most ${IOT_LIMITS.groupDepthMax} deep.`);
    }
    if (this.childrenOf(parentName).length >= IOT_LIMITS.childGroupsMax) {
      throw new IotError('limit-exceeded', `A thing group has at most ${IOT_LIMITS.childGroupsMax} child groups.`);
    }
  }
}

function sameOrExists(
  group: ThingGroup,
  asked: { parentName: string | undefined; description: string | undefined; attributes: Attributes },
): ThingGroup {
  const isSame =
    group.parentName === asked.parentName &&
    group.description === asked.description &&
    sameAttributes(group.attributes, asked.attributes);
  if (isSame) return group;
  const fields = { resourceId: group.id, resourceArn: thingGroupArn(group) };
  throw new IotError('resource-exists', `Thing group ${group.name} already exists with different properties.`, {
    fields,
  });
}
