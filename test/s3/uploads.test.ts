import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as s3 from '@aws-sdk/client-s3';
import { clientOptions } from '../wire/support.ts';
import { BUCKET, withS3 } from './support.ts';

const MEGABYTE = 1024 ** 2;
const GIGABYTE = 1024 ** 3;

async function withClient(run: (client: s3.S3) => Promise<void>): Promise<void> {
  await withS3(async (wire) => {
    const client = new s3.S3({ ...clientOptions(wire), forcePathStyle: true });
    await client.createBucket(BUCKET);
    await run(client).finally(() => client.destroy());
  });
}

test('who has lost the answer to a completion asks again and gets it, and no one else does', () =>
  withClient(async (client) => {
    await client.putBucketVersioning({ ...BUCKET, VersioningConfiguration: { Status: 'Enabled' } });
    const names = { ...BUCKET, Key: 'k' };
    const { UploadId } = await client.createMultipartUpload(names);
    const { ETag } = await client.uploadPart({ ...names, UploadId, PartNumber: 1, Body: 'content' });
    const complete = (more: Partial<s3.CompleteMultipartUploadCommandInput> = {}) =>
      client.completeMultipartUpload({
        ...{ ...names, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } },
        ...more,
      });
    const { $metadata: _, ...first } = await complete();
    await client.deleteObject(names);
    const { $metadata: _again, ...again } = await complete();
    assert.deepEqual(again, first);
    const { Versions = [], DeleteMarkers = [] } = await client.listObjectVersions(BUCKET);
    assert.deepEqual([Versions.length, DeleteMarkers.length], [1, 1]);
    const other = { Parts: [{ PartNumber: 1, ETag: '"d41d8cd98f00b204e9800998ecf8427e"' }] };
    for (const more of [{ MultipartUpload: other }, { Key: 'other' }, { UploadId: 'none' }]) {
      await assert.rejects(complete(more), { name: 'NoSuchUpload' });
    }
    await assert.rejects(client.abortMultipartUpload({ ...names, UploadId }), { name: 'NoSuchUpload' });
    await assert.rejects(client.uploadPart({ ...names, UploadId, PartNumber: 2, Body: 'x' }), { name: 'NoSuchUpload' });
  }));

test('of an object of more than 5 GB ranges are copied, and never the whole', () =>
  withClient(async (client) => {
    const sum = { ChecksumAlgorithm: 'CRC64NVME' } as const;
    const piece = Buffer.alloc(64 * MEGABYTE, 'sixteen bytes ..');
    const source = { ...BUCKET, Key: 'piece' };
    await client.putObject({ ...source, ...sum, Body: piece });
    const large = { ...BUCKET, Key: 'large' };
    const { UploadId } = await client.createMultipartUpload({ ...large, ...sum });
    // Each part is another name of the one file: nothing is written.
    const numbers = Array.from({ length: 81 }, (_, index) => index + 1);
    const Parts = await Promise.all(
      numbers.map(async (PartNumber) => {
        const names = { ...large, UploadId, PartNumber, CopySource: `${BUCKET.Bucket}/piece` };
        const { CopyPartResult } = await client.uploadPartCopy(names);
        return { PartNumber, ETag: CopyPartResult!.ETag, ChecksumCRC64NVME: CopyPartResult!.ChecksumCRC64NVME };
      }),
    );
    await client.completeMultipartUpload({ ...large, UploadId, MultipartUpload: { Parts } });
    const { ContentLength } = await client.headObject(large);
    assert.equal(ContentLength, 81 * piece.length);
    assert.ok(ContentLength > 5 * GIGABYTE);

    const copy = { ...BUCKET, Key: 'copy' };
    const CopySource = `${BUCKET.Bucket}/large`;
    const tooLarge = { name: 'InvalidRequest', message: /larger than the maximum allowable size/ };
    await assert.rejects(client.copyObject({ ...copy, CopySource }), tooLarge);
    const { UploadId: copied } = await client.createMultipartUpload(copy);
    const part = (PartNumber: number, CopySourceRange?: string) =>
      client.uploadPartCopy({ ...copy, UploadId: copied, PartNumber, CopySource, CopySourceRange });
    await assert.rejects(part(1), tooLarge);
    await assert.rejects(part(1, `bytes=0-${5 * GIGABYTE}`), tooLarge);
    await assert.rejects(part(1, `bytes=0-${ContentLength}`), { name: 'InvalidArgument' });
    const start = 5 * GIGABYTE - 8;
    const { CopyPartResult } = await part(1, `bytes=${start}-${start + 23}`);
    await client.completeMultipartUpload({
      ...{ ...copy, UploadId: copied },
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: CopyPartResult!.ETag }] },
    });
    const { Body } = await client.getObject(copy);
    assert.equal(await Body!.transformToString(), 'bytes ..sixteen bytes ..');
  }));

test('uploads are listed by key and beginning, with pages that go on behind a marker', () =>
  withClient(async (client) => {
    await client.createBucket({ Bucket: 'other-bucket' });
    await client.createMultipartUpload({ Bucket: 'other-bucket', Key: 'a/1' });
    const begun: string[] = [];
    for (const Key of ['b', 'a/2', 'a/1', 'a/1', 'c d/1']) {
      const { UploadId } = await client.createMultipartUpload({ ...BUCKET, Key });
      begun.push(`${Key} ${UploadId}`);
    }
    const walk = async (MaxUploads: number, more: Partial<s3.ListMultipartUploadsCommandInput> = {}) => {
      const seen: string[] = [];
      for (let marker: Partial<s3.ListMultipartUploadsCommandInput> = {}; ; ) {
        const page = await client.listMultipartUploads({ ...BUCKET, MaxUploads, ...more, ...marker });
        seen.push(...(page.Uploads ?? []).map(({ Key, UploadId }) => `${Key} ${UploadId}`));
        seen.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix!));
        if (!page.IsTruncated) return seen;
        marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      }
    };
    const sorted = begun.toSorted();
    for (const size of [1, 2, 1000]) assert.deepEqual(await walk(size), sorted);
    for (const size of [1, 1000]) {
      assert.deepEqual((await walk(size, { Delimiter: '/' })).sort(), ['a/', sorted[3], 'c d/'].sort());
      assert.deepEqual(await walk(size, { Prefix: 'a/' }), sorted.slice(0, 3));
    }
  }));
