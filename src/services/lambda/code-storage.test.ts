import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodeStorage } from './code-storage.ts';
import type { Functions } from './functions.ts';
import type { Layers } from './layers.ts';
import { LAMBDA_LIMITS } from './model.ts';
import type { Packages } from './packages.ts';

const of = (sha256: string, sizeBytes: number) => ({ sha256, sizeBytes });

test('a package counts once, whoever uses it, and one that would be too much is refused', async () => {
  const functions = { packages: () => [of('a', 100), of('b', 10), of('a', 100)] } as unknown as Functions;
  let layers = [of('b', 10), of('c', 1)];
  const added: number[] = [];
  const packages = { add: async (zip: Uint8Array) => added.push(zip.length) } as unknown as Packages;
  const storage = new CodeStorage(packages, functions, { packages: () => layers } as unknown as Layers);
  assert.equal(storage.usedBytes, 111);
  await storage.add(Buffer.alloc(5));
  layers = [of('d', LAMBDA_LIMITS.codeBytesTotalMax - 114)];
  await assert.rejects(storage.add(Buffer.alloc(5)), {
    code: 'code-too-large',
    message: 'Code storage limit exceeded.',
  });
  await storage.add(Buffer.alloc(4));
  assert.deepEqual(added, [5, 4]);
});
