import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pieces } from './pieces.ts';

test('pieces come out in their order, whole, whatever their sizes', () => {
  const pieces = new Pieces();
  const sizes = [1, 0, 70_000, 3, 5, 65_536, 64_000, 1_536, 1, 1, 100_000, 2];
  const sent = sizes.map((size, index) => Buffer.alloc(size, index + 1));
  for (const piece of sent) pieces.push(piece);
  const expected = Buffer.concat(sent);
  assert.equal(pieces.byteLength, expected.length);
  const got: Uint8Array[] = [];
  for (let piece = pieces.shift(); piece; piece = pieces.shift()) got.push(piece);
  assert.ok(Buffer.concat(got).equals(expected));
  assert.equal(pieces.byteLength, 0);
  for (const piece of sent) pieces.push(piece);
  assert.ok(Buffer.from(pieces.takeAll()).equals(expected));
});

test('what has been pushed is not written to', () => {
  const pieces = new Pieces();
  const first = Buffer.from('abcdef');
  pieces.push(first.subarray(0, 2));
  pieces.push(Buffer.from('XY'));
  assert.equal(first.toString(), 'abcdef');
  assert.equal(Buffer.from(pieces.takeAll()).toString(), 'abXY');
});

test('a million pieces of one byte are few, and keep nothing of the buffers that they came in', () => {
  const pieces = new Pieces();
  for (let n = 0; n < 1_000_000; n++) pieces.push(Buffer.from([n & 255]));
  let count = 0;
  for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
    count++;
    assert.ok(piece.buffer.byteLength <= 64 * 1024);
  }
  assert.ok(count <= 16, `${count} pieces`);
});
