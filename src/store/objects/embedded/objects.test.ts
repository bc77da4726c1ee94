import assert from 'node:assert/strict';
import fs, { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DomainError, SimulatedClock, systemClock, systemRandom } from '../../../base/index.ts';
import { openEmbeddedRecords, type Records } from '../../records/index.ts';
import { objectsConformance } from '../objects.conformance.ts';
import { type LentBody, OBJECTS_LIMITS, type Objects } from '../objects.ts';
import { openEmbeddedObjects } from './objects.ts';

objectsConformance('embedded', openStore);

/** Objects with a records store of their own beside them. @param seenBy  what the objects have of it */
async function openStore(directory: string, seenBy = (records: Records) => records): Promise<Objects> {
  const records = await openEmbeddedRecords({ directory: join(directory, 'records') });
  const options = {
    directory: join(directory, 'objects'),
    records: seenBy(records),
    clock: systemClock,
    random: systemRandom,
  };
  const objects = await openEmbeddedObjects(options).catch(async (error) => {
    await records[Symbol.asyncDispose]();
    throw error;
  });
  const close = objects[Symbol.asyncDispose].bind(objects);
  objects[Symbol.asyncDispose] = async () => {
    await close();
    await records[Symbol.asyncDispose]();
  };
  return objects;
}

/** Content that is too large to stand in the catalog. */
async function* body(content: string): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(OBJECTS_LIMITS.inlineBytesMax + 1, content);
}

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-objects-'));
  await run(directory).finally(() => rm(directory, { recursive: true }));
}

/** Names of all content files. */
async function blobFiles(directory: string): Promise<string[]> {
  const names = await readdir(join(directory, 'objects', 'blobs'), { recursive: true });
  return names.filter((name) => name.includes('/'));
}

test('files of replaced, deleted and refused content go away', () =>
  withDirectory(async (directory) => {
    {
      await using objects = await openStore(directory);
      await objects.createBucket('b');
      for (const content of ['1', '2', '3']) await objects.put('b', 'kept', body(content));
      await objects.put('b', 'gone', body('x'));
      await objects.delete('b', 'gone');
      await assert.rejects(objects.put('b', 'k', body('x'), { contentLength: 9 }), { code: 'content-mismatch' });
      await assert.rejects(objects.put('b', 'kept', body('x'), { ifNoneMatch: '*' }), { code: 'precondition-failed' });
      const upload = await objects.createUpload('b', 'k');
      await objects.putPart(upload, 1, body('x'));
      await objects.abortUpload(upload);
    }
    assert.equal((await blobFiles(directory)).length, 1);
  }));

test('a file that a crash left without a name is removed after the next opening, and none that has one', () =>
  withDirectory(async (directory) => {
    {
      await using objects = await openStore(directory);
      await objects.createBucket('b');
      await objects.put('b', 'k', body('content'));
      await writeFile(join(directory, 'objects', 'blobs', '1', 'f'.repeat(32)), 'written, and then the power went');
    }
    for (let openings = 0; openings < 2; openings++) {
      await using objects = await openStore(directory);
      await objects.list('b', { limit: 1 });
    }
    assert.equal((await blobFiles(directory)).length, 1);
    await using objects = await openStore(directory);
    const { body: content } = await objects.get('b', 'k');
    for await (const chunk of content) assert.equal(Buffer.from(chunk).toString('utf8', 0, 7), 'content');
  }));

test('an object whose commit stands although the records store has failed is whole after the next opening', () =>
  withDirectory(async (directory) => {
    let fails = false;
    const lyingRecords = (records: Records): Records =>
      Object.assign(Object.create(records) as Records, {
        get: records.get.bind(records),
        getAll: records.getAll.bind(records),
        range: records.range.bind(records),
        commit: async (transaction: Parameters<Records['commit']>[0]) => {
          const done = await records.commit(transaction);
          if (fails) throw new DomainError('records-failed', 'a sync failed behind the commit');
          return done;
        },
      });
    {
      await using objects = await openStore(directory, lyingRecords);
      await objects.createBucket('b');
      await objects.put('b', 'k', body('1'));
      const upload = await objects.createUpload('b', 'parts');
      fails = true;
      await assert.rejects(objects.put('b', 'k', body('2')), { code: 'objects-failed' });
      await assert.rejects(objects.putPart(upload, 1, body('3')), { code: 'objects-failed' });
    }
    await using objects = await openStore(directory);
    const { body: content } = await objects.get('b', 'k');
    for await (const chunk of content) assert.equal(Buffer.from(chunk).toString('utf8', 0, 1), '2');
    const [upload] = (await objects.uploads('b', { limit: 1 })).uploads;
    const [part] = await objects.parts(upload!.uploadId);
    await objects.completeUpload(upload!.uploadId, [{ part: 1, etag: part!.etag }]);
    const whole = await objects.get('b', 'parts');
    for await (const chunk of whole.body) assert.equal(Buffer.from(chunk).toString('utf8', 0, 1), '3');
  }));

