import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineReader } from './lines.ts';

function linesOf(pieces: readonly string[], lengthMax: number): readonly string[] {
  const lines: string[] = [];
  const reader = new LineReader(lengthMax, (line) => lines.push(line));
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return lines;
}

test('lines come whole, however the text is cut; long ones in pieces; the last one needs no end', () => {
  assert.deepEqual(linesOf(['a', 'b\n', '\nc', 'd'], 10), ['ab', '', 'cd']);
  assert.deepEqual(linesOf(['abcdefgh\nij'], 3), ['abc', 'def', 'gh', 'ij']);
  assert.deepEqual(linesOf(['abc', '\n'], 3), ['abc']);
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[ab\n]{0,6}$/)), fc.integer({ min: 1, max: 5 }), (pieces, lengthMax) => {
      assert.deepEqual(linesOf(pieces, lengthMax), linesOf([pieces.join('')], lengthMax));
    }),
  );
});

test('a long line by the byte takes the time of its length', { timeout: 20_000 }, () => {
  const length = 2_000_000;
  const lines: string[] = [];
  const reader = new LineReader(8 * 1024 * 1024, (line) => lines.push(line));
  for (let n = 0; n < length; n++) reader.push('x');
  reader.push('\n');
  assert.deepEqual(
    lines.map((line) => line.length),
    [length],
  );
});
