import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { clientOptions } from '../wire/support.ts';
import { BUCKET, put, read, status, withBucket, withS3 } from './support.ts';

/** Members that bring a key; it is all of one byte. */
function keyOf(byte: number, prefix: '' | 'CopySource' = '') {
  const key = Buffer.alloc(32, byte);
  return {
    [`${prefix}SSECustomerAlgorithm`]: 'AES256',
    [`${prefix}SSECustomerKey`]: key.toString('base64'),
    [`${prefix}SSECustomerKeyMD5`]: createHash('md5').update(key).digest('base64'),
  };
}

test("content under a customer's key is read with that key alone, and named by no MD5", () =>
  withBucket(async (s3) => {
    const stored = await put(s3, 'k', 'secret', keyOf(1));
    assert.equal(stored.SSECustomerKeyMD5, keyOf(1).SSECustomerKeyMD5);
    assert.equal(stored.ServerSideEncryption, undefined);
    assert.notEqual(stored.ETag, `"${createHash('md5').update('secret').digest('hex')}"`);
    const back = await read(s3, 'k', keyOf(1));
    assert.deepEqual([back.text, back.SSECustomerAlgorithm], ['secret', 'AES256']);
    assert.equal((await read(s3, 'k', { ...keyOf(1), Range: 'bytes=2-3' })).text, 'cr');
    await assert.rejects(read(s3, 'k'), { name: 'InvalidRequest', message: /stored using a form of Server Side/ });
    await assert.rejects(read(s3, 'k', keyOf(2)), { name: 'AccessDenied' });
    const head = (more: object) => s3.send(new HeadObjectCommand({ ...BUCKET, Key: 'k', ...more }));
    await assert.rejects(head({}), (error: any) => status(error) === 400);
    assert.equal((await head(keyOf(1))).ContentLength, 6);
    const attributes = (more: object) =>
      s3.send(new GetObjectAttributesCommand({ ...BUCKET, Key: 'k', ObjectAttributes: ['ObjectSize'], ...more }));
    await assert.rejects(attributes({}), { name: 'InvalidRequest' });
    assert.equal((await attributes(keyOf(1))).ObjectSize, 6);
    await put(s3, 'plain', 'x');
    await assert.rejects(read(s3, 'plain', keyOf(1)), { name: 'InvalidRequest', message: /not applicable/ });
  }));

test('copies change keys, give them up or take one', () =>
  withBucket(async (s3) => {
    await put(s3, 'k', 'secret', keyOf(1));
    const copy = (Key: string, more: object) =>
      s3.send(new CopyObjectCommand({ ...BUCKET, Key, CopySource: 'test-bucket/k', ...more }));
    await assert.rejects(copy('to', {}), { name: 'InvalidRequest' });
    await copy('other', { ...keyOf(1, 'CopySource'), ...keyOf(2) });
    assert.equal((await read(s3, 'other', keyOf(2))).text, 'secret');
    await copy('plain', keyOf(1, 'CopySource'));
    assert.equal((await read(s3, 'plain')).text, 'secret');
    await copy('k', { ...keyOf(1, 'CopySource'), ...keyOf(3) });
    assert.equal((await read(s3, 'k', keyOf(3))).text, 'secret');
  }));

test("parts of an upload under a customer's key come with it", () =>
  withBucket(async (s3) => {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...BUCKET, Key: 'k', ...keyOf(1) }));
    const part = (more: object) =>
      s3.send(new UploadPartCommand({ ...BUCKET, Key: 'k', UploadId, PartNumber: 1, Body: 'part', ...more }));
    await assert.rejects(part({}), { name: 'InvalidRequest', message: /Subsequent part requests must include/ });
    await assert.rejects(part(keyOf(2)), { name: 'AccessDenied' });
    const { ETag } = await part(keyOf(1));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await s3.send(new CompleteMultipartUploadCommand({ ...BUCKET, Key: 'k', UploadId, MultipartUpload }));
    assert.equal((await read(s3, 'k', keyOf(1))).text, 'part');
  }));

test('keys that are none are refused, and so is KMS, by name', () =>
  withBucket(async (s3) => {
    const refused = (more: object, name: string, message: RegExp) =>
      assert.rejects(put(s3, 'k', 'x', more), { name, message });
    await refused({ ...keyOf(1), SSECustomerKey: 'AAAA' }, 'InvalidArgument', /secret key was invalid/);
    await refused({ ...keyOf(1), SSECustomerAlgorithm: 'DES' }, 'InvalidEncryptionAlgorithmError', /AES256/);
    await refused({ ...keyOf(1), ServerSideEncryption: 'AES256' }, 'InvalidArgument', /incompatible/);
    await refused({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'alias/own' }, 'NotImplemented', /KMS is not built/);
    assert.equal((await put(s3, 'k', 'x', { ServerSideEncryption: 'AES256' })).ServerSideEncryption, 'AES256');
    assert.equal((await read(s3, 'k')).ServerSideEncryption, 'AES256');
  }));

test("a bucket that blocks customers' keys takes no new content under them, and gives back what it has", () =>
  withBucket(async (s3) => {
    await put(s3, 'before', 'x', keyOf(1));
    const block = (EncryptionType: 'SSE-C' | 'NONE') =>
      s3.send(
        new PutBucketEncryptionCommand({
          ...BUCKET,
          ServerSideEncryptionConfiguration: {
            Rules: [{ BlockedEncryptionTypes: { EncryptionType: [EncryptionType] } }],
          },
        }),
      );
    await block('SSE-C');
    await assert.rejects(put(s3, 'k', 'x', keyOf(1)), { name: 'AccessDenied' });
    await assert.rejects(s3.send(new CreateMultipartUploadCommand({ ...BUCKET, Key: 'k', ...keyOf(1) })), {
      name: 'AccessDenied',
    });
    assert.equal((await read(s3, 'before', keyOf(1))).text, 'x');
    await put(s3, 'k', 'x');
    await block('NONE');
    await put(s3, 'k', 'x', keyOf(1));
  }));

test("neither a customer's key nor what it encrypts is found on the disk", () =>
  withS3(async (wire, directory) => {
    const s3 = new S3Client({ ...clientOptions(wire), forcePathStyle: true });
    await s3.send(new CreateBucketCommand(BUCKET));
    const secret = 'nobody may read this';
    await put(s3, 'k', Buffer.from(secret.repeat(5000)), keyOf(0x41));
    await put(s3, 'small', secret, keyOf(0x41));
    s3.destroy();
    const files = await readdir(directory, { recursive: true, withFileTypes: true });
    let found = 0;
    for (const file of files.filter((one) => one.isFile())) {
      const bytes = await readFile(join(file.parentPath, file.name));
      found += bytes.length;
      assert.ok(!bytes.includes(secret), file.name);
      assert.ok(!bytes.includes(Buffer.alloc(32, 0x41)) && !bytes.includes(keyOf(0x41).SSECustomerKey!), file.name);
    }
    assert.ok(found > secret.length * 5000);
  }));
