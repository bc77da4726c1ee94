import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FolderWatcher } from './folder-watcher.ts';

test('a link in a circle is a change as any other', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-watcher-'));
  const seen = Promise.withResolvers<void>();
  using watcher = new FolderWatcher({
    ignored: [],
    onError: (error) => seen.reject(error),
    onChange: ({ path }) => {
      if (path === join(folder, 'last')) seen.resolve();
    },
  });
  watcher.cover(folder);
  await symlink('circle', join(folder, 'circle'));
  await writeFile(join(folder, 'last'), '');
  await seen.promise;
  await rm(folder, { recursive: true });
});
