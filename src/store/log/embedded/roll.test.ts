import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EmbeddedLog } from './index.ts';

test('records that come while a segment rolls belong to the next group', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-roll-'));
  try {
    await using log = await EmbeddedLog.open({ directory, segmentBytes: 256 * 1024, slabBytes: 256 * 1024 });
    await log.createPartition('p');
    const payload = Buffer.alloc(1000, 'x');
    const commits: Promise<void>[] = [];
    let appended = 0;
    // Every turn of the loop appends, so that some of it comes while a new segment is made.
    for (let turn = 0; turn < 300; turn++) {
      for (let i = 0; i < 40; i++, appended++) log.appendNow('p', { timestamp: appended, payload });
      commits.push(log.committed());
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(commits);
    assert.equal(log.state('p').next, appended);
    let offset = 0;
    while (offset < appended) {
      const records = await log.read('p', offset, 10_000, 1024 * 1024);
      for (const record of records) assert.equal(record.timestamp, offset++);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
