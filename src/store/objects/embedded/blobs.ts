/**
 * Content files of the embedded objects engine. A blob is written once, under a random name, and never changed; keys live in
 * the records store only, so that no key can escape the folder, exceed a name's length or meet another in a file system that
 * ignores case.
 *
 *     blobs/GENERATION/ID    GENERATION counts the openings of the store: what a crash left behind stands in the last one
 *
 * A blob counts from the commit that names it. Before that its file and its folder are synced (S1).
 */
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError, hasCode, messageOf, type Random } from '../../../base/index.ts';
import type { ByteRange, ObjectsErrorCode, PutOptions } from '../objects.ts';
import { BlobStream } from './blob-stream.ts';

/** A stored blob, as records name it. */
export interface Blob {
  /** `GENERATION/ID`. */
  readonly id: string;
  readonly sizeBytes: number;
}

/** Small chunks are gathered to writes of this size. */
const WRITE_BYTES = 256 * 1024;

export class Blobs {
  readonly #directory: string;
  readonly #generation: string;
  readonly #random: Random;
  #folder: Promise<void> | undefined;
  /** How many streams read a blob, and what is to happen after the last. */
  readonly #pins = new Map<string, number>();
  readonly #doomed = new Map<string, () => void>();

  private constructor(directory: string, generation: number, random: Random) {
    this.#directory = directory;
    this.#generation = String(generation);
    this.#random = random;
  }

  /** @param swept  generations up to it are clean; the new one is above it, so that it will be swept */
  static async open(directory: string, swept: number, random: Random): Promise<Blobs> {
    await mkdir(directory, { recursive: true });
    const last = (await generations(directory)).reduce((a, b) => Math.max(a, b), swept);
    return new Blobs(directory, last + 1, random);
  }

  /** Streams `body` into a new blob, durable when it resolves; on any error nothing is left. @throws content-mismatch, objects-full */
  async write(
    body: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<{ readonly blob: Blob; readonly md5: string }> {
    const id = `${this.#generation}/${this.#random.bytes(16).toString('hex')}`;
    const path = join(this.#directory, id);
    try {
      await this.#makeFolder();
      const { sizeBytes, md5 } = await writeFile(path, body);
      checkContent(options, sizeBytes, md5);
      await syncFolder(join(this.#directory, this.#generation));
      return { blob: { id, sizeBytes }, md5 };
    } catch (error) {
      await unlink(path).catch(() => {});
      throw storageError(error);
    }
  }

  /** A stream over the bytes of `range` of blobs that follow each other. They stay until it ends or is destroyed. */
  read(blobs: readonly Blob[], range: ByteRange): BlobStream {
    for (const { id } of blobs) this.#pins.set(id, (this.#pins.get(id) ?? 0) + 1);
    const segments = blobs.map(({ id, sizeBytes }) => ({ path: join(this.#directory, id), sizeBytes }));
    return new BlobStream(segments, range, () => {
      for (const { id } of blobs) this.#unpin(id);
    });
  }

  /** Calls back when nobody reads the blob: at once, or after its last stream. */
  whenUnread(id: string, callback: () => void): void {
    if (this.#pins.has(id)) this.#doomed.set(id, callback);
    else callback();
  }

  /** Removes the file. Removing a missing one is no error. */
  async remove(id: string): Promise<void> {
    await unlink(join(this.#directory, id)).catch((error) => {
      if (!hasCode(error, 'ENOENT')) throw storageError(error);
    });
  }

  /** Removes the folders of earlier generations that hold nothing any more. */
  async removeEmpty(): Promise<void> {
    for (const folder of await generations(this.#directory)) {
      // One that still has files refuses, which is all the check it takes.
      if (folder < Number(this.#generation)) await rmdir(join(this.#directory, String(folder))).catch(() => {});
    }
  }

  /** Blobs of earlier generations above `swept`, and the last of those generations. */
  async earlier(swept: number): Promise<{ readonly ids: readonly string[]; readonly through: number }> {
    const folders = (await generations(this.#directory)).filter((n) => n > swept && n < Number(this.#generation));
    const ids: string[] = [];
    for (const folder of folders) {
      for (const name of await readdir(join(this.#directory, String(folder)))) ids.push(`${folder}/${name}`);
    }
    return { ids, through: Number(this.#generation) - 1 };
  }

  /** The generation begins with its first blob: openings that write nothing leave nothing. */
  #makeFolder(): Promise<void> {
    this.#folder ??= mkdir(join(this.#directory, this.#generation))
      .then(() => syncFolder(this.#directory))
      .catch((error) => {
        this.#folder = undefined;
        // Made before its name could be synced.
        if (!hasCode(error, 'EEXIST')) throw error;
      });
    return this.#folder;
  }

  #unpin(id: string): void {
    const count = this.#pins.get(id)! - 1;
    if (count > 0) {
      this.#pins.set(id, count);
      return;
    }
    this.#pins.delete(id);
    this.#doomed.get(id)?.();
    this.#doomed.delete(id);
  }
}

/** An error of the file system or the records store as this port names it. */
export function storageError(error: unknown): DomainError<ObjectsErrorCode> {
  if (error instanceof DomainError && !error.code.startsWith('records-')) return error as DomainError<ObjectsErrorCode>;
  const full = ['ENOSPC', 'EDQUOT', 'EFBIG', 'records-full', 'records-busy'].some((code) => hasCode(error, code));
  return full
    ? new DomainError('objects-full', 'the disk of the objects store is full', { cause: error, remedy: 'retry' })
    : new DomainError('objects-failed', `the objects store failed: ${messageOf(error)}`, { cause: error });
}

async function writeFile(path: string, body: AsyncIterable<Uint8Array>): Promise<{ sizeBytes: number; md5: string }> {
  await using file = await open(path, 'wx');
  const hash = createHash('md5');
  let sizeBytes = 0;
  for await (const chunk of gathered(body)) {
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
    await writeAll(file, chunk);
  }
  await file.sync();
  return { sizeBytes, md5: hash.digest('hex') };
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  let written = 0;
  while (written < chunk.byteLength) {
    written += (await file.write(chunk, written, chunk.byteLength - written)).bytesWritten;
  }
}

async function* gathered(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    waiting.push(chunk);
    size += chunk.byteLength;
    if (size < WRITE_BYTES) continue;
    yield waiting.length === 1 ? chunk : Buffer.concat(waiting, size);
    waiting = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(waiting, size);
}

function checkContent({ contentLength, md5: announced }: PutOptions, sizeBytes: number, md5: string): void {
  if (contentLength !== undefined && contentLength !== sizeBytes) {
    throw mismatch('length', `${contentLength} bytes were announced and ${sizeBytes} came`);
  }
  if (announced !== undefined && announced !== md5) {
    throw mismatch('md5', `MD5 ${announced} was announced and ${md5} came`);
  }
}

function mismatch(reason: 'length' | 'md5', message: string): DomainError<ObjectsErrorCode> {
  return new DomainError('content-mismatch', message, { fields: { reason } });
}

async function generations(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number);
}

/** Makes the names in a folder durable. */
export async function syncFolder(directory: string): Promise<void> {
  await using folder = await open(directory, 'r');
  await folder.sync();
}
