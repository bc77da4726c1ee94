import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { CommandError, EXIT } from '../command.ts';
import { readFolder, zip } from './archive.ts';
import { bundle, findEntry, isBundled } from './bundle.ts';
import type { LocalFunction } from './template.ts';

/** A function's code as it is deployed. */
export interface FunctionPackage {
  readonly logicalId: string;
  readonly bytes: Buffer;
  /** Lower-case hex SHA-256 of the bytes. */
  readonly hash: string;
}

/**
 * Packages one function: bundled, or its folder as it is, or a package that is ready.
 *
 * @throws CommandError  saying what is missing and where it was looked for
 */
export async function packageFunction(fn: LocalFunction): Promise<FunctionPackage> {
  const bytes = await codeBytes(fn);
  return { logicalId: fn.logicalId, bytes, hash: createHash('sha256').update(bytes).digest('hex') };
}

async function codeBytes(fn: LocalFunction): Promise<Buffer> {
  const { logicalId, codePath, runtime, handler } = fn;
  const info = await stat(codePath).catch(() => undefined);
  if (!info) throw new CommandError(`${logicalId}: its code is not there: ${codePath}`, { exitCode: EXIT.usage });
  if (info.isFile()) {
    return /\.(zip|jar)$/.test(codePath)
      ? readFile(codePath)
      : zip([{ path: basename(codePath), content: await readFile(codePath) }]);
  }
  if (!runtime.startsWith('nodejs')) return zip(await readFolder(codePath));
  const entry = await findEntry(fn);
  if (!entry) {
    throw new CommandError(
      `${logicalId}: handler "${handler}" names no file in ${codePath}: its last part is the export, what stands before is the file`,
      { exitCode: EXIT.usage },
    );
  }
  return zip((await isBundled(fn, entry)) ? await bundle(fn, entry) : await readFolder(codePath));
}
