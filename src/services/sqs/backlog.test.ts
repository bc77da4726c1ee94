import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backlog } from './backlog.ts';
import type { Entry, Place } from './message.ts';
import type { Rows } from './rows.ts';

const entry = (sequence: number) => ({ delayUntil: 0, sequence, sizeBytes: 600 }) as Entry;

/** Rows of which each page is given when it is let go. */
function slowRows(sequences: readonly number[]) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const page = async (from: Place) => {
    const found = sequences.filter((sequence) => sequence >= from.sequence).map(entry);
    await promise;
    return found;
  };
  return { rows: { page } as unknown as Rows, letGo: resolve };
}

const read = async (backlog: Backlog, rows: Rows) => (await backlog.next(rows)).map(({ sequence }) => sequence);

test('what is left behind while a page is read is read after it', async () => {
  const backlog = new Backlog();
  const before = slowRows([1, 2, 3]);
  before.letGo();
  assert.deepEqual(await read(backlog, before.rows), [1, 2, 3]);
  backlog.leave({ delayUntil: 0, sequence: 4 });
  const { rows, letGo } = slowRows([4, 5]);
  const reading = read(backlog, rows);
  backlog.leave({ delayUntil: 0, sequence: 2 });
  letGo();
  assert.deepEqual(await reading, [4, 5]);
  assert.equal(backlog.mayRead(0), true);
  const after = slowRows([2, 4, 5]);
  after.letGo();
  assert.deepEqual(await read(backlog, after.rows), [2, 4, 5]);
  assert.equal(backlog.mayRead(0), false);
});

test('a look at all of it is not forgotten over a page that was under way', async () => {
  const backlog = new Backlog();
  const before = slowRows([1, 2]);
  before.letGo();
  await read(backlog, before.rows);
  backlog.leave({ delayUntil: 0, sequence: 3 });
  const { rows, letGo } = slowRows([3]);
  const reading = read(backlog, rows);
  backlog.rewind();
  letGo();
  await reading;
  const after = slowRows([1, 2, 3]);
  after.letGo();
  assert.deepEqual(await read(backlog, after.rows), [1, 2, 3]);
});
