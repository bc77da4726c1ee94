/*
 * CBOR (RFC 8949), as much of it as Smithy's rpcv2Cbor uses. A value begins with a byte of major type (3 bits) and argument (5):
 * 0 unsigned, 1 negative, 2 bytes, 3 text, 4 array, 5 map, 6 tag, 7 simple and floats; arguments of 24 to 27 follow in 1 to 8
 * bytes, 31 means "until the break byte".
 */
import { ReadFailure } from './failure.ts';

/** Deepest nesting, as the readers' (S5). */
const DEPTH_MAX = 256;
const BREAK = 0xff;
const INDEFINITE = 31;
const TAG_EPOCH = 1;

/**
 * Decodes one value. Integers beyond 2^53 become `bigint`s, tag 1 (epoch seconds) a `Date`, other tags are dropped.
 * @throws ReadFailure
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  const cursor = new Cursor(bytes);
  const value = decodeValue(cursor, 0);
  if (cursor.at !== bytes.length) throw malformed('bytes after the end');
  return value;
}

class Cursor {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Position of the next `length` bytes, which are there. */
  take(length: number): number {
    const start = this.at;
    if (length > this.bytes.length - start) throw malformed('it ends early');
    this.at += length;
    return start;
  }

  /** The argument of a head: a number, or a `bigint` where a number cannot hold it. */
  argument(info: number): number | bigint {
    if (info < 24) return info;
    if (info === 24) return this.bytes.readUInt8(this.take(1));
    if (info === 25) return this.bytes.readUInt16BE(this.take(2));
    if (info === 26) return this.bytes.readUInt32BE(this.take(4));
    if (info !== 27) throw malformed('a reserved length');
    const value = this.bytes.readBigUInt64BE(this.take(8));
    return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  }

  /** A count of things of which each takes a byte at least. */
  count(info: number): number {
    const count = this.argument(info);
    if (typeof count === 'bigint' || count > this.bytes.length - this.at) throw malformed('it ends early');
    return count;
  }

  /** True at the end of an indefinite value, which is then behind. */
  atBreak(): boolean {
    const ends = this.bytes[this.take(1)] === BREAK;
    if (!ends) this.at--;
    return ends;
  }
}

function decodeValue(cursor: Cursor, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new ReadFailure('serialization', 'The request is nested too deeply.');
  const head = cursor.bytes[cursor.take(1)]!;
  const info = head & 31;
  switch (head >> 5) {
    case 0:
      return cursor.argument(info);
    case 1:
      return negative(cursor.argument(info));
    case 2:
      return info === INDEFINITE ? Buffer.concat(chunksOf(cursor, 2)) : slice(cursor, info);
    case 3:
      return (info === INDEFINITE ? Buffer.concat(chunksOf(cursor, 3)) : slice(cursor, info)).toString('utf8');
    case 4:
      return decodeArray(cursor, info, depth);
    case 5:
      return decodeMap(cursor, info, depth);
    case 6: {
      const tag = cursor.argument(info);
      const value = decodeValue(cursor, depth + 1);
      return tag === TAG_EPOCH && typeof value === 'number' ? new Date(Math.round(value * 1000)) : value;
    }
    default:
      return decodeSimple(cursor, info);
  }
}

function negative(argument: number | bigint): number | bigint {
  const value = -1n - BigInt(argument);
  return value >= Number.MIN_SAFE_INTEGER ? Number(value) : value;
}

function slice(cursor: Cursor, info: number): Buffer {
  const length = cursor.count(info);
  const start = cursor.take(length);
  return cursor.bytes.subarray(start, start + length);
}

/** The pieces of an indefinite string: definite ones of the same type. */
function chunksOf(cursor: Cursor, major: number): Buffer[] {
  const chunks: Buffer[] = [];
  while (!cursor.atBreak()) {
    const head = cursor.bytes[cursor.take(1)]!;
    if (head >> 5 !== major || (head & 31) === INDEFINITE) throw malformed('a piece of another type');
    chunks.push(slice(cursor, head & 31));
  }
  return chunks;
}

