import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { ByteRange, Objects } from './objects.ts';

const md5 = (content: string | Uint8Array) => createHash('md5').update(content).digest('hex');

async function* body(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

// biome-ignore lint/correctness/useYield: a body that fails before its first byte.
async function* brokenBody(): AsyncGenerator<Uint8Array> {
  throw new Error('the client went away');
}

async function contentOf(objects: Objects, bucket: string, key: string, range?: ByteRange): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await objects.get(bucket, key, range)).body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
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
        await assert.rejects(objects.get('b', 'k', { start: 10, end: 12 }), { code: 'range-invalid' });
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
        await assert.rejects(objects.put('b', 'none', body('6'), { ifMatch: etag }), { code: 'precondition-failed' });
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
        const upload = await objects.createUpload('b', 'k', { color: 'blue' });
        const second = await objects.putPart(upload, 2, body('world'));
        await objects.putPart(upload, 1, body('first try'));
        const first = await objects.putPart(upload, 1, body('hello '));
        const unused = await objects.putPart(upload, 7, body('unused'));
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
          (await objects.uploads('b')).map(({ key, uploadId }) => [key, uploadId]),
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

    test('completing names parts that are there, by etag, in order; aborting ends the upload', () =>
      withObjects(async (objects) => {
        const upload = await objects.createUpload('b', 'k');
        const etag = await objects.putPart(upload, 1, body('x'));
        const other = await objects.putPart(upload, 2, body('y'));
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
        assert.deepEqual(await objects.uploads('b'), []);
      }));

    test('of two completions at once one makes the object, and it stays whole', () =>
      withObjects(async (objects) => {
        const upload = await objects.createUpload('b', 'k');
        const parts = [{ part: 1, etag: await objects.putPart(upload, 1, body('content')) }];
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
        for (const part of [1, 2, 3]) parts.push({ part, etag: await objects.putPart(upload, part, body(`${part}`)) });
        await objects.completeUpload(upload, parts);
        const { body: reading } = await objects.get('b', 'k');
        await objects.put('b', 'k', body('other'));
        await objects.delete('b', 'k');
        const chunks: Uint8Array[] = [];
        for await (const chunk of reading) chunks.push(chunk);
        assert.equal(Buffer.concat(chunks).toString(), '123');
      }));

    test('all is there after closing and opening again', () =>
      withObjects(async (objects, directory) => {
        const info = await objects.put('b', 'k', body('content'), { metadata: { a: '1' } });
        const upload = await objects.createUpload('b', 'later');
        const etag = await objects.putPart(upload, 1, body('part'));
        await objects[Symbol.asyncDispose]();
        await using again = await open(directory);
        assert.deepEqual(await again.head('b', 'k'), info);
        assert.equal(await contentOf(again, 'b', 'k'), 'content');
        await again.completeUpload(upload, [{ part: 1, etag }]);
        assert.equal(await contentOf(again, 'b', 'later'), 'part');
      }));
  });
}
