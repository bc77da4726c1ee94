import { createHash } from 'node:crypto';
import { createReadStream, existsSync, type ReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Random, uuid } from '../../base/index.ts';
import { LambdaError } from './errors.ts';
import type { CodePackage } from './model.ts';
import { notStored, syncFolder, unzip } from './unzip.ts';

/** Ends the search for a package's settings. */
const SCOPE_END = 'package.json';

/** Bytes that are hashed before others have their turn: a millisecond or two. */
const HASH_SLICE_BYTES = 1024 * 1024;

/**
 * Code of functions and layers on disk: `HASH/`, unpacked, and `HASH.zip`, as it came. The same package is stored once, whoever uses
 * it. A package is visible whole or not at all: it is unpacked beside, synced and renamed, the zip first.
 */
export class Packages {
  readonly #directory: string;
  readonly #random: Random;
  /** Packages being unpacked, so that two calls with one package do it once. */
  readonly #unpacking = new Map<string, Promise<number>>();

  private constructor(directory: string, random: Random) {
    this.#directory = directory;
    this.#random = random;
  }

  /** Makes the folder and removes what an interrupted unpacking has left. */
  static async open(directory: string, random: Random): Promise<Packages> {
    await mkdir(directory, { recursive: true });
    const left = (await readdir(directory)).filter((name) => name.startsWith('.'));
    await Promise.all(left.map((name) => rm(join(directory, name), { recursive: true, force: true })));
    // Node looks for the nearest package.json above a module: without this one it would find that of the application in whose
    // folder the data directory stands, and take its `type` for every function.
    await writeFile(join(directory, SCOPE_END), '{}\n');
    return new Packages(directory, random);
  }

  /** Folder of an unpacked package. */
  pathOf({ sha256 }: Pick<CodePackage, 'sha256'>): string {
    return join(this.#directory, hexOf(sha256));
  }

  /** Whether the zip itself was kept: those that older nodes have unpacked were not. */
  hasZip(code: Pick<CodePackage, 'sha256'>): boolean {
    return existsSync(`${this.pathOf(code)}.zip`);
  }

  /** The zip as it came. */
  readZip(code: Pick<CodePackage, 'sha256'>): ReadStream {
    return createReadStream(`${this.pathOf(code)}.zip`);
  }

  /**
   * Unpacks a zip and keeps it; durable when it resolves.
   *
   * @throws storage-failed  the disk is full or broken; nothing was kept
   * @throws zip-invalid  not a zip, encrypted, links, names that lead out of the folder, more than the limits hold
   */
  async add(zip: Uint8Array): Promise<CodePackage> {
    const bytes = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
    const sha256 = await hashOf(bytes);
    const path = this.pathOf({ sha256 });
    const known = { sha256, sizeBytes: bytes.length };
    if (existsSync(path)) return { ...known, unzippedBytes: await sizeOf(path) };
    let unpacking = this.#unpacking.get(path);
    if (!unpacking) {
      unpacking = this.#store(bytes, path).finally(() => this.#unpacking.delete(path));
      this.#unpacking.set(path, unpacking);
    }
    return { ...known, unzippedBytes: await unpacking };
  }

  /** Removes the packages that nothing refers to any more. Call it when no environment runs. */
  async sweep(used: readonly CodePackage[]): Promise<void> {
    const names = [...new Set(used.map(({ sha256 }) => sha256))].map(hexOf);
    const kept = new Set([SCOPE_END, ...names.flatMap((name) => [name, `${name}.zip`])]);
    for (const name of await readdir(this.#directory)) {
      if (!kept.has(name)) await rm(join(this.#directory, name), { recursive: true, force: true });
    }
  }

  async #store(zip: Buffer, path: string): Promise<number> {
    const temporary = join(this.#directory, `.${uuid(this.#random)}`);
    try {
      await mkdir(temporary);
      const size = await unzip(zip, temporary);
      await this.#keepZip(zip, `${temporary}.zip`, `${path}.zip`);
      await rename(temporary, path);
      await syncFolder(this.#directory);
      return size;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error instanceof LambdaError ? error : notStored(error);
    }
  }

  async #keepZip(zip: Buffer, temporary: string, path: string): Promise<void> {
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(zip);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}

const hexOf = (sha256: string) => Buffer.from(sha256, 'base64').toString('hex');

/** SHA-256, base64. A large package does not hold up who else is served. */
async function hashOf(bytes: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += HASH_SLICE_BYTES) {
    if (at > 0) await setImmediate();
    hash.update(bytes.subarray(at, at + HASH_SLICE_BYTES));
  }
  return hash.digest('base64');
}

/** Bytes of all files of an unpacked package. */
async function sizeOf(folder: string): Promise<number> {
  let size = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) size += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return size;
}
