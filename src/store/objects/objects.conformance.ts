import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import type { ByteRange, Objects, UploadPage, VersionCursor } from './objects.ts';

/** More than stands beside a name. */
const LARGE = 'large '.repeat(5000);
const crc32Text = (content: Uint8Array) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(content));
  return bytes.toString('base64');
};
const md5 = (content: string | Uint8Array) => createHash('md5').update(content).digest('hex');

async function* body(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

// biome-ignore lint/correctness/useYield: a body that fails before its first byte.
async function* brokenBody(): AsyncGenerator<Uint8Array> {
  throw new Error('the client went away');
}

async function contentOf(
  objects: Objects,
  bucket: string,
  key: string,
  range?: ByteRange,
  versionId?: string,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  const { body: content } = await objects.get(bucket, key, {
    ...(range && { range }),
    ...(versionId !== undefined && { versionId }),
  });
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Ids of the versions of a key, newest first. */
async function versionsOf(objects: Objects, key: string): Promise<string[]> {
  const { versions } = await objects.listVersions('b', { prefix: key, limit: 1000 });
  return versions.map(({ versionId = 'null' }) => versionId);
}

/** All versions of a bucket, page by page. */
async function walkVersions(objects: Objects, bucket: string, limit: number): Promise<string[]> {
  const seen: string[] = [];
  for (let after: VersionCursor | undefined; ; ) {
    const page = await objects.listVersions(bucket, { limit, ...(after && { after }) });
    seen.push(...page.versions.map(({ key, versionId = 'null' }) => `${key} ${versionId}`));
    if (!page.next) return seen;
    after = page.next;
  }
}

/** What S3 says of versions, with arrays. */
class VersionModel {
  versioning: 'Enabled' | 'Suspended' | undefined;
  readonly #keys = new Map<string, { readonly id: string; readonly marker: boolean }[]>();

  of(key: string): readonly { readonly id: string; readonly marker: boolean }[] {
    return this.#keys.get(key) ?? [];
  }

  add(key: string, id: string, marker: boolean): void {
    const others = this.of(key).filter((one) => one.id !== 'null' || id !== 'null');
    this.#keys.set(key, [{ id, marker }, ...others]);
  }

  remove(key: string, id: string): void {
    this.#keys.set(
      key,
      this.of(key).filter((one) => one.id !== id),
    );
  }

  all(): string[] {
    return [...this.#keys.keys()].sort().flatMap((key) => this.of(key).map(({ id }) => `${key} ${id}`));
  }

  current(): string[] {
    const newest = [...this.#keys.keys()].sort().map((key) => ({ key, head: this.of(key)[0] }));
    return newest.filter(({ head }) => head?.marker === false).map(({ key, head }) => `${key} ${head!.id}`);
  }
}

/** What every engine of the objects port does. `open` is given an empty folder, and the same one again for a reopening. */
export function objectsConformance(engine: string, open: (directory: string) => Promise<Objects>): void {
  const withObjects = async (run: (objects: Objects, directory: string) => Promise<void>) => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-objects-'));
    try {
      await using objects = await open(directory);
      await objects.createBucket('b');
      await run(objects, directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  };

  describe(`objects port: ${engine}`, () => {
    test('buckets are made once, listed by name, and removed only when empty', () =>
      withObjects(async (objects) => {
        await objects.createBucket('a');
        await assert.rejects(objects.createBucket('a'), { code: 'bucket-exists' });
        assert.deepEqual(
          (await objects.buckets()).map(({ name }) => name),
          ['a', 'b'],
        );
        await objects.put('a', 'k', body('x'));
        await assert.rejects(objects.deleteBucket('a'), { code: 'bucket-not-empty' });
        assert.equal(await contentOf(objects, 'a', 'k'), 'x');
        await objects.delete('a', 'k');
        await objects.createUpload('a', 'unfinished');
        await objects.deleteBucket('a');
        await assert.rejects(objects.deleteBucket('a'), { code: 'bucket-not-found' });
        await assert.rejects(objects.put('a', 'k', body('x')), { code: 'bucket-not-found' });
        await assert.rejects(objects.get('a', 'k'), { code: 'bucket-not-found' });
        await assert.rejects(objects.list('a', { limit: 1 }), { code: 'bucket-not-found' });
      }));

    test('an object is put whole and read back, with its MD5 and metadata', () =>
      withObjects(async (objects) => {
        const info = await objects.put('b', 'k', body('hel', 'lo'), { metadata: { 'content-type': 'text/plain' } });
        assert.equal(info.etag, md5('hello'));
        assert.equal(info.sizeBytes, 5);
        assert.deepEqual(await objects.head('b', 'k'), info);
        assert.deepEqual(info.metadata, { 'content-type': 'text/plain' });
        assert.equal(await contentOf(objects, 'b', 'k'), 'hello');
        const replaced = await objects.put('b', 'k', body());
        assert.equal(replaced.etag, md5(''));
        assert.equal(await contentOf(objects, 'b', 'k'), '');
        await objects.delete('b', 'k');
        await objects.delete('b', 'k');
        await assert.rejects(objects.head('b', 'k'), { code: 'object-not-found' });
        await assert.rejects(objects.get('b', 'k'), { code: 'object-not-found' });
      }));

    test('a range is inclusive, ends with the object, and must begin within it', () =>
      withObjects(async (objects) => {
        await objects.put('b', 'k', body('0123456789'));
        assert.equal(await contentOf(objects, 'b', 'k', { start: 2, end: 4 }), '234');
        assert.equal(await contentOf(objects, 'b', 'k', { start: 8, end: 100 }), '89');
        assert.equal(await contentOf(objects, 'b', 'k', { start: 0, end: 0 }), '0');
        await assert.rejects(objects.get('b', 'k', { range: { start: 10, end: 12 } }), { code: 'range-invalid' });
      }));

    test('a body that breaks, ends early or has another MD5 leaves what was there', () =>
      withObjects(async (objects) => {
        await objects.put('b', 'k', body('old'));
        await assert.rejects(objects.put('b', 'k', brokenBody()), /went away/);
        for (const options of [{ contentLength: 4 }, { md5: md5('other') }]) {
          await assert.rejects(objects.put('b', 'k', body('new'), options), { code: 'content-mismatch' });
        }
        assert.equal(await contentOf(objects, 'b', 'k'), 'old');
        await objects.put('b', 'k', body('new'), { contentLength: 3, md5: md5('new') });
        assert.equal(await contentOf(objects, 'b', 'k'), 'new');
      }));

    test('conditions on a put are checked against what stands there when it is published', () =>
      withObjects(async (objects) => {
        const outcomes = await Promise.allSettled(
          ['1', '2', '3'].map((content) => objects.put('b', 'k', body(content), { ifNoneMatch: '*' })),
        );
        assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
        const { etag } = await objects.head('b', 'k');
        await assert.rejects(objects.put('b', 'k', body('4'), { ifMatch: md5('other') }), {
          code: 'precondition-failed',
        });
        await objects.put('b', 'k', body('5'), { ifMatch: etag });
        await assert.rejects(objects.put('b', 'none', body('6'), { ifMatch: etag }), { code: 'object-not-found' });
      }));

    test('any key of 1 to 1,024 bytes is its own object', () =>
      withObjects(async (objects) => {
        const keys = ['a', 'A', '../../etc/passwd', '/', '//', '.', 'a/', 'a/b', 'CON', 'a\0b', 'ü'.repeat(512), '€/𝄞'];
        for (const key of keys) await objects.put('b', key, body(key));
        for (const key of keys) assert.equal(await contentOf(objects, 'b', key), key);
        const { objects: listed } = await objects.list('b', { limit: 1000 });
        const sorted = [...keys].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
        assert.deepEqual(
          listed.map(({ key }) => key),
          sorted,
        );
        for (const key of ['', 'x'.repeat(1025), '\ud800']) {
          await assert.rejects(objects.put('b', key, body('x')), { code: 'key-invalid' });
        }
      }));

    test('pages of a listing hold every key and prefix once, in order', () =>
      withObjects(async (objects) => {
        const keys = ['a/1', 'a/2', 'a/3', 'a0', 'b', 'c/d/e', 'c/d/f', 'c/g'];
        for (const key of keys) await objects.put('b', key, body(''));
        const walk = async (limit: number, options: { prefix?: string; delimiter?: string }) => {
          const seen: string[] = [];
          for (let after: string | undefined; ; ) {
            const page = await objects.list('b', { limit, ...options, ...(after === undefined ? {} : { after }) });
            seen.push(...[...page.prefixes, ...page.objects.map(({ key }) => key)].sort());
            assert.ok(page.prefixes.length + page.objects.length <= limit);
            if (page.next === undefined) return seen;
            after = page.next;
          }
        };
        for (const limit of [1, 2, 3, 1000]) {
          assert.deepEqual(await walk(limit, {}), keys);
          assert.deepEqual((await walk(limit, { delimiter: '/' })).sort(), ['a/', 'a0', 'b', 'c/']);
          assert.deepEqual((await walk(limit, { delimiter: '/', prefix: 'c/' })).sort(), ['c/d/', 'c/g']);
          assert.deepEqual(await walk(limit, { prefix: 'a/' }), ['a/1', 'a/2', 'a/3']);
          assert.deepEqual(await walk(limit, { prefix: 'nothing' }), []);
        }
      }));

    test('a listing agrees with a filter over all keys', () =>
      withObjects(async (objects) => {
        const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 4 });
        const keys = fc.sample(text, { numRuns: 30, seed: 7 });
        for (const key of keys) await objects.put('b', key, body(''));
        const unique = [...new Set(keys)].sort();
        const prefix = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 2 });
        await fc.assert(
          fc.asyncProperty(prefix, fc.integer({ min: 1, max: 5 }), async (start, limit) => {
            const found: string[] = [];
            for (let after: string | undefined; ; ) {
              const options = { limit, prefix: start, delimiter: '/', ...(after === undefined ? {} : { after }) };
              const page = await objects.list('b', options);
              found.push(...page.prefixes, ...page.objects.map(({ key }) => key));
              if (page.next === undefined) break;
              after = page.next;
            }
            const rolled = unique
              .filter((key) => key.startsWith(start))
              .map((key) => {
                const end = key.indexOf('/', start.length);
                return end < 0 ? key : key.slice(0, end + 1);
              });
            assert.deepEqual(found.sort(), [...new Set(rolled)].sort());
          }),
          { numRuns: 30 },
        );
      }));

    test('an upload becomes an object of its parts, in their order, when it is completed', () =>
      withObjects(async (objects) => {
        const upload = await objects.createUpload('b', 'k', { metadata: { color: 'blue' } });
        const { etag: second } = await objects.putPart(upload, 2, body('world'));
        await objects.putPart(upload, 1, body('first try'));
        const { etag: first } = await objects.putPart(upload, 1, body('hello '));
        const { etag: unused } = await objects.putPart(upload, 7, body('unused'));
        await assert.rejects(objects.head('b', 'k'), { code: 'object-not-found' });
        assert.deepEqual(
          (await objects.parts(upload)).map(({ part, etag }) => [part, etag]),
          [
            [1, first],
            [2, second],
            [7, unused],
          ],
        );
        assert.deepEqual(
          (await objects.uploads('b', { limit: 10 })).uploads.map(({ key, uploadId }) => [key, uploadId]),
          [['k', upload]],
        );
        const parts = [
          { part: 1, etag: first },
          { part: 2, etag: second },
        ];
        const info = await objects.completeUpload(upload, parts);
        const expected = md5(Buffer.concat([Buffer.from(first, 'hex'), Buffer.from(second, 'hex')]));
        assert.equal(info.etag, `${expected}-2`);
        assert.deepEqual(info.metadata, { color: 'blue' });
        assert.equal(await contentOf(objects, 'b', 'k'), 'hello world');
        assert.equal(await contentOf(objects, 'b', 'k', { start: 4, end: 7 }), 'o wo');
        assert.equal(await contentOf(objects, 'b', 'k', { start: 6, end: 6 }), 'w');
        await assert.rejects(objects.completeUpload(upload, parts), { code: 'upload-not-found' });
        await assert.rejects(objects.putPart(upload, 3, body('x')), { code: 'upload-not-found' });
        assert.equal(await contentOf(objects, 'b', 'k'), 'hello world');
      }));

    test('what an upload became is told again to who names its parts, and to nobody else', () =>
      withObjects(async (objects, directory) => {
        const upload = await objects.createUpload('b', 'k', { metadata: { color: 'blue' } });
        const parts = [await objects.putPart(upload, 1, body('a')), await objects.putPart(upload, 2, body('b'))];
        const etags = parts.map(({ etag }) => etag);
        assert.equal(await objects.completedUpload(upload, etags), undefined);
        const info = await objects.completeUpload(upload, parts);
        await objects.delete('b', 'k');
        const { parts: _, ...kept } = info;
        const completed = { bucket: 'b', key: 'k', info: { ...kept, metadata: {} } };
        assert.deepEqual(await objects.completedUpload(upload, etags), completed);
        assert.equal(await objects.completedUpload(upload, etags.toReversed()), undefined);
        assert.equal(await objects.completedUpload('none', etags), undefined);
        await objects[Symbol.asyncDispose]();
        await using again = await open(directory);
        assert.deepEqual(await again.completedUpload(upload, etags), completed);
      }));

    test('uploads are listed by key and beginning, in pages, each bucket for itself', () =>
      withObjects(async (objects) => {
        await objects.createBucket('other');
        await objects.createUpload('other', 'a/1');
        const keys = ['b', 'a/2', 'a/1', 'a/1', 'c/1', 'é'];
        const begun: string[] = [];
        for (const key of keys) begun.push(`${key} ${await objects.createUpload('b', key)}`);
        const walk = async (limit: number, more: { prefix?: string; delimiter?: string } = {}) => {
          const seen: string[] = [];
          for (let after: UploadPage['next']; ; ) {
            const page = await objects.uploads('b', { ...more, limit, ...(after && { after }) });
            assert.ok(page.uploads.length + page.prefixes.length <= limit);
            seen.push(...page.uploads.map(({ key, uploadId }) => `${key} ${uploadId}`), ...page.prefixes);
            if (!page.next) return seen;
            after = page.next;
          }
        };
        const sorted = begun.toSorted();
        for (const limit of [1, 2, 10]) assert.deepEqual(await walk(limit), sorted);
        for (const limit of [1, 10]) {
          assert.deepEqual((await walk(limit, { delimiter: '/' })).sort(), ['a/', sorted[3], 'c/', sorted[5]].sort());
          assert.deepEqual(await walk(limit, { prefix: 'a/' }), sorted.slice(0, 3));
        }
        await objects.abortUpload(sorted[0]!.split(' ')[1]!);
        assert.deepEqual(await walk(10), sorted.slice(1));
        const { uploads } = await objects.uploads('b', { limit: 10, after: { key: 'a/1' } });
        assert.deepEqual(
          uploads.map(({ key }) => key),
          ['a/2', 'b', 'c/1', 'é'],
        );
        await objects.deleteBucket('b');
        assert.equal((await objects.uploads('other', { limit: 10 })).uploads.length, 1);
        await objects.createBucket('b');
        assert.deepEqual(await objects.uploads('b', { limit: 10 }), { uploads: [], prefixes: [] });
      }));

    test('a part is copied whole or in a range, with the checksum that its upload keeps', () =>
      withObjects(async (objects) => {
        const source = { bucket: 'b', key: 'source' };
        const crcOf = (text: string) => crc32Text(Buffer.from(text));
        await objects.put('b', 'source', body(LARGE), { checksum: { algorithm: 'CRC32' } });
        await objects.put('b', 'small', body('small'));
        const checksum = { algorithm: 'CRC32', type: 'FULL_OBJECT' } as const;
        const upload = await objects.createUpload('b', 'k', { checksum });
        const range = { start: 6, end: 10 };
        const parts = [
          (await objects.copyPart(source, upload, 1, () => ({}))).part,
          (await objects.copyPart(source, upload, 2, () => ({ range }))).part,
          (await objects.copyPart({ bucket: 'b', key: 'small' }, upload, 3, () => ({}))).part,
        ];
        const texts = [LARGE, 'large', 'small'];
        assert.deepEqual(
          parts.map((part) => part.checksum),
          texts.map(crcOf),
        );
        assert.deepEqual(
          parts.map(({ etag }) => etag),
          texts.map(md5),
        );
        await assert.rejects(
          objects.copyPart(source, 'none', 1, () => ({})),
          { code: 'upload-not-found' },
        );
        const refuse = () => {
          throw new Error('refused');
        };
        await assert.rejects(objects.copyPart(source, upload, 1, refuse), { message: 'refused' });
        await objects.delete('b', 'source');
        const info = await objects.completeUpload(upload, parts);
        assert.equal(info.checksum?.value, crcOf(texts.join('')));
        assert.equal(await contentOf(objects, 'b', 'k'), texts.join(''));
      }));

    test('a bucket is deleted while others abort its uploads', () =>
      withObjects(async (objects) => {
        await objects.createBucket('going');
        const uploads: string[] = [];
        for (let at = 0; at < 20; at++) uploads.push(await objects.createUpload('going', `k${at}`));
        const there = () => objects.upload(uploads[0]!).then(Boolean, () => false);
        const deleted = objects.deleteBucket('going');
        while (await there());
        await objects.abortUpload(uploads.at(-1)!);
        await deleted;
        await assert.rejects(objects.bucket('going'), { code: 'bucket-not-found' });
      }));

    test('completing names parts that are there, by etag, in order; aborting ends the upload', () =>
      withObjects(async (objects) => {
        const upload = await objects.createUpload('b', 'k');
        const { etag } = await objects.putPart(upload, 1, body('x'));
        const { etag: other } = await objects.putPart(upload, 2, body('y'));
        const invalid = { code: 'part-invalid' };
        await assert.rejects(objects.completeUpload(upload, [{ part: 3, etag }]), invalid);
        await assert.rejects(objects.completeUpload(upload, [{ part: 1, etag: other }]), invalid);
        await assert.rejects(objects.completeUpload(upload, []), invalid);
        const wrongOrder = [
          { part: 2, etag: other },
          { part: 1, etag },
        ];
        await assert.rejects(objects.completeUpload(upload, wrongOrder), invalid);
        for (const part of [0, 10_001, 1.5]) await assert.rejects(objects.putPart(upload, part, body('x')), invalid);
        await objects.abortUpload(upload);
        await assert.rejects(objects.abortUpload(upload), { code: 'upload-not-found' });
        await assert.rejects(objects.parts(upload), { code: 'upload-not-found' });
        assert.deepEqual(await objects.uploads('b', { limit: 10 }), { uploads: [], prefixes: [] });
      }));

    test('of two completions at once one makes the object, and it stays whole', () =>
      withObjects(async (objects) => {
        const upload = await objects.createUpload('b', 'k');
        const parts = [await objects.putPart(upload, 1, body('content'))];
        const outcomes = await Promise.allSettled([
          objects.completeUpload(upload, parts),
          objects.completeUpload(upload, parts),
          objects.putPart(upload, 1, body('late')),
        ]);
        assert.ok(outcomes.slice(0, 2).filter(({ status }) => status === 'fulfilled').length <= 1);
        const content = await contentOf(objects, 'b', 'k').catch(() => 'the part was replaced first');
        assert.ok(content === 'content' || content === 'the part was replaced first');
      }));

    test('who reads an object reads it to its end, whatever happens to it meanwhile', () =>
      withObjects(async (objects) => {
        const upload = await objects.createUpload('b', 'k');
        const parts = [];
        for (const part of [1, 2, 3]) parts.push(await objects.putPart(upload, part, body(`${part}`)));
        await objects.completeUpload(upload, parts);
        const { body: reading } = await objects.get('b', 'k');
        await objects.put('b', 'k', body('other'));
        await objects.delete('b', 'k');
        const chunks: Uint8Array[] = [];
        for await (const chunk of reading) chunks.push(chunk);
        assert.equal(Buffer.concat(chunks).toString(), '123');
      }));

    test('where versioning is on, nothing that is put or deleted takes anything away', () =>
      withObjects(async (objects) => {
        await objects.put('b', 'k', body('before'));
        await objects.setVersioning('b', 'Enabled');
        const first = await objects.put('b', 'k', body('first'));
        const large = await objects.put('b', 'k', body(LARGE));
        const marker = await objects.delete('b', 'k');
        assert.equal(marker.deleteMarker, true);
        await assert.rejects(objects.get('b', 'k'), (error: any) => {
          assert.equal(error.code, 'object-not-found');
          return error.fields.deleteMarker === true && error.fields.versionId === marker.versionId;
        });
        assert.deepEqual((await objects.list('b', { limit: 10 })).objects, []);
        const ids = [marker.versionId, large.versionId, first.versionId, 'null'];
        assert.equal(new Set(ids).size, 4);
        assert.deepEqual(await versionsOf(objects, 'k'), ids);
        for (const [versionId, content] of [
          [first.versionId!, 'first'],
          [large.versionId!, LARGE],
          ['null', 'before'],
        ] as const) {
          assert.equal(await contentOf(objects, 'b', 'k', undefined, versionId), content);
        }
        await assert.rejects(objects.get('b', 'k', { versionId: marker.versionId! }), { code: 'version-is-marker' });
        await assert.rejects(objects.get('b', 'k', { versionId: 'x'.repeat(32) }), { code: 'version-not-found' });
        await assert.rejects(objects.deleteBucket('b'), { code: 'bucket-not-empty' });
      }));

    test('removing the newest version brings back the one before it, and removing them all leaves nothing', () =>
      withObjects(async (objects) => {
        await objects.setVersioning('b', 'Enabled');
        const stored = [];
        for (const content of ['1', LARGE, '3']) stored.push(await objects.put('b', 'k', body(content)));
        const marker = await objects.delete('b', 'k');
        assert.deepEqual(await objects.delete('b', 'k', { versionId: marker.versionId! }), marker);
        assert.equal(await contentOf(objects, 'b', 'k'), '3');
        assert.equal((await objects.head('b', 'k')).isLatest, true);
        await objects.delete('b', 'k', { versionId: stored[0]!.versionId! });
        await objects.delete('b', 'k', { versionId: stored[2]!.versionId! });
        assert.equal(await contentOf(objects, 'b', 'k'), LARGE);
        assert.deepEqual(await versionsOf(objects, 'k'), [stored[1]!.versionId]);
        await objects.delete('b', 'k', { versionId: stored[1]!.versionId! });
        await objects.delete('b', 'k', { versionId: stored[1]!.versionId! });
        await objects.deleteBucket('b');
      }));

    test('versions of one key that are removed at once are all gone, and the newest of the others is the newest', () =>
      withObjects(async (objects) => {
        await objects.setVersioning('b', 'Enabled');
        const ids: string[] = [];
        for (let i = 0; i < 30; i++) ids.push((await objects.put('b', 'k', body(`small ${i}`))).versionId!);
        await Promise.all(ids.slice(1).map((versionId) => objects.delete('b', 'k', { versionId })));
        const { versions } = await objects.listVersions('b', { limit: 100 });
        assert.deepEqual(
          versions.map(({ versionId, isLatest }) => [versionId, isLatest]),
          [[ids[0], true]],
        );
        assert.equal(await contentOf(objects, 'b', 'k'), 'small 0');
      }));

    test('where versioning is suspended, the null version is replaced and the others stay', () =>
      withObjects(async (objects) => {
        await objects.put('b', 'k', body('null 1'));
        await objects.setVersioning('b', 'Enabled');
        const { versionId } = await objects.put('b', 'k', body('kept'));
        await objects.setVersioning('b', 'Suspended');
        assert.equal((await objects.put('b', 'k', body('null 2'))).versionId, undefined);
        assert.deepEqual(await versionsOf(objects, 'k'), ['null', versionId]);
        assert.equal(await contentOf(objects, 'b', 'k', undefined, 'null'), 'null 2');
        assert.deepEqual(await objects.delete('b', 'k'), { deleteMarker: true, versionId: 'null' });
        assert.deepEqual(await versionsOf(objects, 'k'), ['null', versionId]);
        await objects.delete('b', 'k', { versionId: 'null' });
        assert.equal(await contentOf(objects, 'b', 'k'), 'kept');
        await objects.put('b', 'k', body('null 3'));
        await objects.setVersioning('b', 'Enabled');
        await objects.put('b', 'k', body('newest'));
        await objects.delete('b', 'k', { versionId: 'null' });
        await assert.rejects(objects.head('b', 'k', { versionId: 'null' }), { code: 'version-not-found' });
        assert.equal((await versionsOf(objects, 'k')).length, 2);
      }));

    test('versions of any history are what a model of it holds, and list in pages', () =>
      withObjects(async (objects) => {
        const step = fc.record({
          kind: fc.constantFrom('put', 'delete', 'remove', 'Enabled', 'Suspended'),
          key: fc.constantFrom('a', 'a/b', 'a/c', 'b'),
          pick: fc.nat({ max: 5 }),
        });
        let bucket = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer({ min: 1, max: 4 }), async (steps, limit) => {
            const name = `model-${bucket++}`;
            await objects.createBucket(name);
            const model = new VersionModel();
            for (const { kind, key, pick } of steps) {
              if (kind === 'Enabled' || kind === 'Suspended') {
                await objects.setVersioning(name, kind);
                model.versioning = kind;
              } else if (kind === 'put') {
                const { versionId } = await objects.put(name, key, body('x'));
                model.add(key, versionId ?? 'null', false);
              } else if (kind === 'delete') {
                const { versionId } = await objects.delete(name, key);
                if (model.versioning) model.add(key, versionId!, true);
                else model.remove(key, 'null');
              } else {
                const versionId = model.of(key)[pick]?.id;
                if (versionId === undefined) continue;
                await objects.delete(name, key, { versionId });
                model.remove(key, versionId);
              }
            }
            assert.deepEqual(await walkVersions(objects, name, limit), model.all());
            const { objects: listed } = await objects.list(name, { limit: 10 });
            assert.deepEqual(
              listed.map(({ key, versionId = 'null' }) => `${key} ${versionId}`),
              model.current(),
            );
            const rolled = await objects.listVersions(name, { limit: 10, delimiter: '/' });
            assert.deepEqual(rolled.prefixes, model.all().some((one) => one.startsWith('a/')) ? ['a/'] : []);
          }),
          { numRuns: 25 },
        );
      }));

    test('tags, holds and retention are of one version; what is kept is not removed', () =>
      withObjects(async (objects) => {
        await objects.setVersioning('b', 'Enabled');
        const until = Date.now() + 3_600_000;
        const old = await objects.put('b', 'k', body('x'), {
          tags: { a: '1' },
          retention: { mode: 'GOVERNANCE', until },
        });
        const versionId = old.versionId!;
        await objects.put('b', 'k', body('y'), { acl: 'public-read' });
        await objects.setTags('b', 'k', { b: '2' }, { versionId });
        assert.deepEqual((await objects.head('b', 'k', { versionId })).tags, { b: '2' });
        assert.deepEqual((await objects.head('b', 'k')).tags, {});
        assert.equal((await objects.head('b', 'k')).acl, 'public-read');
        const locked = { code: 'object-locked' };
        await assert.rejects(objects.delete('b', 'k', { versionId }), locked);
        await assert.rejects(objects.setRetention('b', 'k', undefined, { versionId }), locked);
        await assert.rejects(
          objects.setRetention('b', 'k', { mode: 'GOVERNANCE', until: until - 1 }, { versionId }),
          locked,
        );
        const longer = { mode: 'COMPLIANCE', until: until + 1 } as const;
        await objects.setRetention('b', 'k', longer, { versionId });
        await assert.rejects(objects.setRetention('b', 'k', undefined, { versionId, bypassGovernance: true }), locked);
        await assert.rejects(objects.delete('b', 'k', { versionId, bypassGovernance: true }), locked);
        const held = await objects.put('b', 'held', body('z'), { legalHold: true });
        await assert.rejects(objects.delete('b', 'held', { versionId: held.versionId! }), locked);
        await objects.setLegalHold('b', 'held', false);
        await objects.delete('b', 'held', { versionId: held.versionId! });
        const lifted = await objects.put('b', 'lifted', body('z'), { retention: { mode: 'GOVERNANCE', until } });
        await objects.delete('b', 'lifted', { versionId: lifted.versionId!, bypassGovernance: true });
      }));

    test('a body has the checksum that was announced, before it or behind it, or is not stored', () =>
      withObjects(async (objects) => {
        for (const content of ['hello', LARGE]) {
          const value = createHash('sha256').update(content).digest('base64');
          for (const announced of [value, () => value, undefined]) {
            const checksum = { algorithm: 'SHA256', ...(announced && { value: announced }) } as const;
            const info = await objects.put('b', 'k', body(content), { checksum });
            assert.deepEqual(info.checksum, { algorithm: 'SHA256', type: 'FULL_OBJECT', value });
          }
          const other = { algorithm: 'CRC32', value: () => 'AAAAAA==' } as const;
          await assert.rejects(objects.put('b', 'k', body(content), { checksum: other }), (error: any) => {
            assert.deepEqual(error.fields, { reason: 'checksum', algorithm: 'CRC32' });
            return error.code === 'content-mismatch';
          });
        }
        assert.equal(await contentOf(objects, 'b', 'k'), LARGE);
      }));

    test("checksums of parts make the upload's: of them, or of the whole", () =>
      withObjects(async (objects) => {
        const [a, b] = [Buffer.alloc(70_000, 'a'), Buffer.alloc(50_000, 'b')];
        for (const type of ['COMPOSITE', 'FULL_OBJECT'] as const) {
          const upload = await objects.createUpload('b', 'k', { checksum: { algorithm: 'CRC32', type } });
          const parts = [await objects.putPart(upload, 1, a), await objects.putPart(upload, 2, b)];
          assert.equal(parts[0]!.checksum, crc32Text(a));
          const sums = Buffer.concat(parts.map(({ checksum }) => Buffer.from(checksum!, 'base64')));
          const value = type === 'COMPOSITE' ? `${crc32Text(sums)}-2` : crc32Text(Buffer.concat([a, b]));
          await assert.rejects(objects.completeUpload(upload, parts, { checksum: 'AAAAAA==' }), {
            code: 'content-mismatch',
          });
          const wrong = parts.map((part) => ({ ...part, checksum: 'AAAAAA==' }));
          await assert.rejects(objects.completeUpload(upload, wrong), { code: 'part-invalid' });
          const info = await objects.completeUpload(upload, parts, { checksum: value });
          assert.deepEqual(info.checksum, { algorithm: 'CRC32', type, value });
          assert.deepEqual(
            info.parts!.map(({ part, sizeBytes }) => [part, sizeBytes]),
            [
              [1, 70_000],
              [2, 50_000],
            ],
          );
        }
      }));

    test("content under a customer's key is read with it alone, from any byte on", () =>
      withObjects(async (objects) => {
        const [customerKey, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
        const info = await objects.put('b', 'k', body(LARGE), { customerKey });
        assert.notEqual(info.etag, md5(LARGE));
        assert.equal(info.customerKey, true);
        await objects.put('b', 'plain', body('x'));
        for (const range of [undefined, { start: 0, end: 0 }, { start: 17, end: 40 }, { start: 16_000, end: 20_000 }]) {
          const { body: content } = await objects.get('b', 'k', { customerKey, ...(range && { range }) });
          const chunks: Uint8Array[] = [];
          for await (const chunk of content) chunks.push(chunk);
          assert.equal(Buffer.concat(chunks).toString(), range ? LARGE.slice(range.start, range.end + 1) : LARGE);
        }
        await assert.rejects(objects.get('b', 'k'), { code: 'customer-key-missing' });
        await assert.rejects(objects.get('b', 'k', { customerKey: other }), { code: 'customer-key-wrong' });
        await assert.rejects(objects.get('b', 'plain', { customerKey }), { code: 'customer-key-needless' });
        const upload = await objects.createUpload('b', 'parts', { customerKey });
        await assert.rejects(objects.putPart(upload, 1, body('x'), { customerKey: other }), {
          code: 'customer-key-wrong',
        });
        const parts = [await objects.putPart(upload, 1, body(LARGE), { customerKey })];
        parts.push(await objects.putPart(upload, 2, body('end'), { customerKey }));
        await objects.completeUpload(upload, parts);
        const { body: content } = await objects.get('b', 'parts', {
          customerKey,
          range: { start: LARGE.length - 2, end: LARGE.length + 1 },
        });
        const chunks: Uint8Array[] = [];
        for await (const chunk of content) chunks.push(chunk);
        assert.equal(Buffer.concat(chunks).toString(), `${LARGE.slice(-2)}en`);
        const { info: copied } = await objects.copy({ bucket: 'b', key: 'k', customerKey }, 'b', 'copy', () => ({}));
        assert.equal(copied.customerKey, undefined);
        assert.equal(await contentOf(objects, 'b', 'copy'), LARGE);
      }));

    test('a copy has the content of its source and what it is made with, and outlives it', () =>
      withObjects(async (objects) => {
        for (const content of ['small', LARGE]) {
          const source = await objects.put('b', 'from', body(content), { metadata: { a: '1' } });
          const copy = await objects.copy({ bucket: 'b', key: 'from' }, 'b', 'to', (info) => {
            assert.deepEqual(info, source);
            return { metadata: { ...info.metadata, b: '2' }, checksum: { algorithm: 'CRC32C' } };
          });
          assert.deepEqual(copy.info.metadata, { a: '1', b: '2' });
          assert.equal(copy.info.etag, source.etag);
          assert.equal(copy.info.checksum?.algorithm, 'CRC32C');
          await objects.copy({ bucket: 'b', key: 'to' }, 'b', 'again', () => ({}));
          await objects.delete('b', 'from');
          await objects.delete('b', 'to');
          assert.equal(await contentOf(objects, 'b', 'again'), content);
        }
        const refused = objects.copy({ bucket: 'b', key: 'again' }, 'b', 'to', () => {
          throw new Error('no copy of this');
        });
        await assert.rejects(refused, /no copy of this/);
        await assert.rejects(
          objects.copy({ bucket: 'b', key: 'none' }, 'b', 'to', () => ({})),
          {
            code: 'object-not-found',
          },
        );
      }));

    test('changes that are watched for are kept in order with a note until they are forgotten, across openings', () =>
      withObjects(async (objects, directory) => {
        await objects.createBucket('unwatched');
        objects.watch(({ bucket, type }) => (bucket === 'b' ? `noted ${type}` : undefined));
        let told = 0;
        objects.onChange(() => told++);
        await objects.put('unwatched', 'k', body('x'));
        const cause = { requestId: 'r', principalId: 'p', sourceIp: '127.0.0.1' };
        await objects.put('b', 'k', body('x'), { cause });
        await objects.copy({ bucket: 'b', key: 'k' }, 'b', 'copy', () => ({ cause: { origin: 'copy' } }));
        await objects.setTags('b', 'k', { a: '1' });
        await objects.setTags('b', 'k', {});
        await objects.delete('b', 'k', { cause: { origin: 'lifecycle' } });
        await objects.delete('b', 'k');
        await objects.setVersioning('b', 'Enabled');
        await objects.delete('b', 'copy');
        const upload = await objects.createUpload('b', 'u');
        await objects.completeUpload(upload, [await objects.putPart(upload, 1, body('part'))]);
        const expected = [
          'ObjectCreated:Put k',
          'ObjectCreated:Copy copy',
          'ObjectTagging:Put k',
          'ObjectTagging:Delete k',
          'LifecycleExpiration:Delete k',
          'ObjectRemoved:DeleteMarkerCreated copy',
          'ObjectCreated:CompleteMultipartUpload u',
        ];
        assert.equal(told, expected.length);
        const all = await objects.changes(0, 100);
        assert.deepEqual(
          all.map(({ type, key }) => `${type} ${key}`),
          expected,
        );
        const { sequence, at, sequencer, ...rest } = all[0]!;
        assert.deepEqual(rest, {
          type: 'ObjectCreated:Put',
          bucket: 'b',
          key: 'k',
          sizeBytes: 1,
          etag: md5('x'),
          cause,
          note: 'noted ObjectCreated:Put',
        });
        assert.ok(at > 0 && sequencer.length === 16);
        await objects.forgetChanges(sequence);
        await objects[Symbol.asyncDispose]();
        await using again = await open(directory);
        assert.deepEqual(await again.changes(0, 2), all.slice(1, 3));
        again.watch(() => '');
        await again.put('b', 'k', body('x'));
        const last = (await again.changes(all.at(-1)!.sequence, 10))[0]!;
        assert.ok(last.sequencer > all.at(-1)!.sequencer);
      }));

    test('all is there after closing and opening again', () =>
      withObjects(async (objects, directory) => {
        const info = await objects.put('b', 'k', body('content'), { metadata: { a: '1' } });
        const upload = await objects.createUpload('b', 'later');
        const { etag } = await objects.putPart(upload, 1, body('part'));
        await objects[Symbol.asyncDispose]();
        await using again = await open(directory);
        assert.deepEqual(await again.head('b', 'k'), info);
        assert.equal(await contentOf(again, 'b', 'k'), 'content');
        await again.completeUpload(upload, [{ part: 1, etag }]);
        assert.equal(await contentOf(again, 'b', 'later'), 'part');
      }));
  });
}
