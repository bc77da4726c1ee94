import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { DirectWriter } from './direct-writer.ts';

const server = createServer({ pauseOnConnect: true });

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => server.close());

/** The server's end, and the client's, of a new connection. */
async function connected(): Promise<readonly [Socket, Socket]> {
  const client = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  return [socket, client];
}

const skip = process.platform === 'win32' ? 'sockets have no descriptors here' : false;

test('bytes arrive in the order of writing, also where the kernel takes no more and the stream goes on', {
  skip,
}, async () => {
  const [socket, client] = await connected();
  const writer = new DirectWriter(socket);
  const sent: Buffer[] = [];
  let turn = 0;
  // The client does not read: sooner or later the kernel has no room for a whole piece.
  while (socket.writableLength === 0) {
    const piece = Buffer.alloc(65_521, turn++);
    const taken = writer.write(piece);
    if (taken < piece.length) socket.write(piece.subarray(taken));
    sent.push(piece);
  }
  assert.ok(turn > 1, 'the kernel has taken some');
  assert.equal(writer.write(Buffer.from('overtakes')), 0);
  socket.end();
  const came: Buffer[] = [];
  for await (const chunk of client) came.push(chunk);
  assert.ok(Buffer.concat(came).equals(Buffer.concat(sent)));
});

test('only as much is written as was asked for', { skip }, async () => {
  const [socket, client] = await connected();
  assert.equal(new DirectWriter(socket).write(Buffer.from('abcdef'), 3), 3);
  socket.end();
  const came: Buffer[] = [];
  for await (const chunk of client) came.push(chunk);
  assert.equal(Buffer.concat(came).toString(), 'abc');
});

test('a socket that is gone takes nothing, whoever has its descriptor now', { skip }, async () => {
  const [socket, client] = await connected();
  const writer = new DirectWriter(socket);
  socket.destroy();
  await once(socket, 'close');
  const [, heir] = await connected();
  assert.equal(writer.write(Buffer.from('for another')), 0);
  client.destroy();
  heir.destroy();
});

test('a peer that has gone is no exception: the stream tells of it', { skip }, async () => {
  const [socket, client] = await connected();
  const writer = new DirectWriter(socket);
  client.resetAndDestroy();
  await once(client, 'close');
  const broken = once(socket, 'error');
  const piece = Buffer.alloc(1024);
  const beat = setInterval(() => {
    const taken = writer.write(piece);
    if (taken < piece.length && !socket.destroyed) socket.write(piece.subarray(taken));
  }, 1);
  const [error] = await broken;
  clearInterval(beat);
  assert.match((error as NodeJS.ErrnoException).code!, /^(ECONNRESET|EPIPE)$/);
});
