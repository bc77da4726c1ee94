import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { openEmbeddedRecords } from './records.ts';

/** Writes until it is refused, and says so; ends as a crash would. */
const SCRIPT = `
  import { randomBytes } from 'node:crypto';
  import { openEmbeddedRecords } from ${JSON.stringify(import.meta.resolve('./records.ts'))};
  const records = await openEmbeddedRecords({ directory: process.argv[1] });
  const value = Buffer.alloc(3900);
  let [acknowledged, refusal] = [0];
  const writer = async () => {
    for (let row = 0; row < 1000 && !refusal; row++) {
      await records.commit({ writes: [{ kind: 'put', space: 'things', key: randomBytes(16), value }] });
      acknowledged++;
    }
  };
  await Promise.all(Array.from({ length: 64 }, () => writer().catch((error) => (refusal = error))));
  const read = await records.range('things', { limit: 1 });
  console.log(JSON.stringify({ acknowledged, refusal: refusal?.code, read: read.length }));
  process.exit(0);
`;

test('a checkpoint that fails stops the writer, and nothing that was acknowledged is lost (S1, S3)', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-records-'));
  try {
    // Files may have 64 or 128 MB, by the unit of the shell: the log is far from that when the file gets there.
    const command = 'ulimit -f 131072; exec "$0" "$@"';
    const args = ['-c', command, process.execPath, '--input-type=module', '--eval', SCRIPT, directory];
    const { stdout } = await promisify(execFile)('sh', args);
    const { acknowledged, refusal, read } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual({ refusal, read }, { refusal: 'records-failed', read: 1 });
    const [file, log] = await Promise.all(
      ['records.sqlite', 'records.sqlite-wal'].map(async (name) => (await stat(join(directory, name))).size),
    );
    assert.ok(log! < (file! * 3) / 4, `the log grew on to ${log} bytes`);
    await using records = await openEmbeddedRecords({ directory });
    let found = 0;
    for (let from: Buffer | undefined = Buffer.alloc(0); from; ) {
      const page = await records.range('things', { from, limit: 10_000 });
      found += page.length;
      from = page.length === 10_000 ? Buffer.concat([page.at(-1)!.key, Buffer.of(0)]) : undefined;
    }
    assert.ok(found >= (acknowledged as number), `${found} of ${acknowledged}`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
