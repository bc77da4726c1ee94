/*
 * Frames of `application/vnd.amazon.eventstream`, all numbers big-endian:
 *
 *   u32 total length | u32 length of headers | u32 CRC32 of these eight bytes | headers | payload | u32 CRC32 of all before
 *
 * and a header is u8 length of name | name | u8 type | value. We write strings (type 7: u16 length | UTF-8) and read all types.
 */
import { crc32 } from 'node:zlib';
import { ReadFailure } from './failure.ts';

export type EventHeaderValue = string | number | bigint | boolean | Uint8Array | Date;

export interface EventMessage {
  readonly headers: ReadonlyMap<string, EventHeaderValue>;
  readonly payload: Uint8Array;
}

const PRELUDE_BYTES = 12;
const OVERHEAD_BYTES = 16;
/** Largest frame, AWS's own limit with headers (S5). */
export const EVENT_FRAME_BYTES_MAX = 24 * 1024 * 1024;
const HEADERS_BYTES_MAX = 128 * 1024;

/** One frame. Names are at most 255 bytes, values at most 65,535. */
export function encodeEvent(headers: Readonly<Record<string, string>>, payload: Uint8Array | string): Buffer {
  const pairs = Object.entries(headers).map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const);
  const headersLength = pairs.reduce((sum, [name, value]) => sum + 4 + name.length + value.length, 0);
  const payloadLength = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
  const total = OVERHEAD_BYTES + headersLength + payloadLength;
  const frame = Buffer.allocUnsafe(total);
  frame.writeUInt32BE(total, 0);
  frame.writeUInt32BE(headersLength, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  let at = PRELUDE_BYTES;
  for (const [name, value] of pairs) at = putHeader(frame, at, name, value);
  if (typeof payload === 'string') frame.write(payload, at, 'utf8');
  else frame.set(payload, at);
  frame.writeUInt32BE(crc32(frame.subarray(0, total - 4)), total - 4);
  return frame;
}

function putHeader(frame: Buffer, at: number, name: Buffer, value: Buffer): number {
  frame.writeUInt8(name.length, at);
  frame.set(name, at + 1);
  frame.writeUInt8(7, at + 1 + name.length);
  frame.writeUInt16BE(value.length, at + 2 + name.length);
  frame.set(value, at + 4 + name.length);
  return at + 4 + name.length + value.length;
}

/** Cuts a byte stream, in whatever pieces it arrives, into messages. */
export class EventStreamDecoder {
  #rest: Buffer = Buffer.alloc(0);

  /** The messages that `chunk` completes; @throws ReadFailure for a frame that is damaged or too large */
  push(chunk: Uint8Array): EventMessage[] {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : asBuffer(chunk);
    const messages: EventMessage[] = [];
    let start = 0;
    for (;;) {
      const length = frameLength(bytes, start);
      if (length === undefined || start + length > bytes.length) break;
      messages.push(decodeFrame(bytes.subarray(start, start + length)));
      start += length;
    }
    this.#rest = bytes.subarray(start);
    return messages;
  }

  /** Bytes of a frame that has not ended; zero when the stream may end here. */
  get pendingBytes(): number {
    return this.#rest.length;
  }
}

/** Length of the frame at `start`, once its prelude is whole and found true. */
function frameLength(bytes: Buffer, start: number): number | undefined {
  if (bytes.length - start < PRELUDE_BYTES) return undefined;
  const total = bytes.readUInt32BE(start);
  const headers = bytes.readUInt32BE(start + 4);
  if (crc32(bytes.subarray(start, start + 8)) !== bytes.readUInt32BE(start + 8)) throw damaged('prelude checksum');
  if (total < OVERHEAD_BYTES + headers || total > EVENT_FRAME_BYTES_MAX || headers > HEADERS_BYTES_MAX)
    throw damaged('length');
  return total;
}

function decodeFrame(frame: Buffer): EventMessage {
  const end = frame.length - 4;
  if (crc32(frame.subarray(0, end)) !== frame.readUInt32BE(end)) throw damaged('message checksum');
  const headersEnd = PRELUDE_BYTES + frame.readUInt32BE(4);
  return {
    headers: decodeHeaders(frame.subarray(PRELUDE_BYTES, headersEnd)),
    payload: frame.subarray(headersEnd, end),
  };
}

function decodeHeaders(bytes: Buffer): Map<string, EventHeaderValue> {
  const headers = new Map<string, EventHeaderValue>();
  let at = 0;
  try {
    while (at < bytes.length) {
      const nameEnd = at + 1 + bytes.readUInt8(at);
      const type = bytes.readUInt8(nameEnd);
      const [value, next] = decodeValue(bytes, type, nameEnd + 1);
      if (next > bytes.length) throw damaged('header');
      headers.set(bytes.toString('utf8', at + 1, nameEnd), value);
      at = next;
    }
  } catch (error) {
    throw error instanceof ReadFailure ? error : damaged('header');
  }
  return headers;
}

function decodeValue(bytes: Buffer, type: number, at: number): [EventHeaderValue, number] {
  switch (type) {
    case 0:
      return [true, at];
    case 1:
      return [false, at];
    case 2:
      return [bytes.readInt8(at), at + 1];
    case 3:
      return [bytes.readInt16BE(at), at + 2];
    case 4:
      return [bytes.readInt32BE(at), at + 4];
    case 5:
      return [bytes.readBigInt64BE(at), at + 8];
    case 8:
      return [new Date(Number(bytes.readBigInt64BE(at))), at + 8];
    case 9:
      return [bytes.subarray(at, at + 16), at + 16];
    case 6:
    case 7: {
      const end = at + 2 + bytes.readUInt16BE(at);
      return [type === 6 ? bytes.subarray(at + 2, end) : bytes.toString('utf8', at + 2, end), end];
    }
    default:
      throw damaged('header type');
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function damaged(what: string): ReadFailure {
  return new ReadFailure('serialization', `The event stream is damaged: ${what}`);
}
