import { decodeBody } from './decode.ts';
import { MqttError, malformed } from './errors.ts';
import type { Packet, PacketSource, ProtocolVersion } from './packets.ts';
import { PROPERTY_LIMITS } from './properties.ts';
import { PacketReader } from './reader.ts';
import { Reason } from './reasons.ts';
import { TopicCache } from './topics.ts';

/** Numbers of the decoder (S5). */
export const DECODER_LIMITS = {
  /** Whole packets, fixed header included, unless the owner says otherwise. AWS IoT takes payloads up to 128 KiB. */
  packetBytesMax: 256 * 1024,
} as const;

const EMPTY = Buffer.alloc(0);

/** One for all decoders: a packet is decoded in one go. */
const reader = new PacketReader();

/**
 * Reads MQTT packets from a byte stream that arrives in arbitrary chunks, server or client side.
 *
 * A packet that lies within one chunk is decoded in place: the payload of a PUBLISH is a view of the chunk, all else a packet holds
 * is its own. Only a packet that spans chunks is copied, into a buffer that grows with what has arrived, never with what a header claims.
 *
 *     decoder.push(chunk);
 *     for (let packet = decoder.next(); packet; packet = decoder.next()) handle(packet);
 *     decoder.release(); // where the chunk's memory is used again
 */
export class PacketDecoder implements PacketSource {
  /** Version of the connection: a CONNECT sets it, a client says what it has asked for. */
  version: ProtocolVersion;
  readonly #packetBytesMax: number;
  readonly #repeatedMax: number;
  readonly #topics: TopicCache;
  #chunk: Buffer = EMPTY;
  #position = 0;
  /** Beginning of a packet whose end is in a later chunk: `#partialSize` bytes of it are filled. */
  #partial: Buffer = EMPTY;
  #partialSize = 0;
  /** Where the packet that `next` gave last stands, and its size on the wire. */
  #lastBuffer: Buffer = EMPTY;
  #lastStart = 0;
  #lastBytes = 0;

  constructor(
    options: {
      readonly version?: ProtocolVersion;
      readonly packetBytesMax?: number;
      readonly topics?: TopicCache;
      /** Instead of {@link PROPERTY_LIMITS}, for what we have encoded ourselves. */
      readonly repeatedMax?: number;
    } = {},
  ) {
    this.version = options.version ?? 4;
    this.#packetBytesMax = options.packetBytesMax ?? DECODER_LIMITS.packetBytesMax;
    this.#repeatedMax = options.repeatedMax ?? PROPERTY_LIMITS.repeatedMax;
    this.#topics = options.topics ?? new TopicCache(6);
  }

  /** Bytes of the last packet that `next` returned, its fixed header included. */
  get lastPacketBytes(): number {
    return this.#lastBytes;
  }

  /** Memory of its own, in bytes, once the chunk is released: a packet whose end has not come, and what has not been read. */
  get heldBytes(): number {
    return this.#partial.length + this.#chunk.length;
  }

  get lastBuffer(): Buffer {
    return this.#lastBuffer;
  }

  get lastStart(): number {
    return this.#lastStart;
  }

  /** Takes the next chunk; what has not been read of the one before is kept before it. The chunk must not change until it is released. */
  push(chunk: Uint8Array): void {
    const unread = this.#position < this.#chunk.length ? this.#chunk.subarray(this.#position) : undefined;
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#chunk = unread ? Buffer.concat([unread, bytes]) : bytes;
    this.#position = 0;
  }

  /** The next whole packet, `undefined` until more bytes come. @throws MqttError  close the connection */
  next(): Packet | undefined {
    if (this.#partialSize > 0) return this.#nextPartial();
    const chunk = this.#chunk;
    const start = this.#position;
    const header = headerEnd(chunk, start, chunk.length);
    if (header < 0) return this.#keep(start);
    const end = header + remainingLength(chunk, start);
    this.#checkSize(end - start);
    if (end > chunk.length) return this.#keep(start);
    this.#position = end;
    return this.#decode(chunk, start, header, end);
  }

  /** Lets go of the chunk: what has not been read of it is copied, and its memory may be used for something else. */
  release(): void {
    this.#chunk = this.#position < this.#chunk.length ? Buffer.from(this.#chunk.subarray(this.#position)) : EMPTY;
    this.#position = 0;
    this.#lastBuffer = EMPTY;
  }

  /** Lets go of all that has come: there is nobody to read it. */
  forget(): void {
    this.#chunk = EMPTY;
    this.#position = 0;
    this.#partial = EMPTY;
    this.#partialSize = 0;
  }

  #decode(buffer: Buffer, start: number, bodyStart: number, end: number): Packet {
    reader.reset(buffer, bodyStart, end);
    reader.repeatedMax = this.#repeatedMax;
    this.#lastBytes = end - start;
    const packet = decodeBody(buffer[start]!, reader, this.version, this.#topics);
    this.#lastBuffer = buffer;
    this.#lastStart = start;
    if (packet.type === 'connect') this.version = packet.version;
    return packet;
  }

  /** Goes on with the packet that began in an earlier chunk. */
  #nextPartial(): Packet | undefined {
    let header = headerEnd(this.#partial, 0, this.#partialSize);
    while (header < 0 && this.#position < this.#chunk.length) {
      this.#fill(1);
      header = headerEnd(this.#partial, 0, this.#partialSize);
    }
    if (header < 0) return undefined;
    const size = header + remainingLength(this.#partial, 0);
    this.#checkSize(size);
    this.#fill(Math.min(size - this.#partialSize, this.#chunk.length - this.#position));
    if (this.#partialSize < size) return undefined;
    const whole = this.#partial;
    this.#partial = EMPTY;
    this.#partialSize = 0;
    return this.#decode(whole, 0, header, size);
  }

  /** Keeps what is left of the chunk as the beginning of a packet. */
  #keep(start: number): undefined {
    this.#position = start;
    this.#fill(this.#chunk.length - start);
    this.#chunk = EMPTY;
    this.#position = 0;
  }

  #fill(bytes: number): void {
    if (bytes === 0) return;
    const needed = this.#partialSize + bytes;
    if (needed > this.#partial.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#partial.length * 2, 64));
      this.#partial.copy(larger, 0, 0, this.#partialSize);
      this.#partial = larger;
    }
    this.#chunk.copy(this.#partial, this.#partialSize, this.#position, this.#position + bytes);
    this.#partialSize = needed;
    this.#position += bytes;
  }

  #checkSize(bytes: number): void {
    if (bytes <= this.#packetBytesMax) return;
    throw new MqttError('packet-too-large', Reason.packetTooLarge, `a packet of ${bytes} bytes is over the limit`);
  }
}

/** Where the body begins, -1 while the fixed header is not whole. @throws MqttError  a length of more than four bytes */
function headerEnd(buffer: Buffer, start: number, end: number): number {
  for (let i = 1; i <= 4; i++) {
    if (start + i >= end) return -1;
    if (buffer[start + i]! < 0x80) {
      if (i > 1 && buffer[start + i] === 0) throw malformed('a length is written with more bytes than needed');
      return start + i + 1;
    }
  }
  throw malformed('a length has more than four bytes');
}

/** The remaining length of a whole fixed header. */
function remainingLength(buffer: Buffer, start: number): number {
  let value = 0;
  let shift = 0;
  for (let at = start + 1; ; at++) {
    const byte = buffer[at]!;
    value += (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
    shift += 7;
  }
}
