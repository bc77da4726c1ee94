import { hasCode } from '../../../base/index.ts';
import type { ByteRange, ObjectInfo, PartInfo, UploadInfo } from '../../../store/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import { bodyChecks, streamOf } from '../bodies.ts';
import { checksumMembers, givenChecksum, partChecksum, uploadChecksum } from '../checksums.ts';
import { unquoted } from '../conditions.ts';
import { checkSourceConditions, checkSourceSize, copySourceOf } from '../copy-source.ts';
import { customerKeyOf, encryptionMembers } from '../encryption.ts';
import { s3Error } from '../errors.ts';
import { expirationMember } from '../lifecycle.ts';
import { S3_LIMITS } from '../limits.ts';
import { quoted, toStored, versionIdOf, wholeSeconds } from '../metadata.ts';
import { causeOf, commonOptions, type Ground, writeConditions } from '../writing.ts';
import { refuseDirectoryCondition } from './deletions.ts';

interface UploadNames {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

/** Objects are made in parts. */
export function uploadOperations(ground: Ground): Record<string, Operation> {
  const { objects } = ground;
  return {
    CreateMultipartUpload: async (input, context) => {
      const { Bucket, Key } = input;
      const asked = uploadChecksum(input.ChecksumAlgorithm, input.ChecksumType);
      const common = commonOptions(ground, input, context);
      const options = { metadata: toStored(input), ...common, checksum: asked ?? UNASKED };
      const UploadId = await objects.createUpload(Bucket, Key, options);
      return {
        Bucket,
        Key,
        UploadId,
        ...(asked && { ChecksumAlgorithm: asked.algorithm, ChecksumType: asked.type }),
        ...encryptionMembers(input, common.customerKey),
      };
    },

    UploadPart: async (input) => {
      const { UploadId, PartNumber } = input;
      const upload = await uploadOf(ground, input);
      checkPartNumber(PartNumber);
      const checks = bodyChecks(input);
      checkAlgorithm(upload, checks.checksum?.algorithm);
      const key = customerKeyOf(input);
      const part = await objects.putPart(UploadId, PartNumber, streamOf(input.Body), { ...checks, ...key });
      return {
        ETag: quoted(part.etag),
        ...sumOfPart(upload, part, givenChecksum(input)),
        ...encryptionMembers(input, key.customerKey),
      };
    },

    UploadPartCopy: async (input) => {
      const { UploadId, PartNumber } = input;
      const upload = await uploadOf(ground, input);
      checkPartNumber(PartNumber);
      const source = copySourceOf(input);
      const key = customerKeyOf(input);
      const bucket = await objects.bucket(source.bucket);
      const copy = await objects.copyPart(source, UploadId, PartNumber, (info) => {
        checkSourceConditions(info, input);
        const range = copiedRange(input.CopySourceRange, info.sizeBytes);
        checkSourceSize(range ? range.end - range.start + 1 : info.sizeBytes);
        return { ...key, ...(range && { range }) };
      });
      const { part } = copy;
      return {
        CopyPartResult: {
          ETag: quoted(part.etag),
          LastModified: wholeSeconds(part.lastModified),
          ...partChecksum(upload.checksum?.algorithm, part.checksum),
        },
        CopySourceVersionId: versionIdOf(copy.source, bucket),
        ...encryptionMembers(input, key.customerKey),
      };
    },

    CompleteMultipartUpload: async (input, context) => {
      const { Bucket, Key } = input;
      const bucket = await objects.bucket(Bucket);
      const info = await complete(ground, input, context).catch((error) => completedBefore(ground, input, error));
      return {
        Location: `${context.endpoint}/${Bucket}/${encodeURI(Key)}`,
        Bucket,
        Key,
        ETag: quoted(info.etag),
        VersionId: versionIdOf(info, bucket),
        ...checksumMembers(info.checksum),
        ...(!info.customerKey && encryptionMembers(input, undefined)),
        ...expirationMember(ground.settings.peek(Bucket, 'lifecycle'), info),
      };
    },

    AbortMultipartUpload: async (input) => {
      refuseDirectoryCondition(input.IfMatchInitiatedTime);
      await uploadOf(ground, input);
      await objects.abortUpload(input.UploadId);
      return {};
    },
  };
}

/** What S3 computes where nobody has asked for a checksum. */
const UNASKED = { algorithm: 'CRC64NVME', type: 'FULL_OBJECT', unasked: true } as const;

async function complete(ground: Ground, input: any, context: OperationContext): Promise<ObjectInfo> {
  const { UploadId } = input;
  const upload = await uploadOf(ground, input);
  const parts = wantedParts(partsIn(input), upload);
  await checkSizes(ground, UploadId, parts);
  const options = {
    ...checksumOption(input, upload),
    ...(input.MpuObjectSize !== undefined && { sizeBytes: input.MpuObjectSize }),
    ...customerKeyOf(input),
    ...writeConditions(input),
    cause: causeOf(context),
  };
  return ground.objects.completeUpload(UploadId, parts, options).catch((error) => {
    if (!hasCode(error, 'content-mismatch') || error.fields?.reason !== 'length') throw error;
    const message = "The provided 'x-amz-mp-object-size' header does not match what was computed.";
    throw s3Error('request-invalid', { message, cause: error });
  });
}

/** Who has lost the answer and asks again gets it again, as by S3. @throws  the error, where it was something else */
async function completedBefore({ objects }: Ground, input: any, error: unknown): Promise<ObjectInfo> {
  if (!hasCode(error, 'upload-not-found')) throw error;
  const etags = partsIn(input).map(({ ETag }) => unquoted(ETag ?? ''));
  const completed = await objects.completedUpload(input.UploadId, etags);
  if (completed?.bucket === input.Bucket && completed?.key === input.Key) return completed!.info;
  throw error;
}

/** An upload is known by its id, but only to who names its bucket and key. */
export async function uploadOf({ objects }: Ground, { Bucket, Key, UploadId }: UploadNames): Promise<UploadInfo> {
  await objects.bucket(Bucket);
  const upload = await objects.upload(UploadId);
  if (upload.bucket === Bucket && upload.key === Key) return upload;
  throw s3Error('upload-not-found', { fields: { UploadId } });
}

function checkPartNumber(part: number): void {
  if (part >= 1 && part <= 10_000) return;
  throw s3Error('argument-invalid', {
    message: 'Part number must be an integer between 1 and 10000, inclusive',
    fields: { ArgumentName: 'partNumber', ArgumentValue: part },
  });
}

/** A part may leave its checksum to us, but not have another one. */
function checkAlgorithm({ checksum }: UploadInfo, given: string | undefined): void {
  if (!checksum || checksum.unasked || given === undefined || given === checksum.algorithm) return;
  const [expected, actual] = [checksum.algorithm.toLowerCase(), given.toLowerCase()];
  const message = `Checksum Type mismatch occurred, expected checksum Type: ${expected}, actual checksum Type: ${actual}`;
  throw s3Error('request-invalid', { message });
}

/** The one that the part came with, where the upload keeps another that nobody has asked for. */
function sumOfPart({ checksum }: UploadInfo, part: PartInfo, given: ReturnType<typeof givenChecksum>) {
  if (checksum?.unasked && given) return partChecksum(given.algorithm, given.value);
  return partChecksum(checksum?.algorithm, part.checksum);
}

/** `bytes=first-last`, both given and within the source. @throws DomainError `argument-invalid` */
function copiedRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes=(\d+)-(\d+)$/.exec(header);
  const [start, end] = [Number(match?.[1]), Number(match?.[2])];
  const fields = { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: header };
  if (!match || end < start) {
    const message =
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy';
    throw s3Error('argument-invalid', { message, fields });
  }
  if (end < sizeBytes) return { start, end };
  throw s3Error('argument-invalid', {
    message: `Range specified is not valid for source object of size: ${sizeBytes}`,
    fields,
  });
}

