import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Logger, silentLogger } from '../../telemetry/index.ts';
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
