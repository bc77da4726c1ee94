import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError, hasCode } from '../../../base/index.ts';
import { storageError } from './errors.ts';
import { syncFolder } from './folder-sync.ts';

/** 2: versions and small content in the catalog. What format 1 wrote is read as it is. */
const FORMAT = 2;

/** The folder's version (S4): what an earlier release wrote is from now on this one's. @throws format-too-new */
export async function checkFormat(directory: string): Promise<void> {
  const file = join(directory, 'format.json');
  const text = await readFile(file, 'utf8').catch((error) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw storageError(error);
  });
  const version = text === undefined ? 0 : (JSON.parse(text) as { version: number }).version;
  if (version > FORMAT) {
    const message = `${directory} has format ${version}; this release reads up to ${FORMAT}: use a newer one`;
    throw new DomainError('format-too-new', message);
  }
  if (version < FORMAT) await writeFormat(directory, file);
}

async function writeFormat(directory: string, file: string): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify({ version: FORMAT }), { flush: true });
  await rename(`${file}.new`, file);
  await syncFolder(directory);
}
