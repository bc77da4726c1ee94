import { DomainError } from '../../base/index.ts';
import type { ObjectsErrorCode } from '../../store/index.ts';
import type { WireAnswer } from '../index.ts';

export type S3ErrorCode =
  | ObjectsErrorCode
  | 'access-denied'
  | 'access-forbidden'
  | 'access-key-unknown'
  | 'acl-malformed'
  | 'acl-not-supported'
  | 'acl-with-ownership'
  | 'argument-invalid'
  | 'bad-digest'
  | 'bad-request'
  | 'body-incomplete'
  | 'body-too-long'
  | 'body-too-short'
  | 'bucket-name-invalid'
  | 'bucket-state-invalid'
  | 'copy-onto-itself'
  | 'digest-invalid'
  | 'email-unresolvable'
  | 'encryption-invalid'
  | 'encryption-not-built'
  | 'key-too-long'
  | 'length-missing'
  | 'location-invalid'
  | 'malformed'
  | 'malformed-policy'
  | 'metadata-too-large'
  | 'no-bucket-policy'
  | 'no-cors'
  | 'no-lifecycle'
  | 'no-object-lock'
  | 'no-ownership'
  | 'no-public-access-block'
  | 'no-replication'
  | 'no-tag-set'
  | 'no-website'
  | 'not-built'
  | 'not-modified'
  | 'no-retention'
  | 'part-number-invalid'
  | 'part-order'
  | 'part-too-small'
  | 'post-fields-too-large'
  | 'post-malformed'
  | 'post-policy-invalid'
  | 'request-invalid'
  | 'storage-class-invalid'
  | 'signature-mismatch'
  | 'tag-invalid'
  | 'token-invalid'
  | 'trailer-malformed'
  | 'versioning-invalid';

