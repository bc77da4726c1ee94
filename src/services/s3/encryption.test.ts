import assert from 'node:assert/strict';
import { test } from 'node:test';
import { customerKeyOf } from './encryption.ts';

// The SDK for JavaScript computes the MD5 anew: a wrong one comes from elsewhere.
test('a key that is not the one of its MD5, or comes without it, is refused', () => {
  const SSECustomerKey = Buffer.alloc(32, 1).toString('base64');
  const key = { SSECustomerAlgorithm: 'AES256', SSECustomerKey };
  assert.throws(() => customerKeyOf({ ...key, SSECustomerKeyMD5: 'AAAA' }), { message: /MD5 hash of the key/ });
  assert.throws(() => customerKeyOf(key), { message: /client calculated MD5/ });
  assert.throws(() => customerKeyOf({ SSECustomerKey }), { message: /valid encryption algorithm/ });
  assert.deepEqual(customerKeyOf({}), {});
});
