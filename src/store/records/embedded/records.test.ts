import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { recordsConformance } from '../records.conformance.ts';
import { lazyEmbeddedRecords, openEmbeddedRecords } from './records.ts';

recordsConformance('embedded', (directory) => openEmbeddedRecords({ directory }));
recordsConformance('embedded, opened when it is needed', async (directory) => lazyEmbeddedRecords({ directory }));

async function withDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-records-'));
  await body(directory).finally(() => rm(directory, { recursive: true }));
}

const put = (key: string, value: Uint8Array) =>
  ({ kind: 'put', space: 'things', key: Buffer.from(key), value }) as const;

test('a full file refuses commits by name, goes on reading, and takes commits again when there is room (S3)', () =>
  withDirectory(async (directory) => {
    await using records = await openEmbeddedRecords({ directory, pagesMax: 64 });
    await records.commit({ writes: [put('small', Buffer.from('1'))] });
    const large = Buffer.alloc(1 << 20);
    await assert.rejects(records.commit({ writes: [put('large', large)] }), { code: 'records-full', remedy: 'retry' });
    assert.equal((await records.get('things', Buffer.from('small')))!.value.toString(), '1');
    assert.equal(await records.get('things', Buffer.from('large')), undefined);
    await records.commit({ writes: [put('small', Buffer.from('2'))] });
    assert.equal((await records.get('things', Buffer.from('small')))!.value.toString(), '2');
  }));

test('a space first made in a transaction that did not fit is made again by the next one', () =>
  withDirectory(async (directory) => {
    await using records = await openEmbeddedRecords({ directory, pagesMax: 64 });
    await assert.rejects(records.commit({ writes: [put('large', Buffer.alloc(1 << 20))] }), { code: 'records-full' });
    assert.equal(await records.commit({ writes: [put('small', Buffer.from('1'))] }), 1);
    assert.equal((await records.range('things', { limit: 10 })).length, 1);
  }));

test('a file of a later release is refused by name and left as it is (S4)', () =>
  withDirectory(async (directory) => {
    await (await openEmbeddedRecords({ directory }))[Symbol.asyncDispose]();
    using file = new DatabaseSync(join(directory, 'records.sqlite'));
    file.exec('PRAGMA user_version = 99');
    file.close();
    await assert.rejects(openEmbeddedRecords({ directory }), { code: 'format-too-new', message: /format 99/ });
  }));

test('a second owner of the folder is refused', () =>
  withDirectory(async (directory) => {
    await using _first = await openEmbeddedRecords({ directory });
    await assert.rejects(openEmbeddedRecords({ directory }), {
      code: 'records-failed',
      message: /another process has .* open/,
    });
  }));

test('a damaged file is an error at the opening, not a crash', () =>
  withDirectory(async (directory) => {
    await writeFile(join(directory, 'records.sqlite'), Buffer.alloc(8192, 7));
    await assert.rejects(openEmbeddedRecords({ directory }), { code: 'records-failed', message: /cannot be opened/ });
  }));

test('when its thread dies, all that waits and comes later is told, and nothing that was acknowledged is lost', () =>
  withDirectory(async (directory) => {
    const started = once(process, 'worker') as Promise<[Worker]>;
    const records = await openEmbeddedRecords({ directory });
    await records.commit({ writes: [put('a', Buffer.from('1'))] });
    const [worker] = await started;
    const waiting = records.waitForChanges('things', 1e9, new AbortController().signal);
    await Promise.all([assert.rejects(waiting, { code: 'records-failed' }), worker.terminate()]);
    await assert.rejects(records.commit({ writes: [] }), { code: 'records-failed' });
    await records[Symbol.asyncDispose]();
    await using again = await openEmbeddedRecords({ directory });
    assert.equal((await again.range('things', { limit: 10 })).length, 1);
  }));

