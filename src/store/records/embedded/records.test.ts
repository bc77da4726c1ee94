import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { recordsConformance } from '../records.conformance.ts';
import { openEmbeddedRecords } from './records.ts';

recordsConformance('embedded', (directory) => openEmbeddedRecords({ directory }));

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
