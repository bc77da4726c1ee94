/** What crosses to the other thread. */
export type Frame = string | Uint8Array;

/**
 * Frames up to here cross as texts of one byte a character: neither memory to hand over nor views to make and to let go of, some 2 of 6 µs
 * less for both threads (450 bytes). From some 8 KB on it would be dearer.
 */
const TEXT_BYTES_MAX = 4096;

/** The other thread. */
interface Port {
  postMessage(frame: Frame, transfer?: ArrayBuffer[]): void;
}

/**
 * Packs values into one buffer, so that a whole turn of requests or answers crosses to the other thread as one transfer.
 * Structured cloning would copy the 8 KiB slab behind every small `Buffer`, and costs a microsecond a value.
 * Little endian; byte strings and texts carry their length in 32 bits.
 */
export class FrameWriter {
  #buffer: Buffer;
  #length = 0;

  constructor() {
    this.#buffer = Buffer.allocUnsafeSlow(CAPACITY);
  }

  get length(): number {
    return this.#length;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  uint32(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
    return this;
  }

  /** A whole number below 2^53. */
  whole(value: number): this {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.uint32(value.byteLength);
    this.#reserve(value.byteLength);
    this.#buffer.set(value, this.#length);
    this.#length += value.byteLength;
    return this;
  }

  text(value: string): this {
    const length = Buffer.byteLength(value);
    this.uint32(length);
    this.#reserve(length);
    this.#length += this.#buffer.write(value, this.#length);
    return this;
  }

  optionalBytes(value: Uint8Array | undefined | null): this {
    return value ? this.byte(1).bytes(value) : this.byte(0);
  }

  /** Sends what was written; the writer is empty then, and may be used again. */
  sendTo(port: Port): void {
    if (this.#length <= TEXT_BYTES_MAX) {
      port.postMessage(this.#buffer.toString('latin1', 0, this.#length));
    } else {
      const memory = this.#buffer.buffer as ArrayBuffer;
      port.postMessage(new Uint8Array(memory, 0, this.#length), [memory]);
      this.#buffer = Buffer.allocUnsafeSlow(CAPACITY);
    }
    this.#length = 0;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

const CAPACITY = 4096;

/** Reads what a {@link FrameWriter} wrote. Both ends are our own, so that a mismatch is a bug and throws a `RangeError`. */
export class FrameReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(frame: Frame) {
    this.#buffer =
      typeof frame === 'string'
        ? Buffer.from(frame, 'latin1')
        : Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.#buffer.length;
  }

  byte(): number {
    return this.#buffer.readUInt8(this.#at++);
  }

  uint32(): number {
    const value = this.#buffer.readUInt32LE(this.#at);
    this.#at += 4;
    return value;
  }

  whole(): number {
    const value = this.#buffer.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  /** A view of the frame: copy it to keep it. */
  bytes(): Buffer {
    const length = this.uint32();
    const value = this.#buffer.subarray(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  optionalBytes(): Buffer | undefined {
    return this.byte() ? this.bytes() : undefined;
  }
}
