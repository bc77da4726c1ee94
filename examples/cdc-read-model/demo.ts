/**
 * The whole example with one command: a node on free ports, the application, the shop; then everything is gone again.
 *
 *     node examples/cdc-read-model/demo.ts [ORDERS]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const here = import.meta.dirname;
const millrace = join(here, '../../bin/millrace.js');
const dataDirectory = await mkdtemp(join(tmpdir(), 'cdc-read-model-'));

const argv = [millrace, 'dev', '--http-port', '0', '--mqtt-port', '0', '--data-dir', dataDirectory];
const node = spawn(process.execPath, argv, { cwd: dataDirectory, stdio: ['ignore', 'pipe', 'inherit'] });
const exited = once(node, 'exit');
try {
  const endpoint = await ready();
  await run(millrace, 'deploy', here, '--endpoint-url', endpoint);
  await run(join(here, 'shop.ts'), endpoint, ...process.argv.slice(2));
} finally {
  node.kill('SIGTERM');
  await exited;
  await rm(dataDirectory, { recursive: true });
}

async function run(...words: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${words[0]} has ended with ${code}`);
}

/** Where the node is. */
async function ready(): Promise<string> {
  for await (const line of createInterface({ input: node.stdout! })) {
    const found = /^ready (\S+)/.exec(line);
    if (found) return found[1]!;
  }
  throw new Error('the node has ended before it was ready');
}
