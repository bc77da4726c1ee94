import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEmbeddedRecords, Sequence } from './index.ts';

test('numbers grow within a run and over a restart, and none is given twice', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sequence-'));
  let last = 0;
  for (let run = 0; run < 3; run++) {
    await using records = await openEmbeddedRecords({ directory });
    const sequence = await Sequence.open(records, 'numbers');
    for (let i = 0; i < 1000; i++) {
      const number = sequence.take();
      assert.ok(number > last);
      last = number;
    }
  }
  await rm(directory, { recursive: true });
});
