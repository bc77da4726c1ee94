import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { Md5Thread } from './md5-thread.ts';

const skip = availableParallelism() < 2 ? 'one core has no use for a second thread' : false;

test('sums of many bodies at once, in any pieces, are what they are here', { skip }, async () => {
  await using thread = new Md5Thread();
  const bodies = Array.from({ length: 12 }, (_, index) => Buffer.alloc(1_500_000 + index * 77_777, `body ${index} `));
  const sums = bodies.map(async (body, index) => {
    const md5 = thread.begin()!;
    const step = 1000 + index * 97_000;
    for (let at = 0; at < body.length; at += 3 * step) {
      const pieces = [0, 1, 2].map((part) => body.subarray(at + part * step, at + (part + 1) * step));
      await md5.update(pieces);
      // What was taken is the caller's again.
      if (index === 0) for (const piece of pieces) piece.fill(0);
    }
    return md5.digest();
  });
  const expected = Array.from({ length: 12 }, (_, index) =>
    createHash('md5')
      .update(Buffer.alloc(1_500_000 + index * 77_777, `body ${index} `))
      .digest('hex'),
  );
  assert.deepEqual(await Promise.all(sums), expected);
});

test('a body that is given up leaves the others alone, and none has the sum of nothing', { skip }, async () => {
  await using thread = new Md5Thread();
  const [dropped, kept] = [thread.begin()!, thread.begin()!];
  await dropped.update([Buffer.from('dropped')]);
  dropped.drop();
  await kept.update([Buffer.from('kept')]);
  assert.equal(await kept.digest(), createHash('md5').update('kept').digest('hex'));
  assert.equal(await thread.begin()!.digest(), createHash('md5').digest('hex'));
});

test('who asks a thread that has ended hears of it', { skip }, async () => {
  const thread = new Md5Thread();
  const md5 = thread.begin()!;
  await md5.update([Buffer.from('x')]);
  await thread[Symbol.asyncDispose]();
  await assert.rejects(async () => md5.digest(), { code: 'objects-failed' });
  assert.equal(thread.begin(), undefined);
});
