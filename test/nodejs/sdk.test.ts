import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { RuntimeHouse } from '../lambda/runtime-house.ts';

const COMMON = `
const { S3Client } = require('@aws-sdk/client-s3');
const found = (name) => { try { return typeof require(name); } catch (error) { return error.code; } };
exports.handler = async () => [new S3Client({}).config.serviceId, found('esbuild'), found('@smithy/core')];
`;
const MODULE = `
import { S3Client } from '@aws-sdk/client-s3';
const other = await import('esbuild').catch(({ code }) => code);
export const handler = async () => [new S3Client({}).config.serviceId, other];
`;

for (const engine of ['process', 'namespace'] as const) {
  test(`a function finds the SDK that it does not bring, and no other package (${engine})`, async (t) => {
    await using house = await open(engine);
    if (!house) return t.skip(`no ${engine} here`);
    assert.deepEqual((await house.invoke(house.spec(COMMON))).value, ['S3', 'MODULE_NOT_FOUND', 'object']);
    const module = house.spec(MODULE, {}, 'index.mjs');
    assert.deepEqual((await house.invoke(module)).value, ['S3', 'ERR_MODULE_NOT_FOUND']);
  });
}

/** Nothing where the machine does not have these walls. */
async function open(engine: 'process' | 'namespace'): Promise<RuntimeHouse | undefined> {
  try {
    return await RuntimeHouse.open({ engine });
  } catch (error) {
    if ((error as { code?: unknown }).code === 'sandbox-unavailable') return undefined;
    throw error;
  }
}

test('what the function brings wins over the SDK of the machine', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const spec = house.spec(`exports.handler = async () => require('@aws-sdk/client-s3');`);
  const own = join(spec.codeDirectory, 'node_modules/@aws-sdk/client-s3/index.js');
  mkdirSync(dirname(own), { recursive: true });
  writeFileSync(own, `module.exports = 'its own';`);
  assert.equal((await house.invoke(spec)).value, 'its own');
});

test('a folder without an SDK that is named as one stops the start', async (t) => {
  process.env.MILLRACE_AWS_SDK = '/nonexistent';
  t.after(() => delete process.env.MILLRACE_AWS_SDK);
  await assert.rejects(RuntimeHouse.open({ engine: 'process' }), {
    code: 'runtime-unavailable',
    message: 'MILLRACE_AWS_SDK: there is no @aws-sdk/client-* in /nonexistent/node_modules',
  });
});
