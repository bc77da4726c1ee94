import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import {
  type ChecksumAlgorithm,
  type ChecksumType,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  HeadObjectCommand,
  ListPartsCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { checksumHasher } from '../../src/codec/checksums/index.ts';
import { clientOptions } from '../wire/support.ts';
import { BUCKET, put, read, status, withBucket } from './support.ts';

const ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
const MEGABYTE = 1 << 20;

/** The catalogue's check values of "123456789", and hashes of FIPS 180; base64. */
const OF_DIGITS = {
  CRC32: 'y/Q5Jg==',
  CRC32C: '4waSgw==',
  CRC64NVME: 'rosUhgp5mIg=',
  SHA1: createHash('sha1').update('123456789').digest('base64'),
  SHA256: createHash('sha256').update('123456789').digest('base64'),
} as const;

const sumOf = (algorithm: (typeof ALGORITHMS)[number], bytes: Uint8Array) => {
  const hasher = checksumHasher(algorithm);
  hasher.update(bytes);
  return hasher.digest().toString('base64');
};

test('each checksum is compared, kept and given back, whole reads only', () =>
  withBucket(async (s3) => {
    for (const algorithm of ALGORITHMS) {
      const member = `Checksum${algorithm}`;
      const stored: any = await put(s3, algorithm, '123456789', { [member]: OF_DIGITS[algorithm] });
      assert.deepEqual([stored[member], stored.ChecksumType], [OF_DIGITS[algorithm], 'FULL_OBJECT']);
      const head: any = await s3.send(new HeadObjectCommand({ ...BUCKET, Key: algorithm, ChecksumMode: 'ENABLED' }));
      assert.deepEqual([head[member], head.ChecksumType], [OF_DIGITS[algorithm], 'FULL_OBJECT']);
      const part: any = await read(s3, algorithm, { ChecksumMode: 'ENABLED', Range: 'bytes=1-2' });
      assert.deepEqual([part.text, part[member]], ['23', undefined]);
      const other = sumOf(algorithm, Buffer.from('other'));
      await assert.rejects(put(s3, 'other', '123456789', { [member]: other }), {
        name: 'BadDigest',
        message: `The ${algorithm} you specified did not match the calculated checksum.`,
      });
      await assert.rejects(put(s3, 'other', '123456789', { [member]: 'AAAA' }), { name: 'InvalidRequest' });
    }
    await assert.rejects(read(s3, 'other'), { name: 'NoSuchKey' });
    await assert.rejects(
      put(s3, 'two', '123456789', { ChecksumCRC32: OF_DIGITS.CRC32, ChecksumSHA1: OF_DIGITS.SHA1 }),
      { name: 'InvalidRequest' },
    );
    await assert.rejects(put(s3, 'k', 'x', { ChecksumXXHASH64: 'AAAAAAAAAAA=' }), {
      name: 'NotImplemented',
      message: /XXHASH64 is not built/,
    });
  }));

test('streams come with their checksum in a trailer, by JavaScript, and its value is compared', () =>
  withBucket(async (s3) => {
    const bytes = Buffer.alloc(300_000, 'stream ');
    for (const ChecksumAlgorithm of ALGORITHMS) {
      const Body = Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)]);
      const stored: any = await put(s3, ChecksumAlgorithm, Body as never, {
        ChecksumAlgorithm,
        ContentLength: bytes.length,
      });
      assert.equal(stored[`Checksum${ChecksumAlgorithm}`], sumOf(ChecksumAlgorithm, bytes));
      const back = await read(s3, ChecksumAlgorithm, { ChecksumMode: 'ENABLED' });
      assert.equal(back.text, bytes.toString());
      assert.equal(back.ContentEncoding, undefined);
    }
  }));

/** An upload of parts of 5 MB and one byte. */
async function upload(s3: S3Client, Key: string, checksum: { algorithm?: ChecksumAlgorithm; type?: ChecksumType }) {
  const parts = [Buffer.alloc(5 * MEGABYTE, 'a'), Buffer.from('b')];
  const begun = await s3.send(
    new CreateMultipartUploadCommand({
      ...BUCKET,
      Key,
      ChecksumAlgorithm: checksum.algorithm,
      ChecksumType: checksum.type,
    }),
  );
  const names = { ...BUCKET, Key, UploadId: begun.UploadId };
  const sent: any[] = [];
  for (const [index, Body] of parts.entries()) {
    const ChecksumAlgorithm = checksum.algorithm;
    const part = await s3.send(new UploadPartCommand({ ...names, PartNumber: index + 1, Body, ChecksumAlgorithm }));
    const { $metadata: _, ServerSideEncryption: _sse, ...kept } = part;
    sent.push({ ...kept, PartNumber: index + 1 });
  }
  return { begun, names, sent, parts };
}

