/**
 * The whole example with one command: a node on free ports, the application by osls, pictures; then everything is gone again, unless
 * it is to stay.
 *
 *     node examples/image-pipeline/demo.ts [--keep]
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

const here = import.meta.dirname;
const root = join(here, '../..');
const millrace = join(root, 'bin/millrace.js');
const PYTHON = '/usr/bin/python3';
const keep = process.argv.includes('--keep');

/** osls is in the checkout; an application of its own has it in its `package.json`. */
const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` };

installPillow();
const directory = await mkdtemp(join(tmpdir(), 'image-pipeline-'));
const argv = [millrace, 'dev', '--http-port', '0', '--mqtt-port', '0', '--data-dir', join(directory, 'node')];
// In a group of its own: Ctrl-C comes here alone, and is passed on once.
const node = spawn(process.execPath, argv, {
  ...{ cwd: directory, env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] },
});
const exited = once(node, 'exit');
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => node.kill('SIGTERM'));
try {
  const endpoint = await ready();
  await run(process.execPath, millrace, 'deploy', here, '--endpoint-url', endpoint);
  await run(PYTHON, join(here, 'draw.py'), join(directory, 'pictures'));
  await run(process.execPath, join(here, 'upload.ts'), endpoint, join(directory, 'pictures'));
  if (keep) {
    console.log('\nthe node stays until Ctrl-C');
    await exited;
  } else console.log('\nthe node goes now; with --keep it stays');
} finally {
  node.kill('SIGTERM');
  await exited;
  await rm(directory, { recursive: true });
}

/** boto3 and Pillow, which on Lambda come with a layer: Debian's, for all Pythons of the machine. */
function installPillow(): void {
  const isThere = () => spawnSync(PYTHON, ['-c', 'import boto3, PIL']).status === 0;
  if (isThere()) return;
  spawnSync(process.execPath, [join(root, 'scripts/setup.mjs'), '--pictures'], { cwd: root, stdio: 'inherit' });
  if (!isThere()) throw new Error('functions need boto3 and Pillow: apt-get install python3-boto3 python3-pil');
}

async function run(command: string, ...words: readonly string[]): Promise<void> {
  const child = spawn(command, words, { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${words[0]} has ended with ${code}`);
}

/** Where the node is. */
async function ready(): Promise<string> {
  const lines = createInterface({ input: node.stdout! });
  for await (const line of lines) {
    const found = /^ready (\S+)/.exec(line);
    if (found) return found[1]!;
  }
  throw new Error('the node has ended before it was ready');
}