function partsIn({ MultipartUpload }: any): readonly PartInput[] {
  return MultipartUpload?.Parts ?? [];
}

interface PartInput {
  readonly PartNumber?: number;
  readonly ETag?: string;
  readonly [member: string]: unknown;
}

function wantedParts(parts: readonly PartInput[], { checksum }: UploadInfo) {
  if (parts.length === 0) throw s3Error('malformed');
  return parts.map((part) => {
    const { PartNumber, ETag } = part;
    if (PartNumber === undefined || ETag === undefined) throw s3Error('malformed');
    const given = givenChecksum(part);
    if (!given && checksum?.type === 'COMPOSITE') throw unproven(checksum.algorithm, PartNumber);
    // Of another algorithm none was kept to compare with.
    const isKept = checksum && (!checksum.unasked || given?.algorithm === checksum.algorithm);
    return { part: PartNumber, etag: unquoted(ETag), ...(given && isKept && { checksum: given.value }) };
  });
}

function unproven(algorithm: string, part: number) {
  const message = `The upload was created using a ${algorithm.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${part} in the request.`;
  return s3Error('request-invalid', { message });
}

/** The checksum that the whole must have. */
function checksumOption(input: any, { checksum }: UploadInfo): { readonly checksum?: string } {
  const type = input.ChecksumType;
  if (type !== undefined && checksum && !checksum.unasked && type !== checksum.type) {
    const message = `The upload was created using the ${checksum.type} checksum mode. The complete request must use the same checksum mode.`;
    throw s3Error('request-invalid', { message });
  }
  const given = givenChecksum(input);
  if (!given || given.algorithm !== checksum?.algorithm) return {};
  return { checksum: given.value };
}

async function checkSizes(
  { objects }: Ground,
  uploadId: string,
  wanted: readonly { readonly part: number }[],
): Promise<void> {
  const { partBytesMin } = S3_LIMITS;
  const sizes = new Map((await objects.parts(uploadId)).map(({ part, sizeBytes }) => [part, sizeBytes]));
  const small = wanted.slice(0, -1).find(({ part }) => (sizes.get(part) ?? partBytesMin) < partBytesMin);
  if (!small) return;
  const fields = { PartNumber: small.part, ProposedSize: sizes.get(small.part), MinSizeAllowed: partBytesMin };
  throw s3Error('part-too-small', { fields });
}
