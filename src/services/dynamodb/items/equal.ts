import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import { base64 } from '../model/stored.ts';
import type { StoredItem } from '../model/table.ts';

/** Whether two items hold the same; no item equals none. */
export function sameItem(a: StoredItem | undefined, b: StoredItem | undefined): boolean {
  if (!a || !b) return a === b;
  // Sizes differ almost always when items do, and are at hand.
  if (a.sizeBytes !== b.sizeBytes) return false;
  return a.json === b.json || sameAttributes(a.attributes, b.attributes);
}

function sameAttributes(a: Attributes, b: Attributes): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && sameValue(a[name]!, b[name]!));
}

/** @param a  canonical, as `b`: the order of a set's members tells nothing */
function sameValue(a: AttributeValue, b: AttributeValue): boolean {
  if ('S' in a) return 'S' in b && a.S === b.S;
  if ('N' in a) return 'N' in b && a.N === b.N;
  if ('B' in a) return 'B' in b && Buffer.compare(a.B, b.B) === 0;
  if ('M' in a) return 'M' in b && sameAttributes(a.M, b.M);
  if ('L' in a) return 'L' in b && a.L.length === b.L.length && a.L.every((value, at) => sameValue(value, b.L[at]!));
  if ('SS' in a) return 'SS' in b && sameSet(a.SS, b.SS);
  if ('NS' in a) return 'NS' in b && sameSet(a.NS, b.NS);
  if ('BS' in a) return 'BS' in b && sameSet(a.BS.map(base64), b.BS.map(base64));
  if ('BOOL' in a) return 'BOOL' in b && a.BOOL === b.BOOL;
  return 'NULL' in b;
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const members = new Set(a);
  return a.length === b.length && b.every((member) => members.has(member));
}
