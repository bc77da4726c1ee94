/*
 * Which actions of S3 its operations need, where the two are not called the same. See Service Authorization Reference, "Actions,
 * resources, and condition keys for Amazon S3".
 */

/** Operations on buckets: the bucket is the resource. */
export const BUCKET_ACTIONS: Readonly<Record<string, string>> = {
  DeleteBucket: 'DeleteBucket',
  DeleteBucketCors: 'PutBucketCORS',
  DeleteBucketEncryption: 'PutEncryptionConfiguration',
  DeleteBucketLifecycle: 'PutLifecycleConfiguration',
  DeleteBucketOwnershipControls: 'PutBucketOwnershipControls',
  DeleteBucketPolicy: 'DeleteBucketPolicy',
  DeleteBucketTagging: 'PutBucketTagging',
  DeleteBucketWebsite: 'DeleteBucketWebsite',
  DeletePublicAccessBlock: 'PutBucketPublicAccessBlock',
  GetBucketAccelerateConfiguration: 'GetAccelerateConfiguration',
  GetBucketAcl: 'GetBucketAcl',
  GetBucketCors: 'GetBucketCORS',
  GetBucketEncryption: 'GetEncryptionConfiguration',
  GetBucketLifecycleConfiguration: 'GetLifecycleConfiguration',
  GetBucketLocation: 'GetBucketLocation',
  GetBucketLogging: 'GetBucketLogging',
  GetBucketNotificationConfiguration: 'GetBucketNotification',
  GetBucketOwnershipControls: 'GetBucketOwnershipControls',
  GetBucketPolicy: 'GetBucketPolicy',
  GetBucketPolicyStatus: 'GetBucketPolicyStatus',
  GetBucketReplication: 'GetReplicationConfiguration',
  GetBucketRequestPayment: 'GetBucketRequestPayment',
  GetBucketTagging: 'GetBucketTagging',
  GetBucketVersioning: 'GetBucketVersioning',
  GetBucketWebsite: 'GetBucketWebsite',
  GetObjectLockConfiguration: 'GetBucketObjectLockConfiguration',
  GetPublicAccessBlock: 'GetBucketPublicAccessBlock',
  HeadBucket: 'ListBucket',
  ListObjectVersions: 'ListBucketVersions',
  ListObjects: 'ListBucket',
  ListObjectsV2: 'ListBucket',
  PutBucketAcl: 'PutBucketAcl',
  PutBucketCors: 'PutBucketCORS',
  PutBucketEncryption: 'PutEncryptionConfiguration',
  PutBucketLifecycleConfiguration: 'PutLifecycleConfiguration',
  PutBucketNotificationConfiguration: 'PutBucketNotification',
  PutBucketOwnershipControls: 'PutBucketOwnershipControls',
  PutBucketPolicy: 'PutBucketPolicy',
  PutBucketTagging: 'PutBucketTagging',
  PutBucketVersioning: 'PutBucketVersioning',
  PutBucketWebsite: 'PutBucketWebsite',
  PutObjectLockConfiguration: 'PutBucketObjectLockConfiguration',
  PutPublicAccessBlock: 'PutBucketPublicAccessBlock',
};

/** Operations on an object that is there: its tags may be asked for. The second action is that on a version. */
export const OBJECT_ACTIONS: Readonly<Record<string, readonly [current: string, version: string]>> = {
  DeleteObjectTagging: ['DeleteObjectTagging', 'DeleteObjectVersionTagging'],
  GetObject: ['GetObject', 'GetObjectVersion'],
  GetObjectAcl: ['GetObjectAcl', 'GetObjectVersionAcl'],
  GetObjectLegalHold: ['GetObjectLegalHold', 'GetObjectLegalHold'],
  GetObjectRetention: ['GetObjectRetention', 'GetObjectRetention'],
  GetObjectTagging: ['GetObjectTagging', 'GetObjectVersionTagging'],
  HeadObject: ['GetObject', 'GetObjectVersion'],
  PutObjectAcl: ['PutObjectAcl', 'PutObjectVersionAcl'],
  PutObjectLegalHold: ['PutObjectLegalHold', 'PutObjectLegalHold'],
  PutObjectTagging: ['PutObjectTagging', 'PutObjectVersionTagging'],
};

/** Operations on an object that may not be there, or on an upload. */
export const WRITE_ACTIONS: Readonly<Record<string, string>> = {
  AbortMultipartUpload: 'AbortMultipartUpload',
  CompleteMultipartUpload: 'PutObject',
  ListParts: 'ListMultipartUploadParts',
  UploadPart: 'PutObject',
};
