/**
 * The whole example with one command: a node on free ports, the application, the shop; then everything is gone again, unless it is
 * to stay.
 *
 *     node examples/cdc-read-model/demo.ts [--keep] [ORDERS]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const here = import.meta.dirname;
const millrace = join(here, '../../bin/millrace.js');
const orders = process.argv.slice(2).filter((word) => word !== '--keep');
const keep = process.argv.includes('--keep');
const dataDirectory = await mkdtemp(join(tmpdir(), 'cdc-read-model-'));

const argv = [millrace, 'dev', '--http-port', '0', '--mqtt-port', '0', '--data-dir', dataDirectory];
// In a group of its own: Ctrl-C comes here alone, and is passed on once.
const node = spawn(process.execPath, argv, {
  ...{ cwd: dataDirectory, detached: true, stdio: ['ignore', 'pipe', 'inherit'] },
});
const exited = once(node, 'exit');
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => node.kill('SIGTERM'));
try {
  const endpoint = await ready();
  await run(millrace, 'deploy', here, '--endpoint-url', endpoint);
  await run(join(here, 'shop.ts'), endpoint, ...orders);
  if (keep) {
    console.log(`the console: ${endpoint}/_millrace/console\n\nthe node stays until Ctrl-C`);
    await exited;
  } else console.log('\nthe node goes now; with --keep it stays');
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
