import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProfile } from './credentials.ts';

test('a profile is read from a credentials file', () => {
  const text =
    '[default]\naws_access_key_id = A\naws_secret_access_key = S\n[edge]\naws_access_key_id=B\naws_secret_access_key=T\naws_session_token=U\n';
  assert.deepEqual(readProfile(text, 'default'), { accessKeyId: 'A', secretAccessKey: 'S' });
  assert.deepEqual(readProfile(text, 'edge'), { accessKeyId: 'B', secretAccessKey: 'T', sessionToken: 'U' });
  assert.equal(readProfile(text, 'none'), undefined);
});
