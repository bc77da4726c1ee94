import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const CALLS = 20_000;
const HELD_BYTES = 4000;

/** In a process of its own: the test runner follows each promise, and holds on to them. */
const SCRIPT = `
  import { getHeapStatistics } from 'node:v8';
  import { openEmbeddedRecords } from ${JSON.stringify(import.meta.resolve('./records.ts'))};
  await using records = await openEmbeddedRecords({ directory: process.argv[1] });
  await records.commit({ writes: [{ kind: 'put', space: 'things', key: Buffer.from('a'), value: Buffer.from('1') }] });
  let left = 0;
  const caller = async () => {
    for (; left > 0; left--) {
      const held = Array.from({ length: ${HELD_BYTES / 8} }, (_, at) => at + left);
      await records.get('things', Buffer.from('a'));
      if (held.length === 0) throw new Error();
      // So that they do not all come at once.
      if (left % 3 === 0) await new Promise(setImmediate);
    }
  };
  const calls = (count) => {
    left = count;
    return Promise.all(Array.from({ length: 64 }, caller));
  };
  const scavenge = () => gc({ type: 'minor' });
  let most = 0;
  for (let turn = 0; turn < 4; turn++) {
    // What lives through two scavenges is old: here that is what holds the calls.
    const warm = calls(4000);
    for (let pause = 0; pause < 4; pause++) {
      for (let time = 0; time < 2; time++) scavenge();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await warm;
    scavenge();
    const before = getHeapStatistics().used_heap_size;
    for (let round = 0; round < 5; round++) {
      await calls(${CALLS / 5});
      scavenge();
    }
    most = Math.max(most, getHeapStatistics().used_heap_size - before);
  }
  console.log(most);
`;

test('a scavenge lets go of what answered calls have held', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-records-'));
  try {
    const args = ['--expose-gc', '--input-type=module', '--eval', SCRIPT, directory];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const grown = Number(stdout);
    assert.ok(grown < (CALLS * HELD_BYTES) / 20, `${grown} bytes stay of ${CALLS} calls`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
