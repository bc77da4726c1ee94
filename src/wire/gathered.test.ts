import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Gathered } from './gathered.ts';

test('pieces of any sizes are put together in their order', () => {
  const size = fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 20_000 }), fc.constantFrom(8191, 8192, 16_384));
  fc.assert(
    fc.property(fc.array(size, { maxLength: 40 }), (sizes) => {
      const pieces = sizes.map((length, index) => Buffer.alloc(length, index + 1));
      const gathered = new Gathered();
      for (const piece of pieces) gathered.add(piece);
      const whole = Buffer.concat(pieces);
      assert.equal(gathered.sizeBytes, whole.length);
      assert.ok(gathered.whole().equals(whole));
    }),
    { seed: 3, numRuns: 300 },
  );
});

test('a body that comes whole is not copied', () => {
  const gathered = new Gathered();
  const piece = new Uint8Array(Buffer.from('abcdef').buffer, 1, 3);
  gathered.add(piece);
  assert.equal(gathered.whole().buffer, piece.buffer);
  assert.deepEqual([...gathered.whole()], [...piece]);
});

test('small pieces behind the first are not held, so that one byte takes one', () => {
  const gathered = new Gathered();
  gathered.add(Buffer.from([0]));
  const piece = Buffer.alloc(1);
  for (let at = 1; at < 100_000; at++) {
    piece[0] = at;
    gathered.add(piece);
  }
  assert.ok(gathered.whole().every((byte, at) => byte === (at & 0xff)));
});
