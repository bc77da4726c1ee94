import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketEncryptionCommand,
  GetBucketLocationCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketEncryptionCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { BUCKET, put, read, status, withBucket } from './support.ts';

const md5 = (content: string | Uint8Array) => createHash('md5').update(content).digest('hex');

test('buckets: made, found, located, listed and removed, with S3 errors', () =>
  withBucket(async (s3) => {
    await assert.rejects(s3.send(new CreateBucketCommand(BUCKET)), { name: 'BucketAlreadyOwnedByYou' });
    await assert.rejects(s3.send(new CreateBucketCommand({ Bucket: 'Not_Valid' })), { name: 'InvalidBucketName' });
    await s3.send(new HeadBucketCommand(BUCKET));
    await assert.rejects(s3.send(new HeadBucketCommand({ Bucket: 'none' })), (error) => status(error) === 404);
    const { LocationConstraint } = await s3.send(new GetBucketLocationCommand(BUCKET));
    assert.equal(LocationConstraint, 'eu-central-1');
    const { Buckets, Owner } = await s3.send(new ListBucketsCommand({}));
    assert.deepEqual(
      Buckets!.map(({ Name }) => Name),
      ['test-bucket'],
    );
    assert.ok(Owner!.ID);
    await put(s3, 'k', 'x');
    await assert.rejects(s3.send(new DeleteBucketCommand(BUCKET)), { name: 'BucketNotEmpty' });
    await s3.send(new DeleteObjectCommand({ ...BUCKET, Key: 'k' }));
    await s3.send(new DeleteBucketCommand(BUCKET));
    await assert.rejects(put(s3, 'k', 'x'), { name: 'NoSuchBucket', message: 'The specified bucket does not exist' });
  }));

test('an object keeps its content, headers and metadata', () =>
  withBucket(async (s3) => {
    const stored = await put(s3, 'a b/ü+%.txt', 'hello', {
      ContentType: 'text/plain',
      CacheControl: 'no-cache',
      Metadata: { Color: 'blue' },
      Tagging: 'team=a+b&stage=test%20one',
    });
    assert.equal(stored.ETag, `"${md5('hello')}"`);
    const found = await read(s3, 'a b/ü+%.txt');
    assert.equal(found.text, 'hello');
    assert.equal(found.ContentType, 'text/plain');
    assert.equal(found.CacheControl, 'no-cache');
    assert.equal(found.ContentLength, 5);
    assert.deepEqual(found.Metadata, { color: 'blue' });
    const { TagSet } = await s3.send(new GetObjectTaggingCommand({ ...BUCKET, Key: 'a b/ü+%.txt' }));
    assert.deepEqual(TagSet, [
      { Key: 'team', Value: 'a b' },
      { Key: 'stage', Value: 'test one' },
    ]);
    const head = await s3.send(new HeadObjectCommand({ ...BUCKET, Key: 'a b/ü+%.txt' }));
    assert.equal(head.ContentLength, 5);
    assert.equal(head.ETag, stored.ETag);
    await put(s3, 'plain', '');
    assert.equal((await read(s3, 'plain')).ContentType, 'application/octet-stream');
    await assert.rejects(read(s3, 'none'), { name: 'NoSuchKey', message: 'The specified key does not exist.' });
    await assert.rejects(
      s3.send(new HeadObjectCommand({ ...BUCKET, Key: 'none' })),
      (error: any) => error.name === 'NotFound' && status(error) === 404,
    );
    await assert.rejects(put(s3, 'k'.repeat(1025), 'x'), { name: 'KeyTooLongError' });
    await assert.rejects(put(s3, 'k', 'x', { ContentMD5: Buffer.from(md5('y'), 'hex').toString('base64') }), {
      name: 'BadDigest',
    });
    await assert.rejects(put(s3, 'k', 'x', { ContentMD5: 'short' }), { name: 'InvalidDigest' });
  }));

test('ranges are answered with 206 and their place, or 416', () =>
  withBucket(async (s3) => {
    await put(s3, 'k', '0123456789');
    for (const [Range, text, ContentRange] of [
      ['bytes=2-4', '234', 'bytes 2-4/10'],
      ['bytes=7-', '789', 'bytes 7-9/10'],
      ['bytes=-3', '789', 'bytes 7-9/10'],
      ['bytes=8-100', '89', 'bytes 8-9/10'],
    ]) {
      const found = await read(s3, 'k', { Range });
      assert.deepEqual([found.text, found.ContentRange, found.$metadata.httpStatusCode], [text, ContentRange, 206]);
    }
    for (const Range of ['bytes=4-2', 'lines=1-2', 'bytes=0-1,3-4', 'bytes=-']) {
      const found = await read(s3, 'k', { Range });
      assert.deepEqual([found.text, found.$metadata.httpStatusCode], ['0123456789', 200]);
    }
    await assert.rejects(
      read(s3, 'k', { Range: 'bytes=10-' }),
      (error: any) => error.name === 'InvalidRange' && status(error) === 416,
    );
  }));

