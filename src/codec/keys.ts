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
  const writer = new KeyWriter();
  for (const part of parts) writer.part(part);
  return writer.finish();
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

/** Keys are put together here and copied out: shared by all, since nothing waits in between. */
let scratch = Buffer.allocUnsafeSlow(4096);

class KeyWriter {
  #at = 0;

  part(part: KeyPart): void {
    if (typeof part === 'string') this.#string(part);
    else if (typeof part === 'number') this.#number(part);
    else if (typeof part === 'bigint') this.#bigint(part);
    else this.#bytes(BYTES, part);
  }

  finish(): Buffer {
    return Buffer.from(scratch.subarray(0, this.#at));
  }

  #string(text: string): void {
    if (!text.isWellFormed()) throw invalid('a string with a lone surrogate has no order in UTF-8');
    if (text.includes('\0')) return this.#bytes(STRING, Buffer.from(text));
    // Three bytes a code unit is the most that UTF-8 takes.
    this.#reserve(2 + text.length * 3);
    scratch[this.#at++] = STRING;
    this.#at += scratch.write(text, this.#at);
    scratch[this.#at++] = 0;
  }

  #bytes(tag: number, content: Uint8Array): void {
    this.#reserve(2 + content.length * 2);
    scratch[this.#at++] = tag;
    for (const byte of content) {
      scratch[this.#at++] = byte;
      if (byte === 0) scratch[this.#at++] = 0xff;
    }
    scratch[this.#at++] = 0;
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value)) throw invalid(`${value} is not a safe integer`);
    const magnitude = Math.abs(value);
    let length = 0;
    for (let rest = magnitude; rest >= 1; rest /= 256) length++;
    this.#reserve(1 + length);
    scratch[this.#at++] = value < 0 ? NUMBER_ZERO - length : NUMBER_ZERO + length;
    const flip = value < 0 ? 0xff : 0;
    let rest = magnitude;
    for (let i = this.#at + length - 1; i >= this.#at; i--) {
      scratch[i] = (rest % 256) ^ flip;
      rest = Math.floor(rest / 256);
    }
    this.#at += length;
  }

  #bigint(value: bigint): void {
    const negative = value < 0n;
    const magnitude = magnitudeOf(negative ? -value : value);
    const { length } = magnitude;
    if (length > BIGINT_BYTES_MAX) throw invalid(`a bigint of ${length} bytes is longer than ${BIGINT_BYTES_MAX}`);
    this.#reserve(2 + length);
    if (length <= BIGINT_SHORT_BYTES_MAX) {
      scratch[this.#at++] = negative ? BIGINT_ZERO - length : BIGINT_ZERO + length;
    } else {
      scratch[this.#at++] = negative ? BIGINT_LONG_NEGATIVE : BIGINT_LONG_POSITIVE;
      scratch[this.#at++] = negative ? length ^ 0xff : length;
    }
    for (const byte of magnitude) scratch[this.#at++] = negative ? byte ^ 0xff : byte;
  }

  #reserve(more: number): void {
    if (this.#at + more <= scratch.length) return;
    const larger = Buffer.allocUnsafeSlow((this.#at + more) * 2);
    scratch.copy(larger, 0, 0, this.#at);
    scratch = larger;
  }
}

/** Big endian, without leading zeros. */
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
    if (Math.abs(tag - NUMBER_ZERO) <= NUMBER_BYTES_MAX) return this.#number(tag - NUMBER_ZERO);
    if (Math.abs(tag - BIGINT_ZERO) <= BIGINT_SHORT_BYTES_MAX) return this.#bigint(tag - BIGINT_ZERO);
    if (tag === BIGINT_LONG_POSITIVE) return this.#bigint(this.#byte());
    if (tag === BIGINT_LONG_NEGATIVE) return this.#bigint(-(this.#byte() ^ 0xff));
    throw invalid(`unknown tag 0x${tag.toString(16)} at byte ${this.#at - 1}`);
  }

  #byte(): number {
    if (this.#at >= this.#key.length) throw invalid('the key ends within an element');
    return this.#key[this.#at++]!;
  }

  /** @param length  number of bytes, negative for a negative integer */
  #number(length: number): number {
    const flip = length < 0 ? 0xff : 0;
    let value = 0;
    for (let i = Math.abs(length); i > 0; i--) value = value * 256 + (this.#byte() ^ flip);
    return length < 0 ? -value : value;
  }

  /** @param length  as above */
  #bigint(length: number): bigint {
    if (length === 0) return 0n;
    const end = this.#at + Math.abs(length);
    if (end > this.#key.length) throw invalid('the key ends within an integer');
    const magnitude = Buffer.from(this.#key.subarray(this.#at, end));
    this.#at = end;
    if (length > 0) return BigInt(`0x${magnitude.toString('hex')}`);
    for (let i = 0; i < magnitude.length; i++) magnitude[i]! ^= 0xff;
    return -BigInt(`0x${magnitude.toString('hex')}`);
  }

  /** Up to the terminator, which is a zero that no 0xff follows; most elements hold no zero, and are a view. */
  #escaped(): Buffer {
    const start = this.#at;
    let zeros = 0;
    for (;;) {
      const zero = this.#key.indexOf(0, this.#at);
      if (zero < 0) throw invalid('the key ends within an element');
      this.#at = zero + 1;
      if (this.#key[this.#at] !== 0xff) break;
      this.#at++;
      zeros++;
    }
    const content = this.#key.subarray(start, this.#at - 1);
    return zeros === 0 ? content : unescaped(content, zeros);
  }
}

function unescaped(content: Uint8Array, zeros: number): Buffer {
  const plain = Buffer.alloc(content.length - zeros);
  let from = 0;
  for (let to = 0; to < plain.length; to++) {
    plain[to] = content[from]!;
    from += content[from] === 0 ? 2 : 1;
  }
  return plain;
}

function invalid(message: string): DomainError<'key-invalid'> {
  return new DomainError('key-invalid', message);
}
