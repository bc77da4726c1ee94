/**
 * Order-preserving tuple keys: comparing two encoded keys byte by byte gives the order of their tuples, element by element.
 *
 * | tag         | element                | then                                                                  |
 * |-------------|------------------------|-----------------------------------------------------------------------|
 * | 0x01        | bytes                  | the bytes, 0x00 written as 0x00 0xff; then 0x00                        |
 * | 0x02        | string                 | its UTF-8, 0x00 written as 0x00 0xff; then 0x00                        |
 * | 0x10..0x20  | number (safe integer)  | 0x18 is zero, 0x18 + n a positive one of n bytes, 0x18 - n a negative |
 * | 0x27..0x39  | bigint, to 64 bits     | 0x30 is zero, 0x30 + n and 0x30 - n as above, n to 8                   |
 * | 0x26 / 0x3a | bigint, 9 to 255 bytes | the length (negative: its complement), then the magnitude             |
 *
 * Magnitudes are big endian without leading zeros; those of negative integers are complemented, so that they too sort.
 * Elements of different types sort by tag: bytes, strings, numbers, bigints. A number and a bigint of one value are different keys.
 */
import { DomainError } from '../base/index.ts';

/** An element of a key. A number must be a safe integer; a string must be well-formed UTF-16. */
export type KeyPart = string | number | bigint | Uint8Array;

const BYTES = 0x01;
const STRING = 0x02;
const NUMBER_ZERO = 0x18;
const NUMBER_BYTES_MAX = 7;
const BIGINT_ZERO = 0x30;
const BIGINT_SHORT_BYTES_MAX = 8;
const BIGINT_LONG_NEGATIVE = 0x26;
const BIGINT_LONG_POSITIVE = 0x3a;
const BIGINT_BYTES_MAX = 255;
/** Above every tag: `encodeKey(parts)` followed by it sorts after every key that begins with `parts`. */
const AFTER_ALL_TAGS = 0xff;

/** A tuple as bytes. @throws DomainError `key-invalid`: a number is no safe integer, or a string holds a lone surrogate */
export function encodeKey(parts: readonly KeyPart[]): Buffer {
  const bytes: number[] = [];
  for (const part of parts) writePart(bytes, part);
  return Buffer.from(bytes);
}

/** The tuple that `encodeKey` wrote. @throws DomainError `key-invalid` */
export function decodeKey(key: Uint8Array): KeyPart[] {
  const reader = new KeyReader(key);
  const parts: KeyPart[] = [];
  while (!reader.done) parts.push(reader.part());
  return parts;
}

/** The range (`from` inclusive, `to` exclusive) of all keys whose first elements are `parts`. */
export function keyRange(parts: readonly KeyPart[]): { readonly from: Buffer; readonly to: Buffer } {
  const from = encodeKey(parts);
  return { from, to: Buffer.concat([from, Buffer.of(AFTER_ALL_TAGS)]) };
}

/** The range of all keys that begin with `parts` and go on with a string that begins with `prefix`. */
export function stringPrefixRange(
  parts: readonly KeyPart[],
  prefix: string,
): { readonly from: Buffer; readonly to: Buffer } {
  // Without its terminator the encoded string is a prefix of all that begin with it; UTF-8 never has 0xff, an escape may end in it.
  const from = encodeKey([...parts, prefix]).subarray(0, -1);
  return { from, to: Buffer.concat([from, Buffer.of(AFTER_ALL_TAGS, AFTER_ALL_TAGS)]) };
}

function writePart(bytes: number[], part: KeyPart): void {
  if (typeof part === 'string') return writeString(bytes, part);
  if (typeof part === 'number') return writeNumber(bytes, part);
  if (typeof part === 'bigint') return writeBigint(bytes, part);
  bytes.push(BYTES);
  writeEscaped(bytes, part);
}

