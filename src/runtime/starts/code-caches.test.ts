import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { type Logger, silentLogger } from '../../telemetry/index.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { FunctionSpec } from '../runtime.ts';
import { CodeCaches } from './code-caches.ts';

const SPEC = { arn: 'arn:aws:lambda:us-east-1:000000000000:function:f', name: 'f', codeHash: 'h' } as FunctionSpec;

test('two environments that send the same module at once leave one whole cache and no warning', async () => {
  const root = mkdtempSync(join(tmpdir(), 'millrace-code-caches-'));
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  const caches = await CodeCaches.open(root, logger);
  for (const fill of [1, 2, 3, 4]) caches.take(SPEC, '24.0.0', 'handler.js', Buffer.alloc(1_000_000, fill));
  await caches.flush();
  const folder = caches.directoryOf(SPEC, '24.0.0');
  assert.deepEqual(warnings, []);
  assert.deepEqual(readdirSync(folder), ['handler.js']);
  const kept = readFileSync(join(folder, 'handler.js'));
  assert.ok(kept.length === 1_000_000 && kept.every((byte) => byte === kept[0]));
  rmSync(root, { recursive: true });
});

test('the caches that were written first go while the node runs, before there are many more than are kept', async () => {
  const root = mkdtempSync(join(tmpdir(), 'millrace-code-caches-'));
  const caches = await CodeCaches.open(root, silentLogger);
  const specs = Array.from({ length: RUNTIME_LIMITS.codeCachesMax * 1.2 }, (_, n) => ({ ...SPEC, name: `f${n}` }));
  for (const [n, spec] of specs.entries()) {
    caches.take(spec, '24.0.0', 'handler.js', Buffer.from('x'));
    if (n % 25 === 24) await caches.flush();
  }
  const left = readdirSync(root);
  assert.ok(left.length <= RUNTIME_LIMITS.codeCachesMax * 1.1, `${left.length} are left`);
  assert.ok(left.includes(basename(caches.directoryOf(specs.at(-1)!, '24.0.0'))), 'the last one is there');
  rmSync(root, { recursive: true });
});

test('one package has caches of so many modules: empty ones count, since each takes a file', async () => {
  const root = mkdtempSync(join(tmpdir(), 'millrace-code-caches-'));
  const caches = await CodeCaches.open(root, silentLogger);
  for (let n = 0; n < RUNTIME_LIMITS.codeCacheFilesMax + 100; n++)
    caches.take(SPEC, '24.0.0', `module-${n}.js`, new Uint8Array(0));
  await caches.flush();
  assert.equal(readdirSync(caches.directoryOf(SPEC, '24.0.0')).length, RUNTIME_LIMITS.codeCacheFilesMax);
  rmSync(root, { recursive: true });
});