/** How S3 answers. @see Amazon S3 API reference, Error responses */
export const S3_ANSWERS = {
  'access-denied': { type: 'AccessDenied', status: 403 },
  'access-forbidden': { type: 'AccessForbidden', status: 403 },
  'access-key-unknown': { type: 'InvalidAccessKeyId', status: 403 },
  'signature-mismatch': { type: 'SignatureDoesNotMatch', status: 403 },
  'token-invalid': { type: 'InvalidToken', status: 400 },
  'acl-malformed': { type: 'MalformedACLError', status: 400 },
  'acl-not-supported': { type: 'AccessControlListNotSupported', status: 400 },
  'acl-with-ownership': { type: 'InvalidBucketAclWithObjectOwnership', status: 400 },
  'argument-invalid': { type: 'InvalidArgument', status: 400 },
  'bad-digest': { type: 'BadDigest', status: 400 },
  'bad-request': { type: 'BadRequest', status: 400 },
  'body-incomplete': { type: 'IncompleteBody', status: 400 },
  'body-too-long': { type: 'EntityTooLarge', status: 400 },
  'body-too-short': { type: 'EntityTooSmall', status: 400 },
  'bucket-exists': { type: 'BucketAlreadyOwnedByYou', status: 409 },
  'bucket-name-invalid': { type: 'InvalidBucketName', status: 400 },
  'bucket-not-empty': { type: 'BucketNotEmpty', status: 409 },
  'bucket-not-found': { type: 'NoSuchBucket', status: 404 },
  'bucket-state-invalid': { type: 'InvalidBucketState', status: 409 },
  'content-mismatch': { type: 'BadDigest', status: 400 },
  'customer-key-missing': { type: 'InvalidRequest', status: 400 },
  'customer-key-needless': { type: 'InvalidRequest', status: 400 },
  'customer-key-wrong': { type: 'AccessDenied', status: 403 },
  'object-locked': { type: 'AccessDenied', status: 403 },
  'version-is-marker': { type: 'MethodNotAllowed', status: 405 },
  'version-not-found': { type: 'NoSuchVersion', status: 404 },
  'copy-onto-itself': { type: 'InvalidRequest', status: 400 },
  'digest-invalid': { type: 'InvalidDigest', status: 400 },
  'email-unresolvable': { type: 'UnresolvableGrantByEmailAddress', status: 400 },
  'encryption-invalid': { type: 'InvalidEncryptionAlgorithmError', status: 400 },
  'encryption-not-built': { type: 'NotImplemented', status: 501 },
  'format-too-new': { type: 'InternalError', status: 500 },
  'key-invalid': { type: 'InvalidURI', status: 400 },
  'key-too-long': { type: 'KeyTooLongError', status: 400 },
  'length-missing': { type: 'MissingContentLength', status: 411 },
  'location-invalid': { type: 'InvalidLocationConstraint', status: 400 },
  malformed: { type: 'MalformedXML', status: 400 },
  'malformed-policy': { type: 'MalformedPolicy', status: 400 },
  'metadata-too-large': { type: 'MetadataTooLarge', status: 400 },
  'no-bucket-policy': { type: 'NoSuchBucketPolicy', status: 404 },
  'no-cors': { type: 'NoSuchCORSConfiguration', status: 404 },
  'no-lifecycle': { type: 'NoSuchLifecycleConfiguration', status: 404 },
  'no-object-lock': { type: 'ObjectLockConfigurationNotFoundError', status: 404 },
  'no-ownership': { type: 'OwnershipControlsNotFoundError', status: 404 },
  'no-public-access-block': { type: 'NoSuchPublicAccessBlockConfiguration', status: 404 },
  'no-replication': { type: 'ReplicationConfigurationNotFoundError', status: 404 },
  'no-retention': { type: 'NoSuchObjectLockConfiguration', status: 404 },
  'no-tag-set': { type: 'NoSuchTagSet', status: 404 },
  'no-website': { type: 'NoSuchWebsiteConfiguration', status: 404 },
  'not-built': { type: 'NotImplemented', status: 501 },
  'not-modified': { type: 'NotModified', status: 304 },
  'object-not-found': { type: 'NoSuchKey', status: 404 },
  'objects-failed': { type: 'InternalError', status: 500 },
  // Every SDK tries again on a 503.
  'objects-full': { type: 'ServiceUnavailable', status: 503 },
  'part-invalid': { type: 'InvalidPart', status: 400 },
  'part-number-invalid': { type: 'InvalidPartNumber', status: 416 },
  'part-order': { type: 'InvalidPartOrder', status: 400 },
  'part-too-small': { type: 'EntityTooSmall', status: 400 },
  'post-fields-too-large': { type: 'MaxPostPreDataLengthExceeded', status: 400 },
  'post-malformed': { type: 'MalformedPOSTRequest', status: 400 },
  'post-policy-invalid': { type: 'InvalidPolicyDocument', status: 400 },
  'precondition-failed': { type: 'PreconditionFailed', status: 412 },
  'range-invalid': { type: 'InvalidRange', status: 416 },
  'request-invalid': { type: 'InvalidRequest', status: 400 },
  'storage-class-invalid': { type: 'InvalidStorageClass', status: 400 },
  'tag-invalid': { type: 'InvalidTag', status: 400 },
  'trailer-malformed': { type: 'MalformedTrailerError', status: 400 },
  'upload-not-found': { type: 'NoSuchUpload', status: 404 },
  'versioning-invalid': { type: 'IllegalVersioningConfigurationException', status: 400 },
} satisfies Record<S3ErrorCode, WireAnswer>;