test("an upload's checksum is of its parts or of the whole, and parts are read by number with theirs", () =>
  withBucket(async (s3) => {
    for (const [algorithm, type] of [
      ['CRC32', 'COMPOSITE'],
      ['SHA256', 'COMPOSITE'],
      ['CRC32C', 'FULL_OBJECT'],
      ['CRC64NVME', undefined],
    ] as const) {
      const { begun, names, sent, parts } = await upload(s3, algorithm, { algorithm, ...(type && { type }) });
      const wanted = type ?? 'FULL_OBJECT';
      assert.deepEqual([begun.ChecksumAlgorithm, begun.ChecksumType], [algorithm, wanted]);
      const member = `Checksum${algorithm}`;
      const sums = parts.map((part) => sumOf(algorithm, part));
      assert.deepEqual(
        sent.map((part) => part[member]),
        sums,
      );
      const listed: any = await s3.send(new ListPartsCommand(names));
      assert.deepEqual([listed.ChecksumAlgorithm, listed.Parts.map((part: any) => part[member])], [algorithm, sums]);
      const composite = `${sumOf(algorithm, Buffer.concat(sums.map((sum) => Buffer.from(sum, 'base64'))))}-2`;
      const expected = wanted === 'COMPOSITE' ? composite : sumOf(algorithm, Buffer.concat(parts));
      const complete = (Parts: object[], more: object = {}) =>
        s3.send(new CompleteMultipartUploadCommand({ ...names, MultipartUpload: { Parts }, ...more }));
      const bare = sent.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
      if (wanted === 'COMPOSITE') {
        const message = /must include the checksum for each part. It was missing for part 1/;
        await assert.rejects(complete(bare), { name: 'InvalidRequest', message });
        await assert.rejects(complete([{ ...sent[0], [member]: sums[1] }, sent[1]]), { name: 'InvalidPart' });
      } else {
        await assert.rejects(complete(bare, { [member]: sums[0] }), { name: 'BadDigest' });
      }
      await assert.rejects(complete(sent, { MpuObjectSize: 7 }), { name: 'InvalidRequest', message: /mp-object-size/ });
      await assert.rejects(complete(sent, { ChecksumType: wanted === 'COMPOSITE' ? 'FULL_OBJECT' : 'COMPOSITE' }), {
        name: 'InvalidRequest',
      });
      const done: any = await complete(sent, { MpuObjectSize: 5 * MEGABYTE + 1, ChecksumType: wanted });
      assert.deepEqual([done[member], done.ChecksumType], [expected, wanted]);

      const second: any = await read(s3, algorithm, { PartNumber: 2, ChecksumMode: 'ENABLED' });
      assert.deepEqual(
        [second.text, second.PartsCount, second.ContentRange, second.$metadata.httpStatusCode],
        ['b', 2, `bytes ${5 * MEGABYTE}-${5 * MEGABYTE}/${5 * MEGABYTE + 1}`, 206],
      );
      assert.equal(second[member], sums[1]);
      const first = await s3.send(new HeadObjectCommand({ ...BUCKET, Key: algorithm, PartNumber: 1 }));
      assert.deepEqual([first.ContentLength, first.PartsCount], [5 * MEGABYTE, 2]);
      await assert.rejects(
        read(s3, algorithm, { PartNumber: 3 }),
        (error: any) => error.name === 'InvalidPartNumber' && status(error) === 416,
      );
      await assert.rejects(read(s3, algorithm, { PartNumber: 1, Range: 'bytes=0-1' }), { name: 'InvalidRequest' });

      const attributes: any = await s3.send(
        new GetObjectAttributesCommand({
          ...BUCKET,
          Key: algorithm,
          ObjectAttributes: ['ETag', 'Checksum', 'ObjectParts', 'ObjectSize', 'StorageClass'],
          MaxParts: 1,
        }),
      );
      assert.equal(attributes.ETag, done.ETag.replaceAll('"', ''));
      assert.deepEqual([attributes.Checksum[member], attributes.Checksum.ChecksumType], [expected, wanted]);
      const { Parts, ...page } = attributes.ObjectParts;
      assert.deepEqual(page, {
        TotalPartsCount: 2,
        PartNumberMarker: '0',
        NextPartNumberMarker: '1',
        MaxParts: 1,
        IsTruncated: true,
      });
      assert.deepEqual([Parts[0].Size, Parts[0][member]], [5 * MEGABYTE, sums[0]]);
      assert.deepEqual([attributes.ObjectSize, attributes.StorageClass], [5 * MEGABYTE + 1, 'STANDARD']);
    }
  }));

