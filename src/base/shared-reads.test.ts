import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { readShared } from './shared-reads.ts';

/** A socket that a server has just made, and its other end. */
async function pair(
  pauseOnConnect: boolean,
  made: (socket: Socket) => void,
): Promise<AsyncDisposable & { client: Socket }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect });
  const accepted = once(server, 'connection');
  server.on('connection', made);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await accepted) as [Socket];
  const close = async () => {
    client.destroy();
    socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { client, [Symbol.asyncDispose]: close };
}

describe('sockets that are read into one buffer', () => {
  for (const isPaused of [false, true]) {
    test(`${isPaused ? 'one that was paused' : 'one that is new'} gives what arrives, holds it while paused, and ends`, async () => {
      const chunks: string[] = [];
      let socket!: Socket;
      let told = () => {};
      const arrived = () => new Promise<void>((resolve) => (told = resolve));
      await using ends = await pair(isPaused, (made) => {
        socket = made;
        const received = (chunk: Buffer) => {
          chunks.push(chunk.toString());
          told();
        };
        assert.ok(readShared(made, received));
      });
      assert.equal(socket.readableFlowing, true);
      const first = arrived();
      ends.client.write('one');
      await first;
      socket.pause();
      const second = arrived();
      ends.client.end('two');
      await once(ends.client, 'finish');
      assert.deepEqual(chunks, ['one']);
      const end = once(socket, 'end');
      socket.resume();
      await second;
      await end;
      assert.deepEqual(chunks, ['one', 'two']);
    });
  }

  test('one that is new is not resumed in a tick of its own', async () => {
    let resumed = 0;
    await using ends = await pair(false, (made) => {
      made.on('resume', () => resumed++);
      readShared(made, () => {});
    });
    ends.client.end('bytes');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(resumed, 0);
  });
});
