import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, writeFile as writeWhole } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Entry, fromBuffer, type ZipFile } from 'yauzl';
import { type Random, uuid } from '../../base/index.ts';
import { LambdaError } from './errors.ts';
import { type CodePackage, LAMBDA_LIMITS } from './model.ts';

const openZip = promisify(fromBuffer) as (buffer: Buffer, options: object) => Promise<ZipFile>;

/** Bits of a Unix mode that tell the kind of file, and those of a plain file and a folder. */
const KIND_MASK = 0o170000;
const PLAIN_FILE = 0o100000;
const FOLDER = 0o040000;
/** Ends the search for a package's settings. */
const SCOPE_END = 'package.json';

/**
 * Code of functions on disk: one folder a package, named by its hash, so that the same package is stored once. A folder is
 * visible whole or not at all: it is unpacked beside, synced and renamed.
 */
export class Packages {
  readonly #directory: string;
  readonly #random: Random;
  /** Packages being unpacked, so that two calls with one package do it once. */
  readonly #unpacking = new Map<string, Promise<void>>();

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
    await writeWhole(join(directory, SCOPE_END), '{}\n');
    return new Packages(directory, random);
  }

  /** Folder of an unpacked package. */
  pathOf({ sha256 }: CodePackage): string {
    return join(this.#directory, Buffer.from(sha256, 'base64').toString('hex'));
  }

  /**
   * Unpacks a zip and keeps it; durable when it resolves.
   *
   * @throws storage-failed  the disk is full or broken; nothing was kept
   * @throws zip-invalid  not a zip, encrypted, links, names that lead out of the folder, more than the limits hold
   */
  async add(zip: Uint8Array): Promise<CodePackage> {
    const bytes = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
    const sha256 = createHash('sha256').update(bytes).digest('base64');
    const code = { sha256, sizeBytes: bytes.length };
    const path = this.pathOf(code);
    if (existsSync(path)) return code;
    let unpacking = this.#unpacking.get(path);
    if (!unpacking) {
      unpacking = this.#store(bytes, path).finally(() => this.#unpacking.delete(path));
      this.#unpacking.set(path, unpacking);
    }
    await unpacking;
    return code;
  }

  /** Removes the packages that nothing refers to any more. Call it when no environment runs. */
  async sweep(used: Iterable<CodePackage>): Promise<void> {
    const kept = new Set(Array.from(used, (code) => this.pathOf(code)));
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      if (name !== SCOPE_END && !kept.has(path)) await rm(path, { recursive: true, force: true });
    }
  }

  async #store(zip: Buffer, path: string): Promise<void> {
    const temporary = join(this.#directory, `.${uuid(this.#random)}`);
    try {
      await mkdir(temporary);
      await unpack(zip, temporary);
      await rename(temporary, path);
      await syncFolder(this.#directory);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  }
}

/** Unpacks into an empty folder, file by file, counting what really comes out: sizes in a zip are claims. */
async function unpack(zip: Buffer, folder: string): Promise<void> {
  let archive: ZipFile;
  try {
    // yauzl refuses absolute names, `..`, backslashes and entries that do not have their announced size.
    archive = await openZip(zip, { lazyEntries: true, autoClose: false });
  } catch (error) {
    throw unreadable(error);
  }
  if (archive.entryCount === 0) throw new LambdaError('zip-invalid', 'Uploaded file must be a non-empty zip');
  if (archive.entryCount > LAMBDA_LIMITS.filesMax) {
    throw new LambdaError(
      'zip-invalid',
      `The package holds ${archive.entryCount} files; the limit is ${LAMBDA_LIMITS.filesMax}`,
    );
  }
  const folders = new Set([folder]);
  let total = 0;
  for await (const entry of entriesOf(archive)) {
    if (total + entry.uncompressedSize > LAMBDA_LIMITS.unzippedBytesMax) throw tooLarge();
    total += await writeEntry(archive, entry, folder, folders);
  }
  for (const each of folders) await syncFolder(each);
}

async function* entriesOf(archive: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      const finish = (act: () => void) => {
        archive.removeAllListeners();
        act();
      };
      archive.once('entry', (next: Entry) => finish(() => resolve(next)));
      archive.once('end', () => finish(() => resolve(undefined)));
      archive.once('error', (error: unknown) => finish(() => reject(unreadable(error))));
      archive.readEntry();
    });
    if (!entry) return;
    yield entry;
  }
}

/** @returns bytes written */
async function writeEntry(archive: ZipFile, entry: Entry, root: string, folders: Set<string>): Promise<number> {
  const mode = entry.externalFileAttributes >>> 16;
  const kind = mode & KIND_MASK;
  if (kind !== 0 && kind !== PLAIN_FILE && kind !== FOLDER) {
    throw new LambdaError(
      'zip-invalid',
      `${entry.fileName} is a link or a special file: packages hold files and folders`,
    );
  }
  if (entry.isEncrypted()) throw new LambdaError('zip-invalid', `${entry.fileName} is encrypted`);
  const path = join(root, entry.fileName);
  if (entry.fileName.endsWith('/')) {
    await makeFolders(path, root, folders);
    return 0;
  }
  await makeFolders(dirname(path), root, folders);
  try {
    return await writeFile(archive, entry, path, (mode & 0o111) === 0 ? 0o444 : 0o555);
  } catch (error) {
    throw error instanceof LambdaError ? error : unreadable(error);
  }
}

/** Makes a folder and those above it, and remembers them: they are synced at the end. */
async function makeFolders(path: string, root: string, folders: Set<string>): Promise<void> {
  const folder = path.endsWith('/') ? path.slice(0, -1) : path;
  if (folders.has(folder)) return;
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw unreadable(error);
  }
  for (let each = folder; each.length > root.length; each = dirname(each)) folders.add(each);
}

async function writeFile(archive: ZipFile, entry: Entry, path: string, mode: number): Promise<number> {
  // `wx`: a name that comes twice is refused rather than decided by order.
  const file = await open(path, 'wx', mode);
  let written = 0;
  try {
    // Whatever mask the node was started with: functions are other users of the machine.
    await file.chmod(mode);
    // Read from at once: an error of the stream before somebody listens would end the node.
    for await (const bytes of await readEntry(archive, entry)) {
      written += bytes.length;
      if (written > LAMBDA_LIMITS.unzippedBytesMax) throw tooLarge();
      await file.write(bytes);
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  return written;
}

function readEntry(archive: ZipFile, entry: Entry): Promise<AsyncIterable<Buffer>> {
  return new Promise((resolve, reject) =>
    archive.openReadStream(entry, (error, stream) =>
      error ? reject(error) : resolve(stream as AsyncIterable<Buffer>),
    ),
  );
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Errors of the file system that names in the package cause: the others are the node's. */
const NAMED_BADLY = new Set(['EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'EINVAL']);

function unreadable(cause: unknown): LambdaError {
  if (cause instanceof LambdaError) return cause;
  const { syscall, code } = cause as NodeJS.ErrnoException;
  if (syscall !== undefined && !NAMED_BADLY.has(code ?? '')) {
    return new LambdaError('storage-failed', 'The package could not be stored.', { cause, remedy: 'retry' });
  }
  const message = 'Could not unzip uploaded file. Please check your file, then try to upload again.';
  return new LambdaError('zip-invalid', message, { cause });
}

function tooLarge(): LambdaError {
  return new LambdaError('zip-invalid', `Unzipped size must be smaller than ${LAMBDA_LIMITS.unzippedBytesMax} bytes`);
}
