import { DEFAULT_REGION, hasCode } from '../../../base/index.ts';
import type { Objects } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { aclOf, isPrivateAcl, OWNER, type Ownership } from '../acl.ts';
import { s3Error } from '../errors.ts';
import { S3_LIMITS } from '../limits.ts';
import type { Settings } from '../settings.ts';
import { checkTags } from '../tags.ts';
import { checkOwnership } from './access.ts';

export { OWNER } from '../acl.ts';

export function bucketOperations(objects: Objects, settings: Settings): Record<string, Operation> {
  return {
    CreateBucket: async (input, context) => {
      const { Bucket, CreateBucketConfiguration: configuration = {} } = input;
      checkName(Bucket);
      const region = checkLocation(configuration.LocationConstraint, context.region);
      const ownership = input.ObjectOwnership && checkOwnership(input.ObjectOwnership);
      const acl = checkAcl(input, ownership);
      const tags = configuration.Tags && checkTags(configuration.Tags, S3_LIMITS.bucketTagsMax, 'Bucket');
      const isNew = await objects.createBucket(Bucket).then(
        () => true,
        (error) => {
          // In its first region S3 takes the second creation by the same owner as done.
          if (!hasCode(error, 'bucket-exists') || context.region !== DEFAULT_REGION) throw error;
          return false;
        },
      );
      if (!isNew) return { Location: `/${Bucket}` };
      // Those of a predecessor whose end is not over yet.
      await settings.forget(Bucket);
      await settings.put(Bucket, 'region', region);
      if (ownership) await settings.put(Bucket, 'ownership', ownership);
      if (acl) await settings.put(Bucket, 'acl', acl);
      if (tags) await settings.put(Bucket, 'tags', tags);
      if (input.ObjectLockEnabledForBucket) {
        await objects.setVersioning(Bucket, 'Enabled');
        await settings.put(Bucket, 'objectLock', { ObjectLockEnabled: 'Enabled' });
      }
      return { Location: `/${Bucket}`, BucketArn: `arn:aws:s3:::${Bucket}` };
    },

    DeleteBucket: async ({ Bucket }) => {
      await objects.deleteBucket(Bucket);
      await settings.forget(Bucket);
      return {};
    },

    ListBuckets: async ({ Prefix = '', MaxBuckets, ContinuationToken }) => {
      if (MaxBuckets !== undefined && !(MaxBuckets >= 1 && MaxBuckets <= BUCKETS_MAX)) {
        throw s3Error('argument-invalid', {
          message: `Argument max-buckets must be an integer between 1 and ${BUCKETS_MAX}`,
        });
      }
      const after = ContinuationToken === undefined ? '' : Buffer.from(ContinuationToken, 'base64url').toString();
      const all = (await objects.buckets()).filter(({ name }) => name.startsWith(Prefix) && name > after);
      const page = all.slice(0, MaxBuckets ?? BUCKETS_MAX);
      return {
        Buckets: page.map(({ name, createdAt }) => ({
          Name: name,
          CreationDate: new Date(createdAt),
          // S3 tells them where it is asked for pages.
          ...(MaxBuckets !== undefined && { BucketRegion: settings.peek(name, 'region') ?? DEFAULT_REGION }),
        })),
        Owner: OWNER,
        ...(Prefix !== '' && { Prefix }),
        ...(all.length > page.length && { ContinuationToken: Buffer.from(page.at(-1)!.name).toString('base64url') }),
      };
    },

    HeadBucket: async ({ Bucket }, { region }) => ({
      BucketRegion: (await settings.get(Bucket, 'region')) ?? region,
      BucketArn: `arn:aws:s3:::${Bucket}`,
    }),

    // A bucket answers in every region; of one that was made before regions were kept, it is the caller's.
    GetBucketLocation: async ({ Bucket }, context) => {
      const region = (await settings.get(Bucket, 'region')) ?? context.region;
      return region === DEFAULT_REGION ? {} : { LocationConstraint: region };
    },
  };
}

/** Most buckets of one page. */
const BUCKETS_MAX = 10_000;

function checkLocation(constraint: string | undefined, region: string): string {
  if (constraint === undefined) return region;
  if (constraint === 'EU') return 'eu-west-1';
  if (constraint !== DEFAULT_REGION && /^[a-z]{2}(?:-[a-z]+)+-\d$/.test(constraint)) return constraint;
  throw s3Error('location-invalid', { fields: { LocationConstraint: constraint } });
}

/** Lists of new buckets are nobody's but the owner's, or their ownership must leave lists their meaning. */
function checkAcl(input: any, ownership: Ownership | undefined) {
  const acl = aclOf(input);
  if (!acl || isPrivateAcl(acl)) return undefined;
  if (ownership === undefined || ownership === 'BucketOwnerEnforced') throw s3Error('acl-with-ownership');
  // Everything public is blocked of a new bucket.
  if (acl.some(({ to }) => to === 'everyone' || to === 'signed')) throw s3Error('access-denied');
  return acl;
}

/** @see Amazon S3 user guide, Bucket naming rules */
function checkName(name: string): void {
  const valid =
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !/\.\.|^\d+\.\d+\.\d+\.\d+$|^xn--|^sthree-|^amzn-s3-demo-|-s3alias$|--ol-s3$|\.mrap$|--x-s3$|--table-s3$/.test(
      name,
    );
  if (!valid) throw s3Error('bucket-name-invalid', { fields: { BucketName: name } });
}