test('conditions are answered with 304 and 412', () =>
  withBucket(async (s3) => {
    const { ETag } = await put(s3, 'k', 'x');
    const { LastModified } = await read(s3, 'k', { IfMatch: ETag });
    const answer = (more: object) =>
      read(s3, 'k', more).then(
        () => 200,
        (error) => status(error),
      );
    const [before, after] = [new Date(+LastModified! - 60_000), new Date(+LastModified! + 60_000)];
    assert.equal(await answer({ IfNoneMatch: ETag }), 304);
    assert.equal(await answer({ IfNoneMatch: '"other"' }), 200);
    assert.equal(await answer({ IfMatch: '"other"' }), 412);
    assert.equal(await answer({ IfModifiedSince: LastModified }), 304);
    assert.equal(await answer({ IfModifiedSince: before }), 200);
    assert.equal(await answer({ IfUnmodifiedSince: before }), 412);
    assert.equal(await answer({ IfUnmodifiedSince: after }), 200);
    assert.equal(await answer({ IfMatch: ETag, IfUnmodifiedSince: before }), 200);
    assert.equal(await answer({ IfNoneMatch: '"other"', IfModifiedSince: after }), 200);
    await assert.rejects(put(s3, 'k', 'y', { IfNoneMatch: '*' }), { name: 'PreconditionFailed' });
    await put(s3, 'new', 'y', { IfNoneMatch: '*' });
    await put(s3, 'k', 'z', { IfMatch: ETag });
    await assert.rejects(put(s3, 'k', 'z', { IfMatch: ETag }), { name: 'PreconditionFailed' });
  }));

test('listings roll up by delimiter and go on by token or marker', () =>
  withBucket(async (s3) => {
    const keys = ['a/1', 'a/2', 'b', 'c d/ü', 'e&<'];
    for (const key of keys) await put(s3, key, 'x');
    const rolled = await s3.send(new ListObjectsV2Command({ ...BUCKET, Delimiter: '/' }));
    assert.deepEqual(
      rolled.CommonPrefixes!.map(({ Prefix }) => Prefix),
      ['a/', 'c d/'],
    );
    assert.deepEqual(
      rolled.Contents!.map(({ Key, Size }) => [Key, Size]),
      [
        ['b', 1],
        ['e&<', 1],
      ],
    );
    assert.equal(rolled.KeyCount, 4);
    const paged: string[] = [];
    for await (const page of paginateListObjectsV2({ client: s3, pageSize: 2 }, { ...BUCKET })) {
      paged.push(...page.Contents!.map(({ Key }) => Key!));
    }
    assert.deepEqual(paged, keys);
    const after = await s3.send(new ListObjectsV2Command({ ...BUCKET, StartAfter: 'b', EncodingType: 'url' }));
    assert.deepEqual(
      after.Contents!.map(({ Key }) => Key),
      ['c%20d/%C3%BC', 'e%26%3C'],
    );
    const first = await s3.send(new ListObjectsCommand({ ...BUCKET, Delimiter: '/', MaxKeys: 1 }));
    assert.deepEqual([first.IsTruncated, first.NextMarker], [true, 'a/']);
    const second = await s3.send(new ListObjectsCommand({ ...BUCKET, Delimiter: '/', Marker: 'a/' }));
    assert.deepEqual(
      [...second.Contents!.map(({ Key }) => Key), ...second.CommonPrefixes!.map(({ Prefix }) => Prefix)],
      ['b', 'e&<', 'c d/'],
    );
    const none = await s3.send(new ListObjectsV2Command({ ...BUCKET, Prefix: 'zzz' }));
    assert.deepEqual([none.KeyCount, none.IsTruncated], [0, false]);
    await assert.rejects(s3.send(new ListObjectsV2Command({ ...BUCKET, ContinuationToken: '???' })), {
      name: 'InvalidArgument',
    });
    const removed = await s3.send(
      new DeleteObjectsCommand({ ...BUCKET, Delete: { Objects: [...keys, 'none'].map((Key) => ({ Key })) } }),
    );
    assert.equal(removed.Deleted!.length, 6);
    assert.equal((await s3.send(new ListObjectsV2Command(BUCKET))).KeyCount, 0);
  }));

