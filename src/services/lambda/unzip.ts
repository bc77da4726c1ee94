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

/** Files of one package that are written at once. */
const WRITERS = 16;

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
  await unpacking.takeAll(entries);
  return unpacking.finish();
}

/** The directory of a zip: as many as may be, of kinds that may be, whose announced sizes together may be. */
async function readEntries(archive: ZipFile): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  const folders = new Set(['/']);
  let announced = 0;
  let files = 0;
  for await (const entry of entriesOf(archive)) {
    checkEntry(entry);
    announced += entry.uncompressedSize;
    if (announced > LAMBDA_LIMITS.unzippedBytesMax) throw tooLarge();
    if (!isFolder(entry)) files++;
    // A short zip can name very many folders, one in the other: they count as files do.
    addFolders(folders, join('/', isFolder(entry) ? entry.fileName.slice(0, -1) : dirname(entry.fileName)));
    if (files + folders.size - 1 > LAMBDA_LIMITS.filesMax) throw tooMany(files + folders.size - 1);
    entries.push(entry);
  }
  return entries;
}

function isFolder({ fileName }: Entry): boolean {
  return fileName.endsWith('/');
}

/** Adds a folder and those above it, up to the first that is there. */
function addFolders(folders: Set<string>, folder: string): void {
  for (let each = folder; !folders.has(each); each = dirname(each)) folders.add(each);
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
  #bytes = 0;

  constructor(archive: ZipFile, root: string) {
    this.#archive = archive;
    this.#root = root;
    this.#folders = new Set([root]);
  }

  /** Several at a time: a disk makes the files of several writers durable for the price of one. */
  async takeAll(entries: readonly Entry[]): Promise<void> {
    let next = 0;
    let failure: { readonly error: unknown } | undefined;
    const takeOn = async () => {
      while (next < entries.length && !failure) {
        await this.#take(entries[next++]!).catch((error: unknown) => {
          failure ??= { error };
        });
      }
    };
    // All have stopped when it throws: nobody writes into a folder that is being removed.
    await Promise.all(Array.from({ length: WRITERS }, takeOn));
    if (failure) throw failure.error;
  }

  async #take(entry: Entry): Promise<void> {
    const mode = modeOf(entry);
    const path = join(this.#root, entry.fileName);
    try {
      if (isFolder(entry)) return await this.#makeFolders(path.slice(0, -1));
      await this.#makeFolders(dirname(path));
      await this.#writeFile(entry, path, (mode & 0o111) === 0 ? FILE_MODE : PROGRAM_MODE);
    } catch (error) {
      throw unreadable(error);
    }
  }

  async finish(): Promise<number> {
    for (const folder of this.#folders) await syncFolder(folder, FOLDER_MODE);
    return this.#bytes;
  }

  async #makeFolders(folder: string): Promise<void> {
    addFolders(this.#folders, folder);
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
