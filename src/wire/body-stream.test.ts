import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { RequestBody } from './body-stream.ts';
import type { CallRequest } from './call.ts';

function requestOf(pieces: readonly Uint8Array[], headers: Record<string, string> = {}): CallRequest {
  const body = {
    async *[Symbol.asyncIterator]() {
      yield* pieces;
    },
  };
  return { headers, httpVersionMajor: 1, socket: {}, complete: true, ...body };
}

const own = (text: string) => new Uint8Array(Buffer.from(text));

test('memory of a released piece is gone, and no other is touched', async () => {
  const slab = new Uint8Array(Buffer.from('shared by two bodies'));
  const pieces = [own('first'), slab.subarray(0, 6), own('second'), own('third')];
  const body = new RequestBody(requestOf(pieces), { chunked: false });
  const seen: string[] = [];
  for await (const piece of body) {
    seen.push(Buffer.from(piece).toString());
    body.release(piece);
  }
  assert.deepEqual(seen, ['first', 'shared', 'second', 'third']);
  assert.deepEqual(
    pieces.map(({ buffer }) => buffer.byteLength),
    [0, 20, 0, 0],
  );
});

test('a body whose hash was signed must have it, in chunks too', async () => {
  const payloadHash = createHash('sha256').update('3\r\nabc\r\n0\r\n\r\n').digest('hex');
  const read = async (text: string) => {
    const body = new RequestBody(requestOf([own(text)]), { chunked: true, payloadHash });
    return Buffer.concat(await Array.fromAsync(body)).toString();
  };
  assert.equal(await read('3\r\nabc\r\n0\r\n\r\n'), 'abc');
  await assert.rejects(read('3\r\nxyz\r\n0\r\n\r\n'), { problem: 'payload' });
});

test('chunks that share a piece are whole until the last of them is released', async () => {
  const pieces = [own('3\r\nabc\r\n2\r\nde\r\n'), own('1\r\nf\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n')];
  const headers = { 'x-amz-trailer': 'x-amz-checksum-crc32' };
  const body = new RequestBody(requestOf(pieces, headers), { chunked: true });
  const held: Uint8Array[] = [];
  for await (const chunk of body) held.push(chunk);
  assert.equal(Buffer.concat(held).toString(), 'abcdef');
  for (const [index, chunk] of held.entries()) {
    body.release(chunk);
    assert.equal(pieces[0]!.buffer.byteLength === 0, index === 2);
  }
  assert.deepEqual([body.trailerNames, [...body.trailers.values()]], [['x-amz-checksum-crc32'], ['AAAA']]);
});

test('chunks that are tiny come together, and the memory of their piece goes at once', async () => {
  const tiny = own(`${'1\r\nx\r\n'.repeat(1000)}3\r\nab`);
  const body = new RequestBody(requestOf([own('4\r\nlong\r\n'), tiny, own('c\r\n0\r\n\r\n')]), { chunked: true });
  const seen: string[] = [];
  for await (const piece of body) seen.push(Buffer.from(piece).toString());
  assert.deepEqual(seen, ['long', `${'x'.repeat(1000)}ab`, 'c']);
  assert.equal(tiny.byteLength, 0);
});
