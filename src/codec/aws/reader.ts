/*
 * Readers turn a tree of plain values (parsed JSON, decoded CBOR, or text from a form, XML or headers) into an operation's input,
 * and check it against the model on the way. One closure per shape, made once; members are found by the names that came, since
 * requests name few of the members that a shape has. Trees are changed in place: what arrived as JSON is mostly the input already.
 */
import { type Check, lengthCheck, NOT_NULL } from './constraints.ts';
import { checkedScalar, isObject, misplaced, type Notation, type Read, scalarReader } from './scalars.ts';
import type { ListShape, MapShape, MemberTraits, ServiceTable, StructureShape } from './shape.ts';
import { showValue } from './show.ts';
import { type NamedStep, NULL, type Trail } from './trail.ts';

export type { Notation, Read } from './scalars.ts';

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

function noteBroken(check: Check<number> | undefined, length: number, value: unknown, trail: Trail): void {
  const broken = check?.(length);
  if (broken) for (const constraint of broken) trail.problem(showValue(value), constraint);
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
