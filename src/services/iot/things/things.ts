import { type Clock, type Random, Turns, uuid } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import type { PrincipalChanges } from '../access/changes.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';
import { type ThingGroup, type ThingGroups, thingGroupArn } from './groups.ts';
import {
  type AttributePayload,
  type Attributes,
  checkAttributes,
  checkVersion,
  sameAttributes,
  type Thing,
  type ThingPrincipal,
  type ThingPrincipalType,
  type ThingView,
  thingArn,
  updatedAttributes,
} from './thing.ts';
import type { ThingTypes } from './types.ts';

/** What a thing is made of. */
export interface ThingDefinition {
  readonly typeName?: string;
  readonly attributes?: Attributes;
}

export interface ThingUpdate {
  readonly typeName?: string;
  readonly removeType?: boolean;
  readonly attributePayload?: AttributePayload;
  readonly expectedVersion?: number;
}

/** Told what has become of a thing, after it is durable. */
export type ThingListener = (operation: 'CREATED' | 'UPDATED' | 'DELETED', thing: Thing) => void;

/** The things: all in memory, every change durable when it resolves, and told to those who decide what their principals may do. */
export class Things {
  readonly types: ThingTypes;
  readonly groups: ThingGroups;
  readonly #registry: Registry<Thing>;
  readonly #changes: PrincipalChanges;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #turns = new Turns();
  readonly #byPrincipal = new Index();
  readonly #byGroup = new Index();
  readonly #listeners = new Set<ThingListener>();

  private constructor(parts: Parts & { readonly registry: Registry<Thing> }) {
    this.types = parts.types;
    this.groups = parts.groups;
    this.#registry = parts.registry;
    this.#changes = parts.changes;
    this.#clock = parts.clock;
    this.#random = parts.random;
    for (const thing of parts.registry.list()) this.#index(undefined, thing);
  }

  static async open(parts: Parts): Promise<Things> {
    return new Things({ ...parts, registry: await Registry.open<Thing>(parts.records, 'iot.things') });
  }

  get size(): number {
    return this.#registry.size;
  }

  /** In order of names. */
  list(): readonly Thing[] {
    return this.#registry.list();
  }

  find(name: string): Thing | undefined {
    return this.#registry.get(name);
  }

  /** @throws IotError resource-not-found */
  get(name: string): Thing {
    const thing = this.#registry.get(name);
    if (thing) return thing;
    throw new IotError('resource-not-found', `Thing ${name} not found.`);
  }

