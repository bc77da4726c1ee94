import type { ObjectInfo, ObjectPage, Objects } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { s3Error } from '../errors.ts';
import { quoted, wholeSeconds } from '../metadata.ts';
import { OWNER } from './buckets.ts';

const KEYS_MAX = 1000;

export function listingOperations(objects: Objects): Record<string, Operation> {
  return {
    ListObjects: async (input) => {
      const page = await list(objects, input, input.Marker);
      const encode = encoderOf(input);
      const { Contents, CommonPrefixes, ...rest } = members(input, page);
      return {
        ...rest,
        Marker: encode(input.Marker ?? ''),
        // Without a delimiter the last key is where to go on, and S3 leaves it to the caller.
        ...(page.next !== undefined && input.Delimiter && { NextMarker: encode(page.next) }),
        Contents: Contents.map((content: object) => ({ ...content, Owner: OWNER })),
        CommonPrefixes,
      };
    },

    ListObjectsV2: async (input) => {
      const after = input.ContinuationToken === undefined ? input.StartAfter : fromToken(input.ContinuationToken);
      const page = await list(objects, input, after);
      const { Contents, ...rest } = members(input, page);
      return {
        ...rest,
        Contents: input.FetchOwner ? Contents.map((content: object) => ({ ...content, Owner: OWNER })) : Contents,
        KeyCount: page.objects.length + page.prefixes.length,
        ...(input.ContinuationToken !== undefined && { ContinuationToken: input.ContinuationToken }),
        ...(input.StartAfter !== undefined && { StartAfter: encoderOf(input)(input.StartAfter) }),
        ...(page.next !== undefined && { NextContinuationToken: toToken(page.next) }),
      };
    },
  };
}

async function list(objects: Objects, input: any, after: string | undefined): Promise<ObjectPage> {
  const limit = Math.min(input.MaxKeys ?? KEYS_MAX, KEYS_MAX);
  if (limit < 0)
    throw s3Error('argument-invalid', { message: 'Argument maxKeys must be an integer between 0 and 2147483647' });
  const { Bucket, Prefix, Delimiter } = input;
  const options = {
    limit: Math.max(1, limit),
    ...(Prefix && { prefix: Prefix }),
    ...(Delimiter && { delimiter: Delimiter }),
    ...(after && { after }),
  };
  const page = await objects.list(Bucket, options);
  return limit === 0 ? { objects: [], prefixes: [] } : page;
}

function members(input: any, { objects, prefixes, next }: ObjectPage) {
  const encode = encoderOf(input);
  return {
    Name: input.Bucket,
    Prefix: encode(input.Prefix ?? ''),
    MaxKeys: Math.min(input.MaxKeys ?? KEYS_MAX, KEYS_MAX),
    IsTruncated: next !== undefined,
    ...(input.Delimiter && { Delimiter: encode(input.Delimiter) }),
    ...(input.EncodingType && { EncodingType: input.EncodingType }),
    Contents: objects.map((object) => content(object, encode)),
    CommonPrefixes: prefixes.map((prefix) => ({ Prefix: encode(prefix) })),
  };
}

function content({ key, etag, sizeBytes, lastModified }: ObjectInfo, encode: (text: string) => string) {
  return {
    Key: encode(key),
    LastModified: wholeSeconds(lastModified),
    ETag: quoted(etag),
    Size: sizeBytes,
    StorageClass: 'STANDARD',
  };
}

/** With `encoding-type=url` names are percent-encoded, slashes left: XML cannot carry every character. */
function encoderOf(input: { readonly EncodingType?: string }): (text: string) => string {
  if (input.EncodingType !== 'url') return (text) => text;
  return (text) => encodeURIComponent(text).replaceAll('%2F', '/');
}

function toToken(next: string): string {
  return Buffer.from(next).toString('base64url');
}

function fromToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (text === '' || toToken(text) !== token) {
    throw s3Error('argument-invalid', { message: 'The continuation token provided is incorrect' });
  }
  return text;
}
