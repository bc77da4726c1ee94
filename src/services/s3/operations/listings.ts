import type { ObjectInfo, ObjectPage, Objects, ObjectVersion, VersionCursor } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { OWNER } from '../acl.ts';
import { s3Error } from '../errors.ts';
import { S3_LIMITS } from '../limits.ts';
import { quoted, storageClassOf, wholeSeconds } from '../metadata.ts';
import type { Ground } from '../writing.ts';

export function listingOperations({ objects }: Ground): Record<string, Operation> {
  return {
    ListObjects: async (input) => {
      const page = await list(objects, input, input.Marker);
      const encode = encoderOf(input);
      const { Contents, ...rest } = members(input, page);
      return {
        ...rest,
        Marker: encode(input.Marker ?? ''),
        // Without a delimiter the last key is where to go on, and S3 leaves it to the caller.
        ...(page.next !== undefined && input.Delimiter && { NextMarker: encode(page.next) }),
        Contents: Contents.map((content: object) => ({ ...content, Owner: OWNER })),
      };
    },

    ListObjectsV2: async (input) => {
      const { ContinuationToken: token, StartAfter: start } = input;
      const page = await list(objects, input, token === undefined ? start : fromToken(token));
      const { Contents, ...rest } = members(input, page);
      return {
        ...rest,
        Contents: input.FetchOwner ? Contents.map((content: object) => ({ ...content, Owner: OWNER })) : Contents,
        KeyCount: page.objects.length + page.prefixes.length,
        ...(token !== undefined && { ContinuationToken: token }),
        ...(start !== undefined && { StartAfter: encoderOf(input)(start) }),
        ...(page.next !== undefined && { NextContinuationToken: toToken(page.next) }),
      };
    },

    ListObjectVersions: async (input) => {
      const { Bucket, Prefix, Delimiter } = input;
      const limit = limitOf(input);
      const after = cursorOf(input);
      const options = {
        limit: Math.max(1, limit),
        ...(Prefix && { prefix: Prefix }),
        ...(Delimiter && { delimiter: Delimiter }),
        ...(after && { after }),
      };
      const found = await objects.listVersions(Bucket, options);
      const { versions, prefixes, next } = limit === 0 ? { versions: [], prefixes: [], next: undefined } : found;
      const encode = encoderOf(input);
      return {
        ...heading(input, next !== undefined, prefixes),
        KeyMarker: encode(input.KeyMarker ?? ''),
        VersionIdMarker: input.VersionIdMarker ?? '',
        ...(next && {
          NextKeyMarker: encode(next.key),
          ...(next.versionId !== undefined && { NextVersionIdMarker: next.versionId }),
        }),
        Versions: versions.filter((one) => !('deleteMarker' in one)).map((one) => version(one as ObjectInfo, encode)),
        DeleteMarkers: versions.filter((one) => 'deleteMarker' in one).map((one) => marked(one, encode)),
      };
    },
  };
}

async function list(objects: Objects, input: any, after: string | undefined): Promise<ObjectPage> {
  const { Bucket, Prefix, Delimiter } = input;
  const limit = limitOf(input);
  const options = {
    limit: Math.max(1, limit),
    ...(Prefix && { prefix: Prefix }),
    ...(Delimiter && { delimiter: Delimiter }),
    ...(after && { after }),
  };
  const page = await objects.list(Bucket, options);
  return limit === 0 ? { objects: [], prefixes: [] } : page;
}

/** How many entries a page may have; zero is an empty page that claims to be the last. */
export function limitOf({ MaxKeys }: { readonly MaxKeys?: number }): number {
  const limit = Math.min(MaxKeys ?? S3_LIMITS.listMax, S3_LIMITS.listMax);
  if (limit >= 0) return limit;
  throw s3Error('argument-invalid', {
    message: 'Argument maxKeys must be an integer between 0 and 2147483647',
    fields: { ArgumentName: 'maxKeys', ArgumentValue: MaxKeys },
  });
}

function cursorOf({ KeyMarker, VersionIdMarker }: any): VersionCursor | undefined {
  if (VersionIdMarker && !KeyMarker) {
    throw s3Error('argument-invalid', { message: 'A version-id marker cannot be specified without a key marker.' });
  }
  if (!KeyMarker) return undefined;
  return { key: KeyMarker, ...(VersionIdMarker && { versionId: VersionIdMarker }) };
}

/** What a page says of itself, whatever it is of. */
function heading(input: any, isTruncated: boolean, prefixes: readonly string[]) {
  const encode = encoderOf(input);
  return {
    Name: input.Bucket,
    Prefix: encode(input.Prefix ?? ''),
    MaxKeys: limitOf(input),
    IsTruncated: isTruncated,
    ...(input.Delimiter && { Delimiter: encode(input.Delimiter) }),
    ...(input.EncodingType && { EncodingType: input.EncodingType }),
    CommonPrefixes: prefixes.map((prefix) => ({ Prefix: encode(prefix) })),
  };
}

function members(input: any, { objects, prefixes, next }: ObjectPage) {
  const encode = encoderOf(input);
  return {
    ...heading(input, next !== undefined, prefixes),
    Contents: objects.map((object) => content(object, encode)),
  };
}

function content(info: ObjectInfo, encode: (text: string) => string) {
  const { key, etag, sizeBytes, lastModified, checksum } = info;
  return {
    Key: encode(key),
    LastModified: wholeSeconds(lastModified),
    ETag: quoted(etag),
    ...(checksum && { ChecksumAlgorithm: [checksum.algorithm], ChecksumType: checksum.type }),
    Size: sizeBytes,
    StorageClass: storageClassOf(info),
  };
}

function version(info: ObjectInfo, encode: (text: string) => string) {
  return { ...content(info, encode), ...place(info) };
}

function marked(marker: ObjectVersion, encode: (text: string) => string) {
  return { Key: encode(marker.key), LastModified: wholeSeconds(marker.lastModified), ...place(marker) };
}

function place({ versionId, isLatest }: ObjectVersion) {
  return { VersionId: versionId ?? 'null', IsLatest: isLatest, Owner: OWNER };
}

/** With `encoding-type=url` names are percent-encoded, slashes left: XML cannot carry every character. @throws DomainError `argument-invalid` */
export function encoderOf({ EncodingType: type }: { readonly EncodingType?: string }): (text: string) => string {
  if (type === undefined) return (text) => text;
  if (type === 'url') return urlEncoded;
  const fields = { ArgumentName: 'encoding-type', ArgumentValue: type };
  throw s3Error('argument-invalid', { message: 'Invalid Encoding Method specified in Request', fields });
}

/** `test_file(3).png` is `test_file%283%29.png`, as the API reference of ListObjectsV2 has it. */
function urlEncoded(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%2F', '/')
    .replace(/[!'()]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function toToken(next: string): string {
  return Buffer.from(next).toString('base64url');
}

function fromToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (text === '' || toToken(text) !== token) {
    throw s3Error('argument-invalid', {
      message: 'The continuation token provided is incorrect',
      fields: { ArgumentName: 'continuation-token' },
    });
  }
  return text;
}
