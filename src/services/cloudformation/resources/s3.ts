import type { JsonObject } from '../template/value.ts';
import { sameJson } from '../template/value.ts';
import { changes, replaces, TAGS } from './properties.ts';
import { createOrAdopt, ignoreMissing, label, type ResourceType, type Work } from './resource-type.ts';

const bucket: ResourceType = {
  properties: {
    BucketName: replaces('text'),
    VersioningConfiguration: changes({ object: { Status: 'text' } }),
    Tags: TAGS,
  },
  attributes: ['Arn', 'DomainName', 'RegionalDomainName'],
  naming: { property: 'BucketName', lengthMax: 63, style: 'lower' },

  async create(properties, work) {
    const Bucket = work.name;
    const { region } = work.identity;
    // Creating a bucket that one owns is refused everywhere but in us-east-1.
    await createOrAdopt(work, () =>
      work.call('s3', 'CreateBucket', {
        Bucket,
        ...(region !== 'us-east-1' && { CreateBucketConfiguration: { LocationConstraint: region } }),
      }),
    );
    await work.made(Bucket);
    await configure(Bucket, {}, properties, work);
    return {
      physicalId: Bucket,
      attributes: {
        Arn: `arn:aws:s3:::${Bucket}`,
        DomainName: `${Bucket}.s3.amazonaws.com`,
        RegionalDomainName: `${Bucket}.s3.${region}.amazonaws.com`,
      },
    };
  },

  async update(existing, properties, work) {
    await configure(existing.physicalId, existing.properties, properties, work);
    return existing;
  },

  async delete({ physicalId: Bucket }, work) {
    await ignoreMissing(() => work.call('s3', 'DeleteBucket', { Bucket }));
  },
};

async function configure(Bucket: string, before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  if (!sameJson(before.VersioningConfiguration, after.VersioningConfiguration)) {
    const VersioningConfiguration = after.VersioningConfiguration ?? { Status: 'Suspended' };
    await work.call('s3', 'PutBucketVersioning', { Bucket, VersioningConfiguration });
  }
  if (sameJson(before.Tags, after.Tags)) return;
  await label(() =>
    after.Tags === undefined
      ? work.call('s3', 'DeleteBucketTagging', { Bucket })
      : work.call('s3', 'PutBucketTagging', { Bucket, Tagging: { TagSet: after.Tags } }),
  );
}

export const S3_TYPES: Readonly<Record<string, ResourceType>> = { 'AWS::S3::Bucket': bucket };