  /** Has the listener told of every thing that is made, changed or deleted, until the result is called. */
  onChange(listener: ThingListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The same again is no error, as on AWS. @throws IotError resource-exists, resource-not-found (type), request-invalid, limit-exceeded */
  create(name: string, { typeName, attributes: given = {} }: ThingDefinition, region: string): Promise<Thing> {
    const attributes = updatedAttributes({}, { attributes: given });
    return this.#turns.run(name, async () => {
      const existing = this.#registry.get(name);
      if (existing) return sameOrExists(existing, typeName, attributes);
      if (typeName !== undefined) this.types.usable(typeName);
      checkAttributes(attributes, attributesMax(typeName));
      if (this.#registry.size >= IOT_LIMITS.thingsMax) {
        throw new IotError('limit-exceeded', `The limit of ${IOT_LIMITS.thingsMax} things is reached.`);
      }
      const thing: Thing = {
        ...{ name, id: uuid(this.#random), region, version: 1, attributes, groupIds: [], principals: [] },
        ...(typeName !== undefined && { typeName }),
        createdAt: this.#clock.now(),
      };
      await this.#registry.create(name, thing);
      this.#tell('CREATED', thing);
      return thing;
    });
  }

  /** @throws IotError resource-not-found, version-conflict, request-invalid */
  update(name: string, { typeName, removeType, attributePayload, expectedVersion }: ThingUpdate): Promise<void> {
    if (removeType && typeName !== undefined) {
      throw new IotError(
        'request-invalid',
        'A thing type is either set or removed: give thingTypeName or removeThingType.',
      );
    }
    return this.#turns.run(name, async () => {
      const { typeName: typeBefore, ...thing } = this.get(name);
      checkVersion(`Thing ${name}`, thing.version, expectedVersion);
      if (typeName !== undefined && typeName !== typeBefore) this.types.usable(typeName);
      const type = removeType ? undefined : (typeName ?? typeBefore);
      const attributes = attributePayload ? updatedAttributes(thing.attributes, attributePayload) : thing.attributes;
      checkAttributes(attributes, attributesMax(type));
      const updated = {
        ...thing,
        ...(type !== undefined && { typeName: type }),
        attributes,
        version: thing.version + 1,
      };
      await this.#put(this.get(name), updated);
      this.#tell('UPDATED', updated);
      this.#changed(updated.principals);
    });
  }

  /** Deleting a thing that is not there is no error, as on AWS. @throws IotError version-conflict, request-invalid (principals attached) */
  delete(name: string, expectedVersion: number | undefined): Promise<void> {
    return this.#turns.run(name, async () => {
      const thing = this.#registry.get(name);
      if (!thing) return;
      checkVersion(`Thing ${name}`, thing.version, expectedVersion);
      if (thing.principals.length > 0) {
        throw new IotError(
          'request-invalid',
          `Cannot delete. Thing ${name} is still attached to one or more principals: detach them first.`,
        );
      }
      await this.#registry.delete(name);
      this.#index(thing, undefined);
      this.#tell('DELETED', thing);
    });
  }

  /** Attaching twice is no error. @throws IotError resource-not-found, request-invalid (exclusive elsewhere), limit-exceeded */
  async attachPrincipal(
    name: string,
    principal: string,
    type: ThingPrincipalType = 'NON_EXCLUSIVE_THING',
  ): Promise<void> {
    // Whether a principal is free to be attached exclusively must not change while it is being attached elsewhere.
    await this.#turns.run(`principal ${principal}`, () =>
      this.#change(name, ({ principals }) => {
        const others = principals.filter((one) => one.principal !== principal);
        if (others.length >= IOT_LIMITS.principalsPerThingMax) {
          throw new IotError('limit-exceeded', `A thing has at most ${IOT_LIMITS.principalsPerThingMax} principals.`);
        }
        this.#checkExclusive(name, principal, type);
        return { principals: [...others, { principal, type }] };
      }),
    );
    this.#changes.changed(principal);
  }

  /** Detaching what is not attached is no error. @throws IotError resource-not-found */
  async detachPrincipal(name: string, principal: string): Promise<void> {
    await this.#change(name, ({ principals }) => ({
      principals: principals.filter((one) => one.principal !== principal),
    }));
    this.#changes.changed(principal);
  }

  /** Names of the things that a principal is attached to, sorted. */
  namesOfPrincipal(principal: string): readonly string[] {
    return [...this.#byPrincipal.get(principal)].sort();
  }

  /** The things that a principal is attached to, in order of names, as policies see them. */
  ofPrincipal(principal: string): readonly ThingView[] {
    return this.namesOfPrincipal(principal).map((name) => this.#view(this.get(name), principal));
  }

  /** ARNs of the groups of a thing and of all above them. @throws IotError resource-not-found */
  groupArnsOf(name: string): readonly string[] {
    return this.#groupArnsOf(this.get(name));
  }

  /** The attachment of a principal to a thing; `undefined` when there is none. */
  attachment(name: string, principal: string): ThingPrincipal | undefined {
    return this.#registry.get(name)?.principals.find((one) => one.principal === principal);
  }

  /** Groups that a thing is in itself, in order of names. */
  groupsOf({ groupIds }: Thing): readonly ThingGroup[] {
    const groups = groupIds.map((id) => this.groups.ofId(id)).filter((group) => group !== undefined);
    return groups.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Names of the things in a group, and in those below it when asked, sorted. */
  namesInGroup(group: ThingGroup, isRecursive: boolean): readonly string[] {
    const groups = isRecursive ? this.groups.within(group) : [group];
    return [...new Set(groups.flatMap(({ id }) => [...this.#byGroup.get(id)]))].sort();
  }

  /** Adding twice is no error. @throws IotError resource-not-found, request-invalid, limit-exceeded */
  addToGroup(name: string, groupName: string): Promise<void> {
    return this.#regroup(name, (thing) => this.#withGroup(thing, this.groups.get(groupName)));
  }

  /** Removing from a group that the thing is not in is no error. @throws IotError resource-not-found */
  removeFromGroup(name: string, groupName: string): Promise<void> {
    return this.#regroup(name, (thing) => withoutGroup(thing, this.groups.get(groupName)));
  }

  /** All at once: first those that it leaves, then those that it joins. @throws IotError as {@link addToGroup} */
  regroup(name: string, add: readonly string[], remove: readonly string[]): Promise<void> {
    return this.#regroup(name, (thing) => {
      const left = remove.reduce(
        (groupIds, group) => withoutGroup({ groupIds }, this.groups.get(group)),
        thing.groupIds,
      );
      return add.reduce((groupIds, group) => this.#withGroup({ groupIds }, this.groups.get(group)), left);
    });
  }

  /** Deletes a group; things that were in it are in it no more. @throws IotError version-conflict, request-invalid */
  async deleteGroup(name: string, expectedVersion: number | undefined): Promise<void> {
    const group = await this.groups.delete(name, expectedVersion);
    if (!group) return;
    const principals = [...this.#byGroup.get(group.id)].flatMap((thing) => this.#registry.get(thing)?.principals ?? []);
    this.#byGroup.drop(group.id);
    this.#changed(principals);
  }

  /** @throws IotError resource-not-found, request-invalid */
  deleteType(name: string): Promise<void> {
    return this.types.delete(name, () => this.#registry.list().some(({ typeName }) => typeName === name));
  }

  async #regroup(name: string, decide: (thing: Thing) => readonly string[]): Promise<void> {
    const thing = await this.#change(name, (before) => ({ groupIds: decide(before) }));
    this.#changed(thing.principals);
  }

  #withGroup({ groupIds }: Pick<Thing, 'groupIds'>, group: ThingGroup): readonly string[] {
    const groups = groupIds.map((id) => this.groups.ofId(id)).filter((one) => one !== undefined);
    if (groups.some(({ id }) => id === group.id)) return groupIds;
    if (groups.length >= IOT_LIMITS.groupsPerThingMax) {
      throw new IotError('limit-exceeded', `A thing is in at most ${IOT_LIMITS.groupsPerThingMax} groups.`);
    }
    const root = this.#rootOf(group);
    const rival = groups.find((one) => this.#rootOf(one) === root);
    if (rival) {
      throw new IotError(
        'request-invalid',
        `The thing is in group ${rival.name} of the same hierarchy (${root}): a thing is in one group of each hierarchy.`,
      );
    }
    return [...groups.map(({ id }) => id), group.id];
  }

  #rootOf(group: ThingGroup): string {
    return (this.groups.above(group)[0] ?? group).name;
  }

  #checkExclusive(name: string, principal: string, type: ThingPrincipalType): void {
    const others = [...this.#byPrincipal.get(principal)].filter((other) => other !== name);
    if (others.length === 0) return;
    const isTaken = others.some((other) => this.attachment(other, principal)?.type === 'EXCLUSIVE_THING');
    if (!isTaken && type === 'NON_EXCLUSIVE_THING') return;
    throw new IotError(
      'request-invalid',
      `The principal is attached to ${others.join(', ')} ${isTaken ? 'exclusively' : 'too and cannot be exclusive here'}: detach it there first.`,
    );
  }

  /** Replaces parts of a thing as `decide` says, which sees all changes before its own. */
  #change(name: string, decide: (thing: Thing) => Partial<Pick<Thing, 'groupIds' | 'principals'>>): Promise<Thing> {
    return this.#turns.run(name, async () => {
      const thing = this.get(name);
      const changed = { ...thing, ...decide(thing) };
      await this.#put(thing, changed);
      return changed;
    });
  }

  async #put(before: Thing, after: Thing): Promise<void> {
    await this.#registry.put(after.name, after);
    this.#index(before, after);
  }

  #index(before: Thing | undefined, after: Thing | undefined): void {
    for (const { principal } of before?.principals ?? []) this.#byPrincipal.remove(principal, before!.name);
    for (const id of before?.groupIds ?? []) this.#byGroup.remove(id, before!.name);
    for (const { principal } of after?.principals ?? []) this.#byPrincipal.add(principal, after!.name);
    // Rows may still name groups that are gone.
    for (const id of after?.groupIds ?? []) if (this.groups.ofId(id)) this.#byGroup.add(id, after!.name);
  }

  #view(thing: Thing, principal: string): ThingView {
    return {
      name: thing.name,
      arn: thingArn(thing),
      typeName: thing.typeName,
      attributes: thing.attributes,
      groups: this.groupsOf(thing).map(({ name }) => name),
      groupArns: this.#groupArnsOf(thing),
      isExclusive: this.attachment(thing.name, principal)?.type === 'EXCLUSIVE_THING',
    };
  }

  /** Of its groups and of all above them. */
  #groupArnsOf(thing: Thing): readonly string[] {
    const all = new Set(this.groupsOf(thing).flatMap((group) => [...this.groups.above(group), group]));
    return [...all].map(thingGroupArn);
  }

  #changed(principals: readonly ThingPrincipal[]): void {
    for (const { principal } of principals) this.#changes.changed(principal);
  }

  #tell(...change: Parameters<ThingListener>): void {
    for (const listener of this.#listeners) listener(...change);
  }
}

