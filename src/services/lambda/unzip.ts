import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { type Entry, fromBuffer, type ZipFile } from 'yauzl';
import { LambdaError } from './errors.ts';
import { LAMBDA_LIMITS } from './model.ts';

const openZip = promisify(fromBuffer) as (buffer: Buffer, options: object) => Promise<ZipFile>;

/** Bits of a Unix mode that tell the kind of file, and those of a plain file and a folder. */
const KIND_MASK = 0o170000;
const PLAIN_FILE = 0o100000;
const FOLDER = 0o040000;

/** Whatever the node's umask: the user that a sandbox runs functions as reads, and writes nothing. */
const FOLDER_MODE = 0o755;
const FILE_MODE = 0o444;
const PROGRAM_MODE = 0o555;

/**
 * Unpacks into an empty folder, file by file, counting what really comes out: sizes and counts in a zip are claims. Everything is
 * synced when it resolves; when it throws, the caller removes the folder.
 *
 * @returns bytes of all files
 * @throws zip-invalid  not a zip, encrypted, links, names that lead out of the folder, more than the limits hold
 * @throws storage-failed  the disk is full or broken
 */
export async function unzip(zip: Buffer, folder: string): Promise<number> {
  let archive: ZipFile;
  try {
    // yauzl refuses absolute names and `..`, reads a backslash as a slash first, and ends entries that are longer than announced.
    archive = await openZip(zip, { lazyEntries: true, autoClose: false });
  } catch (error) {
    throw unreadable(error);
  }
  if (archive.entryCount === 0) throw new LambdaError('zip-invalid', 'Uploaded file must be a non-empty zip');
  if (archive.entryCount > LAMBDA_LIMITS.filesMax) throw tooMany(archive.entryCount);
  // All are looked at before the first is written: most of what is refused costs no disk.
  const entries = await readEntries(archive);
  const unpacking = new Unpacking(archive, folder);
  for (const entry of entries) await unpacking.take(entry);
  return unpacking.finish();
}

/** The directory of a zip: as many as may be, of kinds that may be, whose announced sizes together may be. */
async function readEntries(archive: ZipFile): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let announced = 0;
  for await (const entry of entriesOf(archive)) {
    checkEntry(entry);
    announced += entry.uncompressedSize;
    if (announced > LAMBDA_LIMITS.unzippedBytesMax) throw tooLarge();
    entries.push(entry);
  }
  return entries;
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

/** One zip on its way into one folder. */
class Unpacking {
  readonly #archive: ZipFile;
  readonly #root: string;
  /** Those that were made: they are synced at the end. */
  readonly #folders: Set<string>;
  #files = 0;
  #bytes = 0;

  constructor(archive: ZipFile, root: string) {
    this.#archive = archive;
    this.#root = root;
    this.#folders = new Set([root]);
  }

  async take(entry: Entry): Promise<void> {
    const mode = modeOf(entry);
    const path = join(this.#root, entry.fileName);
    try {
      if (entry.fileName.endsWith('/')) return await this.#makeFolders(path.slice(0, -1));
      await this.#makeFolders(dirname(path));
      this.#files++;
      await this.#writeFile(entry, path, (mode & 0o111) === 0 ? FILE_MODE : PROGRAM_MODE);
    } catch (error) {
      throw unreadable(error);
    }
  }

  async finish(): Promise<number> {
    for (const folder of this.#folders) await syncFolder(folder, FOLDER_MODE);
    return this.#bytes;
  }

  /** Makes a folder and those above it. A short zip can name very many of them: they count as files do. */
  async #makeFolders(folder: string): Promise<void> {
    for (let each = folder; each.length > this.#root.length && !this.#folders.has(each); each = dirname(each)) {
      this.#folders.add(each);
    }
    const count = this.#files + this.#folders.size - 1;
    if (count > LAMBDA_LIMITS.filesMax) throw tooMany(count);
    await mkdir(folder, { recursive: true });
  }

  async #writeFile(entry: Entry, path: string, mode: number): Promise<void> {
    // `wx`: a name that comes twice is refused rather than decided by order, also where `A` and `a` are one.
    const file = await open(path, 'wx', mode);
    try {
      await this.#copy(entry, file);
      await file.chmod(mode);
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  async #copy(entry: Entry, file: FileHandle): Promise<void> {
    let check = 0;
    // Read from at once: an error of the stream before somebody listens would end the node.
    for await (const bytes of await readEntry(this.#archive, entry)) {
      this.#bytes += bytes.length;
      if (this.#bytes > LAMBDA_LIMITS.unzippedBytesMax) throw tooLarge();
      check = crc32(bytes, check);
      await file.write(bytes);
    }
    if (check !== entry.crc32 >>> 0) throw new Error(`${entry.fileName} is damaged`);
  }
}

function modeOf({ externalFileAttributes }: Entry): number {
  return externalFileAttributes >>> 16;
}

function checkEntry(entry: Entry): void {
  const { fileName } = entry;
  const kind = modeOf(entry) & KIND_MASK;
  if (kind !== 0 && kind !== PLAIN_FILE && kind !== FOLDER) {
    throw new LambdaError('zip-invalid', `${fileName} is a link or a special file: packages hold files and folders`);
  }
  if (entry.isEncrypted()) throw new LambdaError('zip-invalid', `${fileName} is encrypted`);
  if (Buffer.byteLength(fileName) > LAMBDA_LIMITS.pathBytesMax) {
    const message = `A path of the package is longer than ${LAMBDA_LIMITS.pathBytesMax} bytes: ${fileName.slice(0, 100)}...`;
    throw new LambdaError('zip-invalid', message);
  }
  if (fileName.split('/').length - 1 > LAMBDA_LIMITS.foldersDeepMax) {
    throw new LambdaError('zip-invalid', `${fileName} is more than ${LAMBDA_LIMITS.foldersDeepMax} folders deep`);
  }
}

function readEntry(archive: ZipFile, entry: Entry): Promise<AsyncIterable<Buffer>> {
  return new Promise((resolve, reject) =>
    archive.openReadStream(entry, (error, stream) =>
      error ? reject(error) : resolve(stream as AsyncIterable<Buffer>),
    ),
  );
}

/** Makes what was done in a folder durable. */
export async function syncFolder(path: string, mode?: number): Promise<void> {
  const folder = await open(path, 'r');
  try {
    if (mode !== undefined) await folder.chmod(mode);
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
  if (syscall !== undefined && !NAMED_BADLY.has(code ?? '')) return notStored(cause);
  const message = 'Could not unzip uploaded file. Please check your file, then try to upload again.';
  return new LambdaError('zip-invalid', message, { cause });
}

/** The disk is full or broken. */
export function notStored(cause: unknown): LambdaError {
  return new LambdaError('storage-failed', 'The package could not be stored.', { cause, remedy: 'retry' });
}

function tooLarge(): LambdaError {
  return new LambdaError('zip-invalid', `Unzipped size must be smaller than ${LAMBDA_LIMITS.unzippedBytesMax} bytes`);
}

function tooMany(count: number): LambdaError {
  const limit = LAMBDA_LIMITS.filesMax;
  return new LambdaError('zip-invalid', `The package holds ${count} files and folders; the limit is ${limit}`);
}
