/*
 * DER (X.690), as much of it as certificates and requests for them need: a tag of one byte, a definite length, content.
 * Lengths below 128 stand in one byte; longer ones follow a byte that counts theirs.
 */

/** Bytes of a length: values of 16 MiB at most (S5). */
const LENGTH_BYTES_MAX = 3;

/** Not DER, or not what was expected there. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printable: 0x13,
  teletex: 0x14,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universal: 0x1c,
  bmp: 0x1e,
} as const;

export function tagged(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag), lengthOf(body.length), body]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const hex = length.toString(16);
  const digits = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.of(0x80 | digits.length), digits]);
}

export function sequence(...content: readonly Uint8Array[]): Buffer {
  return tagged(TAG.sequence, ...content);
}

export function set(...content: readonly Uint8Array[]): Buffer {
  return tagged(TAG.set, ...content);
}

/** Context-specific and constructed: `[0] EXPLICIT`. */
export function explicit(number: number, ...content: readonly Uint8Array[]): Buffer {
  return tagged(0xa0 | number, ...content);
}

/** Context-specific and primitive: `[0] IMPLICIT` of a string. */
export function implicit(number: number, content: Uint8Array): Buffer {
  return tagged(0x80 | number, content);
}

/** A positive number, big-endian: in as few bytes as there must be. */
export function integer(value: Uint8Array): Buffer {
  let from = 0;
  while (from < value.length - 1 && value[from] === 0) from++;
  const digits = value.subarray(from);
  return digits[0]! >= 0x80 ? tagged(TAG.integer, Buffer.of(0), digits) : tagged(TAG.integer, digits);
}

export function bits(value: Uint8Array, unused = 0): Buffer {
  return tagged(TAG.bitString, Buffer.of(unused), value);
}

export function octets(value: Uint8Array): Buffer {
  return tagged(TAG.octetString, value);
}

export function utf8(text: string): Buffer {
  return tagged(TAG.utf8, Buffer.from(text));
}

export const TRUE = tagged(TAG.boolean, Buffer.of(0xff));
export const NULL = tagged(TAG.null);

/** Seconds of a point in time: two digits of the year until 2049, four from then on. @param at  epoch milliseconds */
export function time(at: number): Buffer {
  const text = `${new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
  if (Number(text.slice(0, 4)) < 2050) return tagged(TAG.utcTime, Buffer.from(text.slice(2)));
  return tagged(TAG.generalizedTime, Buffer.from(text));
}

/** @param dotted  `2.5.4.3` */
export function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  return tagged(TAG.oid, Buffer.from([first! * 40 + second!, ...rest.flatMap(base128)]));
}

function base128(arc: number): number[] {
  const digits = [arc & 0x7f];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

/** One value: its tag and what it holds. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag and length as well. */
  readonly whole: Buffer;
}

/** Reads values one behind the other. Never reads past its end, and refuses what is not DER. */
export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Whether the next value has this tag. */
  isNext(tag: number): boolean {
    return this.#bytes[this.#at] === tag;
  }

  /** @throws DerError */
  next(tag?: number): DerValue {
    const start = this.#at;
    const found = this.#byte();
    if (tag !== undefined && found !== tag) throw new DerError(`tag ${found} stands where ${tag} is expected`);
    if ((found & 0x1f) === 0x1f) throw new DerError('tags of several bytes are not read');
    const length = this.#length();
    if (length > this.#bytes.length - this.#at) throw new DerError('it ends early');
    this.#at += length;
    const whole = this.#bytes.subarray(start, this.#at);
    return { tag: found, whole, content: whole.subarray(whole.length - length) };
  }

  /** What stands in the next value. @throws DerError */
  enter(tag: number): DerReader {
    return new DerReader(this.next(tag).content);
  }

  /** @throws DerError  something is left */
  end(): void {
    if (!this.isAtEnd) throw new DerError('something stands behind the end');
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > LENGTH_BYTES_MAX) throw new DerError('a length that is not taken');
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('a length longer than it must be');
    return length;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new DerError('it ends early');
    return byte;
  }
}

/** The dotted form of an object identifier's content. @throws DerError */
export function dottedOf(content: Buffer): string {
  if (content.length === 0 || content.at(-1)! >= 0x80) throw new DerError('an object identifier ends early');
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new DerError('an object identifier is too large');
    if (byte >= 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [head, ...rest] = arcs;
  const first = Math.min(Math.floor(head! / 40), 2);
  return [first, head! - first * 40, ...rest].join('.');
}
