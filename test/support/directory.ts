import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A fresh directory, removed with all that is in it. */
export async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-test-'));
  return { path, [Symbol.asyncDispose]: () => removeDirectory(path) };
}

/** Removes a node's directory: processes that a killed node has left behind may still be writing their last file into it. */
export function removeDirectory(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 10 });
}
