import type { Attributes, AttributeValue } from './attribute-value.ts';

/** Texts up to so many code units are counted here: a call into the runtime costs more. */
const SHORT = 48;

/**
 * Bytes of an item or map as AWS counts them: names and values.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export function sizeOfAttributes(attributes: Attributes): number {
  let size = 0;
  for (const name in attributes) size += utf8Length(name) + sizeOfValue(attributes[name]!);
  return size;
}

/** Bytes of a value, without the name of its attribute. @param value  numbers canonical */
export function sizeOfValue(value: AttributeValue): number {
  if ('S' in value) return utf8Length(value.S);
  if ('N' in value) return sizeOfNumber(value.N);
  if ('M' in value) return sizeOfMap(value.M);
  if ('L' in value) return sizeOfList(value.L);
  if ('B' in value) return value.B.length;
  if ('SS' in value) return total(value.SS, utf8Length);
  if ('NS' in value) return total(value.NS, sizeOfNumber);
  if ('BS' in value) return total(value.BS, (member) => member.length);
  return 1;
}

/** Three bytes of its own, and one for each member. */
function sizeOfMap(map: Attributes): number {
  let size = 3;
  for (const name in map) size += 1 + utf8Length(name) + sizeOfValue(map[name]!);
  return size;
}

function sizeOfList(list: readonly AttributeValue[]): number {
  return 3 + list.length + total(list, sizeOfValue);
}

function total<T>(members: readonly T[], sizeOf: (member: T) => number): number {
  let size = 0;
  for (const member of members) size += sizeOf(member);
  return size;
}

/**
 * One byte, and one for every two significant digits, which pair up from the decimal point on; one more below zero.
 * @param text  canonical
 */
function sizeOfNumber(text: string): number {
  if (text === '0') return 1;
  const negative = text.charCodeAt(0) === 45;
  const point = text.indexOf('.');
  const pointAt = point < 0 ? text.length : point;
  let first = negative ? 1 : 0;
  while (text.charCodeAt(first) === 48 || first === point) first++;
  let last = text.length - 1;
  while (text.charCodeAt(last) === 48 || last === point) last--;
  const digits = last - first + 1 - (point > first && point < last ? 1 : 0);
  // Power of ten of the first digit; a digit of an odd power begins a pair, one of an even power is the second of its own.
  const power = first < pointAt ? pointAt - first - 1 : pointAt - first;
  const pairs = Math.ceil((digits + (power % 2 === 0 ? 1 : 0)) / 2);
  return 1 + pairs + (negative ? 1 : 0);
}

/** Length of a text in UTF-8. */
export function utf8Length(text: string): number {
  const { length } = text;
  if (length > SHORT) return Buffer.byteLength(text);
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) > 0x7f) return Buffer.byteLength(text);
  return length;
}