test('what comes without a checksum has CRC64NVME, in one put and in parts', () =>
  withBucket(async (s3, wire) => {
    const plain = new S3Client({
      ...{ ...clientOptions(wire), forcePathStyle: true },
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    const headOf = (Key: string) => s3.send(new HeadObjectCommand({ ...BUCKET, Key, ChecksumMode: 'ENABLED' }));
    const stored = await put(plain, 'small', '123456789');
    assert.deepEqual([stored.ChecksumCRC64NVME, stored.ChecksumType], [OF_DIGITS.CRC64NVME, 'FULL_OBJECT']);
    assert.equal((await headOf('small')).ChecksumCRC64NVME, OF_DIGITS.CRC64NVME);
    const large = Buffer.alloc(MEGABYTE, 'large ');
    assert.equal((await put(plain, 'large', large)).ChecksumCRC64NVME, sumOf('CRC64NVME', large));
    const named = await put(plain, 'named', '123456789', { ChecksumCRC32: OF_DIGITS.CRC32 });
    assert.equal(named.ChecksumCRC64NVME, undefined);

    const upload = async (Key: string, client: S3Client) => {
      const { UploadId, ChecksumAlgorithm } = await plain.send(new CreateMultipartUploadCommand({ ...BUCKET, Key }));
      assert.equal(ChecksumAlgorithm, undefined);
      const names = { ...BUCKET, Key, UploadId };
      const bodies = [Buffer.alloc(5 * MEGABYTE, 'first '), Buffer.from('last')];
      const sent = await Promise.all(
        bodies.map((Body, index) => client.send(new UploadPartCommand({ ...names, PartNumber: index + 1, Body }))),
      );
      // As clients do it that send back whatever they were told.
      const Parts = sent.map(({ $metadata: _, ServerSideEncryption, ...part }, index) => ({
        ...{ ...part, PartNumber: index + 1 },
      }));
      const complete = new CompleteMultipartUploadCommand({ ...names, MultipartUpload: { Parts } });
      const made = await plain.send(complete);
      const whole = sumOf('CRC64NVME', Buffer.concat(bodies));
      assert.deepEqual([made.ChecksumCRC64NVME, made.ChecksumType], [whole, 'FULL_OBJECT']);
      assert.equal((await headOf(Key)).ChecksumCRC64NVME, whole);
      return { sent, bodies };
    };
    const bare = await upload('bare parts', plain);
    assert.equal(bare.sent[1]!.ChecksumCRC64NVME, sumOf('CRC64NVME', bare.bodies[1]!));
    // Today's SDKs send CRC32 with each part, whatever the upload was begun with.
    const proven = await upload('proven parts', s3);
    const { ChecksumCRC32, ChecksumCRC64NVME } = proven.sent[1]!;
    assert.deepEqual([ChecksumCRC32, ChecksumCRC64NVME], [sumOf('CRC32', proven.bodies[1]!), undefined]);
    plain.destroy();
  }));

test('what does not fit an algorithm is refused when the upload begins, or with the part', () =>
  withBucket(async (s3) => {
    for (const [algorithm, type] of [
      ['SHA256', 'FULL_OBJECT'],
      ['CRC64NVME', 'COMPOSITE'],
    ] as const) {
      await assert.rejects(upload(s3, 'k', { algorithm, type }), { name: 'InvalidRequest' });
    }
    const { names, sent } = await upload(s3, 'k', { algorithm: 'CRC32C' });
    await assert.rejects(
      s3.send(new UploadPartCommand({ ...names, PartNumber: 3, Body: 'x', ChecksumAlgorithm: 'SHA1' })),
      { name: 'InvalidRequest', message: /expected checksum Type: crc32c, actual checksum Type: sha1/ },
    );
    await assert.rejects(
      s3.send(new CompleteMultipartUploadCommand({ ...names, MultipartUpload: { Parts: sent }, IfMatch: '"x"' })),
      { name: 'NoSuchKey' },
    );
    await put(s3, 'k', 'there');
    await assert.rejects(
      s3.send(new CompleteMultipartUploadCommand({ ...names, MultipartUpload: { Parts: sent }, IfNoneMatch: '*' })),
      { name: 'PreconditionFailed' },
    );
    const attributes = new GetObjectAttributesCommand({ ...BUCKET, Key: 'k', ObjectAttributes: ['Colour'] as never });
    await assert.rejects(s3.send(attributes), { name: 'InvalidArgument' });
  }));

test('lib-storage uploads a stream of unknown length in parts', () =>
  withBucket(async (_, wire) => {
    // Not the shared client: lib-storage sets its checksums by the client's own settings.
    const s3 = new S3Client({ ...clientOptions(wire), forcePathStyle: true });
    const chunk = Buffer.alloc(MEGABYTE, 'lib-storage ');
    const chunks = Array.from({ length: 12 }, () => chunk);
    const params = { ...BUCKET, Key: 'k', Body: Readable.from(chunks), Tagging: 'a=b' };
    await new Upload({ client: s3, params, partSize: 5 * MEGABYTE, queueSize: 2 }).done();
    const back = await read(s3, 'k');
    assert.equal(
      createHash('md5').update(back.text).digest('hex'),
      createHash('md5').update(Buffer.concat(chunks)).digest('hex'),
    );
    assert.deepEqual([back.TagCount, back.ContentLength], [1, 12 * MEGABYTE]);
    s3.destroy();
  }));
