import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { openEmbeddedObjects, openEmbeddedRecords } from '../../src/store/index.ts';

const PRLIMIT = '/usr/bin/prlimit';
const skip = existsSync(PRLIMIT) ? false : 'prlimit is not installed';
const door = new URL('../../src/store/index.ts', import.meta.url).href;

/** Commits until the system refuses to let the file grow, which is an error of writing, not a full disk; then reads and commits. */
const SCRIPT = `
  import { openEmbeddedRecords } from ${JSON.stringify(door)};
  await using records = await openEmbeddedRecords({ directory: process.argv[1] });
  const codes = [];
  const put = (i) => records.commit({ writes: [{ kind: 'put', space: 's', key: Buffer.from(String(i)), value: Buffer.alloc(50_000) }] });
  let done = 0;
  while (codes.length === 0) await put(done).then(() => done++, (error) => codes.push(error.code));
  await put('again').catch((error) => codes.push(error.code));
  await records.commit({ writes: [] }).catch((error) => codes.push(error.code));
  const read = (await records.range('s', { limit: 1000 })).length;
  process.stdout.write(JSON.stringify({ codes, done, read }));
`;

test('records: after a failed write none is tried again until the next start, and reads go on (S3)', {
  skip,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-failed-'));
  try {
    const node = [process.execPath, '--input-type=module', '-e', SCRIPT, directory];
    const { stdout } = await promisify(execFile)(PRLIMIT, ['--fsize=1000000', ...node]);
    const { codes, done, read } = JSON.parse(stdout);
    assert.deepEqual(codes, ['records-failed', 'records-failed', 'records-failed']);
    assert.ok(done > 0);
    assert.equal(read, done);
    await using records = await openEmbeddedRecords({ directory });
    assert.equal((await records.range('s', { limit: 1000 })).length, done);
    await records.commit({ writes: [] });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('objects: with a records store that is gone a put fails by name and leaves no file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-failed-'));
  try {
    const records = await openEmbeddedRecords({ directory: join(directory, 'records') });
    const options = { directory: join(directory, 'objects'), records, clock: systemClock, random: systemRandom };
    await using objects = await openEmbeddedObjects(options);
    await objects.createBucket('b');
    await records[Symbol.asyncDispose]();
    await assert.rejects(objects.put('b', 'k', body()), { code: 'objects-failed' });
    await assert.rejects(objects.head('b', 'k'), { code: 'objects-failed' });
  } finally {
    await rm(directory, { recursive: true });
  }
});

async function* body(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('content');
}
