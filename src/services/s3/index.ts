/** services/s3: Amazon S3 over the objects store. */
import { ACCOUNT_ID, type Clock, DomainError, type Random } from '../../base/index.ts';
import type { DeliveryService, Target } from '../../delivery/index.ts';
import type { Objects, Records } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Operation, Service } from '../index.ts';
import { S3_ANSWERS, s3Error, translate } from './errors.ts';
import { noteOf } from './notifications/notes.ts';
import { type AskDestination, Notifier } from './notifications/notifier.ts';
import { accessOperations } from './operations/access.ts';
import { attributeOperations } from './operations/attributes.ts';
import { bucketOperations } from './operations/buckets.ts';
import { copyOperations } from './operations/copies.ts';
import { deletionOperations } from './operations/deletions.ts';
import { listingOperations } from './operations/listings.ts';
import { notificationOperations } from './operations/notifications.ts';
import { objectSettingOperations } from './operations/object-settings.ts';
import { objectOperations, postOperation } from './operations/objects.ts';
import { settingOperations } from './operations/settings.ts';
import { uploadListingOperations } from './operations/upload-listings.ts';
import { uploadOperations } from './operations/uploads.ts';
import { type GuardedBuckets, s3Permissions } from './permissions/index.ts';
import { type CorsRule, Settings, type Website } from './settings.ts';
import { LifecycleSweeper } from './sweeper.ts';
import { BucketTarget } from './target.ts';

export { corsHeaders, type PageRequest, preflight } from './cors.ts';
export { type S3ErrorCode, s3Error } from './errors.ts';
export type { AskDestination } from './notifications/notifier.ts';
export { checkPostPolicy, type PostFields } from './post-policy.ts';
export type { CorsRule, Website } from './settings.ts';
export { firstStep, folderIndex, type SiteAddress, stepAfter, type WebsiteStep } from './website.ts';

export interface S3Dependencies {
  /** Stays open until the service is closed, and is the caller's to close. */
  readonly objects: Objects;
  /** Where settings of buckets are kept. */
  readonly records: Records;
  /** Takes events of buckets over. */
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly askDestination: AskDestination;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface S3 extends AsyncDisposable {
  readonly service: Service;
  /** For deliveries to buckets. */
  readonly target: Target;
  /** Puts an object that a browser's form has sent: input of PutObject. */
  readonly post: Operation;
  /** What a bucket is to browsers; `undefined` where there is no such bucket. */
  site(bucket: string): Promise<Site | undefined>;
  /** Lets events go to their destinations, and lifecycle rules do their work: once all kinds of destinations are there. */
  resume(): void;
  /** Resolves when no lifecycle rule is at work. */
  settled(): Promise<void>;
}

/** A bucket as browsers see it. */
export interface Site {
  readonly cors?: readonly CorsRule[] | undefined;
  readonly website?: Website | undefined;
}

/** Opens S3: objects are in their store, what is set for a bucket is in records. */
export async function openS3(dependencies: S3Dependencies): Promise<S3> {
  const { objects, records, clock, random, askDestination: ask } = dependencies;
  const settings = await Settings.open(objects, records);
  objects.watch((change) => noteOf(settings, change));
  const notifier = new Notifier({ ...dependencies, settings, ask });
  const ground = { objects, settings, clock };
  const sweeper = new LifecycleSweeper({ ...dependencies, settings });
  const operations = {
    ...bucketOperations(objects, settings),
    ...objectOperations(ground),
    ...copyOperations(ground),
    ...deletionOperations(ground),
    ...objectSettingOperations(ground),
    ...attributeOperations(ground),
    ...listingOperations(ground),
    ...uploadOperations(ground),
    ...uploadListingOperations(ground),
    ...accessOperations(settings),
    ...settingOperations(objects, settings, random),
    ...notificationOperations({ settings, notifier, ask, random }),
  };
  const guarded = Object.entries(operations).map(([name, operation]) => [name, inItsWords(operation)] as const);
  return {
    service: {
      name: 's3',
      operations: Object.fromEntries(guarded),
      permissions: s3Permissions({ object: objectIn(objects), settings, clock }, Object.keys(operations)),
      errors: S3_ANSWERS,
      anonymous: true,
    },
    target: new BucketTarget(ground),
    post: inItsWords(postOperation(ground)),
    site: async (bucket) => {
      if (!(await objects.buckets()).some(({ name }) => name === bucket)) return undefined;
      return { cors: settings.peek(bucket, 'cors'), website: settings.peek(bucket, 'website') };
    },
    resume: () => {
      notifier.start();
      sweeper.start();
    },
    settled: () => sweeper.settled(),
    [Symbol.asyncDispose]: async () => {
      await sweeper[Symbol.asyncDispose]();
      await notifier[Symbol.asyncDispose]();
    },
  };
}

/** Errors of the store come out in S3's words. */
function inItsWords(operation: Operation): Operation {
  return async (input, context) => {
    try {
      checkOwner(input);
      return await operation(input, context);
    } catch (error) {
      throw translate(error, input);
    }
  };
}

/** What rights on an object ask of it. */
function objectIn(objects: Objects): GuardedBuckets['object'] {
  return async (bucket, key, versionId) => {
    try {
      return await objects.head(bucket, key, versionId === undefined ? {} : { versionId });
    } catch (error) {
      if (error instanceof DomainError) return undefined;
      throw error;
    }
  };
}

/** There is one owner here. @throws DomainError `access-denied` */
function checkOwner({
  ExpectedBucketOwner = ACCOUNT_ID,
  ExpectedSourceBucketOwner = ACCOUNT_ID,
}: ExpectedOwners): void {
  if (ExpectedBucketOwner !== ACCOUNT_ID || ExpectedSourceBucketOwner !== ACCOUNT_ID) throw s3Error('access-denied');
}

interface ExpectedOwners {
  readonly ExpectedBucketOwner?: string;
  readonly ExpectedSourceBucketOwner?: string;
}