test('a store that is opened when it is needed is empty and not even a folder until it is written to', () =>
  withDirectory(async (parent) => {
    const directory = join(parent, 'store');
    const signal = new AbortController().signal;
    {
      await using records = lazyEmbeddedRecords({ directory });
      assert.equal(await records.get('things', key), undefined);
      assert.deepEqual(await records.getAll([{ space: 'things', key }]), [undefined]);
      assert.deepEqual(await records.range('things', { limit: 1 }), []);
      assert.deepEqual(await records.changes('things', 0, 1), []);
      await records.trimChanges('things', 1);
      await records.dropSpace('things');
      assert.equal(await records.sizeBytes(), 0);
      assert.equal(existsSync(directory), false);
    }
    const closed = lazyEmbeddedRecords({ directory });
    await closed[Symbol.asyncDispose]();
    await assert.rejects(closed.get('things', key), { code: 'records-failed', message: /closed/ });
    await assert.rejects(closed.commit({ writes: [] }), { code: 'records-failed', message: /closed/ });
    assert.equal(existsSync(directory), false);

    await using records = lazyEmbeddedRecords({ directory });
    const waiting = records.waitForChanges('things', 0, signal);
    await records.watchChanges('things');
    await records.commit({ writes: [put('a', long(1))] });
    await waiting;
    assert.deepEqual(Buffer.from((await records.get('things', key))!.value), long(1));
    assert.ok((await records.sizeBytes()) > 0);
  }));

test('a store that cannot be opened when it is needed says why, now and from then on', () =>
  withDirectory(async (directory) => {
    await writeFile(join(directory, 'records.sqlite'), Buffer.alloc(8192, 7));
    await using records = lazyEmbeddedRecords({ directory });
    const failure = { code: 'records-failed', message: /cannot be opened/ };
    await Promise.all([
      assert.rejects(records.get('things', key), failure),
      assert.rejects(records.commit({ writes: [put('a', long(1))] }), failure),
    ]);
    await assert.rejects(records.get('things', key), failure);
  }));

/** Too long to stand beside its key. */
const long = (byte: number) => Buffer.alloc(2_000, byte);
const key = Buffer.from('a');

test('values are read as they were written, short and long in turns, also after another opening', () =>
  withDirectory(async (directory) => {
    const written = [long(1), Buffer.from('short'), long(2), long(3), Buffer.from('')];
    for (const value of written) {
      await using records = await openEmbeddedRecords({ directory });
      await records.commit({ writes: [put('a', value), put('b', long(9))] });
      assert.deepEqual(Buffer.from((await records.get('things', key))!.value), value);
      const range = await records.range('things', { limit: 10, reverse: true });
      assert.deepEqual(
        range.map((entry) => [Buffer.from(entry.key).toString(), Buffer.from(entry.value)]),
        [
          ['b', long(9)],
          ['a', value],
        ],
      );
    }
  }));

test('long values that are replaced, deleted or dropped with their space leave their room to others', () =>
  withDirectory(async (directory) => {
    // Room for some 180 of them.
    await using records = await openEmbeddedRecords({ directory, pagesMax: 128 });
    for (let round = 0; round < 500; round++) await records.commit({ writes: [put('a', long(round % 256))] });
    for (let round = 0; round < 500; round++) {
      await records.commit({ writes: [put(`b${round}`, long(1))] });
      await records.commit({ writes: [{ kind: 'delete', space: 'things', key: Buffer.from(`b${round}`) }] });
    }
    for (let round = 0; round < 10; round++) {
      const writes = Array.from({ length: 60 }, (_, i) => put(`c${i}`, long(2)));
      await records.commit({ writes });
      await records.dropSpace('things');
    }
    assert.deepEqual(await records.range('things', { limit: 1 }), []);
  }));

test('a file of the first schema, which had all values beside their keys, is taken over whole (S4)', () =>
  withDirectory(async (directory) => {
    const file = new DatabaseSync(join(directory, 'records.sqlite'));
    file.exec(`
      CREATE TABLE meta (version INTEGER NOT NULL) STRICT;
      INSERT INTO meta VALUES (7);
      CREATE TABLE spaces (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, feed INTEGER NOT NULL) STRICT;
      INSERT INTO spaces VALUES (1, 'things', 0);
      CREATE TABLE space_1 (key BLOB PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      PRAGMA user_version = 1;
    `);
    file.prepare('INSERT INTO space_1 VALUES (?, ?, 7)').run(key, long(5));
    file.close();
    await using records = await openEmbeddedRecords({ directory });
    assert.deepEqual(Buffer.from((await records.get('things', key))!.value), long(5));
    assert.equal(await records.commit({ writes: [put('a', long(6)), put('b', Buffer.from('1'))] }), 8);
    const values = (await records.range('things', { limit: 10 })).map(({ value }) => Buffer.from(value));
    assert.deepEqual(values, [long(6), Buffer.from('1')]);
  }));
