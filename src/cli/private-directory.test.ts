import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { makePrivateDirectory } from './private-directory.ts';

/** A folder under git. */
async function checkout(scope: AsyncDisposableStack) {
  const root = await mkdtemp(join(tmpdir(), 'millrace-private-'));
  scope.defer(() => rm(root, { recursive: true }));
  const git = async (...words: string[]) => (await promisify(execFile)('git', words, { cwd: root })).stdout;
  await git('init', '--quiet');
  return {
    root,
    /** Files that `git add .` would take. */
    untracked: async () =>
      (await git('ls-files', '--others', '--exclude-standard')).split('\n').filter((name) => name !== ''),
  };
}

test('what is written into a private directory is not committed by accident', async () => {
  await using scope = new AsyncDisposableStack();
  const { root, untracked } = await checkout(scope);
  await makePrivateDirectory(join(root, 'certs'));
  await writeFile(join(root, 'certs/pump-1.key'), 'secret');
  // A part of the data directory may be there before the rest.
  await makePrivateDirectory(join(root, '.millrace/demo'));
  await makePrivateDirectory(join(root, '.millrace'));
  await writeFile(join(root, '.millrace/sealing.key'), 'secret');
  await writeFile(join(root, '.millrace/demo/sealing.key'), 'secret');
  await writeFile(join(root, 'template.yaml'), '');
  assert.deepEqual(await untracked(), ['template.yaml']);
  assert.equal((await stat(join(root, 'certs'))).mode & 0o777, 0o700);
});

test('a directory that was there before stays as it is', async () => {
  await using scope = new AsyncDisposableStack();
  const { root, untracked } = await checkout(scope);
  await mkdir(join(root, 'app'));
  await writeFile(join(root, 'app/index.ts'), '');
  await makePrivateDirectory(join(root, 'app'));
  assert.deepEqual(await untracked(), ['app/index.ts']);
});
