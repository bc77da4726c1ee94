import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../base/index.ts';

/** The folder that is ours with all in it, wherever it is. */
const OWN = /^.*[/\\]\.millrace(?=[/\\]|$)/;

/**
 * Makes a directory for what nobody else may have, keys among it: for this user alone, and left out by git, since commands are called
 * in folders that people commit whole. One that is there already stays as it is.
 *
 * @param path  absolute
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  const whole = OWN.exec(path)?.[0] ?? path;
  try {
    await writeFile(join(whole, '.gitignore'), '*\n', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}
