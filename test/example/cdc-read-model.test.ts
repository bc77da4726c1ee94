/** The example as a user runs it: by its one command. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { deltaOf, type Order, sumOf } from '../../examples/cdc-read-model/src/order.ts';

const run = promisify(execFile);
const DEMO = new URL('../../examples/cdc-read-model/demo.ts', import.meta.url).pathname;

test('one command runs a node, the application and the shop, and the read model comes to what was ordered', async () => {
  const { stdout } = await run(process.execPath, [DEMO, '60'], { timeout: 90_000 });
  assert.match(stdout, /60 orders placed, shipped and cancelled in \d+ ms/);
  assert.match(stdout, /the read model has them all \d+ ms after the last write/);
  const rows = stdout.split('\n').filter((line) => /^(ada|grace|edsger|barbara) /.test(line));
  assert.deepEqual(
    rows.map((row) => row.split(/ +/)[1]),
    ['12', '12', '12', '12'],
  );
});

test('a node that is kept answers at the URL that was printed, until it is told to end', {
  timeout: 90_000,
}, async () => {
  const demo = spawn(process.execPath, [DEMO, '--keep', '4'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(demo, 'exit');
  using _demo = { [Symbol.dispose]: () => void demo.kill() };
  let url = '';
  for await (const line of createInterface({ input: demo.stdout })) {
    url ||= /ask it yourself: curl (\S+)/.exec(line)?.[1] ?? '';
    if (line.includes('stays until Ctrl-C')) break;
  }
  const { host, port, pathname } = new URL(url);
  const answer = await get({ host: '127.0.0.1', port, path: pathname, headers: { host } });
  assert.equal((JSON.parse(answer) as { readonly customer: string }).customer, 'ada');
  demo.kill('SIGINT');
  assert.deepEqual(await exited, [0, null]);
});

/** By address: not every resolver knows the names under `localhost`. */
async function get(options: RequestOptions): Promise<string> {
  const [response] = (await once(request(options).end(), 'response')) as [IncomingMessage];
  return text(response);
}

test('a change adds what it makes of an order', () => {
  const placed: Order = { customer: 'ada', order: '1', cents: 500, status: 'placed' };
  const shipped: Order = { ...placed, status: 'shipped' };
  const cancelled: Order = { ...placed, status: 'cancelled' };
  assert.deepEqual(deltaOf(undefined, placed), { orders: 1, cents: 500, shipped: 0 });
  assert.deepEqual(deltaOf(placed, shipped), { orders: 0, cents: 0, shipped: 1 });
  assert.deepEqual(deltaOf(shipped, cancelled), { orders: -1, cents: -500, shipped: -1 });
  assert.deepEqual(deltaOf(cancelled, undefined), { orders: 0, cents: 0, shipped: 0 });
  const all = [deltaOf(undefined, placed), deltaOf(placed, shipped), deltaOf(shipped, undefined)];
  assert.deepEqual(sumOf(all), { orders: 0, cents: 0, shipped: 0 });
});
