import { ACCOUNT_ID, DEFAULT_REGION, hasCode } from '../../../base/index.ts';
import type { Objects } from '../../../store/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import { s3Error } from '../errors.ts';
import type { Settings } from '../settings.ts';

/** Owner of everything, in the form of a canonical user. */
export const OWNER = { ID: ACCOUNT_ID.padStart(64, '0'), DisplayName: 'millrace' };

export function bucketOperations(objects: Objects, settings: Settings): Record<string, Operation> {
  return {
    CreateBucket: async ({ Bucket }, context) => {
      checkName(Bucket);
      await objects.createBucket(Bucket).catch((error) => {
        // In its first region S3 takes the second creation by the same owner as done.
        if (!hasCode(error, 'bucket-exists') || context.region !== DEFAULT_REGION) throw error;
      });
      return { Location: `/${Bucket}` };
    },

    DeleteBucket: async ({ Bucket }) => {
      await objects.deleteBucket(Bucket);
      await settings.forget(Bucket);
      return {};
    },

    ListBuckets: async ({ Prefix = '' }) => {
      const buckets = await objects.buckets();
      return {
        Buckets: buckets
          .filter(({ name }) => name.startsWith(Prefix))
          .map(({ name, createdAt }) => ({ Name: name, CreationDate: new Date(createdAt) })),
        Owner: OWNER,
      };
    },

    HeadBucket: async ({ Bucket }, { region }) => {
      await checkBucket(objects, Bucket);
      return { BucketRegion: region };
    },

    // A bucket answers in every region, so it is where the caller is.
    GetBucketLocation: async ({ Bucket }, context) => {
      await checkBucket(objects, Bucket);
      return locationOf(context);
    },
  };
}

function locationOf({ region }: OperationContext) {
  return region === DEFAULT_REGION ? {} : { LocationConstraint: region };
}

async function checkBucket(objects: Objects, bucket: string): Promise<void> {
  const buckets = await objects.buckets();
  if (!buckets.some(({ name }) => name === bucket)) {
    throw s3Error('bucket-not-found', { fields: { BucketName: bucket } });
  }
}

/** @see Amazon S3 user guide, Bucket naming rules */
function checkName(name: string): void {
  const valid =
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !/\.\.|^\d+\.\d+\.\d+\.\d+$|^xn--|-s3alias$/.test(name);
  if (!valid) throw s3Error('bucket-name-invalid', { fields: { BucketName: name } });
}
