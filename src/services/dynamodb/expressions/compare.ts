import { Buffer } from 'node:buffer';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import { compareNumbers } from '../model/number.ts';
import { compareTexts } from '../model/text.ts';
import { typeOf } from '../model/values.ts';
import type { DocumentPath } from './bindings.ts';
import { includesBytes, includesText } from './search.ts';

/** What stands at a path of an item; `undefined` when nothing does. */
export function valueAt(attributes: Attributes, path: DocumentPath): AttributeValue | undefined {
  const name = path[0] as string;
  if (!Object.hasOwn(attributes, name)) return undefined;
  let value: AttributeValue | undefined = attributes[name];
  for (let at = 1; at < path.length && value !== undefined; at++) value = memberAt(value, path[at]!);
  return value;
}

/** A member of a map or list. */
export function memberAt(value: AttributeValue, part: string | number): AttributeValue | undefined {
  if (typeof part === 'number') return 'L' in value ? value.L[part] : undefined;
  return 'M' in value && Object.hasOwn(value.M, part) ? value.M[part] : undefined;
}

/** Whether two values are the same: of one type, sets and maps whatever their order. */
export function equalValues(a: AttributeValue, b: AttributeValue): boolean {
  if ('S' in a) return 'S' in b && a.S === b.S;
  // Canonical numbers are equal when their texts are.
  if ('N' in a) return 'N' in b && a.N === b.N;
  if ('B' in a) return 'B' in b && compareBytes(a.B, b.B) === 0;
  if ('BOOL' in a) return 'BOOL' in b && a.BOOL === b.BOOL;
  if ('NULL' in a) return 'NULL' in b;
  if ('L' in a) return 'L' in b && equalLists(a.L, b.L);
  if ('M' in a) return 'M' in b && equalAttributes(a.M, b.M);
  const type = typeOf(a);
  return type === typeOf(b) && equalSets(membersOf(a), membersOf(b));
}

function equalLists(a: readonly AttributeValue[], b: readonly AttributeValue[]): boolean {
  return a.length === b.length && a.every((member, at) => equalValues(member, b[at]!));
}

/** Whether items or maps are the same. */
export function equalAttributes(a: Attributes, b: Attributes): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && equalValues(a[name]!, b[name]!))
  );
}

/** Neither holds a member twice. */
function equalSets(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  const members = new Set(a);
  return b.every((member) => members.has(member));
}

/** Members of a set as texts that are equal when the members are; empty for what is no set. */
export function membersOf(value: AttributeValue): readonly string[] {
  if ('SS' in value) return value.SS;
  if ('NS' in value) return value.NS;
  return 'BS' in value ? value.BS.map((bytes) => Buffer.from(bytes).toString('latin1')) : [];
}

/**
 * Below zero, zero or above: how `a` stands to `b`. Strings by their UTF-8 bytes, binaries by unsigned bytes.
 * @returns `undefined` when they have no order: of different types, or not of strings, numbers or binaries
 */
export function orderOf(a: AttributeValue, b: AttributeValue): number | undefined {
  if ('N' in a) return 'N' in b ? compareNumbers(a.N, b.N) : undefined;
  if ('S' in a) return 'S' in b ? compareTexts(a.S, b.S) : undefined;
  return 'B' in a && 'B' in b ? compareBytes(a.B, b.B) : undefined;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** Whether a string or binary begins with another. */
export function beginsWith(value: AttributeValue, prefix: AttributeValue): boolean {
  if ('S' in value) return 'S' in prefix && value.S.startsWith(prefix.S);
  if (!('B' in value && 'B' in prefix)) return false;
  return compareBytes(value.B.subarray(0, prefix.B.length), prefix.B) === 0;
}

/** Whether `part` is a piece of a string or binary, or a member of a set or list. */
export function containsValue(whole: AttributeValue, part: AttributeValue): boolean {
  if ('S' in whole) return 'S' in part && includesText(whole.S, part.S);
  if ('SS' in whole) return 'S' in part && whole.SS.includes(part.S);
  if ('NS' in whole) return 'N' in part && whole.NS.includes(part.N);
  if ('L' in whole) return whole.L.some((member) => equalValues(member, part));
  if (!('B' in part)) return false;
  if ('BS' in whole) return whole.BS.some((member) => compareBytes(member, part.B) === 0);
  return 'B' in whole && includesBytes(whole.B, part.B);
}

/** What `size()` says of it: characters, bytes or members; `undefined` for types that have none. */
export function sizeOf(value: AttributeValue): number | undefined {
  if ('S' in value) return Buffer.byteLength(value.S);
  if ('B' in value) return value.B.length;
  if ('L' in value) return value.L.length;
  if ('M' in value) return Object.keys(value.M).length;
  if ('SS' in value) return value.SS.length;
  if ('NS' in value) return value.NS.length;
  return 'BS' in value ? value.BS.length : undefined;
}
