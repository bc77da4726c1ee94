import { DomainError } from '../../../base/index.ts';
import type { JsonObject } from '../template/value.ts';
import { sameJson } from '../template/value.ts';
import { changes, replaces, required, TAGS } from './properties.ts';
import {
  createOrAdopt,
  ignoreMissing,
  isGone,
  label,
  type Made,
  type Reading,
  type ResourceType,
  type Work,
} from './resource-type.ts';
import { BUCKET_SETTINGS } from './s3-settings.ts';

const NOT_BUILT = [
  'AbacStatus',
  'AccelerateConfiguration',
  'AnalyticsConfigurations',
  'BucketNamePrefix',
  'BucketNamespace',
  'IntelligentTieringConfigurations',
  'InventoryConfigurations',
  'LoggingConfiguration',
  'MetadataConfiguration',
  'MetadataTableConfiguration',
  'MetricsConfigurations',
  'ReplicationConfiguration',
];

const bucket: ResourceType = {
  properties: {
    BucketName: replaces('text'),
    BucketEncryption: changes({
      object: {
        ServerSideEncryptionConfiguration: {
          list: {
            object: {
              BucketKeyEnabled: 'flag',
              ServerSideEncryptionByDefault: { object: { SSEAlgorithm: 'text', KMSMasterKeyID: 'text' } },
            },
          },
        },
      },
    }),
    ObjectLockEnabled: changes('flag'),
    ...Object.fromEntries(Object.entries(BUCKET_SETTINGS).map(([name, { property }]) => [name, property])),
    Tags: TAGS,
  },
  notBuilt: NOT_BUILT,
  attributes: ['Arn', 'DomainName', 'DualStackDomainName', 'RegionalDomainName', 'WebsiteURL'],
  naming: { property: 'BucketName', lengthMax: 63, style: 'lower' },

  imports: {
    identifiers: ['BucketName'],
    async find({ BucketName: Bucket }, work) {
      await work.call('s3', 'HeadBucket', { Bucket });
      return madeBucket(Bucket!, work);
    },
  },

  async create(properties, work) {
    const Bucket = work.name;
    const { region } = work.identity;
    // Creating a bucket that one owns is refused everywhere but in us-east-1.
    await createOrAdopt(work, () =>
      work.call('s3', 'CreateBucket', {
        Bucket,
        ...(properties.ObjectLockEnabled === true && { ObjectLockEnabledForBucket: true }),
        ...(region !== 'us-east-1' && { CreateBucketConfiguration: { LocationConstraint: region } }),
      }),
    );
    await work.made(Bucket);
    await configure(Bucket, {}, properties, work);
    return madeBucket(Bucket, work);
  },

  async update(existing, properties, work) {
    await configure(existing.physicalId, existing.properties, properties, work);
    return existing;
  },

  async delete({ physicalId: Bucket }, work) {
    await ignoreMissing(() => work.call('s3', 'DeleteBucket', { Bucket }));
  },
};

function madeBucket(Bucket: string, { identity: { region } }: Reading): Made {
  return {
    physicalId: Bucket,
    attributes: {
      Arn: `arn:aws:s3:::${Bucket}`,
      DomainName: `${Bucket}.s3.amazonaws.com`,
      DualStackDomainName: `${Bucket}.s3.dualstack.${region}.amazonaws.com`,
      RegionalDomainName: `${Bucket}.s3.${region}.amazonaws.com`,
      WebsiteURL: `http://${Bucket}.s3-website-${region}.amazonaws.com`,
    },
  };
}

async function configure(Bucket: string, before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  if (!sameJson(before.BucketEncryption, after.BucketEncryption)) await encrypt(Bucket, after, work);
  if (before.ObjectLockEnabled !== true && after.ObjectLockEnabled === true && before.BucketName !== undefined) {
    await work.call('s3', 'PutObjectLockConfiguration', {
      Bucket,
      ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' },
    });
  }
  for (const [name, { put, gone }] of Object.entries(BUCKET_SETTINGS)) {
    const value = after[name];
    if (sameJson(before[name], value)) continue;
    const [operation, input] = value === undefined ? gone : put(value);
    await work.call('s3', operation, { Bucket, ...input });
  }
  if (sameJson(before.Tags, after.Tags)) return;
  await label(() =>
    after.Tags === undefined
      ? work.call('s3', 'DeleteBucketTagging', { Bucket })
      : work.call('s3', 'PutBucketTagging', { Bucket, Tagging: { TagSet: after.Tags } }),
  );
}

async function encrypt(Bucket: string, { BucketEncryption: encryption }: JsonObject, work: Work): Promise<void> {
  if (encryption === undefined) return work.call('s3', 'DeleteBucketEncryption', { Bucket });
  const rules = (encryption as JsonObject).ServerSideEncryptionConfiguration as readonly JsonObject[];
  const Rules = rules.map(({ ServerSideEncryptionByDefault, ...rest }) => ({
    ...rest,
    ...(ServerSideEncryptionByDefault !== undefined && {
      ApplyServerSideEncryptionByDefault: ServerSideEncryptionByDefault,
    }),
  }));
  await work.call('s3', 'PutBucketEncryption', { Bucket, ServerSideEncryptionConfiguration: { Rules } });
}

const bucketPolicy: ResourceType = {
  properties: { Bucket: required(replaces('text')), PolicyDocument: required(changes('any')) },
  attributes: [],

  imports: {
    identifiers: ['Bucket'],
    async find({ Bucket }, work) {
      await work.call('s3', 'GetBucketPolicy', { Bucket });
      return { physicalId: Bucket!, attributes: {} };
    },
  },

  async create(properties, work) {
    const physicalId = String(properties.Bucket);
    // One that someone else has set is not overwritten, nor taken away by a rollback.
    if (!work.resuming && !(await isGone(() => work.call('s3', 'GetBucketPolicy', { Bucket: physicalId })))) {
      throw new DomainError('AlreadyExists', `The bucket policy already exists on bucket ${physicalId}.`);
    }
    await work.made(physicalId);
    await setPolicy(physicalId, properties, work);
    return { physicalId, attributes: {} };
  },

  async update(existing, properties, work) {
    await setPolicy(existing.physicalId, properties, work);
    return existing;
  },

  async delete({ physicalId: Bucket }, work) {
    await ignoreMissing(() => work.call('s3', 'DeleteBucketPolicy', { Bucket }));
  },
};

async function setPolicy(Bucket: string, { PolicyDocument }: JsonObject, work: Work): Promise<void> {
  await work.call('s3', 'PutBucketPolicy', { Bucket, Policy: JSON.stringify(PolicyDocument) });
}

export const S3_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::S3::Bucket': bucket,
  'AWS::S3::BucketPolicy': bucketPolicy,
};
