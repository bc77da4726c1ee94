import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { BUCKET, put, read, status, withBucket } from './support.ts';

const setVersioning = (s3: S3Client, Status: 'Enabled' | 'Suspended') =>
  s3.send(new PutBucketVersioningCommand({ ...BUCKET, VersioningConfiguration: { Status } }));
const remove = (s3: S3Client, Key: string, more: object = {}) =>
  s3.send(new DeleteObjectCommand({ ...BUCKET, Key, ...more }));
const versions = (s3: S3Client, more: object = {}) => s3.send(new ListObjectVersionsCommand({ ...BUCKET, ...more }));

test('versions keep what is replaced, and markers hide what is deleted', () =>
  withBucket(async (s3) => {
    const before = await put(s3, 'k', 'null version');
    assert.equal(before.VersionId, undefined);
    await setVersioning(s3, 'Enabled');
    const first = await put(s3, 'k', 'one');
    const second = await put(s3, 'k', 'two');
    assert.notEqual(first.VersionId, second.VersionId);
    assert.deepEqual([(await read(s3, 'k')).text, (await read(s3, 'k')).VersionId], ['two', second.VersionId]);
    assert.equal((await read(s3, 'k', { VersionId: first.VersionId })).text, 'one');
    const oldest = await read(s3, 'k', { VersionId: 'null' });
    assert.deepEqual([oldest.text, oldest.VersionId], ['null version', 'null']);

    const removed = await remove(s3, 'k');
    assert.equal(removed.DeleteMarker, true);
    await assert.rejects(read(s3, 'k'), (error: any) => {
      assert.deepEqual([error.name, status(error)], ['NoSuchKey', 404]);
      const { headers } = error.$response;
      assert.deepEqual([headers['x-amz-delete-marker'], headers['x-amz-version-id']], ['true', removed.VersionId]);
      return true;
    });
    await assert.rejects(read(s3, 'k', { VersionId: removed.VersionId }), (error: any) => {
      assert.deepEqual([error.name, status(error)], ['MethodNotAllowed', 405]);
      const { headers } = error.$response;
      assert.deepEqual([headers['x-amz-delete-marker'], headers.allow], ['true', 'DELETE']);
      assert.ok(headers['last-modified']);
      return true;
    });
    await assert.rejects(
      s3.send(new HeadObjectCommand({ ...BUCKET, Key: 'k' })),
      (error: any) => status(error) === 404 && error.$response.headers['x-amz-delete-marker'] === 'true',
    );
    await assert.rejects(read(s3, 'k', { VersionId: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }), { name: 'NoSuchVersion' });
    assert.equal((await s3.send(new ListObjectsV2Command(BUCKET))).KeyCount, 0);

    const listed = await versions(s3);
    assert.deepEqual(
      listed.Versions!.map(({ VersionId, IsLatest }) => [VersionId, IsLatest]),
      [
        [second.VersionId, false],
        [first.VersionId, false],
        ['null', false],
      ],
    );
    assert.deepEqual(
      listed.DeleteMarkers!.map(({ VersionId, IsLatest }) => [VersionId, IsLatest]),
      [[removed.VersionId, true]],
    );

    const undone = await remove(s3, 'k', { VersionId: removed.VersionId });
    assert.deepEqual([undone.DeleteMarker, undone.VersionId], [true, removed.VersionId]);
    assert.equal((await read(s3, 'k')).text, 'two');
    const gone = await remove(s3, 'k', { VersionId: second.VersionId });
    assert.deepEqual([gone.DeleteMarker, gone.VersionId], [undefined, second.VersionId]);
    assert.equal((await read(s3, 'k')).text, 'one');
  }));

test('where versioning is suspended, deleting puts a null marker in the place of the null version', () =>
  withBucket(async (s3) => {
    await setVersioning(s3, 'Enabled');
    const kept = await put(s3, 'k', 'kept');
    await setVersioning(s3, 'Suspended');
    assert.equal((await put(s3, 'k', 'null')).VersionId, 'null');
    assert.equal((await remove(s3, 'k')).VersionId, 'null');
    const { Versions, DeleteMarkers } = await versions(s3);
    assert.deepEqual(
      [Versions!.map(({ VersionId }) => VersionId), DeleteMarkers!.map(({ VersionId }) => VersionId)],
      [[kept.VersionId], ['null']],
    );
  }));

