/* What the types of API Gateway have in common: changes as patches, names, tags, parts of an API. */
import { isObject, type Json, type JsonObject, sameJson } from '../../template/value.ts';
import { type Properties, rename, tagChanges } from '../properties.ts';
import { type Existing, ignoreMissing, type Made, type ResourceType, type Work } from '../resource-type.ts';

export const SERVICE = 'apigateway';

export interface Patch {
  readonly op: 'replace' | 'remove' | 'add';
  readonly path: string;
  readonly value?: string;
}

/** Changes of settings, as `Update` operations take them. @param names  properties, by the members they are of */
export function patchesOf(before: JsonObject, after: JsonObject, names: Readonly<Record<string, string>>): Patch[] {
  return Object.entries(names).flatMap(([property, member]): Patch[] => {
    const [old, now] = [before[property], after[property]];
    if (sameJson(old, now)) return [];
    if (now === undefined) return [{ op: 'remove', path: `/${member}` }];
    return [{ op: 'replace', path: `/${member}`, value: patchText(now) }];
  });
}

export function patchText(value: Json): string {
  if (Array.isArray(value)) return value.map(String).join(',');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

/** Members that are maps are changed entry by entry. */
export function mapPatches(before: Json | undefined, after: Json | undefined, member: string): Patch[] {
  const [old, now] = [isObject(before) ? before : {}, isObject(after) ? after : {}];
  const escaped = (name: string) => `/${member}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const gone = Object.keys(old).filter((name) => !Object.hasOwn(now, name));
  return [
    ...gone.map((name): Patch => ({ op: 'remove', path: escaped(name) })),
    ...Object.entries(now)
      .filter(([name, value]) => !sameJson(old[name], value))
      .map(([name, value]): Patch => ({ op: 'replace', path: escaped(name), value: patchText(value) })),
  ];
}

/** Names with their first letter small, as the operations have them; what is within maps stays. */
export function camel(value: JsonObject, names: readonly string[]): Record<string, Json> {
  return rename(value, Object.fromEntries(names.map((name) => [name, name[0]!.toLowerCase() + name.slice(1)])));
}

/** What a stack knows its API by, should a crash leave it without the id. */
export function ownerTags({ identity, logicalId }: Work): Record<string, string> {
  return { 'aws:cloudformation:stack-id': identity.id, 'aws:cloudformation:logical-id': logicalId };
}

export async function changeTags(
  path: string,
  before: Json | undefined,
  after: Json | undefined,
  work: Work,
): Promise<void> {
  const { set, remove } = tagChanges(before, after);
  const resourceArn = `arn:aws:apigateway:${work.identity.region}::${path}`;
  if (Object.keys(set).length > 0) await work.call(SERVICE, 'TagResource', { resourceArn, tags: set });
  if (remove.length > 0) await work.call(SERVICE, 'UntagResource', { resourceArn, tagKeys: remove });
}

export const listOf = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : [];

/** Templates may write flags as text. */
export function flags(values: JsonObject): Record<string, boolean> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === true || value === 'true']));
}

/** A part of an API that is made and changed by its id or name. */
export function part(options: {
  readonly name: string;
  readonly properties: Properties;
  readonly label: string;
  /** Member of what `Create` answers that the part is found by. */
  readonly key: string;
  readonly attribute?: string;
  /** Properties that name one, the one that is its own last. */
  readonly identifiers: readonly string[];
  readonly members: readonly string[];
  readonly naming?: ResourceType['naming'];
  readonly input?: (properties: JsonObject) => JsonObject;
}): ResourceType {
  const { name, label, key, attribute, members, input = (all) => all } = options;
  const madeOf = (id: string): Made => ({ physicalId: id, attributes: attribute ? { [attribute]: id } : {} });
  return {
    properties: options.properties,
    attributes: attribute ? [attribute] : [],
    ...(options.naming && { naming: options.naming }),
    imports: {
      identifiers: options.identifiers,
      needs: ['RestApiId'],
      async find({ RestApiId: restApiId, ...named }, work) {
        const found = await work.call(SERVICE, `Get${name}`, {
          restApiId,
          [label]: named[options.identifiers.at(-1)!],
        });
        return madeOf(String(found[key]));
      },
    },

    async create(properties, work) {
      const named = options.naming ? { ...properties, [options.naming.property]: work.name } : properties;
      const { RestApiId: restApiId } = properties;
      const { items = [] } = work.resuming ? await work.call(SERVICE, `Get${name}s`, { restApiId, limit: 500 }) : {};
      const own = (items as JsonObject[]).find((one) => one.name === named.Name && one.name !== undefined);
      const made = own ?? (await work.call(SERVICE, `Create${name}`, { restApiId, ...camel(input(named), members) }));
      const id = String(made[key]);
      await work.made(id);
      return madeOf(id);
    },

    async update({ physicalId, properties: before }: Existing, properties, work) {
      const names = Object.fromEntries(members.map((one) => [one, one[0]!.toLowerCase() + one.slice(1)]));
      const patchOperations = patchesOf(input(before), input(properties), names);
      const place = { restApiId: properties.RestApiId, [label]: physicalId };
      if (patchOperations.length > 0) await work.call(SERVICE, `Update${name}`, { ...place, patchOperations });
      return madeOf(physicalId);
    },

    async delete({ physicalId, properties: { RestApiId: restApiId } }, work) {
      await ignoreMissing(() => work.call(SERVICE, `Delete${name}`, { restApiId, [label]: physicalId }));
    },
  };
}
