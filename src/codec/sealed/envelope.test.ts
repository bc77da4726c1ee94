import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';
import { test } from 'node:test';
import { hasCode, seededRandom } from '../../base/index.ts';
import { keyIdOf, openEnvelope, seal } from './envelope.ts';

const random = seededRandom(7);
const key = { id: '0123456789abcdef', key: random.bytes(32) };
const place = Buffer.from('here');
const sealed = (text: string) => seal(key, Buffer.from(text), place, random.bytes(12));

test('what is sealed opens at its place, also when it is empty', () => {
  for (const text of ['', 'a', 'secret'.repeat(10_000)]) {
    const envelope = sealed(text);
    assert.equal(keyIdOf(envelope), key.id);
    assert.equal(openEnvelope(key.key, envelope, place).toString(), text);
  }
});

test('the layout is the documented one', () => {
  const envelope = sealed('secret');
  assert.equal(envelope.length, 1 + 8 + 12 + 6 + 16);
  assert.equal(envelope[0], 1);
  const decipher = createDecipheriv('aes-256-gcm', key.key, envelope.subarray(9, 21));
  decipher.setAAD(Buffer.concat([envelope.subarray(0, 9), place]));
  decipher.setAuthTag(envelope.subarray(-16));
  assert.equal(decipher.update(envelope.subarray(21, -16), undefined, 'utf8') + decipher.final('utf8'), 'secret');
});

test('an envelope with any bit changed, cut at any byte, or moved elsewhere does not open', () => {
  const envelope = sealed('secret');
  const open = (bytes: Uint8Array, at = place) => {
    keyIdOf(bytes);
    return openEnvelope(key.key, bytes, at);
  };
  for (let bit = 0; bit < envelope.length * 8; bit++) {
    const changed = Buffer.from(envelope);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => open(changed), isSealError);
  }
  for (let length = 0; length < envelope.length; length++)
    assert.throws(() => open(envelope.subarray(0, length)), isSealError);
  assert.throws(() => open(envelope, Buffer.from('there')), isSealError);
});

test('a later version is refused by name', () => {
  const envelope = sealed('secret');
  envelope[0] = 2;
  assert.throws(() => keyIdOf(envelope), { code: 'format-too-new' });
});

const isSealError = (error: unknown) => hasCode(error, 'seal-broken') || hasCode(error, 'format-too-new');
