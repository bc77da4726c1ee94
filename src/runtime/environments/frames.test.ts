import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeInvoke, type Frame, FrameInvalid, FrameReader, KIND } from './frames.ts';

function frame(kind: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(1 + body.length, 0);
  head[4] = kind;
  return Buffer.concat([head, body]);
}

function response(sequence: number, memoryKb: number, payload: string): Buffer {
  const body = Buffer.alloc(8 + payload.length);
  body.writeUInt32LE(sequence, 0);
  body.writeUInt32LE(memoryKb, 4);
  body.write(payload, 8);
  return frame(KIND.response, body);
}

function errorFrame(errorType: string, payload: string): Buffer {
  const body = Buffer.alloc(10 + errorType.length + payload.length);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(8, 4);
  body[8] = 1;
  body[9] = errorType.length;
  body.write(errorType + payload, 10);
  return frame(KIND.error, body);
}

const STREAM = Buffer.concat([
  frame(KIND.ready, Buffer.alloc(0)),
  frame(KIND.log, Buffer.from('a line – ü')),
  response(3, 4096, '{"a":1}'),
  errorFrame('TypeError', '{"b":2}'),
  frame(KIND.codeCache, Buffer.concat([Buffer.from([1, 0]), Buffer.from('nBYTES')])),
  frame(KIND.streamStart, Buffer.from('\x05\0\0\0text/html')),
  frame(KIND.streamChunk, Buffer.from('\x05\0\0\0<p>')),
  frame(KIND.streamEnd, Buffer.from('\x05\0\0\0\x09\0\0\0\x03Err{"c":3}')),
]);

/** Reads `chunks` and writes down what comes out. */
function read(chunks: readonly Buffer[], bytesMax = 1024): unknown[] {
  const reader = new FrameReader(bytesMax);
  const frames: unknown[] = [];
  for (const chunk of chunks) reader.push(chunk, (one) => frames.push(plain(one)));
  return frames;
}

/** Payloads are views: copied to be compared. */
function plain(one: Frame): unknown {
  return Object.fromEntries(
    Object.entries(one).map(([key, value]) => [
      key,
      value instanceof Uint8Array ? Buffer.from(value).toString() : value,
    ]),
  );
}

const WHOLE = read([STREAM]);

test('frames are read as they were written', () => {
  assert.deepEqual(WHOLE, [
    { kind: 'ready' },
    { kind: 'log', line: 'a line – ü' },
    { kind: 'response', sequence: 3, memoryKb: 4096, payload: '{"a":1}' },
    { kind: 'error', sequence: 7, memoryKb: 8, fatal: true, errorType: 'TypeError', payload: '{"b":2}' },
    { kind: 'code-cache', name: 'n', bytes: 'BYTES' },
    { kind: 'stream-start', sequence: 5, contentType: 'text/html' },
    { kind: 'stream-chunk', sequence: 5, bytes: '<p>' },
    { kind: 'stream-end', sequence: 5, memoryKb: 9, errorType: 'Err', payload: '{"c":3}' },
  ]);
});

test('wherever the bytes are cut, the same frames come out', () => {
  for (let at = 0; at <= STREAM.length; at++) {
    assert.deepEqual(read([STREAM.subarray(0, at), STREAM.subarray(at)]), WHOLE, `cut at ${at}`);
  }
  assert.deepEqual(read(Array.from(STREAM, (byte) => Buffer.of(byte))), WHOLE);
});

test('a frame that says it is larger than allowed is refused before it is read', () => {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(0xffffffff, 0);
  assert.throws(() => read([head]), FrameInvalid);
  head.writeUInt32LE(0, 0);
  assert.throws(() => read([head]), FrameInvalid);
});

test('any bytes are frames or refused: the function writes what it likes', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), (chunks) => {
      try {
        read(chunks.map((chunk) => Buffer.from(chunk)));
      } catch (error) {
        assert.ok(error instanceof FrameInvalid);
      }
    }),
  );
  for (const kind of [KIND.response, KIND.error, KIND.codeCache]) {
    for (let length = 0; length < 8; length++) {
      const cut = frame(kind, Buffer.alloc(length, 255));
      if (kind === KIND.codeCache && length >= 2) assert.throws(() => read([cut]), FrameInvalid);
      if (kind !== KIND.codeCache) assert.throws(() => read([cut]), FrameInvalid);
    }
  }
});

test('any frame of any kind is decoded or refused', () => {
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(KIND)), fc.uint8Array({ maxLength: 40 }), (kind, body) => {
      try {
        assert.equal(read([frame(kind, body)]).length, 1);
      } catch (error) {
        assert.ok(error instanceof FrameInvalid);
      }
    }),
    { numRuns: 2000 },
  );
  for (const kind of [KIND.streamStart, KIND.streamChunk]) {
    assert.throws(() => read([frame(kind, Buffer.alloc(3))]), FrameInvalid);
  }
  assert.throws(() => read([frame(KIND.streamEnd, Buffer.from('\x05\0\0\0\x09\0\0\0\x03Er'))]), FrameInvalid);
});

test('a small payload travels in one buffer, a large one uncopied', () => {
  const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false };
  const small = encodeInvoke(1, 2, 't', 'arn', { requestId: 'id', payload: Buffer.from('{}'), trace });
  assert.equal(small.length, 1);
  assert.equal(small[0]!.length, 4 + Buffer.from(small[0]!).readUInt32LE(0));
  const payload = Buffer.alloc(100_000, 32);
  const [head, body] = encodeInvoke(1, 2, 't', 'arn', { requestId: 'id', payload, trace });
  assert.equal(body, payload);
  assert.equal(Buffer.from(head!).readUInt32LE(0), head!.length - 4 + payload.length);
});
