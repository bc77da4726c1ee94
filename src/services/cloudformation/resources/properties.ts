import { hasReference } from '../template/dynamic-references.ts';
import { UNKNOWN, type Value } from '../template/evaluate.ts';
import { isObject, type Json, type JsonObject, sameJson } from '../template/value.ts';

/**
 * What a property holds. Templates may write numbers and booleans as text (a parameter always gives text), and AWS takes them;
 * `any` is passed on as it stands.
 */
export type Kind =
  | 'text'
  | 'number'
  | 'flag'
  | 'any'
  | { readonly list: Kind }
  | { readonly map: Kind }
  | { readonly object: Readonly<Record<string, Kind>> };

export interface Property {
  readonly kind: Kind;
  /** A change makes a new resource instead of changing the one that is there. */
  readonly replaces: boolean;
  readonly required: boolean;
}

export type Properties = Readonly<Record<string, Property>>;

/** A property that is changed in place. */
export const changes = (kind: Kind): Property => ({ kind, replaces: false, required: false });
export const replaces = (kind: Kind): Property => ({ kind, replaces: true, required: false });
export const required = (property: Property): Property => ({ ...property, required: true });

/** A list of `{ Key, Value }`. */
export const TAGS: Property = changes({ list: { object: { Key: 'text', Value: 'text' } } });

/**
 * What is wrong with the properties of a resource, as AWS words it; empty when nothing is.
 *
 * @param notBuilt  names that AWS knows and we do not
 * @param open  any other name is taken too
 */
export function problemsOf(
  schema: Properties,
  properties: Readonly<Record<string, Value>>,
  notBuilt: readonly string[] = [],
  open = false,
): readonly string[] {
  const unknown = Object.keys(properties)
    .filter((name) => !open && !Object.hasOwn(schema, name))
    .map((name) =>
      notBuilt.includes(name)
        ? `Property ${name} is not built in Millrace`
        : `Encountered unsupported property ${name}`,
    );
  const missing = Object.entries(schema)
    .filter(([name, { required }]) => required && properties[name] === undefined)
    .map(([name]) => `Property ${name} cannot be empty.`);
  return [...unknown, ...missing];
}

/** Brings properties into the kinds of their schema. What is unknown stays so. @throws TypeError naming the place */
export function coerceProperties(
  schema: Properties,
  properties: Readonly<Record<string, Value>>,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [name, coerce(schema[name]?.kind ?? 'any', value, name)]),
  );
}

function coerce(kind: Kind, value: Value, path: string): Value {
  if (value === UNKNOWN || kind === 'any') return value;
  if (kind === 'text') return coerceText(value, path);
  if (kind === 'number') return coerceNumber(value, path);
  if (kind === 'flag') return coerceFlag(value, path);
  if ('list' in kind) {
    if (!Array.isArray(value)) throw new TypeError(`Value of property ${path} must be of type List`);
    return value.map((item, index) => coerce(kind.list, item as Value, `${path}/${index}`));
  }
  if (!isObject(value)) throw new TypeError(`Value of property ${path} must be an object`);
  return Object.fromEntries(
    Object.entries(value as Record<string, Value>).map(([key, member]) => {
      const inner = 'map' in kind ? kind.map : kind.object[key];
      if (inner === undefined) throw new TypeError(`Encountered unsupported property ${path}/${key}`);
      return [key, coerce(inner, member, `${path}/${key}`)];
    }),
  );
}

function coerceText(value: Value, path: string): Value {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError(`Value of property ${path} must be of type String`);
}

function coerceNumber(value: Value, path: string): Value {
  // What it stands for is known only when the resource is made.
  if (hasReference(value)) return value;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  throw new TypeError(`Value of property ${path} must be of type Number`);
}

function coerceFlag(value: Value, path: string): Value {
  if (hasReference(value)) return value;
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  throw new TypeError(`Value of property ${path} must be of type Boolean`);
}

/** Names of the properties that differ, sorted. */
export function changedProperties(before: JsonObject, after: Readonly<Record<string, Value>>): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !sameJson(before[name], after[name])).sort();
}

/** `[{ Key, Value }]` as a map. */
export function tagMap(tags: Json | undefined): Record<string, string> {
  const list = Array.isArray(tags) ? (tags as readonly { Key: string; Value: string }[]) : [];
  return Object.fromEntries(list.map(({ Key, Value }) => [Key, Value]));
}

/** What to set and what to take away to come from one set of tags to another. */
export function tagChanges(
  before: Json | undefined,
  after: Json | undefined,
): { readonly set: Record<string, string>; readonly remove: readonly string[] } {
  const [old, now] = [tagMap(before), tagMap(after)];
  const set = Object.fromEntries(Object.entries(now).filter(([key, value]) => old[key] !== value));
  return { set, remove: Object.keys(old).filter((key) => !Object.hasOwn(now, key)) };
}

/** The members of `source` that are there, under new names. */
export function rename(source: JsonObject, names: Readonly<Record<string, string>>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(names)
      .filter(([from]) => source[from] !== undefined)
      .map(([from, to]) => [to, source[from]!]),
  );
}

/** The members of `source` that are there. */
export function pick(source: JsonObject, names: readonly string[]): Record<string, Json> {
  return rename(source, Object.fromEntries(names.map((name) => [name, name])));
}
