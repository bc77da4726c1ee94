import type { BucketInfo, ByteRange, ObjectInfo, OpenedObject } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { bodyChecks, formChecks, streamOf } from '../bodies.ts';
import { checksumMembers, partChecksum } from '../checksums.ts';
import { checkConditions, parseRange, partRange } from '../conditions.ts';
import { customerKeyOf, encryptionMembers } from '../encryption.ts';
import { s3Error } from '../errors.ts';
import { expirationMember } from '../lifecycle.ts';
import { isLocking } from '../locks.ts';
import { describe, quoted, toStored, versionIdOf } from '../metadata.ts';
import { causeOf, commonOptions, type Ground, writeConditions } from '../writing.ts';

/** Objects are put and read. */
export function objectOperations(ground: Ground): Record<string, Operation> {
  const { objects, settings } = ground;
  return {
    PutObject: putOperation(ground),

    GetObject: async (input, { caller }) => {
      const { Bucket, Key } = input;
      if (caller.accountId === 'anonymous') checkNoOverrides(input);
      const bucket = await objects.bucket(Bucket);
      const options = { ...versionOf(input), ...customerKeyOf(input) };
      const opened = await objects.get(Bucket, Key, { ...options, range: (info) => chosenRange(info, input) });
      const expiration = expirationMember(settings.peek(Bucket, 'lifecycle'), opened.info);
      return { ...shown(opened, input, bucket), ...expiration, Body: opened.bytes ?? opened.body };
    },

    HeadObject: async (input) => {
      const { Bucket } = input;
      const bucket = await objects.bucket(Bucket);
      const info = await headOf(ground, input);
      const range = chosenRange(info, input);
      const expiration = expirationMember(settings.peek(Bucket, 'lifecycle'), info);
      return { ...shown({ info, ...(range && { range }) }, input, bucket), ...expiration };
    },
  };
}

/** What a browser's form has sent is put. */
export function postOperation(ground: Ground): Operation {
  return putOperation(ground, 'post');
}

/** What S3 computes and keeps where nobody has asked for a checksum. */
const UNASKED = { algorithm: 'CRC64NVME' } as const;

function putOperation(ground: Ground, origin?: 'post'): Operation {
  const { objects, settings } = ground;
  return async (input, context) => {
    const { Bucket, Key } = input;
    if (input.WriteOffsetBytes !== undefined) {
      throw s3Error('not-built', {
        message: 'Appending to objects is of directory buckets, which Millrace has none of',
      });
    }
    const bucket = await objects.bucket(Bucket);
    const checks = origin === 'post' ? formChecks(input) : bodyChecks(input);
    checkProofOfLocked(input, checks);
    const options = {
      metadata: toStored(input),
      ...commonOptions(ground, input, context),
      checksum: UNASKED,
      ...checks,
      ...writeConditions(input),
      cause: causeOf(context, origin),
    };
    const info = await objects.put(Bucket, Key, streamOf(input.Body), options);
    return {
      ETag: quoted(info.etag),
      VersionId: versionIdOf(info, bucket),
      ...checksumMembers(info.checksum),
      ...encryptionMembers(input, options.customerKey),
      ...expirationMember(settings.peek(Bucket, 'lifecycle'), info),
    };
  };
}

/** What is known of the object that is asked for, if its key is brought along. */
export async function headOf({ objects }: Ground, input: any): Promise<ObjectInfo> {
  const key = customerKeyOf(input);
  const info = await objects.head(input.Bucket, input.Key, { ...versionOf(input), ...key });
  if (info.customerKey && !key.customerKey) throw s3Error('customer-key-missing');
  return info;
}

export function versionOf({ VersionId }: { readonly VersionId?: string }): { readonly versionId?: string } {
  return VersionId === undefined ? {} : { versionId: VersionId };
}

/** The bytes that a read is for; `undefined` for all. */
function chosenRange(info: ObjectInfo, input: any): ByteRange | undefined {
  checkConditions(info, input);
  const { Range: range, PartNumber: part } = input;
  if (part === undefined) return parseRange(range, info.sizeBytes);
  if (range === undefined) return partRange(info, part);
  throw s3Error('request-invalid', { message: 'Cannot specify both Range header and partNumber query parameter' });
}

/** Members that tell of what is read. */
function shown({ info, range }: Pick<OpenedObject, 'info' | 'range'>, input: any, bucket: BucketInfo) {
  const { sizeBytes, parts, checksum } = info;
  const part = input.PartNumber === undefined ? undefined : parts?.find(({ part }) => part === input.PartNumber);
  return {
    ...describe(info, bucket),
    ...encryptionMembers(input, info.customerKey),
    ...overrides(input),
    ...(range && {
      ContentLength: range.end - range.start + 1,
      ContentRange: `bytes ${range.start}-${range.end}/${sizeBytes}`,
    }),
    ...(part && { PartsCount: parts!.length }),
    // Of other ranges no checksum is known.
    ...(input.ChecksumMode === 'ENABLED' &&
      (part
        ? partChecksum(checksum?.algorithm, part.checksum)
        : (!range || input.PartNumber !== undefined) && checksumMembers(checksum))),
  };
}

const OVERRIDES = [
  'CacheControl',
  'ContentDisposition',
  'ContentEncoding',
  'ContentLanguage',
  'ContentType',
  'Expires',
];

/** `response-content-type` and its like, which presigned links carry. */
function overrides(input: any): Record<string, unknown> {
  const given = OVERRIDES.filter((name) => input[`Response${name}`] !== undefined);
  return Object.fromEntries(given.map((name) => [name, input[`Response${name}`]]));
}

function checkNoOverrides(input: any): void {
  if (Object.keys(overrides(input)).length === 0) return;
  throw s3Error('request-invalid', {
    message: 'Request specific response headers cannot be used for anonymous GET requests.',
  });
}

/** What will be kept must have come whole. */
function checkProofOfLocked(
  input: any,
  { md5, checksum }: { readonly md5?: string; readonly checksum?: object },
): void {
  if (!isLocking(input) || md5 !== undefined || checksum) return;
  throw s3Error('request-invalid', {
    message:
      'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
  });
}