test('versions are listed in pages, by prefix and by delimiter', () =>
  withBucket(async (s3) => {
    await setVersioning(s3, 'Enabled');
    const keys = ['a/1', 'a/2', 'b ü', 'c'];
    for (const key of keys) for (const text of ['x', 'y']) await put(s3, key, text);
    await remove(s3, 'b ü');
    const paged: string[] = [];
    let marker = {};
    for (;;) {
      const page = await versions(s3, { MaxKeys: 2, ...marker });
      const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
      assert.ok(found.length <= 2);
      paged.push(...found.map(({ Key, VersionId }) => `${Key}:${VersionId}`));
      if (!page.IsTruncated) break;
      marker = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
    assert.equal(new Set(paged).size, 9);
    assert.equal(paged.length, 9);
    const rolled = await versions(s3, { Delimiter: '/' });
    assert.deepEqual(
      [rolled.CommonPrefixes!.map(({ Prefix }) => Prefix), rolled.Versions!.length, rolled.DeleteMarkers!.length],
      [['a/'], 4, 1],
    );
    assert.equal((await versions(s3, { Prefix: 'a/' })).Versions!.length, 4);
    const encoded = await versions(s3, { Prefix: 'b', EncodingType: 'url' });
    assert.equal(encoded.Versions![0]!.Key, 'b%20%C3%BC');
    await assert.rejects(versions(s3, { VersionIdMarker: 'x' }), { name: 'InvalidArgument' });
  }));

test('DeleteObjects takes versions, tells of markers, and says nothing when it should be quiet', () =>
  withBucket(async (s3) => {
    await setVersioning(s3, 'Enabled');
    const { VersionId, ETag } = await put(s3, 'a', 'x');
    await put(s3, 'b', 'x');
    const batch = (
      Objects: { Key: string; VersionId?: string | undefined; ETag?: string | undefined }[],
      Quiet = false,
    ) => s3.send(new DeleteObjectsCommand({ ...BUCKET, Delete: { Objects, Quiet } }));
    const { Deleted, Errors } = await batch([{ Key: 'a', VersionId }, { Key: 'b' }, { Key: 'none', ETag }]);
    assert.deepEqual(Deleted![0], { Key: 'a', VersionId });
    assert.deepEqual([Deleted![1]!.Key, Deleted![1]!.DeleteMarker], ['b', true]);
    assert.ok(Deleted![1]!.DeleteMarkerVersionId);
    assert.deepEqual(
      Errors!.map(({ Key, Code }) => [Key, Code]),
      [['none', 'NoSuchKey']],
    );
    const quiet = await batch([{ Key: 'b' }, { Key: 'c', ETag: '"other"' }], true);
    assert.equal(quiet.Deleted, undefined);
    assert.equal(quiet.Errors!.length, 1);
  }));

test('a bucket is emptied of many versions of one key in one call', () =>
  withBucket(async (s3) => {
    await setVersioning(s3, 'Enabled');
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(Array.from({ length: 30 }, (_, index) => put(s3, 'k', `${batch} ${index}`)));
    }
    const { Versions } = await versions(s3);
    const Objects = Versions!.map(({ Key, VersionId }) => ({ Key: Key!, VersionId }));
    const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ ...BUCKET, Delete: { Objects } }));
    assert.deepEqual([Objects.length, Deleted!.length, Errors], [300, 300, undefined]);
    await s3.send(new DeleteBucketCommand(BUCKET));
  }));

test('deleting on condition removes what is known, and nothing else', () =>
  withBucket(async (s3) => {
    const { ETag } = await put(s3, 'k', 'x');
    await put(s3, 'k', 'y');
    await assert.rejects(remove(s3, 'k', { IfMatch: ETag }), { name: 'PreconditionFailed' });
    await remove(s3, 'k', { IfMatch: '*' });
    await assert.rejects(remove(s3, 'k', { IfMatch: '*' }), { name: 'NoSuchKey' });
  }));

test('tags are of one version, at most ten, and counted in its head', () =>
  withBucket(async (s3) => {
    await setVersioning(s3, 'Enabled');
    const first = await put(s3, 'k', 'x', { Tagging: 'team=plant%201&empty=' });
    const second = await put(s3, 'k', 'y');
    const tags = async (VersionId?: string) =>
      (await s3.send(new GetObjectTaggingCommand({ ...BUCKET, Key: 'k', VersionId }))).TagSet;
    assert.deepEqual(await tags(first.VersionId), [
      { Key: 'team', Value: 'plant 1' },
      { Key: 'empty', Value: '' },
    ]);
    assert.deepEqual(await tags(), []);
    assert.equal((await read(s3, 'k', { VersionId: first.VersionId })).TagCount, 2);
    const set = (TagSet: { Key: string; Value: string }[], VersionId?: string) =>
      s3.send(new PutObjectTaggingCommand({ ...BUCKET, Key: 'k', VersionId, Tagging: { TagSet } }));
    const answer = await set([{ Key: 'a', Value: 'b' }]);
    assert.equal(answer.VersionId, second.VersionId);
    assert.deepEqual(await tags(), [{ Key: 'a', Value: 'b' }]);
    const eleven = Array.from({ length: 11 }, (_, index) => ({ Key: `k${index}`, Value: '' }));
    await assert.rejects(set(eleven), { name: 'BadRequest', message: 'Object tags cannot be greater than 10' });
    await assert.rejects(set([{ Key: 'a', Value: '\u0001' }]), { name: 'InvalidTag' });
    await assert.rejects(put(s3, 'k', 'z', { Tagging: 'a=1&a=2' }), { name: 'InvalidArgument' });
    await s3.send(new DeleteObjectTaggingCommand({ ...BUCKET, Key: 'k', VersionId: first.VersionId }));
    assert.deepEqual([await tags(first.VersionId), await tags()], [[], [{ Key: 'a', Value: 'b' }]]);
  }));

test('a presigned link reads the version that it was made for', () =>
  withBucket(async (s3) => {
    await setVersioning(s3, 'Enabled');
    const { VersionId } = await put(s3, 'k', 'one');
    await put(s3, 'k', 'two');
    const link = await getSignedUrl(s3, new GetObjectCommand({ ...BUCKET, Key: 'k', VersionId }));
    assert.equal(await (await fetch(link)).text(), 'one');
    assert.equal((await fetch(link.replace(VersionId!, 'null'))).status, 403);
  }));
