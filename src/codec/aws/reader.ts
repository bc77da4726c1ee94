/*
 * Readers turn a tree of plain values (parsed JSON, decoded CBOR, or text from a form, XML or headers) into an operation's input,
 * and check it against the model on the way. One closure per shape, made once; members are found by the names that came, since
 * requests name few of the members that a shape has. Trees are changed in place: what arrived as JSON is mostly the input already.
 */
import { type Check, lengthCheck, NOT_NULL, rangeCheck, stringCheck } from './constraints.ts';
import { ReadFailure } from './failure.ts';
import type { ListShape, MapShape, MemberTraits, ScalarShape, ServiceTable, StructureShape } from './shape.ts';
import { showValue } from './show.ts';
import { readTimestamp } from './timestamp.ts';
import { type NamedStep, NULL, type Trail } from './trail.ts';

/**
 * What scalars look like in the tree:
 * - `json`: numbers and booleans are JSON's, blobs base64, timestamps numbers or text;
 * - `text`: everything is a string;
 * - `cbor`: as json, but blobs are bytes and timestamps may be `Date`s.
 */
export type Notation = 'json' | 'text' | 'cbor';

/** Reads one value; notes broken constraints in the trail; @throws ReadFailure `serialization` for the wrong type. */
export type Read = (value: any, trail: Trail) => unknown;

interface Member extends NamedStep {
  readonly name: string;
  readonly required: boolean;
  readonly read: Read;
}

/** Compiles the readers of one service's shapes, each when it is first needed. */
export class ReaderSet {
  readonly #table: ServiceTable;
  readonly #notation: Notation;
  readonly #checked: boolean;
  readonly #readers = new Map<number, Read>();

  /** @param checked  false leaves the constraints out, as for S3, which has its own errors */
  constructor(table: ServiceTable, notation: Notation, checked = true) {
    this.#table = table;
    this.#notation = notation;
    this.#checked = checked;
  }

  /** The reader of the shape at `index`. */
  reader(index: number): Read {
    const known = this.#readers.get(index);
    if (known) return known;
    // A recursive shape finds this one while its own reader is being made.
    let made: Read = () => undefined;
    this.#readers.set(index, (value, trail) => made(value, trail));
    made = this.#compile(index);
    this.#readers.set(index, made);
    return made;
  }

  /** A reader of only the members of a structure that `takes` accepts: the rest of an HTTP binding comes from elsewhere. */
  partReader(index: number, takes: (traits: MemberTraits | undefined) => boolean): Read {
    return this.#structure(this.#table.shapes[index] as StructureShape, takes);
  }

  #compile(index: number): Read {
    const shape = this.#table.shapes[index]!;
    switch (shape.type) {
      case 'structure':
      case 'union':
        return this.#structure(shape, () => true);
      case 'list':
        return this.#list(shape);
      case 'map':
        return this.#map(shape);
      default:
        return this.#checked ? checkedScalar(shape, this.#notation) : scalarReader(shape, this.#notation);
    }
  }

  #structure(shape: StructureShape, takes: (traits: MemberTraits | undefined) => boolean): Read {
    const byWireName = this.#notation === 'json';
    const members = new Map<string, Member>();
    let renamed = false;
    for (const [name, index, traits] of shape.members) {
      if (!takes(traits)) continue;
      const wireName = (byWireName && traits?.jsonName) || name;
      renamed ||= wireName !== name;
      const required = this.#checked && (shape.required?.includes(name) ?? false);
      members.set(wireName, { name, shown: shownName(name), required, read: this.reader(index) });
    }
    const required = [...members.values()].filter((member) => member.required);
    const read = renamed ? copyingReader(members) : inPlaceReader(members);
    if (required.length === 0) return read;
    return (value, trail) => {
      const input = read(value, trail) as Record<string, unknown>;
      for (const member of required) {
        if (input[member.name] === undefined) trail.problem(NULL, NOT_NULL, member);
      }
      return input;
    };
  }

  #list(shape: ListShape): Read {
    const read = this.reader(shape.member);
    const check = this.#checked ? lengthCheck(shape) : undefined;
    return (value, trail) => {
      if (!Array.isArray(value)) throw misplaced(value);
      noteBroken(check, value.length, value, trail);
      trail.enter();
      for (let i = 0; i < value.length; i++) {
        trail.at(i);
        const item: unknown = value[i];
        if (item === null) trail.problem(NULL, NOT_NULL);
        else value[i] = read(item, trail);
      }
      trail.leave();
      return value;
    };
  }

  #map(shape: MapShape): Read {
    const readKey = this.reader(shape.key);
    const read = this.reader(shape.value);
    const check = this.#checked ? lengthCheck(shape) : undefined;
    return (value, trail) => {
      if (!isObject(value)) throw misplaced(value);
      if (check) noteBroken(check, Object.keys(value).length, value, trail);
      trail.enter();
      for (const key in value) {
        trail.at(key);
        readKey(key, trail);
        const item = value[key];
        if (item === null) trail.problem(NULL, NOT_NULL);
        else {
          const got = read(item, trail);
          if (got !== item) setOwn(value, key, got);
        }
      }
      trail.leave();
      return value;
    };
  }
}