test('a copy of a file that takes no more names has a file of its own', (context) =>
  withDirectory(async (directory) => {
    await using objects = await openStore(directory);
    await objects.createBucket('b');
    await objects.put('b', 'k', body('content'));
    const copy = (to: string) => objects.copy({ bucket: 'b', key: 'k' }, 'b', to, () => ({}));
    await copy('linked');
    const full = context.mock.method(fs, 'link', async () => {
      throw Object.assign(new Error('EMLINK: too many links'), { code: 'EMLINK' });
    });
    syncBuiltinESMExports();
    const { info } = await copy('written');
    full.mock.restore();
    syncBuiltinESMExports();
    assert.equal(full.mock.callCount(), 1);
    assert.equal(info.etag, (await objects.head('b', 'k')).etag);
    const { body: content } = await objects.get('b', 'written');
    for await (const chunk of content) assert.equal(Buffer.from(chunk).toString('utf8', 0, 7), 'content');
    const blobs = join(directory, 'objects', 'blobs', '1');
    const names = await Promise.all(
      (await readdir(blobs)).map(async (name) => (await fs.stat(join(blobs, name))).nlink),
    );
    assert.deepEqual(names.sort(), [1, 2, 2]);
  }));

test('readers use each other’s memory again, and never what another has', () =>
  withDirectory(async (directory) => {
    await using objects = await openStore(directory);
    await objects.createBucket('b');
    const keys = ['1', '2', '3'];
    const megabyte = (key: string) => Buffer.alloc(1024 ** 2 + 100_000, key);
    for (const key of keys) await objects.put('b', key, megabyte(key));
    const memory = new Set<ArrayBufferLike>();
    const read = async (key: string) => {
      const { body: content } = await objects.get('b', key);
      const pieces: Buffer[] = [];
      for await (const piece of content) {
        memory.add(piece.buffer);
        pieces.push(Buffer.from(piece));
        // A caller that gives back twice, and what it was never lent, takes nothing from others.
        for (const given of [piece, piece, Buffer.alloc(256 * 1024)]) (content as LentBody).release(given);
      }
      assert.ok(Buffer.concat(pieces).equals(megabyte(key)), key);
    };
    for (let time = 0; time < 5; time++) await Promise.all(keys.map(read));
    assert.ok(memory.size <= 3 * keys.length, `${memory.size} pieces of memory`);
  }));

test('uploads of a folder of format 2 are listed after it is opened', () =>
  withDirectory(async (directory) => {
    const created: string[] = [];
    {
      await using objects = await openStore(directory);
      await objects.createBucket('b');
      for (const key of ['b', 'a']) created.push(await objects.createUpload('b', key));
    }
    {
      // As format 2 left it: without the uploads by their keys.
      await using records = await openEmbeddedRecords({ directory: join(directory, 'records') });
      await records.dropSpace('objects.uploading');
      await writeFile(join(directory, 'objects', 'format.json'), '{"version":2}');
    }
    for (let openings = 0; openings < 2; openings++) {
      await using objects = await openStore(directory);
      const { uploads } = await objects.uploads('b', { limit: 10 });
      assert.deepEqual(
        uploads.map(({ uploadId }) => uploadId),
        created.toReversed(),
      );
    }
  }));

test('an upload is remembered for an hour after it was completed, and later ones take it away', () =>
  withDirectory(async (directory) => {
    const clock = new SimulatedClock();
    await using records = await openEmbeddedRecords({ directory: join(directory, 'records') });
    const options = { directory: join(directory, 'objects'), records, clock, random: systemRandom };
    await using objects = await openEmbeddedObjects(options);
    await objects.createBucket('b');
    const complete = async () => {
      const upload = await objects.createUpload('b', 'k');
      const part = await objects.putPart(upload, 1, body('x'));
      await objects.completeUpload(upload, [part]);
      return () => objects.completedUpload(upload, [part.etag]);
    };
    const asked = await complete();
    assert.equal((await asked())?.key, 'k');
    await clock.advance(OBJECTS_LIMITS.completedUploadsKeptMs - 1);
    assert.equal((await asked())?.key, 'k');
    await clock.advance(1);
    assert.equal(await asked(), undefined);
    await complete();
    await clock.advance(1);
    await complete();
    assert.equal((await records.range('objects.completed', { limit: 10 })).length, 4);
  }));

test('a folder of a later release is refused by name (S4)', () =>
  withDirectory(async (directory) => {
    await (await openStore(directory))[Symbol.asyncDispose]();
    await writeFile(join(directory, 'objects', 'format.json'), '{"version":99}');
    await assert.rejects(openStore(directory), { code: 'format-too-new', message: /format 99/ });
  }));
