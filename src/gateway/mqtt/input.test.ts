import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { receive } from './input.ts';

/** Both ends of a connection. */
async function pair() {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = createConnection({ port, host: '127.0.0.1' });
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  return {
    client,
    accepted,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      accepted.destroy();
      server.close();
    },
  };
}

/** What arrives, copied, and the memory that it came in. */
function collect(socket: Duplex) {
  const memories = new Set<ArrayBufferLike>();
  let text = '';
  const waiting: { readonly length: number; readonly resolve: () => void }[] = [];
  receive(socket, (chunk) => {
    memories.add(chunk.buffer);
    text += chunk.toString('latin1');
    for (const { length, resolve } of waiting) if (text.length >= length) resolve();
  });
  return {
    memories,
    text: () => text,
    reached: (length: number) => new Promise<void>((resolve) => waiting.push({ length, resolve })),
  };
}

test('plain sockets are all read into the same memory, in this version of Node too', async () => {
  await using first = await pair();
  await using second = await pair();
  const [one, other] = [collect(first.accepted), collect(second.accepted)];
  const reached = [one.reached(5), other.reached(5)];
  first.client.write('first');
  second.client.write('other');
  await Promise.all(reached);
  assert.deepEqual([one.text(), other.text()], ['first', 'other']);
  assert.deepEqual([...one.memories], [...other.memories]);
  assert.equal(one.memories.size, 1);
});

test('a paused socket is not read, a resumed one gives all, more than one read brings, and its end', async () => {
  await using connection = await pair();
  const { client, accepted } = connection;
  const got = collect(accepted);
  const begun = got.reached(5);
  client.write('begin');
  await begun;
  accepted.pause();
  const rest = 'x'.repeat(300_000);
  client.end(rest);
  assert.equal(got.text(), 'begin');
  const ended = once(accepted, 'end');
  accepted.resume();
  await ended;
  assert.equal(got.text(), `begin${rest}`);
});

test('any other stream gives its own chunks', async () => {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const got = collect(stream);
  const reached = got.reached(3);
  stream.push(Buffer.from('abc'));
  await reached;
  assert.equal(got.text(), 'abc');
});
