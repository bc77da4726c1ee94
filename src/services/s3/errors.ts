import { DomainError } from '../../base/index.ts';
import type { ObjectsErrorCode } from '../../store/index.ts';
import type { WireAnswer } from '../index.ts';

export type S3ErrorCode =
  | ObjectsErrorCode
  | 'bucket-name-invalid'
  | 'argument-invalid'
  | 'bad-digest'
  | 'bad-request'
  | 'body-incomplete'
  | 'copy-onto-itself'
  | 'digest-invalid'
  | 'encryption-not-built'
  | 'key-too-long'
  | 'malformed'
  | 'malformed-policy'
  | 'no-bucket-policy'
  | 'no-tag-set'
  | 'not-modified'
  | 'part-order'
  | 'part-too-small'
  | 'tag-invalid';

/** How S3 answers. @see Amazon S3 API reference, Error responses */
export const S3_ANSWERS = {
  'argument-invalid': { type: 'InvalidArgument', status: 400 },
  'bad-digest': { type: 'BadDigest', status: 400 },
  'bad-request': { type: 'BadRequest', status: 400 },
  'body-incomplete': { type: 'IncompleteBody', status: 400 },
  'bucket-exists': { type: 'BucketAlreadyOwnedByYou', status: 409 },
  'bucket-name-invalid': { type: 'InvalidBucketName', status: 400 },
  'bucket-not-empty': { type: 'BucketNotEmpty', status: 409 },
  'bucket-not-found': { type: 'NoSuchBucket', status: 404 },
  'content-mismatch': { type: 'BadDigest', status: 400 },
  'customer-key-missing': { type: 'InvalidRequest', status: 400 },
  'customer-key-needless': { type: 'InvalidRequest', status: 400 },
  'customer-key-wrong': { type: 'AccessDenied', status: 403 },
  'object-locked': { type: 'AccessDenied', status: 403 },
  'version-is-marker': { type: 'MethodNotAllowed', status: 405 },
  'version-not-found': { type: 'NoSuchVersion', status: 404 },
  'copy-onto-itself': { type: 'InvalidRequest', status: 400 },
  'digest-invalid': { type: 'InvalidDigest', status: 400 },
  'encryption-not-built': { type: 'NotImplemented', status: 501 },
  'format-too-new': { type: 'InternalError', status: 500 },
  'key-invalid': { type: 'InvalidURI', status: 400 },
  'key-too-long': { type: 'KeyTooLongError', status: 400 },
  malformed: { type: 'MalformedXML', status: 400 },
  'malformed-policy': { type: 'MalformedPolicy', status: 400 },
  'no-bucket-policy': { type: 'NoSuchBucketPolicy', status: 404 },
  'no-tag-set': { type: 'NoSuchTagSet', status: 404 },
  'not-modified': { type: 'NotModified', status: 304 },
  'object-not-found': { type: 'NoSuchKey', status: 404 },
  'objects-failed': { type: 'InternalError', status: 500 },
  // Every SDK tries again on a 503.
  'objects-full': { type: 'ServiceUnavailable', status: 503 },
  'part-invalid': { type: 'InvalidPart', status: 400 },
  'part-order': { type: 'InvalidPartOrder', status: 400 },
  'part-too-small': { type: 'EntityTooSmall', status: 400 },
  'precondition-failed': { type: 'PreconditionFailed', status: 412 },
  'range-invalid': { type: 'InvalidRange', status: 416 },
  'tag-invalid': { type: 'InvalidTag', status: 400 },
  'upload-not-found': { type: 'NoSuchUpload', status: 404 },
} satisfies Record<S3ErrorCode, WireAnswer>;

/** S3's own words, where the store has others. */
const MESSAGES: Partial<Record<S3ErrorCode, string>> = {
  'bad-digest': 'The Content-MD5 you specified did not match what we received.',
  'body-incomplete': 'You did not provide the number of bytes specified by the Content-Length HTTP header',
  'bucket-exists': 'Your previous request to create the named bucket succeeded and you already own it.',
  'bucket-name-invalid': 'The specified bucket is not valid.',
  'bucket-not-empty': 'The bucket you tried to delete is not empty',
  'bucket-not-found': 'The specified bucket does not exist',
  'customer-key-missing':
    'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
  'customer-key-needless': 'The encryption parameters are not applicable to this object.',
  'customer-key-wrong': 'Access Denied',
  'object-locked': 'Access Denied because object protected by object lock.',
  'version-is-marker': 'The specified method is not allowed against this resource.',
  'version-not-found': 'The specified version does not exist.',
  'digest-invalid': 'The Content-MD5 you specified was invalid.',
  'key-invalid': "Couldn't parse the specified URI.",
  'key-too-long': 'Your key is too long',
  malformed: 'The XML you provided was not well-formed or did not validate against our published schema',
  'no-bucket-policy': 'The bucket policy does not exist',
  'no-tag-set': 'The TagSet does not exist',
  'not-modified': 'Not Modified',
  'object-not-found': 'The specified key does not exist.',
  'objects-full': 'The disk is full.',
  'part-invalid':
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
  'part-order': 'The list of parts was not in ascending order. Parts must be ordered by part number.',
  'part-too-small': 'Your proposed upload is smaller than the minimum allowed size',
  'precondition-failed': 'At least one of the pre-conditions you specified did not hold',
  'range-invalid': 'The requested range is not satisfiable',
  'upload-not-found':
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
};

/** An error in S3's words; `fields` go into the answer beside the code. */
export function s3Error(
  code: S3ErrorCode,
  options: {
    readonly message?: string;
    readonly fields?: Readonly<Record<string, unknown>>;
    readonly cause?: unknown;
  } = {},
): DomainError<S3ErrorCode> {
  const { message = MESSAGES[code] ?? code, ...rest } = options;
  return new DomainError(code, message, rest);
}

/** What the store says, as S3 says it about this request. */
export function translate(error: unknown, { Bucket, Key, UploadId }: RequestNames): unknown {
  if (!(error instanceof DomainError) || !(error.code in S3_ANSWERS)) return error;
  const code = specific(error as DomainError<S3ErrorCode>);
  if (MESSAGES[code] === error.message) return error;
  const fields = { BucketName: code.startsWith('bucket-') ? Bucket : undefined, Key, UploadId };
  const named = Object.entries(fields).filter(([name, value]) => value !== undefined && isNamed(code, name));
  return s3Error(code, { message: MESSAGES[code] ?? error.message, fields: Object.fromEntries(named), cause: error });
}

interface RequestNames {
  readonly Bucket?: string;
  readonly Key?: string;
  readonly UploadId?: string;
}

function specific(error: DomainError<S3ErrorCode>): S3ErrorCode {
  const reason = error.fields?.reason;
  if (error.code === 'content-mismatch') return reason === 'length' ? 'body-incomplete' : 'bad-digest';
  if (error.code === 'part-invalid' && reason === 'order') return 'part-order';
  if (error.code === 'key-invalid' && Number(error.fields?.sizeBytes) > 1024) return 'key-too-long';
  return error.code;
}

/** S3 names what it did not find, and nothing else. */
function isNamed(code: S3ErrorCode, name: string): boolean {
  if (name === 'BucketName') return true;
  return (name === 'Key' && code === 'object-not-found') || (name === 'UploadId' && code === 'upload-not-found');
}
