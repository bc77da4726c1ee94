import type { UploadInfo } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { OWNER } from '../acl.ts';
import { partChecksum } from '../checksums.ts';
import { quoted, storageClassOf, wholeSeconds } from '../metadata.ts';
import type { Ground } from '../writing.ts';
import { encoderOf, limitOf } from './listings.ts';
import { uploadOf } from './uploads.ts';

/** Uploads that are under way, and their parts. */
export function uploadListingOperations(ground: Ground): Record<string, Operation> {
  const { objects } = ground;
  return {
    ListParts: async (input) => {
      const { Bucket, Key, UploadId } = input;
      const { checksum, metadata } = await uploadOf(ground, input);
      const marker = Number(input.PartNumberMarker ?? 0);
      const MaxParts = limitOf({ MaxKeys: input.MaxParts });
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
        Parts: page.map(({ part, etag, sizeBytes, lastModified, checksum: own }) => ({
          PartNumber: part,
          LastModified: wholeSeconds(lastModified),
          ETag: quoted(etag),
          Size: sizeBytes,
          ...partChecksum(checksum?.algorithm, own),
        })),
        Initiator: OWNER,
        Owner: OWNER,
        StorageClass: storageClassOf({ metadata }),
        ...askedChecksum(checksum),
      };
    },

    ListMultipartUploads: async (input) => {
      const { Bucket, Prefix, Delimiter, KeyMarker = '', UploadIdMarker = '', EncodingType } = input;
      const MaxUploads = limitOf({ MaxKeys: input.MaxUploads });
      const found = await objects.uploads(Bucket, {
        limit: Math.max(1, MaxUploads),
        ...(Prefix && { prefix: Prefix }),
        ...(Delimiter && { delimiter: Delimiter }),
        ...(KeyMarker && { after: { key: KeyMarker, ...(UploadIdMarker && { uploadId: UploadIdMarker }) } }),
      });
      const { uploads, prefixes, next } = MaxUploads === 0 ? { uploads: [], prefixes: [], next: undefined } : found;
      const encode = encoderOf(input);
      return {
        Bucket,
        Prefix: encode(Prefix ?? ''),
        ...(Delimiter && { Delimiter: encode(Delimiter) }),
        ...(EncodingType && { EncodingType }),
        KeyMarker: encode(KeyMarker),
        UploadIdMarker,
        MaxUploads,
        IsTruncated: next !== undefined,
        ...(next && { NextKeyMarker: encode(next.key), NextUploadIdMarker: next.uploadId ?? '' }),
        CommonPrefixes: prefixes.map((prefix) => ({ Prefix: encode(prefix) })),
        Uploads: uploads.map(({ uploadId, key, createdAt, metadata, checksum }) => ({
          UploadId: uploadId,
          Key: encode(key),
          Initiated: new Date(createdAt),
          StorageClass: storageClassOf({ metadata }),
          Owner: OWNER,
          Initiator: OWNER,
          ...askedChecksum(checksum),
        })),
      };
    },
  };
}

function askedChecksum(checksum: UploadInfo['checksum']): object {
  if (!checksum || checksum.unasked) return {};
  return { ChecksumAlgorithm: checksum.algorithm, ChecksumType: checksum.type };
}
