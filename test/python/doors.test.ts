import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once as event } from 'node:events';
import { connect, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { PYTHON } from './support.ts';

const BOOTSTRAP = join(import.meta.dirname, '../../runtimes/python/bootstrap.py');
const READY = 16;

/** A port that nobody listens on just now. */
async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await event(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await event(server, 'close');
  return port;
}

test('Python listens for the doors and hands the listeners to the node before it is ready', PYTHON, async () => {
  const ports = { 'runtime-api': await freePort(), node: await freePort() };
  const environment = {
    PATH: process.env.PATH,
    MILLRACE_PRELOAD: 'none',
    MILLRACE_DOORS: `runtime-api:${ports['runtime-api']},node:${ports.node}`,
  };
  const child = spawn('python3', ['-s', '-B', BOOTSTRAP], {
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'ipc'],
  });
  const channel = child.stdio[3] as Duplex;
  const servers = new Map<string, Server>();
  child.on('message', (message: { door: string }, server: unknown) => {
    servers.set(message.door, server as Server);
    // As the node does when it has all of them: Python waits for that.
    if (servers.size === Object.keys(ports).length) child.disconnect();
  });
  const left = event(child, 'disconnect');
  try {
    const [frame] = (await event(channel, 'data')) as [Buffer];
    assert.equal(frame[4], READY);
    await left;
    assert.deepEqual([...servers.keys()], ['runtime-api', 'node']);
    for (const [name, port] of Object.entries(ports)) {
      const server = servers.get(name)!;
      const client = connect(port, '127.0.0.1');
      const [accepted] = (await event(server, 'connection')) as [Socket];
      accepted.end(name);
      client.setEncoding('utf8');
      assert.deepEqual(await event(client, 'data'), [name]);
      client.destroy();
    }
  } finally {
    for (const server of servers.values()) server.close();
    child.kill('SIGKILL');
  }
});
