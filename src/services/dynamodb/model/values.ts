import { Buffer } from 'node:buffer';
import { invalid, RequestRefusal } from '../errors.ts';
import type { Attributes, AttributeType, AttributeValue } from './attribute-value.ts';
import { canonicalNumber, compareNumbers } from './number.ts';
import { compareTexts } from './text.ts';

/** Levels that lists and maps of a value may have within each other. */
export const VALUE_LIMITS = {
  /** Levels of lists and maps, the attribute itself the first. */
  depth: 32,
} as const;

/** The type of a checked value. */
export function typeOf(value: AttributeValue): AttributeType {
  for (const type in value) return type as AttributeType;
  throw new TypeError('a checked value has a type');
}

/**
 * The value with canonical numbers and texts that UTF-8 can hold: itself when they are. A surrogate without its other half becomes U+FFFD,
 * as any encoder makes it: in a key it would be that in the row, and two keys one.
 *
 * @throws DynamodbError `validation-failed`, as AWS words it: no type or several, a number that is none, sets that are empty
 *   or hold a member twice, too many levels
 */
export function checkedValue(value: AttributeValue): AttributeValue {
  return checkedAt(value, 1);
}

/** The same of each of `attributes`: themselves when nothing had to be changed. */
export function checkedAttributes(attributes: Attributes): Attributes {
  return mapAttributes(attributes, (value) => checkedAt(value, 1));
}

function checkedAt(value: AttributeValue, depth: number): AttributeValue {
  if (depth > VALUE_LIMITS.depth) throw tooDeep();
  let result: AttributeValue | undefined;
  let types = 0;
  for (const type in value) {
    if (value[type as keyof typeof value] === undefined) continue;
    types++;
    const check = CHECKS[type as AttributeType];
    result = check === undefined ? value : check(value as never, depth);
  }
  if (result === undefined)
    throw invalid('Supplied AttributeValue is empty, must contain exactly one of the supported datatypes');
  if (types > 1)
    throw invalid(
      'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes',
    );
  return result;
}

const tooDeep = () =>
  invalid(
    'Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit',
  );

/**
 * Whether a checked value may stand so deep in an item.
 * @param level  its own; that of an attribute is 1
 * @throws DynamodbError `validation-failed` when what is in it stands too deep
 */
export function checkDepth(value: AttributeValue, level: number): void {
  if (level > VALUE_LIMITS.depth) throw tooDeep();
  if ('L' in value) for (const member of value.L) checkDepth(member, level + 1);
  else if ('M' in value) for (const member of Object.values(value.M)) checkDepth(member, level + 1);
}

const WRONG = 'One or more parameter values were invalid: ';
const wrong = (message: string) => invalid(WRONG + message);

const duplicates = (what: string, newer: string) =>
  new RequestRefusal(`${WRONG}Input collection ${what} duplicates.`, `${WRONG}Input collection ${newer} duplicates.`);

/** Members as AWS's newer wording lists them: those before the first repeated one in their order, then the others as they came. */
function upToRepeated<T>(members: readonly T[], texts: readonly string[], order: (a: T, b: T) => number): readonly T[] {
  const seen = new Set<string>();
  const repeated = texts.findIndex((text) => seen.size === seen.add(text).size);
  return [...members.slice(0, repeated).sort(order), ...members.slice(repeated)];
}

type Check<Type extends AttributeType> = (
  value: Extract<AttributeValue, Record<Type, unknown>>,
  depth: number,
) => AttributeValue;

const CHECKS: { readonly [Type in AttributeType]?: Check<Type> } = {
  S: (value) => (value.S.isWellFormed() ? value : { S: value.S.toWellFormed() }),
  N: (value) => {
    const text = canonicalNumber(value.N);
    return text === value.N ? value : { N: text };
  },
  NULL: (value) => {
    if (!value.NULL) throw wrong('Null attribute value types must have the value of true');
    return value;
  },
  SS: (value) => {
    if (value.SS.length === 0) throw wrong('An string set  may not be empty');
    const texts = mapList(value.SS, (text) => text.toWellFormed());
    if (new Set(texts).size < texts.length) {
      const newer = upToRepeated(texts, texts, compareTexts).map((text) => `"${text}"`);
      throw duplicates(`[${texts.join(', ')}] contains`, `[${newer.join(', ')}] contains`);
    }
    return sortedSet(texts === value.SS ? value : { SS: texts });
  },
  NS: (value) => {
    if (value.NS.length === 0) throw wrong('An number set  may not be empty');
    const numbers = mapList(value.NS, canonicalNumber);
    if (new Set(numbers).size < numbers.length)
      throw new RequestRefusal('Input collection contains duplicates', `${WRONG}Input collection contains duplicates.`);
    return sortedSet(numbers === value.NS ? value : { NS: numbers });
  },
  BS: (value) => {
    if (value.BS.length === 0) throw wrong('Binary sets should not be empty');
    const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
    const texts = value.BS.map(base64);
    if (new Set(texts).size < texts.length) {
      const newer = upToRepeated(value.BS, texts, Buffer.compare).map((bytes) => `"${base64(bytes)}"`);
      throw duplicates(`[${texts.join(', ')}]of type BS contains`, `[${newer.join()}]of type BS contains`);
    }
    return sortedSet(value);
  },
  L: (value, depth) => {
    const members = mapList(value.L, (member) => checkedAt(member, depth + 1));
    return members === value.L ? value : { L: members };
  },
  M: (value, depth) => {
    const members = mapAttributes(value.M, (member) => checkedAt(member, depth + 1));
    return members === value.M ? value : { M: members };
  },
};

/** A set in the order in which DynamoDB gives its members: texts and binaries by their bytes, numbers by value. Itself when it is in it. */
export function sortedSet<Value extends AttributeValue>(value: Value): AttributeValue {
  if ('SS' in value) return isSorted(value.SS, compareTexts) ? value : { SS: value.SS.toSorted(compareTexts) };
  if ('NS' in value) return isSorted(value.NS, compareNumbers) ? value : { NS: value.NS.toSorted(compareNumbers) };
  if ('BS' in value) return isSorted(value.BS, Buffer.compare) ? value : { BS: value.BS.toSorted(Buffer.compare) };
  return value;
}

function isSorted<T>(members: readonly T[], order: (a: T, b: T) => number): boolean {
  return members.every((member, at) => at === 0 || order(members[at - 1]!, member) < 0);
}

/** The list of what `change` makes; the same list when that is the same. */
function mapList<T>(list: readonly T[], change: (member: T) => T): readonly T[] {
  let changed: T[] | undefined;
  for (let at = 0; at < list.length; at++) {
    const member = change(list[at]!);
    if (member !== list[at]) changed ??= list.slice();
    if (changed) changed[at] = member;
  }
  return changed ?? list;
}

function mapAttributes(attributes: Attributes, change: (value: AttributeValue) => AttributeValue): Attributes {
  const changed: [string, AttributeValue][] = [];
  for (const [name, value] of Object.entries(attributes)) {
    const made = change(value);
    if (made !== value) changed.push([name, made]);
  }
  if (changed.length === 0) return attributes;
  return Object.fromEntries([...Object.entries(attributes), ...changed]);
}