test('copies take content and metadata, or other metadata', () =>
  withBucket(async (s3) => {
    await put(s3, 'from ü', 'x', { ContentType: 'text/plain', Metadata: { a: '1' } });
    const CopySource = `/${BUCKET.Bucket}/${encodeURIComponent('from ü')}`;
    const copy = await s3.send(new CopyObjectCommand({ ...BUCKET, Key: 'to', CopySource }));
    assert.equal(copy.CopyObjectResult!.ETag, `"${md5('x')}"`);
    assert.deepEqual((await read(s3, 'to')).Metadata, { a: '1' });
    const replace = {
      ...BUCKET,
      Key: 'from ü',
      CopySource,
      MetadataDirective: 'REPLACE',
      Metadata: { b: '2' },
    } as const;
    await s3.send(new CopyObjectCommand(replace));
    assert.deepEqual((await read(s3, 'from ü')).Metadata, { b: '2' });
    await assert.rejects(s3.send(new CopyObjectCommand({ ...BUCKET, Key: 'from ü', CopySource })), {
      name: 'InvalidRequest',
    });
    await assert.rejects(s3.send(new CopyObjectCommand({ ...BUCKET, Key: 'to', CopySource: 'test-bucket/none' })), {
      name: 'NoSuchKey',
    });
    await assert.rejects(
      s3.send(new CopyObjectCommand({ ...BUCKET, Key: 'to', CopySource, CopySourceIfNoneMatch: '*' })),
      { name: 'PreconditionFailed' },
    );
  }));

test('an upload in parts is listed, copied into, completed or aborted', () =>
  withBucket(async (s3) => {
    const five = Buffer.alloc(5 << 20, 'a');
    const start = async (Key: string) =>
      (await s3.send(new CreateMultipartUploadCommand({ ...BUCKET, Key, ContentType: 'text/x' }))).UploadId!;
    const UploadId = await start('big');
    const names = { ...BUCKET, Key: 'big', UploadId };
    const first = await s3.send(new UploadPartCommand({ ...names, PartNumber: 1, Body: five }));
    await put(s3, 'source', '0123456789');
    const second = await s3.send(
      new UploadPartCopyCommand({
        ...names,
        PartNumber: 2,
        CopySource: 'test-bucket/source',
        CopySourceRange: 'bytes=2-4',
      }),
    );
    const listed = await s3.send(new ListPartsCommand({ ...names, MaxParts: 1 }));
    assert.deepEqual(
      [listed.IsTruncated, listed.NextPartNumberMarker, listed.Parts!.map(({ Size }) => Size)],
      [true, '1', [five.length]],
    );
    const uploads = await s3.send(new ListMultipartUploadsCommand(BUCKET));
    assert.deepEqual(
      uploads.Uploads!.map(({ Key }) => Key),
      ['big'],
    );
    const parts = [
      { PartNumber: 1, ETag: first.ETag },
      { PartNumber: 2, ETag: second.CopyPartResult!.ETag },
    ];
    const complete = (Parts: object[], more: object = {}) =>
      s3.send(new CompleteMultipartUploadCommand({ ...names, MultipartUpload: { Parts }, ...more }));
    await assert.rejects(complete([{ PartNumber: 1, ETag: '"none"' }]), { name: 'InvalidPart' });
    await assert.rejects(complete([...parts].reverse()), (error: any) =>
      ['InvalidPartOrder', 'EntityTooSmall'].includes(error.name),
    );
    await assert.rejects(complete([]), { name: 'MalformedXML' });
    await assert.rejects(complete(parts, { Key: 'other' }), { name: 'NoSuchUpload' });
    const done = await complete(parts);
    assert.match(done.ETag!, /^"[0-9a-f]{32}-2"$/);
    const tail = await read(s3, 'big', { Range: 'bytes=-4' });
    assert.deepEqual([tail.text, tail.ContentType], ['a234', 'text/x']);

    const small = { ...BUCKET, Key: 'small', UploadId: await start('small') };
    const sent = [];
    for (const PartNumber of [1, 2]) {
      const { ETag } = await s3.send(new UploadPartCommand({ ...small, PartNumber, Body: 'x' }));
      sent.push({ PartNumber, ETag });
    }
    await assert.rejects(s3.send(new CompleteMultipartUploadCommand({ ...small, MultipartUpload: { Parts: sent } })), {
      name: 'EntityTooSmall',
    });
    await s3.send(new AbortMultipartUploadCommand(small));
    await assert.rejects(s3.send(new ListPartsCommand(small)), { name: 'NoSuchUpload' });
  }));

