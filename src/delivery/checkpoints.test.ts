import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEmbeddedRecords, RECORDS_LIMITS } from '../store/index.ts';
import { Checkpoints, readNotes } from './checkpoints.ts';

test('more edges than a transaction takes writes are noted all the same, and forgotten', async () => {
  await using scope = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-checkpoints-'));
  scope.defer(() => rm(directory, { recursive: true }));
  const records = scope.use(await openEmbeddedRecords({ directory }));
  const count = RECORDS_LIMITS.writesPerTransactionMax + 1;
  const edges = new Map(Array.from({ length: count }, (_, n) => [`https://h/${n}`, { pending: 1, oldest: n }]));
  const checkpoints = new Checkpoints(records, new Map(), undefined);
  await checkpoints.write(edges, { time: 5, wall: 5 });
  const noted = await readNotes(records);
  assert.deepEqual([noted.edges.size, noted.mark], [count, { time: 5, wall: 5 }]);
  await checkpoints.write(new Map(), { time: 6, wall: 6 });
  assert.equal((await readNotes(records)).edges.size, 0);
});
