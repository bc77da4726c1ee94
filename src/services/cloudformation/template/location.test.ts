import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { readTemplateUrl } from './location.ts';

test('of an object that is too large for a template no more is read than shows it', async () => {
  let read = 0;
  const chunk = Buffer.alloc(100_000, 'a');
  async function* endless() {
    for (; read < 1_000; read++) yield chunk;
  }
  await assert.rejects(
    readTemplateUrl('s3://bucket/key', async () => endless()),
    {
      code: 'validation',
      message: `Template may not exceed ${CLOUDFORMATION_LIMITS.templateBytesMax} bytes in size.`,
    },
  );
  assert.ok(read <= 11, `${read} chunks`);
});

test('a character that is cut between two chunks is read whole', async () => {
  const bytes = Buffer.from('schön');
  const object = async () =>
    (async function* () {
      for (const byte of bytes) yield Buffer.from([byte]);
    })();
  assert.equal(await readTemplateUrl('s3://bucket/key', object), 'schön');
});

test('a URL that is encoded wrongly is the fault of who gives it', async () => {
  await assert.rejects(
    readTemplateUrl('s3://bucket/%E0%A4%A', () => assert.fail()),
    { code: 'validation' },
  );
});
