import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { lockDirectory } from './index.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-lock-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A process that takes the lock and says so, until it is killed. */
async function holder() {
  const door = new URL('./index.ts', import.meta.url).href;
  const script = `import { lockDirectory } from ${JSON.stringify(door)};
    await lockDirectory(${JSON.stringify(directory)}); process.stdout.write('held'); process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

test('a second process is refused and told who holds the directory', async () => {
  const child = await holder();
  await assert.rejects(lockDirectory(directory), { code: 'directory-locked', fields: { pid: child.pid, directory } });
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('the lock of a killed process is taken over', async () => {
  const child = await holder();
  child.kill('SIGKILL');
  await once(child, 'exit');
  await using lock = await lockDirectory(directory);
  assert.ok(lock);
  assert.equal(JSON.parse(await readFile(join(directory, 'node.lock'), 'utf8')).pid, process.pid);
});

test('a living process that got the pid of a dead holder does not keep the lock', async () => {
  await writeFile(join(directory, 'node.lock'), JSON.stringify({ pid: process.ppid, incarnation: 'another-boot:1' }));
  await using lock = await lockDirectory(directory);
  assert.ok(lock);
});

test('a lock file that is not readable as one is stale', async () => {
  await writeFile(join(directory, 'node.lock'), '{"pi');
  await using lock = await lockDirectory(directory);
  assert.ok(lock);
});

test('two nodes in one process exclude each other, and letting go leaves nothing behind', async () => {
  const first = await lockDirectory(directory);
  await assert.rejects(lockDirectory(directory), { code: 'directory-locked' });
  await first[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  assert.deepEqual(await readdir(directory), []);
});
