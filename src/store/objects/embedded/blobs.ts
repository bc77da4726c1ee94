/**
 * Content files of the embedded objects engine. A blob is written once, under a name of its own, and never changed; keys live in
 * the records store only, so that no key can escape the folder, exceed a name's length or meet another in a file system that
 * ignores case.
 *
 *     blobs/GENERATION/ID    GENERATION counts the openings of the store: what a crash left behind stands in the last one
 *
 * A blob counts from the commit that names it. Before that its file and its folder are synced (S1). Small content has no file: it goes into
 * that commit.
 */
import { link, mkdir, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, type Random } from '../../../base/index.ts';
import type { Body, ByteRange, LentBody } from '../objects.ts';
import { BlobFile } from './blob-file.ts';
import { BlobReader } from './blob-reader.ts';
import type { Blob } from './catalog.ts';
import { ChunkPool } from './chunk-pool.ts';
import { cipherAt } from './ciphers.ts';
import { DigestThread } from './digest-thread.ts';
import { algorithmsOf, type Digested, type Digesting, type DigestOptions, Digests, digest } from './digests.ts';
import { storageError } from './errors.ts';
import { FolderSync, syncFolder } from './folder-sync.ts';

/** A content that is stored, or is to go into the commit. */
export type Content = Digested & ({ readonly blob: Blob } | { readonly bytes: Uint8Array });

export interface WriteOptions extends DigestOptions {
  /** The file is encrypted with it. */
  readonly customerKey?: Uint8Array;
  /** Content of up to so many bytes gets no file. */
  readonly inlineBytesMax: number;
}

/** Small chunks are gathered to writes of this size; each write is a trip to another thread. */
const WRITE_BYTES = 512 * 1024;

