import type { Objects } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { md5Of, streamOf } from '../bodies.ts';
import { unquoted } from '../conditions.ts';
import { openCopySource } from '../copy-source.ts';
import { s3Error } from '../errors.ts';
import { quoted, toStored, wholeSeconds } from '../metadata.ts';
import { OWNER } from './buckets.ts';
import { lengthOf } from './objects.ts';

/** Every part but the last has so many bytes or more. */
const PART_BYTES_MIN = 5 * 1024 * 1024;
const LIST_MAX = 1000;

interface UploadNames {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

export function uploadOperations(objects: Objects): Record<string, Operation> {
  return {
    CreateMultipartUpload: async (input) => {
      const { Bucket, Key } = input;
      return { Bucket, Key, UploadId: await objects.createUpload(Bucket, Key, { metadata: toStored(input) }) };
    },

    UploadPart: async (input) => {
      await checkUpload(objects, input);
      checkPartNumber(input.PartNumber);
      const options = { ...md5Of(input.ContentMD5), ...lengthOf(input) };
      const { etag } = await objects.putPart(input.UploadId, input.PartNumber, streamOf(input.Body), options);
      return { ETag: quoted(etag) };
    },

    UploadPartCopy: async (input) => {
      await checkUpload(objects, input);
      checkPartNumber(input.PartNumber);
      const { body } = await openCopySource(objects, input);
      const { etag } = await objects.putPart(input.UploadId, input.PartNumber, body);
      const parts = await objects.parts(input.UploadId);
      const stored = parts.find(({ part }) => part === input.PartNumber);
      return { CopyPartResult: { ETag: quoted(etag), LastModified: wholeSeconds(stored?.lastModified ?? 0) } };
    },

    CompleteMultipartUpload: async (input, { endpoint }) => {
      await checkUpload(objects, input);
      const parts = (input.MultipartUpload?.Parts ?? []).map(toPart);
      if (parts.length === 0) throw s3Error('malformed');
      await checkSizes(objects, input.UploadId, parts);
      const { Bucket, Key } = input;
      const options = input.IfNoneMatch === '*' ? { ifNoneMatch: '*' as const } : {};
      const { etag } = await objects.completeUpload(input.UploadId, parts, options);
      return { Location: `${endpoint}/${Bucket}/${encodeURI(Key)}`, Bucket, Key, ETag: quoted(etag) };
    },

    AbortMultipartUpload: async (input) => {
      await checkUpload(objects, input);
      await objects.abortUpload(input.UploadId);
      return {};
    },

    ListParts: async (input) => {
      await checkUpload(objects, input);
      const { Bucket, Key, UploadId } = input;
      const marker = Number(input.PartNumberMarker ?? 0);
      const MaxParts = Math.min(input.MaxParts ?? LIST_MAX, LIST_MAX);
      const parts = (await objects.parts(UploadId)).filter(({ part }) => part > marker);
      const page = parts.slice(0, MaxParts);
      return {
        Bucket,
        Key,
        UploadId,
        PartNumberMarker: String(marker),
        NextPartNumberMarker: String(page.at(-1)?.part ?? 0),
        MaxParts,
        IsTruncated: parts.length > page.length,
        Parts: page.map(({ part, etag, sizeBytes, lastModified }) => ({
          PartNumber: part,
          LastModified: wholeSeconds(lastModified),
          ETag: quoted(etag),
          Size: sizeBytes,
        })),
        Initiator: OWNER,
        Owner: OWNER,
        StorageClass: 'STANDARD',
      };
    },

    ListMultipartUploads: async ({ Bucket, Prefix, Delimiter, KeyMarker = '', UploadIdMarker = '', MaxUploads }) => {
      const limit = Math.min(MaxUploads ?? LIST_MAX, LIST_MAX);
      const { uploads, prefixes, next } = await objects.uploads(Bucket, {
        limit,
        ...(Prefix && { prefix: Prefix }),
        ...(Delimiter && { delimiter: Delimiter }),
        ...(KeyMarker && { after: { key: KeyMarker, ...(UploadIdMarker && { uploadId: UploadIdMarker }) } }),
      });
      return {
        Bucket,
        Prefix,
        KeyMarker,
        UploadIdMarker,
        MaxUploads: limit,
        IsTruncated: next !== undefined,
        ...(next && { NextKeyMarker: next.key, NextUploadIdMarker: next.uploadId ?? '' }),
        CommonPrefixes: prefixes.map((prefix) => ({ Prefix: prefix })),
        Uploads: uploads.map(({ uploadId, key, createdAt }) => ({
          UploadId: uploadId,
          Key: key,
          Initiated: new Date(createdAt),
          StorageClass: 'STANDARD',
          Owner: OWNER,
          Initiator: OWNER,
        })),
      };
    },
  };
}

/** An upload is known by its id, but only to who names its bucket and key. */
async function checkUpload(objects: Objects, { Bucket, Key, UploadId }: UploadNames): Promise<void> {
  const upload = await objects.upload(UploadId);
  if (upload.bucket !== Bucket || upload.key !== Key) throw s3Error('upload-not-found', { fields: { UploadId } });
}

function checkPartNumber(part: number): void {
  if (part >= 1 && part <= 10_000) return;
  throw s3Error('argument-invalid', {
    message: 'Part number must be an integer between 1 and 10000, inclusive',
    fields: { ArgumentName: 'partNumber', ArgumentValue: part },
  });
}

function toPart({ PartNumber, ETag }: { PartNumber: number; ETag: string }) {
  return { part: PartNumber, etag: unquoted(ETag ?? '') };
}

async function checkSizes(objects: Objects, uploadId: string, wanted: readonly { part: number }[]): Promise<void> {
  const sizes = new Map((await objects.parts(uploadId)).map(({ part, sizeBytes }) => [part, sizeBytes]));
  const small = wanted.slice(0, -1).find(({ part }) => (sizes.get(part) ?? PART_BYTES_MIN) < PART_BYTES_MIN);
  if (!small) return;
  const fields = { PartNumber: small.part, ProposedSize: sizes.get(small.part), MinSizeAllowed: PART_BYTES_MIN };
  throw s3Error('part-too-small', { fields });
}