/** S3's own words, where the store has others. */
const MESSAGES: Partial<Record<S3ErrorCode, string>> = {
  'bad-digest': 'The Content-MD5 you specified did not match what we received.',
  'body-incomplete': 'You did not provide the number of bytes specified by the Content-Length HTTP header',
  'bucket-exists': 'Your previous request to create the named bucket succeeded and you already own it.',
  'bucket-name-invalid': 'The specified bucket is not valid.',
  'bucket-not-empty': 'The bucket you tried to delete is not empty',
  'bucket-not-found': 'The specified bucket does not exist',
  'copy-onto-itself':
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  'customer-key-missing':
    'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
  'customer-key-needless': 'The encryption parameters are not applicable to this object.',
  'customer-key-wrong': 'Access Denied',
  'object-locked': 'Access Denied because object protected by object lock.',
  'version-is-marker': 'The specified method is not allowed against this resource.',
  'version-not-found': 'The specified version does not exist.',
  'digest-invalid': 'The Content-MD5 you specified was invalid.',
  'key-invalid': "Couldn't parse the specified URI.",
  'encryption-invalid': 'The encryption request you specified is not valid. Supported value: AES256.',
  'key-too-long': 'Your key is too long',
  'length-missing': 'You must provide the Content-Length HTTP header.',
  'metadata-too-large': 'Your metadata headers exceed the maximum allowed metadata size',
  'no-retention': 'The specified object does not have a ObjectLock configuration',
  'part-number-invalid': 'The requested partnumber is not satisfiable',
  'storage-class-invalid': 'The storage class you specified is not valid',
  'trailer-malformed':
    'The request contained trailing data that was not well-formed or did not conform to our published schema.',
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
  'access-denied': 'Access Denied',
  'access-key-unknown': 'The AWS Access Key Id you provided does not exist in our records.',
  'signature-mismatch':
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  'token-invalid': 'The provided token is malformed or otherwise invalid.',
  'acl-malformed': 'The XML you provided was not well-formed or did not validate against our published schema',
  'acl-not-supported': 'The bucket does not allow ACLs',
  'acl-with-ownership': "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
  'body-too-long': 'Your proposed upload exceeds the maximum allowed size',
  'body-too-short': 'Your proposed upload is smaller than the minimum allowed size',
  'email-unresolvable': 'The e-mail address you provided does not match any account on record.',
  'location-invalid': 'The specified location-constraint is not valid',
  'no-cors': 'The CORS configuration does not exist',
  'no-lifecycle': 'The lifecycle configuration does not exist',
  'no-object-lock': 'Object Lock configuration does not exist for this bucket',
  'no-ownership': 'The bucket ownership controls were not found',
  'no-public-access-block': 'The public access block configuration was not found',
  'no-replication': 'The replication configuration was not found',
  'no-website': 'The specified bucket does not have a website configuration',
  'post-fields-too-large': 'Your POST request fields preceeding the upload file was too large.',
  'post-malformed': 'The body of your POST request is not well-formed multipart/form-data.',
  'post-policy-invalid': 'The content of the form does not meet the conditions specified in the policy document.',
  'versioning-invalid': 'The Versioning element must be specified',
  'upload-not-found':
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
};

/** An error that needs no other words. */
class S3Error extends DomainError<S3ErrorCode> {
  /** Headers of the answer. */
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(code: S3ErrorCode, message: string, { headers, ...options }: ErrorOptions) {
    super(code, message, options);
    this.headers = headers;
  }
}

interface ErrorOptions {
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An error in S3's words; `fields` go into the answer beside the code. */
export function s3Error(
  code: S3ErrorCode,
  options: ErrorOptions & { readonly message?: string } = {},
): DomainError<S3ErrorCode> {
  const { message = MESSAGES[code] ?? code, ...rest } = options;
  return new S3Error(code, message, rest);
}

/** What the store says, as S3 says it about this request. */
export function translate(error: unknown, { Bucket, Key, UploadId }: RequestNames): unknown {
  if (!(error instanceof DomainError) || error instanceof S3Error || !(error.code in S3_ANSWERS)) return error;
  const code = specific(error as DomainError<S3ErrorCode>);
  const fields = { BucketName: code.startsWith('bucket-') ? Bucket : undefined, Key, UploadId };
  const named = Object.entries(fields).filter(([name, value]) => value !== undefined && isNamed(code, name));
  const message = messageFor(code, error, UploadId);
  const headers = headersFor(error as DomainError<S3ErrorCode>);
  return s3Error(code, { message, fields: Object.fromEntries(named), cause: error, ...(headers && { headers }) });
}

function messageFor(code: S3ErrorCode, { message, fields }: DomainError, uploadId: string | undefined): string {
  if (code === 'bad-digest' && fields?.reason === 'checksum') {
    return `The ${fields.algorithm} you specified did not match the calculated checksum.`;
  }
  if (code === 'customer-key-missing' && uploadId !== undefined) {
    return 'The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.';
  }
  return MESSAGES[code] ?? message;
}

/** What an answer says of the delete marker that it met. */
function headersFor({ code, fields }: DomainError<S3ErrorCode>): Record<string, string> | undefined {
  const versionId = typeof fields?.versionId === 'string' && { 'x-amz-version-id': fields.versionId };
  if (code === 'object-not-found' && fields?.deleteMarker) return { 'x-amz-delete-marker': 'true', ...versionId };
  if (code !== 'version-is-marker') return undefined;
  const lastModified = new Date(Number(fields?.lastModified)).toUTCString();
  return { 'x-amz-delete-marker': 'true', ...versionId, 'last-modified': lastModified, allow: 'DELETE' };
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
