import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectTaggingCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  S3Client,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { clientOptions } from '../wire/support.ts';
import { BUCKET, put, read, withBucket, withS3 } from './support.ts';

const copy = (s3: S3Client, Key: string, CopySource: string, more: object = {}) =>
  s3.send(new CopyObjectCommand({ ...BUCKET, Key, CopySource: `test-bucket/${CopySource}`, ...more }));
const tags = async (s3: S3Client, Key: string) =>
  (await s3.send(new GetObjectTaggingCommand({ ...BUCKET, Key }))).TagSet!.map((tag) => `${tag.Key}=${tag.Value}`);

test('a copy takes what its directives leave it: metadata, tags, checksum, and never the class', () =>
  withBucket(async (s3) => {
    await put(s3, 'from', 'x', {
      ChecksumAlgorithm: 'SHA256',
      ContentType: 'text/x',
      Metadata: { a: '1' },
      Tagging: 'a=1',
      StorageClass: 'STANDARD_IA',
      WebsiteRedirectLocation: '/elsewhere',
    });
    const { CopyObjectResult } = await copy(s3, 'to', 'from');
    assert.ok(CopyObjectResult!.ChecksumSHA256);
    const plain = await read(s3, 'to', { ChecksumMode: 'ENABLED' });
    assert.deepEqual(
      [plain.ContentType, plain.Metadata, plain.StorageClass, plain.WebsiteRedirectLocation, plain.ChecksumSHA256],
      ['text/x', { a: '1' }, undefined, undefined, CopyObjectResult!.ChecksumSHA256],
    );
    assert.deepEqual(await tags(s3, 'to'), ['a=1']);
    const replaced = { MetadataDirective: 'REPLACE', TaggingDirective: 'REPLACE', Tagging: 'b=2' };
    const crc = await copy(s3, 'to', 'from', { ...replaced, Metadata: { b: '2' }, ChecksumAlgorithm: 'CRC64NVME' });
    assert.ok(crc.CopyObjectResult!.ChecksumCRC64NVME);
    assert.deepEqual([(await read(s3, 'to')).Metadata, await tags(s3, 'to')], [{ b: '2' }, ['b=2']]);
    await copy(s3, 'to', 'from', { TaggingDirective: 'REPLACE' });
    assert.deepEqual(await tags(s3, 'to'), []);
    await assert.rejects(copy(s3, 'to', 'from', { MetadataDirective: 'KEEP' }), { name: 'InvalidArgument' });
    await copy(s3, 'from', 'from', { StorageClass: 'STANDARD' });
    assert.equal((await read(s3, 'from')).StorageClass, undefined);
  }));

test('a copy is of the version and on the conditions that it names, on both sides', () =>
  withBucket(async (s3) => {
    await s3.send(new PutBucketVersioningCommand({ ...BUCKET, VersioningConfiguration: { Status: 'Enabled' } }));
    const first = await put(s3, 'k', 'one');
    const second = await put(s3, 'k', 'two');
    const restored = await copy(s3, 'k', `k?versionId=${first.VersionId}`);
    assert.equal(restored.CopySourceVersionId, first.VersionId);
    assert.notEqual(restored.VersionId, first.VersionId);
    assert.equal((await read(s3, 'k')).text, 'one');
    const unmet = { name: 'PreconditionFailed' };
    await assert.rejects(copy(s3, 'to', 'k', { CopySourceIfMatch: second.ETag }), unmet);
    await assert.rejects(copy(s3, 'to', 'k', { CopySourceIfNoneMatch: first.ETag }), unmet);
    const [before, after] = [new Date(Date.now() - 60_000), new Date(Date.now() + 60_000)];
    await assert.rejects(copy(s3, 'to', 'k', { CopySourceIfUnmodifiedSince: before }), unmet);
    await assert.rejects(copy(s3, 'to', 'k', { CopySourceIfModifiedSince: after }), unmet);
    // As the API reference of CopyObject has it: the match decides, the date does not count.
    await copy(s3, 'to', 'k', { CopySourceIfMatch: first.ETag, CopySourceIfUnmodifiedSince: before });
    await assert.rejects(
      copy(s3, 'to', 'k', { CopySourceIfNoneMatch: first.ETag, CopySourceIfModifiedSince: before }),
      unmet,
    );
    await assert.rejects(copy(s3, 'to', 'k', { IfNoneMatch: '*' }), unmet);
    await assert.rejects(copy(s3, 'to', 'k', { IfMatch: '"other"' }), unmet);
    await copy(s3, 'new', 'k', { IfNoneMatch: '*' });
    await assert.rejects(copy(s3, 'to', 'none'), { name: 'NoSuchKey' });
  }));

