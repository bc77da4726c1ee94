import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError, hasCode } from '../../../base/index.ts';
import { storageError } from './errors.ts';
import { syncFolder } from './folder-sync.ts';

/** 2: versions and small content in the catalog. 3: uploads by their keys. What earlier ones wrote is read as it is. */
const FORMAT = 3;

/** The folder's version (S4); 0 of a new one. @throws format-too-new */
export async function formatOf(directory: string): Promise<number> {
  const text = await readFile(fileIn(directory), 'utf8').catch((error) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw storageError(error);
  });
  const version = text === undefined ? 0 : (JSON.parse(text) as { version: number }).version;
  if (version <= FORMAT) return version;
  const message = `${directory} has format ${version}; this release reads up to ${FORMAT}: use a newer one`;
  throw new DomainError('format-too-new', message);
}

/** What an earlier release wrote is from now on this one's. @param found  what {@link formatOf} says */
export async function raiseFormat(directory: string, found: number): Promise<void> {
  if (found === FORMAT) return;
  const file = fileIn(directory);
  await writeFile(`${file}.new`, JSON.stringify({ version: FORMAT }), { flush: true });
  await rename(`${file}.new`, file);
  await syncFolder(directory);
}

function fileIn(directory: string): string {
  return join(directory, 'format.json');
}
