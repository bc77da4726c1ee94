import { isObject, type Json, type JsonObject, sameJson } from '../template/value.ts';
import { changes, replaces, TAGS } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  type Made,
  type Reading,
  type ResourceType,
  type Work,
} from './resource-type.ts';
import { setTags } from './tags.ts';

/** A repository as far as there are any: without images. */
const repository: ResourceType = {
  properties: {
    RepositoryName: replaces('text'),
    EncryptionConfiguration: replaces({ object: { EncryptionType: 'text', KmsKey: 'text' } }),
    ImageTagMutability: changes('text'),
    ImageScanningConfiguration: changes({ object: { ScanOnPush: 'flag' } }),
    LifecyclePolicy: changes({ object: { LifecyclePolicyText: 'text', RegistryId: 'text' } }),
    RepositoryPolicyText: changes('any'),
    EmptyOnDelete: changes('flag'),
    Tags: TAGS,
  },
  notBuilt: ['ImageTagMutabilityExclusionFilters'],
  attributes: ['Arn', 'RepositoryUri'],
  naming: { property: 'RepositoryName', lengthMax: 256, style: 'lower' },

  imports: {
    identifiers: ['RepositoryName'],
    find: ({ RepositoryName }, work) => describe(RepositoryName!, work),
  },

  async create(properties, work) {
    const repositoryName = work.name;
    const encryption = properties.EncryptionConfiguration as { EncryptionType: string; KmsKey?: string } | undefined;
    await createOrAdopt(work, () =>
      work.call('ecr', 'CreateRepository', {
        repositoryName,
        ...(encryption && {
          encryptionConfiguration: { encryptionType: encryption.EncryptionType, kmsKey: encryption.KmsKey },
        }),
      }),
    );
    await work.made(repositoryName);
    await configure(repositoryName, {}, properties, work);
    const made = await describe(repositoryName, work);
    await setTags('ecr', String(made.attributes.Arn), undefined, properties.Tags, work);
    return made;
  },

  async update(existing: Existing, properties, work) {
    await configure(existing.physicalId, existing.properties, properties, work);
    await setTags('ecr', String(existing.attributes.Arn), existing.properties.Tags, properties.Tags, work);
    return existing;
  },

  async delete({ physicalId: repositoryName, properties }, work) {
    const force = properties.EmptyOnDelete === true;
    await ignoreMissing(() => work.call('ecr', 'DeleteRepository', { repositoryName, force }));
  },
};

async function describe(repositoryName: string, work: Reading): Promise<Made> {
  const { repositories } = await work.call('ecr', 'DescribeRepositories', { repositoryNames: [repositoryName] });
  const { repositoryArn: Arn, repositoryUri: RepositoryUri } = repositories[0];
  return { physicalId: repositoryName, attributes: { Arn, RepositoryUri } };
}

async function configure(repositoryName: string, before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  const differs = (name: string) => !sameJson(before[name], after[name]);
  if (differs('ImageTagMutability')) {
    const imageTagMutability = after.ImageTagMutability ?? 'MUTABLE';
    await work.call('ecr', 'PutImageTagMutability', { repositoryName, imageTagMutability });
  }
  if (differs('ImageScanningConfiguration')) {
    const { ScanOnPush: scanOnPush = false } = (after.ImageScanningConfiguration ?? {}) as { ScanOnPush?: boolean };
    const imageScanningConfiguration = { scanOnPush };
    await work.call('ecr', 'PutImageScanningConfiguration', { repositoryName, imageScanningConfiguration });
  }
  if (differs('LifecyclePolicy')) {
    const text = (after.LifecyclePolicy as { LifecyclePolicyText?: string } | undefined)?.LifecyclePolicyText;
    if (text === undefined) await ignoreMissing(() => work.call('ecr', 'DeleteLifecyclePolicy', { repositoryName }));
    else await work.call('ecr', 'PutLifecyclePolicy', { repositoryName, lifecyclePolicyText: text });
  }
  if (differs('RepositoryPolicyText')) await setPolicy(repositoryName, after.RepositoryPolicyText, work);
}

async function setPolicy(repositoryName: string, policy: Json | undefined, work: Work): Promise<void> {
  if (policy === undefined) {
    await ignoreMissing(() => work.call('ecr', 'DeleteRepositoryPolicy', { repositoryName }));
    return;
  }
  const policyText = isObject(policy) ? JSON.stringify(policy) : String(policy);
  await work.call('ecr', 'SetRepositoryPolicy', { repositoryName, policyText });
}

export const ECR_TYPES: Readonly<Record<string, ResourceType>> = { 'AWS::ECR::Repository': repository };