/** ext4 gives a file 65,000 names; FAT and some network file systems give it one. */
const UNLINKABLE = ['EMLINK', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP'];

export class Blobs implements AsyncDisposable {
  readonly #directory: string;
  readonly #generation: string;
  readonly #random: Random;
  readonly #names: FolderSync;
  readonly #digests = new DigestThread();
  readonly #chunks = new ChunkPool();
  #folder: Promise<void> | undefined;
  #nextId = 0;
  /** How many readers a blob has, and what is to happen after the last. */
  readonly #pins = new Map<string, number>();
  readonly #doomed = new Map<string, () => void>();

  private constructor(directory: string, generation: number, random: Random) {
    this.#directory = directory;
    this.#generation = String(generation);
    this.#random = random;
    this.#names = new FolderSync(join(directory, this.#generation));
  }

  /** @param swept  generations up to it are clean; the new one is above it, so that it will be swept */
  static async open(directory: string, swept: number, random: Random): Promise<Blobs> {
    await mkdir(directory, { recursive: true });
    const last = (await generations(directory)).reduce((a, b) => Math.max(a, b), swept);
    return new Blobs(directory, last + 1, random);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#digests[Symbol.asyncDispose]();
    await this.#names[Symbol.asyncDispose]();
  }

  /** Takes in a body, durable when it resolves but for what is small; on any error nothing is left. @throws content-mismatch, objects-full */
  async write(body: Body, options: WriteOptions): Promise<Content> {
    if (!(body instanceof Uint8Array)) return this.#writeStream(body, options);
    if (body.byteLength > options.inlineBytesMax || options.customerKey) return this.#writeStream([body], options);
    return { bytes: body, ...digest(body, options) };
  }

  /**
   * Another name for a blob's content, durable when it resolves; `undefined` where the file takes no more names. It must not go away
   * meanwhile.
   */
  async link(blob: Blob): Promise<Blob | undefined> {
    const id = this.#newId();
    try {
      await this.#makeFolder();
      await link(join(this.#directory, blob.id), join(this.#directory, id));
      await this.#names.sync();
      return { ...blob, id };
    } catch (error) {
      if (UNLINKABLE.some((code) => hasCode(error, code))) return undefined;
      await unlink(join(this.#directory, id)).catch(() => {});
      throw storageError(error);
    }
  }

  /** Reads the bytes of `range` of blobs that follow each other. They stay until it ends or is given up. */
  read(blobs: readonly Blob[], range: ByteRange, customerKey?: Uint8Array): BlobReader {
    const unpin = this.pin(blobs);
    const segments = blobs.map(({ id, ...rest }) => ({ path: join(this.#directory, id), ...rest }));
    return new BlobReader(segments, range, customerKey, this.#chunks, unpin);
  }

  /** Keeps the files until what it returns is called. */
  pin(blobs: readonly Blob[]): () => void {
    for (const { id } of blobs) this.#pins.set(id, (this.#pins.get(id) ?? 0) + 1);
    return () => {
      for (const { id } of blobs) this.#unpin(id);
    };
  }

  /** Calls back when nobody reads the blob: at once, or after its last reader. */
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

  async #writeStream(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options: WriteOptions): Promise<Content> {
    let target: Target | undefined;
    let waiting: Uint8Array[] = [];
    let size = 0;
    const source = new Source(body);
    try {
      for await (const chunk of source) {
        waiting.push(chunk);
        size += chunk.byteLength;
        if (size < WRITE_BYTES) continue;
        target ??= await this.#create(options, body, this.#digests.begin(algorithmsOf(options)));
        await target.file.append(waiting, size);
        waiting = [];
        size = 0;
      }
      if (!target && size <= options.inlineBytesMax && !options.customerKey) {
        const bytes = waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting, size);
        return { bytes, ...digest(bytes, options) };
      }
      target ??= await this.#create(options, body);
      if (size > 0) await target.file.append(waiting, size);
      return await this.#finish(target, options);
    } catch (error) {
      await target?.file.close().catch(() => {});
      target?.digests.drop();
      if (target) await unlink(join(this.#directory, target.id)).catch(() => {});
      throw source.failure === error ? error : storageError(error);
    }
  }

  async #create({ customerKey, ...checks }: WriteOptions, body: object, sums?: Digesting): Promise<Target> {
    const iv = customerKey && Buffer.from(this.#random.bytes(16)).toString('hex');
    const digests = new Digests(checks, sums);
    const cipher = customerKey && cipherAt(customerKey, iv!, 0);
    const release = isLent(body) ? (piece: Uint8Array) => body.release(piece) : undefined;
    try {
      await this.#makeFolder();
      const id = this.#newId();
      const file = await BlobFile.create(join(this.#directory, id), { digests, cipher, release });
      return { id, file, digests, ...(iv !== undefined && { iv }) };
    } catch (error) {
      digests.drop();
      throw error;
    }
  }

  async #finish({ id, file, digests, iv }: Target, { customerKey }: WriteOptions): Promise<Content> {
    await file.written();
    await Promise.all([file.sync(), this.#names.sync()]);
    // Asked for now that it is needed: until then the thread takes it together with others'.
    const digested = await digests.finish();
    await file.close();
    const blob = { id, sizeBytes: digested.sizeBytes, ...(iv !== undefined && { iv }) };
    // The MD5 would tell who has no key whether two contents are the same.
    const md5 = customerKey ? Buffer.from(this.#random.bytes(16)).toString('hex') : digested.md5;
    return { ...digested, md5, blob };
  }

  #newId(): string {
    return `${this.#generation}/${(this.#nextId++).toString(36).padStart(8, '0')}`;
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

function isLent(body: object): body is LentBody {
  return 'release' in body;
}

/** A body that tells its own failures from those of the disk. */
class Source implements AsyncIterableIterator<Uint8Array> {
  failure: unknown;
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;

  constructor(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#chunks = Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#chunks.next();
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.#chunks.return?.();
    return { done: true, value: undefined };
  }
}

/** A blob in the making. */
interface Target {
  readonly id: string;
  readonly file: BlobFile;
  readonly digests: Digests;
  readonly iv?: string;
}

async function generations(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number);
}