/** Names are the wire's: members are replaced where reading changes them, unknown ones and nulls are taken out. */
function inPlaceReader(members: ReadonlyMap<string, Member>): Read {
  return (value, trail) => {
    if (!isObject(value)) throw misplaced(value);
    trail.enter();
    for (const key in value) {
      const member = members.get(key);
      const item = value[key];
      if (member === undefined || item === null) {
        delete value[key];
        continue;
      }
      trail.at(member);
      const got = member.read(item, trail);
      if (got !== item) value[key] = got;
    }
    trail.leave();
    return value;
  };
}

function copyingReader(members: ReadonlyMap<string, Member>): Read {
  return (value, trail) => {
    if (!isObject(value)) throw misplaced(value);
    const input: Record<string, unknown> = {};
    trail.enter();
    for (const key in value) {
      const member = members.get(key);
      const item = value[key];
      if (member === undefined || item === null) continue;
      trail.at(member);
      input[member.name] = member.read(item, trail);
    }
    trail.leave();
    return input;
  };
}

function checkedScalar(shape: ScalarShape, notation: Notation): Read {
  const read = scalarReader(shape, notation);
  const check = scalarCheck(shape);
  if (!check) return read;
  return (value, trail) => {
    const got = read(value, trail);
    const broken = check(got);
    if (broken) for (const constraint of broken) trail.problem(showValue(got), constraint);
    return got;
  };
}

function scalarCheck(shape: ScalarShape): Check<any> | undefined {
  switch (shape.type) {
    case 'string':
      return stringCheck(shape);
    case 'blob': {
      const length = shape.streaming ? undefined : lengthCheck(shape);
      return length && ((value: Uint8Array) => length(value.length));
    }
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      return rangeCheck(shape);
    default:
      return undefined;
  }
}

function scalarReader(shape: ScalarShape, notation: Notation): Read {
  switch (shape.type) {
    case 'string':
      return (value) => (typeof value === 'string' ? value : wrongType(value, 'String'));
    case 'boolean':
      return notation === 'text'
        ? booleanFromText
        : (value) => (typeof value === 'boolean' ? value : wrongType(value, 'Boolean'));
    case 'integer':
    case 'long':
      return notation === 'text' ? wholeFromText(shape.type) : wholeNumber(shape.type);
    case 'float':
    case 'double':
      return notation === 'text' ? (value) => floatFromText(String(value)) : floatNumber;
    case 'timestamp':
      return (value) => (value instanceof Date ? value : readTimestamp(value));
    case 'blob':
      return notation === 'cbor' ? bytes : blobFromBase64;
    default:
      return (value) => value;
  }
}

function wholeNumber(type: 'integer' | 'long'): Read {
  return (value) => {
    if (typeof value === 'bigint' && type === 'long') return Number(value);
    return Number.isInteger(value) ? value : wrongType(value, type === 'long' ? 'Long' : 'Integer');
  };
}

function wholeFromText(type: 'integer' | 'long'): Read {
  return (value) =>
    /^[-+]?\d{1,19}$/.test(value) ? Number(value) : wrongType(value, type === 'long' ? 'Long' : 'Integer');
}

function booleanFromText(value: unknown): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  // Java's clients of the query protocol write booleans in any case.
  if (typeof value === 'string' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  return wrongType(value, 'Boolean');
}

function floatNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^(NaN|-?Infinity)$/.test(value) ? Number(value) : wrongType(value, 'Double');
}

function floatFromText(value: string): number {
  const number = Number(value);
  return value.trim() !== '' && (value === 'NaN' || !Number.isNaN(number)) ? number : wrongType(value, 'Double');
}

function bytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : wrongType(value, 'Blob');
}

/** Node ignores what is not base64; a length that does not fit what came out tells. */
function blobFromBase64(value: unknown): Uint8Array {
  if (typeof value !== 'string') return wrongType(value, 'Blob');
  const { length } = value;
  if (length % 4 !== 0) {
    throw new ReadFailure(
      'serialization',
      `Base64 encoded length is expected a multiple of 4 bytes but found: ${length}`,
    );
  }
  const decoded = Buffer.from(value, 'base64');
  const padding = value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0;
  if (decoded.length !== (length / 4) * 3 - padding)
    throw new ReadFailure('serialization', 'Invalid Base64 character detected');
  return decoded;
}

function noteBroken(check: Check<number> | undefined, length: number, value: unknown, trail: Trail): void {
  const broken = check?.(length);
  if (broken) for (const constraint of broken) trail.problem(showValue(value), constraint);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** Assignment to `__proto__` would change the prototype; a definition makes a key of it. */
function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** AWS shows members in messages with a small first letter. */
export function shownName(name: string): string {
  return name[0]!.toLowerCase() + name.slice(1);
}

function misplaced(value: unknown): ReadFailure {
  if (Array.isArray(value)) return new ReadFailure('serialization', 'Start of list found where not expected');
  if (isObject(value)) return new ReadFailure('serialization', 'Start of structure or map found where not expected.');
  return new ReadFailure('serialization', 'Unexpected field type');
}

function wrongType(value: unknown, wanted: string): never {
  if (typeof value === 'object') throw misplaced(value);
  throw new ReadFailure('serialization', `${tokenName(value)} cannot be converted to ${wanted}`);
}

/** The names that AWS's JSON parser has for what it met. */
function tokenName(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'TRUE_VALUE' : 'FALSE_VALUE';
  if (typeof value === 'number') return Number.isInteger(value) ? 'NUMBER_VALUE' : 'DECIMAL_VALUE';
  return 'STRING_VALUE';
}
