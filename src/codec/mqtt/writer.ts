import { assert } from '../../base/index.ts';

/** Bytes that a fixed header takes at most: its first byte and a length of up to four. */
const HEADER_BYTES_MAX = 5;

/** Largest remaining length (2.1.4). */
export const REMAINING_LENGTH_MAX = 268_435_455;

/** Builds one packet after another in a scratch buffer; `finish` copies the packet out in one piece. */
export class PacketWriter {
  #buffer = Buffer.allocUnsafeSlow(4096);
  position = HEADER_BYTES_MAX;

  begin(): void {
    this.position = HEADER_BYTES_MAX;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.position++] = value;
  }

  u16(value: number): void {
    this.#reserve(2);
    this.#buffer[this.position] = value >>> 8;
    this.#buffer[this.position + 1] = value;
    this.position += 2;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.position = this.#buffer.writeUInt32BE(value, this.position);
  }

  varint(value: number): void {
    this.#reserve(4);
    this.position = writeVarint(this.#buffer, this.position, value);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.position);
    this.position += value.length;
  }

  binary(value: Uint8Array): void {
    assert(value.length <= 0xffff, 'binary data fits in 65,535 bytes');
    this.u16(value.length);
    this.bytes(value);
  }

  string(value: string): void {
    this.#reserve(2 + value.length * 3);
    const length = this.#buffer.write(value, this.position + 2);
    assert(length <= 0xffff, 'a string fits in 65,535 bytes');
    this.u16(length);
    this.position += length;
  }

  /** Puts a variable byte integer before what was written from `start` on. */
  insertVarint(start: number, value: number): void {
    const size = varintSize(value);
    this.#reserve(size);
    this.#buffer.copyWithin(start + size, start, this.position);
    writeVarint(this.#buffer, start, value);
    this.position += size;
  }

  /** The packet with its fixed header, as a buffer of its own. */
  finish(firstByte: number): Buffer {
    const remaining = this.position - HEADER_BYTES_MAX;
    assert(remaining <= REMAINING_LENGTH_MAX, 'a packet fits in 256 MB');
    const start = HEADER_BYTES_MAX - 1 - varintSize(remaining);
    this.#buffer[start] = firstByte;
    writeVarint(this.#buffer, start + 1, remaining);
    const packet = Buffer.allocUnsafe(this.position - start);
    this.#buffer.copy(packet, 0, start, this.position);
    return packet;
  }

  #reserve(bytes: number): void {
    const needed = this.position + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.position);
    this.#buffer = larger;
  }
}

/** Bytes that a variable byte integer takes: 1 to 4. */
export function varintSize(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4;
}

/** @returns the position after it */
export function writeVarint(buffer: Uint8Array, at: number, value: number): number {
  let rest = value;
  let position = at;
  while (rest >= 128) {
    buffer[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[position++] = rest;
  return position;
}
