import { isUtf8 } from 'node:buffer';
import { malformed } from './errors.ts';

const EMPTY = Buffer.alloc(0);

/** A cursor over one packet; every read checks the packet's end. One reader serves a connection for all its packets. */
export class PacketReader {
  buffer: Buffer = EMPTY;
  position = 0;
  end = 0;
  /** User properties, or subscription identifiers, that one list of properties may have. */
  repeatedMax = 0;

  reset(buffer: Buffer, position: number, end: number): void {
    this.buffer = buffer;
    this.position = position;
    this.end = end;
  }

  get left(): number {
    return this.end - this.position;
  }

  u8(): number {
    if (this.position >= this.end) throw malformed('the packet ends early');
    return this.buffer[this.position++]!;
  }

  u16(): number {
    const at = this.position;
    if (at + 2 > this.end) throw malformed('the packet ends early');
    this.position = at + 2;
    return (this.buffer[at]! << 8) | this.buffer[at + 1]!;
  }

  u32(): number {
    const at = this.position;
    if (at + 4 > this.end) throw malformed('the packet ends early');
    this.position = at + 4;
    return this.buffer.readUInt32BE(at);
  }

  /** Variable byte integer: at most four bytes, and no longer than needed [MQTT-1.5.5-1]. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw malformed('a length is written with more bytes than needed');
        return value;
      }
    }
    throw malformed('a length has more than four bytes');
  }

  /** A view of the next `length` bytes. */
  take(length: number): Buffer {
    const at = this.position;
    if (at + length > this.end) throw malformed('the packet ends early');
    this.position = at + length;
    return this.buffer.subarray(at, at + length);
  }

  /** Binary data: a length of two bytes, then the bytes, as a copy. */
  binary(): Buffer {
    return Buffer.from(this.take(this.u16()));
  }

  /** A UTF-8 string: well formed, without U+0000 and surrogates [MQTT-1.5.4-1, -2]. */
  string(): string {
    const length = this.u16();
    const at = this.position;
    const end = at + length;
    if (end > this.end) throw malformed('the packet ends early');
    this.position = end;
    let ascii = true;
    for (let i = at; i < end; i++) {
      const byte = this.buffer[i]!;
      if (byte === 0) throw malformed('a string holds U+0000');
      if (byte >= 0x80) ascii = false;
    }
    if (ascii) return this.buffer.toString('latin1', at, end);
    if (!isUtf8(this.buffer.subarray(at, end))) throw malformed('a string is not well-formed UTF-8');
    return this.buffer.toString('utf8', at, end);
  }
}
