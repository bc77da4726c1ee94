import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { CommandError, EXIT } from '../command.ts';
import { readFolder, zip } from './archive.ts';
import { type BundleFunction, bundleOnce, findEntry, isBundled } from './bundle.ts';
import type { LocalFunction, LocalLayer } from './template.ts';

/** Code of a function or a layer as it is deployed. */
export interface Package {
  readonly logicalId: string;
  readonly bytes: Buffer;
  /** Lower-case hex SHA-256 of the bytes. */
  readonly hash: string;
  /** Files that a bundle was made of, absolute; absent for what goes as it is. */
  readonly inputs?: ReadonlySet<string>;
}

/** How packages are made. */
export interface Packaging {
  readonly bundle: BundleFunction;
  /** Small packages for the wire, or quick ones for a node on this machine. */
  readonly compress: boolean;
}

const ONCE: Packaging = { bundle: bundleOnce, compress: true };

/**
 * Packages one function: bundled, or its folder as it is, or a package that is ready.
 *
 * @throws CommandError  saying what is missing and where it was looked for
 */
export async function packageFunction(fn: LocalFunction, { bundle, compress } = ONCE): Promise<Package> {
  const { logicalId, codePath, runtime } = fn;
  const ready = await readyBytes(logicalId, codePath);
  if (ready) return packageOf(logicalId, ready);
  const entry = runtime.startsWith('nodejs') ? await entryOf(fn) : undefined;
  if (!entry || !(await isBundled(fn, entry))) {
    return packageOf(logicalId, await zip(await readFolder(codePath), compress));
  }
  const { entries, inputs } = await bundle(fn, entry);
  return { ...packageOf(logicalId, await zip(entries, compress)), inputs };
}

/** Packages a layer: its folder as it is, or a package that is ready. @throws CommandError  it is not there */
export async function packageLayer({ logicalId, codePath }: LocalLayer, compress = true): Promise<Package> {
  const ready = await readyBytes(logicalId, codePath);
  return packageOf(logicalId, ready ?? (await zip(await readFolder(codePath), compress)));
}

function packageOf(logicalId: string, bytes: Buffer): Package {
  return { logicalId, bytes, hash: createHash('sha256').update(bytes).digest('hex') };
}

async function entryOf(fn: LocalFunction): Promise<string> {
  const entry = await findEntry(fn);
  if (entry) return entry;
  throw new CommandError(
    `${fn.logicalId}: handler "${fn.handler}" names no file in ${fn.codePath}: its last part is the export, what stands before is the file`,
    { exitCode: EXIT.usage },
  );
}

/** The package when the path is a file; `undefined` when it is a folder. @throws CommandError  it is neither */
async function readyBytes(logicalId: string, codePath: string): Promise<Buffer | undefined> {
  const info = await stat(codePath).catch(() => undefined);
  if (!info) throw new CommandError(`${logicalId}: its code is not there: ${codePath}`, { exitCode: EXIT.usage });
  if (!info.isFile()) return undefined;
  const content = await readFile(codePath);
  return /\.(zip|jar)$/.test(codePath) ? content : zip([{ path: basename(codePath), content }]);
}
