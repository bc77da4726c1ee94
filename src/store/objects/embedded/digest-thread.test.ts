import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { DigestThread } from './digest-thread.ts';

const skip = availableParallelism() < 2 ? 'one core has no use for a second thread' : false;
const hashOf = (name: string, bytes: Uint8Array | string) => createHash(name).update(bytes);

test('sums of many bodies at once, in any pieces, are what they are here', { skip }, async () => {
  await using thread = new DigestThread();
  const bodies = Array.from({ length: 12 }, (_, index) => Buffer.alloc(1_500_000 + index * 77_777, `body ${index} `));
  const expected = bodies.map((body, index) => ({
    md5: hashOf('md5', body).digest('hex'),
    checksums: index % 2 === 0 ? [hashOf('sha256', body).digest('base64'), hashOf('sha1', body).digest('base64')] : [],
  }));
  const sums = bodies.map(async (body, index) => {
    const digesting = thread.begin(index % 2 === 0 ? ['SHA256', 'SHA1'] : [])!;
    const step = 1000 + index * 97_000;
    for (let at = 0; at < body.length; at += 3 * step) {
      const pieces = [0, 1, 2].map((part) => body.subarray(at + part * step, at + (part + 1) * step));
      await digesting.update(pieces);
      // What was taken is the caller's again.
      if (index === 0) for (const piece of pieces) piece.fill(0);
    }
    return digesting.digest();
  });
  assert.deepEqual(await Promise.all(sums), expected);
});

test('a body that is given up leaves the others alone, and none has the sum of nothing', { skip }, async () => {
  await using thread = new DigestThread();
  const [dropped, kept] = [thread.begin([])!, thread.begin([])!];
  await dropped.update([Buffer.from('dropped')]);
  dropped.drop();
  await kept.update([Buffer.from('kept')]);
  assert.equal((await kept.digest()).md5, hashOf('md5', 'kept').digest('hex'));
  assert.equal((await thread.begin([])!.digest()).md5, hashOf('md5', '').digest('hex'));
});

test('a body that is given up after its end leaves the others alone', { skip }, async () => {
  await using thread = new DigestThread();
  const [refused, kept] = [thread.begin([])!, thread.begin([])!];
  await refused.update([Buffer.from('refused')]);
  await refused.digest();
  refused.drop();
  refused.drop();
  await kept.update([Buffer.from('kept')]);
  assert.equal((await kept.digest()).md5, hashOf('md5', 'kept').digest('hex'));
});

test('who asks a thread that has ended hears of it', { skip }, async () => {
  const thread = new DigestThread();
  const digesting = thread.begin([])!;
  await digesting.update([Buffer.from('x')]);
  await thread[Symbol.asyncDispose]();
  await assert.rejects(async () => digesting.digest(), { code: 'objects-failed' });
  assert.equal(thread.begin([]), undefined);
});
