import assert from 'node:assert/strict';
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BlobReader } from './blob-reader.ts';
import { ChunkPool } from './chunk-pool.ts';

const skip = platform() === 'linux' ? false : 'only Linux tells which files a process has open';

async function countOpen(path: string): Promise<number> {
  const fds = await readdir('/proc/self/fd');
  const paths = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return paths.filter((one) => one === path).length;
}

test('who gives up while the file is being opened leaves it closed', { skip }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-reader-'));
  try {
    const path = join(directory, 'blob');
    await writeFile(path, 'content');
    let released = 0;
    const reader = new BlobReader(
      [{ path, sizeBytes: 7 }],
      { start: 0, end: 6 },
      undefined,
      new ChunkPool(),
      () => released++,
    );
    const first = reader.next();
    await Promise.all([first, reader.return()]);
    assert.deepEqual([await countOpen(path), released], [0, 1]);
    assert.deepEqual(await reader.next(), { done: true, value: undefined });
  } finally {
    await rm(directory, { recursive: true });
  }
});
