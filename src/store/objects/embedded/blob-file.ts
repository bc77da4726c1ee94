import type { Cipheriv } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Digests } from './digests.ts';

/**
 * A file that a body is written to. While a piece is on its way to the disk the next one comes in and is digested: at most two pieces are
 * held.
 */
export class BlobFile {
  readonly #file: FileHandle;
  readonly #digests: Digests;
  readonly #cipher: Cipheriv | undefined;
  readonly #release: ((piece: Uint8Array) => void) | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, { digests, cipher, release }: BlobFileOptions) {
    this.#file = file;
    this.#digests = digests;
    this.#cipher = cipher;
    this.#release = release;
  }

  static async create(path: string, options: BlobFileOptions): Promise<BlobFile> {
    return new BlobFile(await open(path, 'wx'), options);
  }

  /** Appends a piece of so many bytes in chunks; resolves when the one before it is written. */
  async append(chunks: readonly Uint8Array[], sizeBytes: number): Promise<void> {
    await this.#writing;
    const written = this.#cipher ? chunks.map((chunk) => this.#cipher!.update(chunk)) : chunks;
    this.#writing = this.#take(chunks, writeAll(this.#file, written, sizeBytes));
    this.#writing.catch(() => {});
  }

  /** Resolves when all is written. */
  written(): Promise<void> {
    return this.#writing;
  }

  async #take(chunks: readonly Uint8Array[], writing: Promise<void>): Promise<void> {
    const outcomes = await Promise.allSettled([writing, (async () => this.#digests.update(chunks))()]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    if (this.#release) for (const chunk of chunks) this.#release(chunk);
  }

  /** Makes it durable; its name is not yet. */
  async sync(): Promise<void> {
    await this.#file.datasync();
  }

  /** Once, whatever happened. */
  async close(): Promise<void> {
    await this.#writing.catch(() => {});
    await this.#file.close();
  }
}

export interface BlobFileOptions {
  /** Of the plain content. */
  readonly digests: Digests;
  /** What goes to the file is encrypted with it. */
  readonly cipher?: Cipheriv | undefined;
  /** Told of each piece when it is needed no longer. */
  readonly release?: ((piece: Uint8Array) => void) | undefined;
}

async function writeAll(file: FileHandle, chunks: readonly Uint8Array[], sizeBytes: number): Promise<void> {
  const { bytesWritten } =
    chunks.length === 1 ? await file.write(chunks[0]!) : await file.writev(chunks as Uint8Array[]);
  if (bytesWritten === sizeBytes) return;
  const rest = Buffer.concat(chunks, sizeBytes);
  for (let at = bytesWritten; at < sizeBytes; ) at += (await file.write(rest, at)).bytesWritten;
}
