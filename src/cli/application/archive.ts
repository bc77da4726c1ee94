import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';

/** One file of a package. */
export interface ArchiveEntry {
  /** Relative, with forward slashes. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable?: boolean;
}

/** Every entry carries the same time, the first that the format can hold, so that the same files give the same bytes. */
const ENTRY_TIME = new Date(Date.UTC(1980, 0, 1));

/** What no package needs. */
const LEFT_OUT = new Set(['.git', '.millrace', '.aws-sam', '.DS_Store']);

/** A zip of the entries, the same bytes for the same entries in any order. */
export function zip(entries: readonly ArchiveEntry[], compress = true): Promise<Buffer> {
  const file = new ZipFile();
  for (const { path, content, executable } of [...entries].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    file.addBuffer(Buffer.from(content), path, {
      mtime: ENTRY_TIME,
      mode: executable ? 0o100755 : 0o100644,
      forceDosTimestamp: true,
      compress,
    });
  }
  file.end();
  return buffer(file.outputStream);
}

/** All files of a folder. */
export async function readFolder(directory: string): Promise<readonly ArchiveEntry[]> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const entries: ArchiveEntry[] = [];
  for (const file of files) {
    const path = file.slice(directory.length + 1).replaceAll('\\', '/');
    if (path.split('/').some((part) => LEFT_OUT.has(part))) continue;
    const { mode } = await stat(file);
    entries.push({ path, content: await readFile(file), executable: (mode & 0o111) !== 0 });
  }
  return entries;
}
