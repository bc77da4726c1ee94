import type { Random } from '../../../base/index.ts';
import { uuid } from '../../../base/index.ts';
import type { Objects } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { checkCors } from '../cors.ts';
import { type S3ErrorCode, s3Error } from '../errors.ts';
import { checkLifecycle } from '../lifecycle.ts';
import { S3_LIMITS } from '../limits.ts';
import { checkObjectLock } from '../object-lock.ts';
import type { BucketSettings, Settings } from '../settings.ts';
import { checkTags } from '../tags.ts';
import { checkWebsite } from '../website.ts';

/** What S3 does with every new object of a bucket that says nothing else, since January 2023. */
const ENCRYPTION_DEFAULT: BucketSettings['encryption'] = [
  { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' }, BucketKeyEnabled: false },
];

/** What S3 takes for the smallest object that is moved to another class, since September 2024. */
const TRANSITION_MINIMUM = 'all_storage_classes_128K';

/** How objects are kept, and shown to browsers: tags, encryption, versions, locks, CORS, lifecycle, website. */
export function settingOperations(objects: Objects, settings: Settings, random: Random): Record<string, Operation> {
  return {
    PutBucketTagging: async ({ Bucket, Tagging }) => {
      const tags = checkTags(Tagging?.TagSet, S3_LIMITS.bucketTagsMax, 'Bucket');
      await settings.put(Bucket, 'tags', tags);
      return {};
    },
    GetBucketTagging: async ({ Bucket }) => ({ TagSet: await found(settings, Bucket, 'tags', 'no-tag-set') }),
    DeleteBucketTagging: removal(settings, 'tags'),

    PutBucketEncryption: async ({ Bucket, ServerSideEncryptionConfiguration: configuration }) => {
      const rules = configuration?.Rules ?? [];
      checkEncryption(rules);
      await settings.put(Bucket, 'encryption', rules);
      return {};
    },
    GetBucketEncryption: async ({ Bucket }) => {
      const Rules = (await settings.get(Bucket, 'encryption')) ?? ENCRYPTION_DEFAULT;
      return { ServerSideEncryptionConfiguration: { Rules } };
    },
    // Back to what S3 does by itself.
    DeleteBucketEncryption: removal(settings, 'encryption'),

    PutBucketVersioning: async ({ Bucket, VersioningConfiguration: configuration }) => {
      await objects.bucket(Bucket);
      const Status = checkVersioning(configuration);
      if (Status === 'Suspended' && settings.peek(Bucket, 'objectLock')) {
        throw s3Error('bucket-state-invalid', {
          message: 'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
        });
      }
      await objects.setVersioning(Bucket, Status);
      return {};
    },
    GetBucketVersioning: async ({ Bucket }) => {
      const { versioning } = await objects.bucket(Bucket);
      return versioning === undefined ? {} : { Status: versioning };
    },

    PutObjectLockConfiguration: async ({ Bucket, ObjectLockConfiguration: configuration }) => {
      await settings.get(Bucket, 'objectLock');
      const lock = checkObjectLock(configuration);
      if ((await objects.bucket(Bucket)).versioning !== 'Enabled') {
        throw s3Error('bucket-state-invalid', {
          message: "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
        });
      }
      await settings.put(Bucket, 'objectLock', lock);
      return {};
    },
    GetObjectLockConfiguration: async ({ Bucket }) => ({
      ObjectLockConfiguration: await found(settings, Bucket, 'objectLock', 'no-object-lock'),
    }),

    PutBucketCors: async ({ Bucket, CORSConfiguration: configuration }) => {
      await settings.get(Bucket, 'cors');
      await settings.put(Bucket, 'cors', checkCors(configuration?.CORSRules));
      return {};
    },
    GetBucketCors: async ({ Bucket }) => ({ CORSRules: await found(settings, Bucket, 'cors', 'no-cors') }),
    DeleteBucketCors: removal(settings, 'cors'),

    PutBucketLifecycleConfiguration: async (input) => {
      const { Bucket, LifecycleConfiguration: configuration } = input;
      await settings.get(Bucket, 'lifecycle');
      const rules = checkLifecycle(configuration?.Rules, () => newRuleId(random));
      const minimum = input.TransitionDefaultMinimumObjectSize ?? TRANSITION_MINIMUM;
      await settings.put(Bucket, 'lifecycle', rules);
      await settings.put(Bucket, 'transitionMinimum', minimum);
      return { TransitionDefaultMinimumObjectSize: minimum };
    },
    GetBucketLifecycleConfiguration: async ({ Bucket }) => {
      const rules = await found(settings, Bucket, 'lifecycle', 'no-lifecycle');
      const minimum = settings.peek(Bucket, 'transitionMinimum') ?? TRANSITION_MINIMUM;
      return { Rules: rules.map(({ shown }) => revived(shown)), TransitionDefaultMinimumObjectSize: minimum };
    },
    DeleteBucketLifecycle: removal(settings, 'lifecycle'),

    PutBucketWebsite: async ({ Bucket, WebsiteConfiguration: configuration }) => {
      await settings.get(Bucket, 'website');
      await settings.put(Bucket, 'website', checkWebsite(configuration));
      return {};
    },
    GetBucketWebsite: ({ Bucket }) => found(settings, Bucket, 'website', 'no-website'),
    DeleteBucketWebsite: removal(settings, 'website'),

    ...fixedOperations(settings),
  };
}

/** What S3 asks of every bucket and that is never other than this here. Tools read it all. */
function fixedOperations(settings: Settings): Record<string, Operation> {
  const always =
    (output: object): Operation =>
    async ({ Bucket }) => {
      await settings.get(Bucket, 'region');
      return output;
    };
  return {
    GetBucketAccelerateConfiguration: always({}),
    GetBucketLogging: always({}),
    GetBucketRequestPayment: always({ Payer: 'BucketOwner' }),
    GetBucketReplication: async ({ Bucket }) => {
      await settings.get(Bucket, 'region');
      throw s3Error('no-replication', { fields: { BucketName: Bucket } });
    },
  };
}

export function newRuleId(random: Random): string {
  return Buffer.from(uuid(random)).toString('base64');
}

function removal(settings: Settings, kind: keyof BucketSettings): Operation {
  return async ({ Bucket }) => {
    await settings.remove(Bucket, kind);
    return {};
  };
}

async function found<K extends keyof BucketSettings>(
  settings: Settings,
  bucket: string,
  kind: K,
  missing: S3ErrorCode,
): Promise<BucketSettings[K]> {
  const value = await settings.get(bucket, kind);
  if (value === undefined) throw s3Error(missing, { fields: { BucketName: bucket } });
  return value;
}

/** Dates are kept as text. */
function revived({ Expiration, ...rule }: Readonly<Record<string, any>>): object {
  if (!Expiration) return rule;
  return { ...rule, Expiration: { ...Expiration, ...(Expiration.Date && { Date: new Date(Expiration.Date) }) } };
}

function checkVersioning(configuration: any): 'Enabled' | 'Suspended' {
  const { Status, MFADelete } = configuration ?? {};
  if (MFADelete === 'Enabled') {
    throw s3Error('not-built', { message: 'MFA delete is not built in Millrace' });
  }
  if (Status === undefined) throw s3Error('versioning-invalid');
  if (Status !== 'Enabled' && Status !== 'Suspended') throw s3Error('malformed');
  return Status;
}

/** Objects lie as they are on the node's disk; a key of one's own in KMS would promise more than that. */
function checkEncryption(rules: BucketSettings['encryption']): void {
  if (rules.length !== 1) throw s3Error('malformed');
  const { ApplyServerSideEncryptionByDefault: standard } = rules[0] as {
    ApplyServerSideEncryptionByDefault?: { SSEAlgorithm?: string; KMSMasterKeyID?: string };
  };
  if (standard === undefined) return;
  const { SSEAlgorithm: algorithm, KMSMasterKeyID: key } = standard;
  if (algorithm === undefined) throw s3Error('malformed');
  if (algorithm === 'AES256' && key !== undefined) {
    const message = 'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse';
    throw s3Error('argument-invalid', { message, fields: { ArgumentName: 'ApplyServerSideEncryptionByDefault' } });
  }
  // Without a key of one's own it is AWS's, which nobody sees either.
  if (algorithm === 'AES256' || (algorithm === 'aws:kms' && key === undefined)) return;
  const what = key === undefined ? algorithm : `${algorithm} and a key of KMS`;
  throw s3Error('encryption-not-built', {
    message: `A default encryption with ${what} is not built in Millrace; AES256 is, as S3's own default`,
  });
}