function writeString(bytes: number[], text: string): void {
  if (!text.isWellFormed()) throw invalid('a string with a lone surrogate has no order in UTF-8');
  bytes.push(STRING);
  writeEscaped(bytes, Buffer.from(text));
}

function writeEscaped(bytes: number[], content: Uint8Array): void {
  for (let i = 0; i < content.length; i++) {
    bytes.push(content[i]!);
    if (content[i] === 0) bytes.push(0xff);
  }
  bytes.push(0);
}

function writeNumber(bytes: number[], value: number): void {
  if (!Number.isSafeInteger(value)) throw invalid(`${value} is not a safe integer`);
  writeInteger(bytes, NUMBER_ZERO, BigInt(value));
}

function writeBigint(bytes: number[], value: bigint): void {
  writeInteger(bytes, BIGINT_ZERO, value);
}

function writeInteger(bytes: number[], zeroTag: number, value: bigint): void {
  const negative = value < 0n;
  const magnitude = magnitudeOf(negative ? -value : value);
  const length = magnitude.length;
  if (length <= BIGINT_SHORT_BYTES_MAX) bytes.push(negative ? zeroTag - length : zeroTag + length);
  else writeLongTag(bytes, length, negative);
  for (const byte of magnitude) bytes.push(negative ? byte ^ 0xff : byte);
}

function writeLongTag(bytes: number[], length: number, negative: boolean): void {
  if (length > BIGINT_BYTES_MAX) throw invalid(`a bigint of ${length} bytes is longer than ${BIGINT_BYTES_MAX}`);
  if (negative) bytes.push(BIGINT_LONG_NEGATIVE, length ^ 0xff);
  else bytes.push(BIGINT_LONG_POSITIVE, length);
}

function magnitudeOf(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0);
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
}

class KeyReader {
  readonly #key: Buffer;
  #at = 0;

  constructor(key: Uint8Array) {
    this.#key = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  }

  get done(): boolean {
    return this.#at === this.#key.length;
  }

  part(): KeyPart {
    const tag = this.#byte();
    if (tag === STRING) return this.#escaped().toString('utf8');
    if (tag === BYTES) return new Uint8Array(this.#escaped());
    if (Math.abs(tag - NUMBER_ZERO) <= NUMBER_BYTES_MAX) return Number(this.#integer(tag - NUMBER_ZERO));
    if (Math.abs(tag - BIGINT_ZERO) <= BIGINT_SHORT_BYTES_MAX) return this.#integer(tag - BIGINT_ZERO);
    if (tag === BIGINT_LONG_POSITIVE) return this.#integer(this.#byte());
    if (tag === BIGINT_LONG_NEGATIVE) return this.#integer(-(this.#byte() ^ 0xff));
    throw invalid(`unknown tag 0x${tag.toString(16)} at byte ${this.#at - 1}`);
  }

  #byte(): number {
    if (this.#at >= this.#key.length) throw invalid('the key ends within an element');
    return this.#key[this.#at++]!;
  }

  /** @param length  number of bytes, negative for a negative integer */
  #integer(length: number): bigint {
    if (length === 0) return 0n;
    const end = this.#at + Math.abs(length);
    if (end > this.#key.length) throw invalid('the key ends within an integer');
    const magnitude = Buffer.from(this.#key.subarray(this.#at, end));
    this.#at = end;
    if (length > 0) return BigInt(`0x${magnitude.toString('hex')}`);
    for (let i = 0; i < magnitude.length; i++) magnitude[i]! ^= 0xff;
    return -BigInt(`0x${magnitude.toString('hex')}`);
  }

  #escaped(): Buffer {
    const content: number[] = [];
    for (;;) {
      const byte = this.#byte();
      if (byte === 0 && this.#key[this.#at] !== 0xff) return Buffer.from(content);
      if (byte === 0) this.#at++;
      content.push(byte);
    }
  }
}

function invalid(message: string): DomainError<'key-invalid'> {
  return new DomainError('key-invalid', message);
}
