import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DomainError } from '../../base/index.ts';
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

test('a store that takes no writes for long ends the numbers, until it takes some again', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sequence-'));
  {
    await using records = await openEmbeddedRecords({ directory });
    const sequence = await Sequence.open(records, 'numbers');
    const { commit } = records;
    const full = new DomainError('records-full', 'the disk is full', { remedy: 'retry' });
    records.commit = async () => {
      throw full;
    };
    const takeAll = async () => {
      for (let taken = 0; ; taken++) {
        sequence.take();
        if (taken % 1_000_000 === 0) await undefined;
      }
    };
    await assert.rejects(takeAll(), full);
    records.commit = commit;
    await new Promise(setImmediate);
    assert.throws(() => sequence.take(), full);
    await records.commit({ writes: [] });
    assert.ok(sequence.take() > 10_000_000);
  }
  await rm(directory, { recursive: true });
});
