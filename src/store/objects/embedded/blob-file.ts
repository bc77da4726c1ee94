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
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, digests: Digests, cipher: Cipheriv | undefined) {
    this.#file = file;
    this.#digests = digests;
    this.#cipher = cipher;
  }

  /** @param cipher  what goes to the file is encrypted with; digests are of the plain content */
  static async create(path: string, digests: Digests, cipher: Cipheriv | undefined): Promise<BlobFile> {
    return new BlobFile(await open(path, 'wx'), digests, cipher);
  }

  /** Appends a piece of so many bytes in chunks; resolves when the one before it is written. */
  async append(chunks: readonly Uint8Array[], sizeBytes: number): Promise<void> {
    await this.#writing;
    const written = this.#cipher ? chunks.map((chunk) => this.#cipher!.update(chunk)) : chunks;
    this.#writing = writeAll(this.#file, written, sizeBytes);
    this.#writing.catch(() => {});
    for (const chunk of chunks) this.#digests.update(chunk);
  }

  /** Resolves when all is written. */
  written(): Promise<void> {
    return this.#writing;
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

async function writeAll(file: FileHandle, chunks: readonly Uint8Array[], sizeBytes: number): Promise<void> {
  const { bytesWritten } =
    chunks.length === 1 ? await file.write(chunks[0]!) : await file.writev(chunks as Uint8Array[]);
  if (bytesWritten === sizeBytes) return;
  const rest = Buffer.concat(chunks, sizeBytes);
  for (let at = bytesWritten; at < sizeBytes; ) at += (await file.write(rest, at)).bytesWritten;
}
