import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ByteRange } from '../objects.ts';

/** A file and how many of its bytes count. */
export interface Segment {
  readonly path: string;
  readonly sizeBytes: number;
}

const CHUNK_BYTES = 256 * 1024;

/** Bytes of a range over files that follow each other, one file open at a time. Calls `release` once, at the end or when destroyed. */
export class BlobStream extends Readable {
  readonly #segments: readonly Segment[];
  readonly #release: () => void;
  #index = 0;
  /** Next byte within the current segment. */
  #offset: number;
  #remaining: number;
  #file: FileHandle | undefined;

  constructor(segments: readonly Segment[], range: ByteRange, release: () => void) {
    super({ highWaterMark: CHUNK_BYTES });
    this.#segments = segments;
    this.#release = release;
    this.#offset = range.start;
    this.#remaining = Math.max(0, range.end - range.start + 1);
  }

  override _read(): void {
    this.#next().then(
      (chunk) => this.push(chunk),
      (error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#release();
    const file = this.#file;
    this.#file = undefined;
    if (!file) return callback(error);
    file.close().then(
      () => callback(error),
      (closing) => callback(error ?? closing),
    );
  }

  /** The next chunk, or `null` at the end of the range. */
  async #next(): Promise<Uint8Array | null> {
    if (this.#remaining === 0) return null;
    const segment = await this.#segment();
    const length = Math.min(CHUNK_BYTES, this.#remaining, segment.sizeBytes - this.#offset);
    this.#file ??= await open(segment.path, 'r');
    const chunk = Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await this.#file.read(chunk, 0, length, this.#offset);
    if (bytesRead === 0) throw new Error(`${segment.path} is shorter than its ${segment.sizeBytes} bytes`);
    this.#offset += bytesRead;
    this.#remaining -= bytesRead;
    return chunk.subarray(0, bytesRead);
  }

  /** The segment that holds the next byte, passing over those that are read. */
  async #segment(): Promise<Segment> {
    while (this.#offset >= this.#segments[this.#index]!.sizeBytes) {
      this.#offset -= this.#segments[this.#index++]!.sizeBytes;
      await this.#file?.close();
      this.#file = undefined;
    }
    return this.#segments[this.#index]!;
  }
}
