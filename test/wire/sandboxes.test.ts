import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { ExtraRoute } from '../../src/wire/index.ts';
import { startWire } from './support.ts';

const answer = (prefix: string, forFunctions: boolean): ExtraRoute => ({
  prefix,
  forFunctions,
  handle: (_request, response) => void response.end('served'),
  handlePlain: (_request, response) => {
    response.writeHead(200, { 'content-length': '6' });
    response.end('served');
  },
});

/** A door as a sandbox has one: its listener is not the wire's. */
async function openDoor(take: (socket: Socket) => void) {
  const door = createServer(take).listen(0, '127.0.0.1');
  await once(door, 'listening');
  const { port } = door.address() as { port: number };
  return { port, [Symbol.dispose]: () => void door.close() };
}

/** @param connection  `keep-alive` for a request that needs no HTTP server of Node's */
async function ask(
  port: number,
  path: string,
  connection = 'close',
): Promise<[status: number | undefined, body: string]> {
  const asked = get({ port, host: '127.0.0.1', path, agent: false, headers: { connection } });
  const [response] = await once(asked, 'response');
  const body = await text(response);
  asked.destroy();
  return [response.statusCode, body];
}

test('out of a sandbox only routes for functions are served, and AWS APIs', async () => {
  await using wire = await startWire([], { extraRoutes: [answer('/metrics', false), answer('/write', true)] });
  using door = await openDoor((socket) => wire.server.accept(socket));
  assert.deepEqual(await ask(wire.port, '/metrics'), [200, 'served']);
  assert.deepEqual(await ask(door.port, '/write'), [200, 'served']);
  assert.deepEqual(await ask(door.port, '/write', 'keep-alive'), [200, 'served']);
  for (const connection of ['close', 'keep-alive']) {
    const [status, body] = await ask(door.port, '/metrics', connection);
    assert.equal(status, 403);
    assert.match(body, /\/metrics is not open to functions/);
  }
  const [unsigned] = await ask(door.port, '/');
  assert.equal(unsigned, 403);
});

test('HTTP/2 and requests on a connection that was good before are judged likewise', async () => {
  await using wire = await startWire([], { extraRoutes: [answer('/metrics', false), answer('/write', true)] });
  using door = await openDoor((socket) => wire.server.accept(socket));
  const session = connectHttp2(`http://127.0.0.1:${door.port}`);
  const statusOf = async (path: string) => {
    const stream = session.request({ ':path': path });
    const [headers] = await once(stream, 'response');
    stream.resume();
    return headers[':status'];
  };
  assert.deepEqual([await statusOf('/write'), await statusOf('/metrics')], [200, 403]);
  session.close();
  const outside = connectHttp2(`http://127.0.0.1:${wire.port}`);
  const stream = outside.request({ ':path': '/metrics' });
  const [headers] = await once(stream, 'response');
  stream.resume();
  outside.close();
  assert.equal(headers[':status'], 200);
});

test('a function that is in flight while the wire drains reaches it', async () => {
  const arrived = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const invoke: ExtraRoute = {
    prefix: '/invoke',
    handle: async (_request, response) => {
      arrived.resolve();
      await ended.promise;
      response.end('done');
    },
  };
  await using wire = await startWire([], { extraRoutes: [answer('/write', true), invoke] });
  using door = await openDoor((socket) => wire.server.accept(socket));
  const invoked = ask(wire.port, '/invoke');
  await arrived.promise;
  const closing = wire.server.close(5000);
  assert.deepEqual(await ask(door.port, '/write'), [200, 'served']);
  ended.resolve();
  assert.deepEqual(await invoked, [200, 'done']);
  await closing;
});

test('a drained wire takes no more connections out of sandboxes', async () => {
  await using wire = await startWire([]);
  using door = await openDoor((socket) => wire.server.accept(socket));
  await wire.server.close(100);
  const call = request({ port: door.port, host: '127.0.0.1', agent: false });
  call.end();
  await assert.rejects(once(call, 'response'), { code: 'ECONNRESET' });
});
