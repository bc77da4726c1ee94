import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../base/index.ts';
import { includesBytes, includesText } from './search.ts';

test('pieces are found where the runtime finds them', () => {
  const random = seededRandom(7);
  const text = (length: number) => Array.from({ length }, () => (random.next() < 0.9 ? 'a' : 'ä')).join('');
  for (let round = 0; round < 300; round++) {
    const part = text(240 + Math.floor(random.next() * 30));
    const before = text(Math.floor(random.next() * 500));
    for (const whole of [before, before + part, before + part.slice(1), `${before}${part}b`, part.slice(0, -1), part]) {
      assert.equal(includesText(whole, part), whole.includes(part));
      const [bytes, piece] = [Buffer.from(whole), Buffer.from(part)];
      assert.equal(includesBytes(new Uint8Array(bytes), new Uint8Array(piece)), bytes.includes(piece));
    }
  }
  assert.ok(includesText('abc', '') && includesText('abc', 'b') && !includesText('abc', 'd'));
  assert.ok(includesBytes(Buffer.of(1, 2, 3), Buffer.of(2, 3)) && !includesBytes(Buffer.of(1), Buffer.of(1, 2)));
});

test('a long piece that repeats itself is not looked for over and over', () => {
  const whole = 'a'.repeat(400_000);
  const part = `${'a'.repeat(100_000)}b${'a'.repeat(100_000)}`;
  const [bytes, piece] = [Buffer.from(whole), Buffer.from(part)];
  const begun = process.cpuUsage();
  assert.equal(includesText(whole, part), false);
  assert.equal(includesBytes(bytes, piece), false);
  const { user } = process.cpuUsage(begun);
  assert.ok(user < 1_000_000, `${user / 1000} ms`);
});
