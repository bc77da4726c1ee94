import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import type { SandboxProcess } from '../sandbox/sandbox.ts';
import { Connection } from './connection.ts';
import { type Frame, KIND } from './frames.ts';

const READY = Buffer.from([1, 0, 0, 0, KIND.ready]);

/** A connection to a process, and that process's end of the channel. */
async function connect() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const channel = createConnection({ port, host: '127.0.0.1' });
  const [[theirs]] = (await Promise.all([once(server, 'connection'), once(channel, 'connect')])) as [[Socket], unknown];
  const process = { channel, outputs: [], exited: new Promise(() => {}), kill() {} } as unknown as SandboxProcess;
  const becameReady = Promise.withResolvers<void>();
  const connection = new Connection(process, () => becameReady.resolve());
  theirs.write(READY);
  await becameReady.promise;
  return {
    connection,
    channel,
    theirs,
    [Symbol.asyncDispose]: async () => {
      channel.destroy();
      theirs.destroy();
      server.close();
    },
  };
}

function responseFrame(sequence: number, text: string): Buffer {
  const frame = Buffer.alloc(13 + text.length);
  frame.writeUInt32LE(frame.length - 4, 0);
  frame[4] = KIND.response;
  frame.writeUInt32LE(sequence, 5);
  frame.write(text, 13);
  return frame;
}

test('what a frame brought is there after the next has come', async () => {
  await using ends = await connect();
  const frames: Frame[] = [];
  let news = Promise.withResolvers<void>();
  ends.connection.listen({
    onFrame: (frame) => {
      frames.push(frame);
      news.resolve();
    },
    onOutput() {},
    onEnd() {},
  });
  for (const text of ['"first"', '"other"']) {
    news = Promise.withResolvers();
    ends.theirs.write(responseFrame(frames.length, text));
    await news.promise;
  }
  const payloads = frames.map((frame) => frame.kind === 'response' && Buffer.from(frame.payload).toString());
  assert.deepEqual(payloads, ['"first"', '"other"']);
});

test('frames go out in their order, whether the kernel takes them at once, in part, or later', async () => {
  await using ends = await connect();
  ends.theirs.pause();
  const sent: Buffer[] = [];
  for (const [index, size] of [100, 8 * 1024 ** 2, 100, 300, 5 * 1024 ** 2, 10].entries()) {
    const part = Buffer.alloc(size, index + 1);
    sent.push(part);
    ends.connection.send([part]);
  }
  const [half, rest] = [Buffer.alloc(50, 7), Buffer.alloc(70, 8)];
  ends.connection.send([half, rest]);
  assert.ok(ends.channel.writableLength > 0, 'more than the kernel takes');
  ends.channel.end();
  const received = await buffer(ends.theirs);
  assert.ok(received.equals(Buffer.concat([...sent, half, rest])));
});
