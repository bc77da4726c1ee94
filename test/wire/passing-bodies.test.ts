/* Objects that are put on the fast lane: their bodies pass, and are neither held nor read faster than they are taken. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { type Clock, DomainError, hasCode, SimulatedClock, seededRandom } from '../../src/base/index.ts';
import type { Operation, StreamedBody } from '../../src/services/index.ts';
import { PassingBody } from '../../src/wire/lane/passing-body.ts';
import { WIRE_LIMITS } from '../../src/wire/limits.ts';
import { startWire, type TestWire } from './support.ts';

const PIECE_BYTES = 64 * 1024;

/** A node whose one bucket puts objects by `PutObject`. */
function startBucket(PutObject: Operation, more: { readonly clock?: Clock } = {}): Promise<TestWire> {
  const errors = { denied: { type: 'AccessDenied', status: 403 } } as const;
  return startWire([{ name: 's3', errors, operations: { PutObject } }], { mode: 'dev', ...more });
}

const putting = (sizeBytes: number, ...more: string[]) =>
  `${['PUT /b/k HTTP/1.1', 'Host: localhost', `Content-Length: ${sizeBytes}`, ...more].join('\r\n')}\r\n\r\n`;

/** All that comes on a socket, until it matches. */
async function answered(socket: Socket, pattern: RegExp): Promise<string> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += chunk.toString('latin1');
    if (pattern.test(text)) return text;
  }
  return assert.fail(`the connection ended with ${JSON.stringify(text)}`);
}

test('bodies pass whole, many at once and in any pieces, though their memory is used again', async () => {
  const PutObject: Operation = async ({ Body }: { Body: StreamedBody }) => {
    const hash = createHash('sha256');
    for await (const piece of Body) {
      assert.ok(piece.byteLength <= PIECE_BYTES);
      // Others' bodies come in between.
      await new Promise((resolve) => setImmediate(resolve));
      hash.update(piece);
      Body.release!(piece);
    }
    return { ETag: `"${hash.digest('hex')}"` };
  };
  await using wire = await startBucket(PutObject);
  const random = seededRandom(5);
  await Promise.all(
    Array.from({ length: 12 }, async (_, lane) => {
      const socket = connect(wire.port, '127.0.0.1').setNoDelay(true);
      for (let round = 0; round < 4; round++) {
        const body = Buffer.from(random.bytes(WIRE_LIMITS.laneHeldPutBytesMax + 1 + lane * 50_021 + round * 7919));
        const bytes = Buffer.concat([Buffer.from(putting(body.length)), body]);
        for (let at = 0; at < bytes.length; at += 31_337 + lane) socket.write(bytes.subarray(at, at + 31_337 + lane));
        const text = await answered(socket, /\r\n\r\n/);
        assert.match(text, new RegExp(`"${createHash('sha256').update(body).digest('hex')}"`), `${lane}, ${round}`);
      }
      socket.destroy();
    }),
  );
});

test('who does not take a body is not sent all of it', async () => {
  const taken = Promise.withResolvers<StreamedBody>();
  const go = Promise.withResolvers<void>();
  const PutObject: Operation = async ({ Body }: { Body: StreamedBody }) => {
    taken.resolve(Body);
    await go.promise;
    let sizeBytes = 0;
    for await (const piece of Body) sizeBytes += piece.byteLength;
    return { ETag: `"${sizeBytes}"` };
  };
  await using wire = await startBucket(PutObject);
  const socket = connect(wire.port, '127.0.0.1');
  // Far more than the system's buffers on both sides take.
  const sizeBytes = 64 * 1024 ** 2;
  const sent = Promise.withResolvers<void>();
  let isSent = false;
  socket.write(putting(sizeBytes));
  socket.write(Buffer.alloc(sizeBytes), () => {
    isSent = true;
    sent.resolve();
  });
  await taken.promise;
  // Requests on other connections are answered meanwhile: the node has had every chance to read on.
  for (let i = 0; i < 50; i++) await fetch(`${wire.url}/none`).then((response) => response.arrayBuffer());
  assert.equal(isSent, false);
  go.resolve();
  assert.match(await answered(socket, /\r\n\r\n/), new RegExp(`"${sizeBytes}"`));
  await sent.promise;
  socket.destroy();
});

test('an answer before the end of the body reaches its client, and the connection ends', async () => {
  await using wire = await startBucket(() => {
    throw new DomainError('denied', 'not yours');
  });
  const socket = connect({ port: wire.port, host: '127.0.0.1', allowHalfOpen: true });
  const sizeBytes = 20 * 1024 ** 2;
  socket.write(putting(sizeBytes));
  const half = Buffer.alloc(sizeBytes / 2);
  socket.write(half);
  assert.match(await answered(socket, /<\/Error>/), /^HTTP\/1\.1 403 .*\r\nConnection: close\r\n.*AccessDenied/s);
  // The rest is taken, and thrown away, and so is what a client that pipelines has sent behind it.
  const closed = once(socket, 'close');
  socket.write(half);
  socket.write(putting(sizeBytes));
  socket.end(Buffer.alloc(sizeBytes));
  let more = '';
  socket.on('data', (chunk) => {
    more += chunk;
  });
  await closed;
  assert.equal(socket.bytesWritten, 2 * (putting(sizeBytes).length + sizeBytes));
  assert.equal(more, '');
});

