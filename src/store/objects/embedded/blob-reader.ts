import type { Cipheriv } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { ByteRange, LentBody } from '../objects.ts';
import { CHUNK_BYTES, type ChunkPool } from './chunk-pool.ts';
import { cipherAt } from './ciphers.ts';

/** A file and how many of its bytes count. */
export interface Segment {
  readonly path: string;
  readonly sizeBytes: number;
  /** It is encrypted: where its counter begins. */
  readonly iv?: string;
}

/** Shorter reads have memory of their own. */
const POOLED_BYTES_MIN = CHUNK_BYTES / 4;
const DONE = { done: true, value: undefined } as const;

/**
 * Bytes of a range over files that follow each other, one file open at a time, one chunk ahead of who reads. Calls `release` once, at the end or when it is
 * given up.
 */
export class BlobReader implements AsyncIterableIterator<Uint8Array>, LentBody {
  readonly #segments: readonly Segment[];
  readonly #customerKey: Uint8Array | undefined;
  readonly #release: () => void;
  #index = 0;
  /** Next byte within the current segment. */
  #offset: number;
  #remaining: number;
  #file: FileHandle | undefined;
  #cipher: Cipheriv | undefined;
  readonly #pool: ChunkPool;
  /** Chunks of the pool that are with who reads, by their memory: none is given back twice. */
  readonly #lent = new Map<ArrayBufferLike, Uint8Array>();
  /** The read under way, or one that is done ahead. */
  #ahead: Promise<Uint8Array | undefined> | undefined;
  #closing: Promise<void> | undefined;

  /** @param customerKey  of encrypted files */
  constructor(
    segments: readonly Segment[],
    range: ByteRange,
    customerKey: Uint8Array | undefined,
    pool: ChunkPool,
    release: () => void,
  ) {
    this.#pool = pool;
    this.#segments = segments;
    this.#customerKey = customerKey;
    this.#release = release;
    this.#offset = range.start;
    this.#remaining = Math.max(0, range.end - range.start + 1);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#closing !== undefined) return DONE;
    try {
      // Known to who closes: a file that is opened meanwhile must be closed too.
      this.#ahead ??= this.#read();
      const value = await this.#ahead;
      this.#ahead = undefined;
      if (value === undefined) {
        await this.#close();
        return DONE;
      }
      if (this.#remaining > 0 && this.#closing === undefined) {
        this.#ahead = this.#read();
        this.#ahead.catch(() => {});
      }
      return { done: false, value };
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#close();
    return DONE;
  }

  /** Its memory takes what others read. */
  release({ buffer }: Uint8Array): void {
    const chunk = this.#lent.get(buffer);
    if (chunk && this.#lent.delete(buffer)) this.#pool.give(chunk);
  }

  #close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    await this.#ahead?.catch(() => {});
    this.#release();
    await this.#file?.close();
    this.#file = undefined;
  }

  /** The next chunk; `undefined` at the end of the range. */
  async #read(): Promise<Uint8Array | undefined> {
    if (this.#remaining === 0) return undefined;
    const segment = await this.#segment();
    const length = Math.min(CHUNK_BYTES, this.#remaining, segment.sizeBytes - this.#offset);
    this.#file ??= await open(segment.path, 'r');
    const isPooled = length >= POOLED_BYTES_MIN;
    const chunk = isPooled ? this.#pool.take() : Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await this.#file.read(chunk, 0, length, this.#offset);
    if (bytesRead === 0) throw new Error(`${segment.path} is shorter than its ${segment.sizeBytes} bytes`);
    if (segment.iv !== undefined) this.#cipher ??= cipherAt(this.#customerKey!, segment.iv, this.#offset);
    this.#offset += bytesRead;
    this.#remaining -= bytesRead;
    const read = chunk.subarray(0, bytesRead);
    if (this.#cipher) {
      const plain = this.#cipher.update(read);
      if (isPooled) this.#pool.give(chunk);
      return plain;
    }
    if (isPooled) this.#lent.set(chunk.buffer, chunk);
    return read;
  }

  /** The segment that holds the next byte, passing over those that are read. */
  async #segment(): Promise<Segment> {
    while (this.#offset >= this.#segments[this.#index]!.sizeBytes) {
      this.#offset -= this.#segments[this.#index++]!.sizeBytes;
      await this.#file?.close();
      this.#file = undefined;
      this.#cipher = undefined;
    }
    return this.#segments[this.#index]!;
  }
}