interface Parts {
  readonly records: Records;
  readonly types: ThingTypes;
  readonly groups: ThingGroups;
  readonly changes: PrincipalChanges;
  readonly clock: Clock;
  readonly random: Random;
}

/** Names of things by something that they have. */
class Index {
  readonly #names = new Map<string, Set<string>>();

  get(key: string): ReadonlySet<string> {
    return this.#names.get(key) ?? NO_NAMES;
  }

  add(key: string, name: string): void {
    const names = this.#names.get(key);
    if (names) names.add(name);
    else this.#names.set(key, new Set([name]));
  }

  remove(key: string, name: string): void {
    const names = this.#names.get(key);
    if (names?.delete(name) && names.size === 0) this.#names.delete(key);
  }

  drop(key: string): void {
    this.#names.delete(key);
  }
}

const NO_NAMES: ReadonlySet<string> = new Set();

function attributesMax(typeName: string | undefined): number {
  return typeName === undefined ? IOT_LIMITS.attributesWithoutTypeMax : IOT_LIMITS.attributesWithTypeMax;
}

function withoutGroup({ groupIds }: Pick<Thing, 'groupIds'>, { id }: ThingGroup): readonly string[] {
  return groupIds.filter((one) => one !== id);
}

function sameOrExists(thing: Thing, typeName: string | undefined, attributes: Attributes): Thing {
  if (thing.typeName === typeName && sameAttributes(thing.attributes, attributes)) return thing;
  const fields = { resourceId: thing.id, resourceArn: thingArn(thing) };
  throw new IotError('resource-exists', `Thing ${thing.name} already exists with different properties.`, { fields });
}