function decodeArray(cursor: Cursor, info: number, depth: number): unknown[] {
  const items: unknown[] = [];
  if (info === INDEFINITE) while (!cursor.atBreak()) items.push(decodeValue(cursor, depth + 1));
  else for (let left = cursor.count(info); left > 0; left--) items.push(decodeValue(cursor, depth + 1));
  return items;
}

function decodeMap(cursor: Cursor, info: number, depth: number): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  const takePair = () => {
    const key = decodeValue(cursor, depth + 1);
    if (typeof key !== 'string') throw malformed('a key that is no text');
    const value = decodeValue(cursor, depth + 1);
    if (key === '__proto__')
      Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
    else map[key] = value;
  };
  if (info === INDEFINITE) while (!cursor.atBreak()) takePair();
  else for (let left = cursor.count(info); left > 0; left--) takePair();
  return map;
}

function decodeSimple(cursor: Cursor, info: number): unknown {
  switch (info) {
    case 20:
      return false;
    case 21:
      return true;
    // `undefined` is read as null: both stand for "not there".
    case 22:
    case 23:
      return null;
    case 25:
      return halfFloat(cursor.bytes.readUInt16BE(cursor.take(2)));
    case 26:
      return cursor.bytes.readFloatBE(cursor.take(4));
    case 27:
      return cursor.bytes.readDoubleBE(cursor.take(8));
    default:
      throw malformed(`the simple value ${info}`);
  }
}

/** IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** Encodes plain values: `Date`s as tag 1, numbers as integers where they are whole, else as doubles; `undefined` is left out. */
export function encodeCbor(value: unknown): Buffer {
  const parts: Uint8Array[] = [];
  encodeValue(value, parts);
  return Buffer.concat(parts);
}

function encodeValue(value: unknown, parts: Uint8Array[]): void {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'utf8');
    parts.push(headOf(3, bytes.length), bytes);
  } else if (typeof value === 'number') parts.push(numberOf(value));
  else if (typeof value === 'bigint') parts.push(value < 0n ? headOf(1, -1n - value) : headOf(0, value));
  else if (typeof value === 'boolean') parts.push(Buffer.of(value ? 0xf5 : 0xf4));
  else if (value === null || value === undefined) parts.push(Buffer.of(0xf6));
  else if (value instanceof Uint8Array) parts.push(headOf(2, value.length), value);
  else if (value instanceof Date) parts.push(headOf(6, TAG_EPOCH), numberOf(value.getTime() / 1000));
  else encodeContainer(value, parts);
}

function encodeContainer(value: object, parts: Uint8Array[]): void {
  if (Array.isArray(value)) {
    parts.push(headOf(4, value.length));
    for (const item of value) encodeValue(item, parts);
    return;
  }
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  parts.push(headOf(5, entries.length));
  for (const [key, item] of entries) {
    encodeValue(key, parts);
    encodeValue(item, parts);
  }
}

function numberOf(value: number): Buffer {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return value < 0 ? headOf(1, -1 - value) : headOf(0, value);
  const bytes = Buffer.allocUnsafe(9);
  bytes[0] = 0xfb;
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function headOf(major: number, argument: number | bigint): Buffer {
  const top = major << 5;
  if (argument < 24) return Buffer.of(top | Number(argument));
  if (argument < 0x100) return Buffer.of(top | 24, Number(argument));
  const wide = argument < 0x10000 ? 2 : argument < 0x100000000 ? 4 : 8;
  const bytes = Buffer.allocUnsafe(1 + wide);
  bytes[0] = top | (wide === 2 ? 25 : wide === 4 ? 26 : 27);
  if (wide === 8) bytes.writeBigUInt64BE(BigInt(argument), 1);
  else bytes.writeUIntBE(Number(argument), 1, wide);
  return bytes;
}

function malformed(what: string): ReadFailure {
  return new ReadFailure('serialization', `Could not parse request body into cbor: ${what}`);
}
