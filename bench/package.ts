/** A node as it is published: built, started, stopped, and looked at from outside. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = resolve(import.meta.dirname, '..');

/** The files of the package as npm would lay them out, with this checkout's dependencies. @returns its command */
export async function publishedPackage(directory: string): Promise<string> {
  const built = spawnSync('npm', ['run', 'build'], { cwd: ROOT, encoding: 'utf8' });
  if (built.status !== 0) throw new Error(built.stderr);
  for (const part of ['bin', 'dist', 'runtimes', 'package.json']) {
    await cp(join(ROOT, part), join(directory, part), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  return join(directory, 'bin/millrace.js');
}

export interface RunningNode {
  readonly child: ChildProcess;
  /** `http://127.0.0.1:4566` */
  readonly url: string;
  /** Process start to the ready line. */
  readonly readyMs: number;
}

/** Starts a node that is ready. */
export async function startNode(bin: string, dataDirectory: string): Promise<RunningNode> {
  const argv = [bin, 'dev', '--http-port', '0', '--mqtt-port', '0', '--data-dir', dataDirectory];
  const start = performance.now();
  // In a folder without a template nothing is deployed.
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'ignore'], cwd: tmpdir() });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^ready (\S+)/.exec(line)?.[1];
    if (!url) continue;
    // Whatever else it prints must not fill the pipe.
    child.stdout.resume();
    return { child, url, readyMs: performance.now() - start };
  }
  throw new Error('the node ended before it was ready');
}

export async function stopNode({ child }: RunningNode): Promise<void> {
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** Memory of the node's process, megabytes. */
export async function memoryOf({ child }: RunningNode): Promise<{ readonly rss: number; readonly pss: number }> {
  const rollup = await readFile(`/proc/${child.pid}/smaps_rollup`, 'utf8');
  const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1]) / 1024;
  return { rss: megabytes('Rss'), pss: megabytes('Pss') };
}
