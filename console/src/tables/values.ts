/**
 * Attribute values as people read and write them.
 *
 * Plain JSON stands for what JSON has: text, number (every digit is kept), true, false, null, list, map. What it has not is marked by a
 * map of one member: `{"$B": "base64"}`, `{"$SS": ["a"]}`, `{"$NS": [1]}`, `{"$BS": ["base64"]}`; a map that happens to look so is
 * written `{"$M": {...}}`.
 */

/** One member: `S`, `N`, `B`, `BOOL`, `NULL`, `L`, `M`, `SS`, `NS` or `BS`. */
export type AttributeValue = Readonly<Record<string, unknown>>;
export type Attributes = Readonly<Record<string, AttributeValue>>;

const TYPES = ['S', 'N', 'B', 'BOOL', 'NULL', 'L', 'M', 'SS', 'NS', 'BS'] as const;
export type AttributeType = (typeof TYPES)[number];

const MARKED = new Set(['$B', '$SS', '$NS', '$BS', '$M']);

export function typeOf(value: AttributeValue): AttributeType {
  return Object.keys(value)[0] as AttributeType;
}

/** In a cell: short, on one line. */
export function shown(value: AttributeValue): string {
  const type = typeOf(value);
  if (type === 'S') return clipped(String(value.S));
  if (type === 'B') return `${binaryBytes(String(value.B))} bytes`;
  return clipped(plainText(value, 0));
}

const CELL_MAX = 160;
const clipped = (text: string) => (text.length > CELL_MAX ? `${text.slice(0, CELL_MAX)}…` : text);

function binaryBytes(base64: string): number {
  return Math.floor((base64.replace(/=+$/, '').length * 3) / 4);
}

/** An item as plain JSON. */
export function plainOf(item: Attributes): string {
  return mapText(Object.entries(item), 0, 2);
}

/** An item as DynamoDB JSON. */
export function typedOf(item: Attributes): string {
  return JSON.stringify(item, null, 2);
}

function plainText(value: AttributeValue, depth: number, indent = 0): string {
  const type = typeOf(value);
  const content = value[type];
  switch (type) {
    case 'S':
      return JSON.stringify(content);
    case 'N':
      return String(content);
    case 'BOOL':
      return String(content);
    case 'NULL':
      return 'null';
    case 'L':
      return listText(
        (content as AttributeValue[]).map((one) => plainText(one, depth + 1, indent)),
        depth,
        indent,
      );
    case 'M': {
      const entries = Object.entries(content as Attributes);
      const text = (at: number) => mapText(entries, at, indent);
      const looksMarked = entries.length === 1 && MARKED.has(entries[0]![0]);
      return looksMarked ? `{"$M": ${text(depth + 1)}}` : text(depth);
    }
    case 'B':
      return `{"$B": ${JSON.stringify(content)}}`;
    case 'NS':
      return `{"$NS": [${(content as string[]).join(', ')}]}`;
    default:
      return `{"$${type}": [${(content as string[]).map((one) => JSON.stringify(one)).join(', ')}]}`;
  }
}

function mapText(entries: readonly (readonly [string, AttributeValue])[], depth: number, indent: number): string {
  const members = entries.map(([name, value]) => `${JSON.stringify(name)}: ${plainText(value, depth + 1, indent)}`);
  return wrapped('{', members, '}', depth, indent);
}

const listText = (members: readonly string[], depth: number, indent: number) =>
  wrapped('[', members, ']', depth, indent);

function wrapped(open: string, members: readonly string[], close: string, depth: number, indent: number): string {
  if (members.length === 0) return open + close;
  if (indent === 0) return `${open}${members.join(', ')}${close}`;
  const line = `\n${' '.repeat(indent * (depth + 1))}`;
  return `${open}${line}${members.join(`,${line}`)}\n${' '.repeat(indent * depth)}${close}`;
}

/** @throws SyntaxError  says where it is no item */
export function readPlain(text: string): Attributes {
  const value = parse(text);
  if (!isMap(value)) throw new SyntaxError('An item is a JSON object.');
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, typed(one, name)]));
}

/** @throws SyntaxError */
export function readTyped(text: string): Attributes {
  const value: unknown = JSON.parse(text);
  if (!isMap(value)) throw new SyntaxError('An item is a JSON object.');
  for (const [name, one] of Object.entries(value)) checkTyped(one, name);
  return value as Attributes;
}

