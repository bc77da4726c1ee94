import type { Attributes, AttributeValue } from './attribute-value.ts';
import { itemOf } from './stored.ts';
import { type Index, type KeySchema, keyAttributes, type StoredItem } from './table.ts';

/** What of an item stands in an index. @param table  key of the table, which every index has */
export function projectTo({ key, projection }: Index, table: KeySchema, item: StoredItem): StoredItem {
  if (projection.type === 'ALL') return item;
  const names = projection.type === 'INCLUDE' ? projection.names : [];
  return itemOf(pick(item.attributes, [...keyNames(table), ...keyNames(key), ...names]));
}

/** Names of a key's attributes, partition first. */
export function keyNames(key: KeySchema): readonly string[] {
  return keyAttributes(key).map(({ name }) => name);
}

/** Those of the attributes that are named. */
export function pick(attributes: Attributes, names: Iterable<string>): Attributes {
  const picked: Record<string, AttributeValue> = {};
  for (const name of names) {
    if (Object.hasOwn(attributes, name)) define(picked, name, attributes[name]!);
  }
  return picked;
}

/** Assignment to `__proto__` would change the prototype. */
function define(target: Record<string, AttributeValue>, name: string, value: AttributeValue): void {
  if (name !== '__proto__') target[name] = value;
  else Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}
