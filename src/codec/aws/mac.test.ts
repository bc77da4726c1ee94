import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mac } from './mac.ts';

test('is HMAC-SHA256, of texts and keys of every length', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 64 }),
      fc.array(fc.string({ unit: 'binary', maxLength: 700 }), { minLength: 1, maxLength: 4 }),
      (key, texts) => {
        const mac = new Mac(key);
        for (const text of texts) {
          assert.deepEqual(mac.digest(text), createHmac('sha256', key).update(text).digest());
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('what RFC 4231 has in its first two cases', () => {
  const hex = (key: Buffer, text: string) => new Mac(key).digest(text).toString('hex');
  assert.equal(
    hex(Buffer.alloc(20, 0x0b), 'Hi There'),
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  );
  assert.equal(
    hex(Buffer.from('Jefe'), 'what do ya want for nothing?'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});