test('a presigned link reads and writes without a client', () =>
  withBucket(async (s3) => {
    const names = { ...BUCKET, Key: 'linked' };
    const upload = await fetch(await getSignedUrl(s3, new PutObjectCommand(names)), { method: 'PUT', body: 'by link' });
    assert.equal(upload.status, 200);
    const link = await getSignedUrl(s3, new GetObjectCommand({ ...names, ResponseContentType: 'text/html' }));
    const download = await fetch(link);
    assert.deepEqual([await download.text(), download.headers.get('content-type')], ['by link', 'text/html']);
  }));

test('policy, tags and default encryption of a bucket are kept, and go with it', () =>
  withBucket(async (s3) => {
    await assert.rejects(s3.send(new GetBucketPolicyCommand(BUCKET)), { name: 'NoSuchBucketPolicy' });
    await assert.rejects(s3.send(new GetBucketTaggingCommand(BUCKET)), { name: 'NoSuchTagSet' });
    const statement = { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: 'arn:aws:s3:::test-bucket/*' };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await s3.send(new PutBucketPolicyCommand({ ...BUCKET, Policy }));
    assert.equal((await s3.send(new GetBucketPolicyCommand(BUCKET))).Policy, Policy);
    const TagSet = [{ Key: 'team', Value: 'plant' }];
    await s3.send(new PutBucketTaggingCommand({ ...BUCKET, Tagging: { TagSet } }));
    assert.deepEqual((await s3.send(new GetBucketTaggingCommand(BUCKET))).TagSet, TagSet);
    const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' as const }, BucketKeyEnabled: false };
    const encryption = async () =>
      (await s3.send(new GetBucketEncryptionCommand(BUCKET))).ServerSideEncryptionConfiguration?.Rules;
    assert.deepEqual(await encryption(), [rule]);
    const Rules = [{ ...rule, BucketKeyEnabled: true }];
    await s3.send(new PutBucketEncryptionCommand({ ...BUCKET, ServerSideEncryptionConfiguration: { Rules } }));
    assert.deepEqual(await encryption(), Rules);

    await s3.send(new DeleteBucketCommand(BUCKET));
    await assert.rejects(s3.send(new GetBucketPolicyCommand(BUCKET)), { name: 'NoSuchBucket' });
    await s3.send(new CreateBucketCommand(BUCKET));
    await assert.rejects(s3.send(new GetBucketPolicyCommand(BUCKET)), { name: 'NoSuchBucketPolicy' });
    await assert.rejects(s3.send(new GetBucketTaggingCommand(BUCKET)), { name: 'NoSuchTagSet' });
    assert.deepEqual(await encryption(), [rule]);
    await s3.send(new DeleteBucketPolicyCommand(BUCKET));
  }));

test('settings of a bucket that S3 would not take are refused', () =>
  withBucket(async (s3) => {
    const policy = (Policy: string) => s3.send(new PutBucketPolicyCommand({ ...BUCKET, Policy }));
    const malformed = (Policy: string, message: RegExp) =>
      assert.rejects(policy(Policy), { name: 'MalformedPolicy', message });
    await malformed('no', /must be valid JSON/);
    await malformed('{}', /required field Statement/);
    await malformed('{"Statement":[{"Effect":"Allow","Action":"s3:*"}]}', /required field Principal/);
    await malformed('{"Statement":{"Effect":"Maybe","Principal":"*"}}', /Invalid effect/);
    await malformed(JSON.stringify({ Statement: { Effect: 'Allow', Principal: 'x'.repeat(20_480) } }), /20480 bytes/);
    const tag = { Key: 'k', Value: 'v' };
    await assert.rejects(s3.send(new PutBucketTaggingCommand({ ...BUCKET, Tagging: { TagSet: [tag, tag] } })), {
      name: 'InvalidTag',
    });
    const Rules = [
      { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' as const, KMSMasterKeyID: 'alias/own' } },
    ];
    await assert.rejects(
      s3.send(new PutBucketEncryptionCommand({ ...BUCKET, ServerSideEncryptionConfiguration: { Rules } })),
      { name: 'NotImplemented', message: /aws:kms and a key of KMS is not built/ },
    );
  }));