test('a part is copied from the bytes that it names, which must be there', () =>
  withBucket(async (s3) => {
    await put(s3, 'from', '0123456789');
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...BUCKET, Key: 'to' }));
    const part = (CopySourceRange: string) =>
      s3.send(
        new UploadPartCopyCommand({
          ...{ ...BUCKET, Key: 'to', UploadId, PartNumber: 1, CopySourceRange },
          CopySource: 'test-bucket/from',
        }),
      );
    for (const range of ['bytes=5-', 'bytes=-5', 'bytes=7-3', 'lines=1-2', 'bytes=5-10']) {
      await assert.rejects(part(range), { name: 'InvalidArgument' }, range);
    }
    assert.ok((await part('bytes=5-9')).CopyPartResult!.ETag);
  }));

test('listings count, leave out and encode as they are asked', () =>
  withBucket(async (s3) => {
    const keys = ['a', 'b/1', 'b/2', 'c', 'test_file(3).png'];
    for (const key of keys) await put(s3, key, 'x');
    const list = (more: object) => s3.send(new ListObjectsV2Command({ ...BUCKET, ...more }));
    const none = await list({ MaxKeys: 0 });
    assert.deepEqual([none.KeyCount, none.IsTruncated, none.MaxKeys], [0, false, 0]);
    assert.equal((await list({ MaxKeys: 5000 })).MaxKeys, 1000);
    await assert.rejects(list({ MaxKeys: -1 }), { name: 'InvalidArgument' });
    await assert.rejects(list({ EncodingType: 'xml' }), { name: 'InvalidArgument' });
    const [first] = (await list({ FetchOwner: true, MaxKeys: 1 })).Contents!;
    assert.ok(first!.Owner!.ID);
    assert.equal((await list({ MaxKeys: 1 })).Contents![0]!.Owner, undefined);
    assert.deepEqual([first!.StorageClass, first!.ChecksumType], ['STANDARD', 'FULL_OBJECT']);
    // The example of the API reference.
    assert.equal((await list({ EncodingType: 'url', Prefix: 'test' })).Contents![0]!.Key, 'test_file%283%29.png');
    const page = await list({ Delimiter: '/', MaxKeys: 2 });
    assert.deepEqual(
      [page.KeyCount, page.IsTruncated, page.Contents!.length, page.CommonPrefixes!.length],
      [2, true, 1, 1],
    );
    const rest = await list({ Delimiter: '/', ContinuationToken: page.NextContinuationToken });
    assert.deepEqual(
      rest.Contents!.map(({ Key }) => Key),
      ['c', 'test_file(3).png'],
    );
    assert.deepEqual([rest.CommonPrefixes, rest.ContinuationToken], [undefined, page.NextContinuationToken]);
    // A token wins over where to start; a start inside of a rolled-up prefix leaves what comes behind it there.
    const inside = await list({ StartAfter: 'b/1', Delimiter: '/' });
    assert.deepEqual(
      inside.CommonPrefixes!.map(({ Prefix }) => Prefix),
      ['b/'],
    );
    const old = await s3.send(new ListObjectsCommand({ ...BUCKET, MaxKeys: 2 }));
    assert.deepEqual([old.IsTruncated, old.NextMarker, old.Contents!.length], [true, undefined, 2]);
  }));

test('a copy of a part that is refused lets go of its source', () =>
  withS3(async (wire, directory) => {
    const s3 = new S3Client({ ...clientOptions(wire), forcePathStyle: true });
    await s3.send(new CreateBucketCommand(BUCKET));
    await put(s3, 'source', Buffer.alloc(100_000));
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...BUCKET, Key: 'k' }));
    const names = { ...BUCKET, Key: 'k', UploadId, PartNumber: 1, CopySource: 'test-bucket/source' };
    // A key that the upload was not begun with.
    const SSECustomerKey = Buffer.alloc(32, 1).toString('base64');
    const refused = new UploadPartCopyCommand({ ...names, SSECustomerAlgorithm: 'AES256', SSECustomerKey });
    await assert.rejects(s3.send(refused), { name: 'InvalidRequest' });
    await s3.send(new DeleteObjectCommand({ ...BUCKET, Key: 'source' }));
    const files = async () =>
      (await readdir(join(directory, 'objects', 'blobs'), { recursive: true })).filter((name) => name.includes('/'));
    for (let left = 100; left > 0 && (await files()).length > 0; left--)
      await s3.send(new ListObjectsV2Command(BUCKET));
    assert.deepEqual(await files(), []);
    s3.destroy();
  }));
