import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bootstrap } from './bootstrap.ts';

test('what is written to a standard stream in pieces is logged in lines, whole characters', async () => {
  await using bootstrap = await Bootstrap.load(
    `exports.handler = async () => {
       const bytes = Buffer.from('Grüße aus Köln\\n€');
       for (const byte of bytes) process.stdout.write(Uint8Array.of(byte));
       process.stdout.write(' 5\\n');
       process.stderr.write('one\\ntwo\\n');
       return process.stdout === process.stdout;
     };`,
  );
  bootstrap.invoke(0, {});
  assert.equal(await bootstrap.answer(0), true);
  const lines = bootstrap.frames.flatMap((frame) => (frame.kind === 'log' ? [frame.line] : []));
  assert.deepEqual(lines, ['Grüße aus Köln', '€ 5', 'one', 'two']);
});
