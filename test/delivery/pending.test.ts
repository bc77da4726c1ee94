import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

/** The bench does it with a million. */
const COUNT = 60_000;

test(`${COUNT.toLocaleString('en-US')} deliveries that wait for a target that hangs cost disk, not memory`, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-pending-'));
  const child = resolve(import.meta.dirname, 'pending-child.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', child, directory, String(COUNT)]);
  const { kept, disk } = JSON.parse(stdout) as { kept: number; disk: number };
  assert.ok(disk > COUNT * 1000, `${disk} bytes on disk`);
  // In memory they would be all there, with what belongs to each.
  assert.ok(kept < (COUNT * 1000) / 4, `${kept} bytes in memory`);
  await rm(directory, { recursive: true });
});
