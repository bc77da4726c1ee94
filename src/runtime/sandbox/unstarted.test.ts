import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, systemRandom } from '../../base/index.ts';
import { openSandbox } from './open.ts';

for (const engine of ['process', 'auto'] as const) {
  test(`a process that the system refuses ends as one that has failed, and throws nothing: ${engine}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-unstarted-'));
    const { sandbox } = await openSandbox({ engine, directory, clock: systemClock, random: systemRandom });
    // Node throws for it at once, as it does when there is no memory for another process.
    const command = ['true', 'a\0b'];
    const request = { command, environment: {}, directory: join(directory, 'one'), readable: [], doors: [] };
    const started = sandbox.start(request);
    assert.equal(started.pid, undefined);
    started.freeze();
    started.kill();
    assert.equal(started.memoryBytes(), 0);
    assert.deepEqual(await started.exited, { code: null, signal: null });
    await sandbox[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });
}