test('an answer before the end of the body says that the connection closes, though it is no error; for half a minute it is left open', async () => {
  const clock = new SimulatedClock();
  await using wire = await startBucket(() => ({ ETag: '"unread"' }), { clock });
  const socket = connect({ port: wire.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.write(putting(1_000_000));
  assert.match(await answered(socket, /\r\n\r\n/), /^HTTP\/1\.1 200 .*"unread".*\r\nConnection: close\r\n/s);
  socket.on('error', () => {}).resume();
  const takes = () => new Promise((resolve) => socket.write('x', resolve));
  for (let second = 0; second < 30; second += 5) {
    await clock.advance(5_000);
    assert.equal(await takes(), null, `${second}`);
  }
  await clock.advance(5_000);
  // Whoever still writes hears of the end.
  while (!socket.destroyed) await takes();
});

test('a body that is more than is held of one is refused before it comes', async () => {
  await using wire = await startWire([{ name: 'lambda', errors: {}, operations: {} }], { mode: 'dev' });
  const socket = connect(wire.port, '127.0.0.1');
  const sizeBytes = WIRE_LIMITS.bodyBytesMaxByService.lambda! + 1;
  socket.write(`PUT /2015-03-31/functions/f/code HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${sizeBytes}\r\n\r\n`);
  assert.match(await answered(socket, /\}$/), /^HTTP\/1\.1 413 .*\r\nConnection: close\r\n/s);
  socket.destroy();
});

test('a client that goes away before the end is told of as such', async () => {
  const failed = Promise.withResolvers<unknown>();
  await using wire = await startBucket(async ({ Body }: { Body: StreamedBody }) => {
    try {
      for await (const _ of Body);
    } catch (error) {
      failed.resolve(error);
      throw error;
    }
    return {};
  });
  const socket = connect(wire.port, '127.0.0.1');
  socket.write(putting(1_000_000));
  socket.write(Buffer.alloc(300_000), () => socket.resetAndDestroy());
  const error = await failed.promise;
  assert.ok(hasCode(error, 'body-aborted'), String(error));
});

test('what comes behind a body is the next request', async () => {
  // Short bodies are held.
  await using wire = await startBucket(async ({ Body }: { Body: StreamedBody | Uint8Array }) => {
    let sizeBytes = 0;
    for await (const piece of Body instanceof Uint8Array ? [Body] : Body) sizeBytes += piece.byteLength;
    return { ETag: `"${sizeBytes}"` };
  });
  const socket = connect(wire.port, '127.0.0.1');
  const request = (sizeBytes: number) => Buffer.concat([Buffer.from(putting(sizeBytes)), Buffer.alloc(sizeBytes)]);
  socket.write(Buffer.concat([100_000, 5, 300_000, 65_536, 65_537].map(request)));
  const text = await answered(socket, /65537"/);
  assert.deepEqual(
    [...text.matchAll(/"(\d+)"/g)].map(([, size]) => Number(size)),
    [100_000, 5, 300_000, 65_536, 65_537],
  );
  socket.destroy();
});

test('a body that nobody reads any more is thrown away, and its connection read on', () => {
  const calls: string[] = [];
  const flow = { pause: () => calls.push('pause'), resume: () => calls.push('resume') };
  const body = new PassingBody(10 * PIECE_BYTES, Buffer.alloc(0), flow);
  for (let i = 0; i < 4; i++) assert.equal(body.push(Buffer.alloc(PIECE_BYTES)), PIECE_BYTES);
  assert.deepEqual([calls, body.isPaused], [['pause'], true]);
  body.giveUp(new Error('no use'));
  assert.deepEqual([calls, body.isPaused], [['pause', 'resume'], false]);
  assert.equal(body.push(Buffer.alloc(7 * PIECE_BYTES)), 6 * PIECE_BYTES);
  assert.equal(body.complete, true);
});

test('a reader that has fallen behind goes on when half of what waited is taken', async () => {
  const calls: string[] = [];
  const flow = { pause: () => calls.push('pause'), resume: () => calls.push('resume') };
  const body = new PassingBody(5 * PIECE_BYTES + 3, Buffer.from('abc'), flow);
  const pieces = body[Symbol.asyncIterator]();
  for (let i = 0; i < 4; i++) body.push(Buffer.alloc(PIECE_BYTES, i));
  const first = await pieces.next();
  assert.equal(Buffer.from(first.value!.subarray(0, 4)).toString('latin1'), 'abc\0');
  await pieces.next();
  assert.deepEqual(calls, ['pause']);
  await pieces.next();
  assert.deepEqual(calls, ['pause', 'resume']);
  await pieces.next();
  const waiting = pieces.next();
  body.push(Buffer.alloc(PIECE_BYTES, 9));
  assert.equal((await waiting).value!.byteLength, PIECE_BYTES);
  assert.equal((await pieces.next()).value!.byteLength, 3);
  assert.equal((await pieces.next()).done, true);
});

test('memory of a piece is used again once it is given back, or was never read, and not before', async () => {
  const flow = { pause: () => {}, resume: () => {} };
  const bodyOf = (fill: number) => new PassingBody(2 * PIECE_BYTES, Buffer.alloc(2 * PIECE_BYTES, fill), flow);
  const memoriesOf = async (body: PassingBody) => (await Array.fromAsync(body)).map(({ buffer }) => buffer);
  const held = await Array.fromAsync(bodyOf(1));
  const memories = held.map(({ buffer }) => buffer);
  const other = await memoriesOf(bodyOf(2));
  assert.ok(memories.every((memory) => !other.includes(memory)));
  assert.ok(held.every((piece) => piece.every((byte) => byte === 1)));
  const body = bodyOf(3);
  for (const memory of memories) body.reuse(memory);
  // It has the memory now, and nobody reads it.
  bodyOf(4).giveUp(new Error('no use'));
  assert.deepEqual(new Set(await memoriesOf(bodyOf(5))), new Set(memories));
});

/** How requests of the fuzz test come, and with what body. */
const FRAMINGS = {
  plain: (body: Buffer) => ({ lines: [`Content-Length: ${body.length}`], sent: [body] }),
  /** Not plain: Node's server has the connection from here on. */
  chunked: (body: Buffer, step: number) => ({ lines: ['Transfer-Encoding: chunked'], sent: chunksOf(body, step) }),
  awsChunked: (body: Buffer, step: number) => {
    const sent = chunksOf(body, step);
    const sizeBytes = sent.reduce((sum, { length }) => sum + length, 0);
    const lines = ['Content-Encoding: aws-chunked', 'X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER'];
    return { lines: [...lines, `Content-Length: ${sizeBytes}`], sent };
  },
};

/** Both encodings in chunks write them alike. */
function chunksOf(body: Buffer, step: number): Buffer[] {
  const sent: Buffer[] = [];
  for (let at = 0; at < body.length; at += step) {
    const chunk = body.subarray(at, at + step);
    sent.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  return [...sent, Buffer.from('0\r\n\r\n')];
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('requests of all kinds, cut anywhere and pipelined on many connections, have their own bytes and answers in order', async () => {
  // Pieces are looked at long after they have come, as by a disk that is slow.
  const PutObject: Operation = async ({ Body }: { Body: StreamedBody | Uint8Array }) => {
    if (Body instanceof Uint8Array) return { ETag: `"${sha256(Body)}"` };
    const hash = createHash('sha256');
    const held: Uint8Array[] = [];
    const takeOne = () => {
      const piece = held.shift()!;
      hash.update(piece);
      Body.release(piece);
    };
    for await (const piece of Body) {
      held.push(piece);
      await nextTurn();
      if (held.length > 3) takeOne();
    }
    while (held.length > 0) takeOne();
    return { ETag: `"${hash.digest('hex')}"` };
  };
  await using wire = await startBucket(PutObject);
  await Promise.all(
    Array.from({ length: 24 }, async (_, lane) => {
      const random = seededRandom(lane);
      const below = (end: number) => Math.floor(random.next() * end);
      const pick = <T>(...from: T[]): T => from[below(from.length)]!;
      const expected: string[] = [];
      const parts: Buffer[] = [];
      for (let left = 1 + below(8); left > 0; left--) {
        const sizeBytes = pick(1 + below(65_536), 65_536, 65_537, 262_144, 65_537 + below(500_000));
        const pattern = random.bytes(1 + below(997));
        const body = Buffer.alloc(sizeBytes, pattern);
        const frame = FRAMINGS[pick('plain', 'plain', 'awsChunked', 'chunked')];
        const { lines, sent } = frame(body, pick(1_000, 50_000, 65_536, 200_000));
        const head = ['PUT /b/k HTTP/1.1', 'Host: localhost', `X-Amz-Decoded-Content-Length: ${sizeBytes}`, ...lines];
        parts.push(Buffer.from(`${head.join('\r\n')}\r\n\r\n`), ...sent);
        expected.push(sha256(body));
      }
      const socket = connect(wire.port, '127.0.0.1').setNoDelay(true);
      const bytes = Buffer.concat(parts);
      const cut = pick(bytes.length, 200_000, 20_000);
      const answers = answered(socket, new RegExp(`(HTTP/1.1 .*){${expected.length}}\\r\\n\\r\\n$`, 's'));
      for (let at = 0, end = 0; at < bytes.length; at = end) {
        end = at + 1 + below(cut);
        socket.write(bytes.subarray(at, end));
        if (below(3) === 0) await nextTurn();
      }
      const text = await answers;
      assert.deepEqual(
        [...text.matchAll(/"([0-9a-f]{64})"/g)].map(([, sum]) => sum),
        expected,
        `connection ${lane}`,
      );
      socket.destroy();
    }),
  );
});