/** One value: plain JSON, or text that is not JSON as it stands. */
export function readValue(text: string, type: AttributeType): AttributeValue {
  if (type === 'S' || type === 'N' || type === 'B') return { [type]: type === 'S' ? text : text.trim() };
  if (type === 'BOOL') return { BOOL: text.trim() === 'true' };
  if (type === 'NULL') return { NULL: true };
  const value = typed(parse(text), 'value');
  if (typeOf(value) !== type) throw new SyntaxError(`This is no value of type ${type}.`);
  return value;
}

/** A number with the digits that were written. */
class Digits {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

function parse(text: string): unknown {
  const revive = (_name: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' ? new Digits(digitsOf(value, context?.source)) : value;
  return JSON.parse(text, revive as (name: string, value: unknown) => unknown);
}

/** An older browser does not tell how a number was written: only what it cannot have changed is taken. */
function digitsOf(value: number, source: string | undefined): string {
  if (source !== undefined) return source;
  if (Number.isSafeInteger(value)) return String(value);
  throw new SyntaxError('This browser may change the digits of numbers: write the item as DynamoDB JSON.');
}

function typed(value: unknown, where: string): AttributeValue {
  if (value === null) return { NULL: true };
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'boolean') return { BOOL: value };
  if (value instanceof Digits) return { N: value.text };
  if (Array.isArray(value)) return { L: value.map((one, index) => typed(one, `${where}[${index}]`)) };
  const entries = Object.entries(value as Record<string, unknown>);
  const [first] = entries;
  if (entries.length === 1 && MARKED.has(first![0])) return marked(first![0], first![1], where);
  return { M: Object.fromEntries(entries.map(([name, one]) => [name, typed(one, `${where}.${name}`)])) };
}

function marked(mark: string, value: unknown, where: string): AttributeValue {
  if (mark === '$M') {
    if (!isMap(value)) throw new SyntaxError(`${where}: $M is a map.`);
    return {
      M: Object.fromEntries(Object.entries(value).map(([name, one]) => [name, typed(one, `${where}.${name}`)])),
    };
  }
  if (mark === '$B') {
    if (typeof value !== 'string') throw new SyntaxError(`${where}: $B is base64 text.`);
    return { B: value };
  }
  const wanted = mark === '$NS' ? 'numbers' : 'texts';
  const isMember = (one: unknown) => (mark === '$NS' ? one instanceof Digits : typeof one === 'string');
  if (!Array.isArray(value) || value.length === 0 || !value.every(isMember)) {
    throw new SyntaxError(`${where}: ${mark} is a list of one or more ${wanted}.`);
  }
  return { [mark.slice(1)]: value.map((one) => (one instanceof Digits ? one.text : one)) };
}

function checkTyped(value: unknown, where: string): void {
  const names = isMap(value) ? Object.keys(value) : [];
  const type = TYPES.find((known) => known === names[0]);
  if (names.length !== 1 || type === undefined) {
    throw new SyntaxError(`${where}: write its type, {"S": "text"} or {"N": "1"}; types are ${TYPES.join(', ')}.`);
  }
  const content = (value as Record<string, unknown>)[type];
  if (type === 'L' && Array.isArray(content))
    for (const [at, one] of content.entries()) checkTyped(one, `${where}[${at}]`);
  if (type === 'M' && isMap(content))
    for (const [name, one] of Object.entries(content)) checkTyped(one, `${where}.${name}`);
  const isGood =
    type === 'S' || type === 'N' || type === 'B'
      ? typeof content === 'string'
      : type === 'BOOL' || type === 'NULL'
        ? typeof content === 'boolean'
        : type === 'M'
          ? isMap(content)
          : Array.isArray(content);
  if (!isGood)
    throw new SyntaxError(`${where}: this is no content of ${type}${type === 'N' ? ': numbers are in quotes' : ''}.`);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Digits);
}

/** Whether two values are the same as JSON; the order of members does not count, neither does that of sets. */
export function isSame(one: AttributeValue | undefined, other: AttributeValue | undefined): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  return `{${Object.entries(value)
    .map(([name, one]) => {
      const isSet = (name === 'SS' || name === 'NS' || name === 'BS') && Array.isArray(one);
      return `${JSON.stringify(name)}:${canonical(isSet ? one.toSorted() : one)}`;
    })
    .sort()
    .join()}}`;
}
