import { ACCOUNT_ID, parseArn } from '../../../base/index.ts';
import { type Operation, pageOf } from '../../index.ts';
import { EcrError } from '../errors.ts';
import { type Repositories, type Repository, repositoryArn } from '../repositories.ts';
import type { EcrOperationName } from './names.ts';

/** @see ECR API reference */
export function ecrOperations(repositories: Repositories): Readonly<Record<EcrOperationName, Operation>> {
  const change = (region: string, name: string, changed: Partial<Repository>) =>
    repositories.change(region, name, (current) => ({ ...current, ...changed }));
  /** By the ARN that operations on tags take. */
  const tagged = (resourceArn: string) => {
    const { region, resource } = parseArn(resourceArn) ?? { region: '', resource: '' };
    return { region, name: resource.replace(/^repository\//, '') };
  };
  return {
    CreateRepository: async (input, { region }) => {
      const { repositoryName, imageScanningConfiguration, encryptionConfiguration, tags } = input;
      const encryption = encryptionConfiguration ?? { encryptionType: 'AES256' };
      if (encryption.encryptionType !== 'AES256') {
        throw new EcrError('parameter-invalid', 'There is no KMS in Millrace: repositories are encrypted with AES256');
      }
      const repository = await repositories.create(region, repositoryName, {
        ...tagSettings(input),
        scanOnPush: imageScanningConfiguration?.scanOnPush ?? false,
        encryption,
        tags: tagsOf(tags),
      });
      return { repository: shape(repository) };
    },
    DescribeRepositories: ({ repositoryNames, maxResults, nextToken }, { region }) => {
      const named = repositoryNames as readonly string[] | undefined;
      if (named?.length) return { repositories: named.map((name) => shape(repositories.get(region, name))) };
      const invalid = () => new EcrError('parameter-invalid', 'Invalid parameter at nextToken');
      const asked = { max: maxResults ?? 100, token: nextToken, invalid };
      const { page, token } = pageOf(repositories.list(region), ({ name }) => name, asked);
      return { repositories: page.map(shape), ...(token !== undefined && { nextToken: token }) };
    },
    DeleteRepository: async ({ repositoryName }, { region }) => ({
      repository: shape(await repositories.delete(region, repositoryName)),
    }),
    ListImages: ({ repositoryName }, { region }) => {
      repositories.get(region, repositoryName);
      return { imageIds: [] };
    },
    DescribeImages: ({ repositoryName }, { region }) => {
      repositories.get(region, repositoryName);
      return { imageDetails: [] };
    },
    PutImageTagMutability: async (input, { region }) => {
      const { repositoryName } = input;
      const settings = tagSettings(input);
      await repositories.change(region, repositoryName, ({ tagExclusions: _, ...rest }) => ({ ...rest, ...settings }));
      return { registryId: ACCOUNT_ID, repositoryName, ...shownTagSettings(settings) };
    },
    PutImageScanningConfiguration: async ({ repositoryName, imageScanningConfiguration }, { region }) => {
      await change(region, repositoryName, { scanOnPush: imageScanningConfiguration.scanOnPush ?? false });
      return { registryId: ACCOUNT_ID, repositoryName, imageScanningConfiguration };
    },
    SetRepositoryPolicy: async ({ repositoryName, policyText }, { region }) => {
      await change(region, repositoryName, { policyText: documentOf(policyText) });
      return { registryId: ACCOUNT_ID, repositoryName, policyText };
    },
    GetRepositoryPolicy: ({ repositoryName }, { region }) => {
      const { policyText } = repositories.get(region, repositoryName);
      if (policyText === undefined) throw withoutPolicy('policy-not-found', 'Repository policy', repositoryName);
      return { registryId: ACCOUNT_ID, repositoryName, policyText };
    },
    DeleteRepositoryPolicy: async ({ repositoryName }, { region }) => {
      const { policyText } = repositories.get(region, repositoryName);
      if (policyText === undefined) throw withoutPolicy('policy-not-found', 'Repository policy', repositoryName);
      await repositories.change(region, repositoryName, ({ policyText: _, ...rest }) => rest);
      return { registryId: ACCOUNT_ID, repositoryName, policyText };
    },
    PutLifecyclePolicy: async ({ repositoryName, lifecyclePolicyText }, { region }) => {
      await change(region, repositoryName, { lifecyclePolicyText: documentOf(lifecyclePolicyText) });
      return { registryId: ACCOUNT_ID, repositoryName, lifecyclePolicyText };
    },
    GetLifecyclePolicy: ({ repositoryName }, { region }) => {
      const { lifecyclePolicyText } = repositories.get(region, repositoryName);
      if (lifecyclePolicyText === undefined) {
        throw withoutPolicy('lifecycle-policy-not-found', 'Lifecycle policy', repositoryName);
      }
      return { registryId: ACCOUNT_ID, repositoryName, lifecyclePolicyText };
    },
    DeleteLifecyclePolicy: async ({ repositoryName }, { region }) => {
      const { lifecyclePolicyText } = repositories.get(region, repositoryName);
      if (lifecyclePolicyText === undefined) {
        throw withoutPolicy('lifecycle-policy-not-found', 'Lifecycle policy', repositoryName);
      }
      await repositories.change(region, repositoryName, ({ lifecyclePolicyText: _, ...rest }) => rest);
      return { registryId: ACCOUNT_ID, repositoryName, lifecyclePolicyText };
    },
    ListTagsForResource: ({ resourceArn }) => {
      const { region, name } = tagged(resourceArn);
      const { tags } = repositories.get(region, name);
      return { tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
    },
    TagResource: async ({ resourceArn, tags }) => {
      const { region, name } = tagged(resourceArn);
      await repositories.change(region, name, (current) => ({
        ...current,
        tags: { ...current.tags, ...tagsOf(tags) },
      }));
      return {};
    },
    UntagResource: async ({ resourceArn, tagKeys }) => {
      const { region, name } = tagged(resourceArn);
      const gone = new Set(tagKeys as readonly string[]);
      await repositories.change(region, name, (current) => ({
        ...current,
        tags: Object.fromEntries(Object.entries(current.tags).filter(([key]) => !gone.has(key))),
      }));
      return {};
    },
  };
}

function shape(repository: Repository): object {
  const { name, region, createdAt, scanOnPush, encryption } = repository;
  return {
    repositoryArn: repositoryArn(repository),
    registryId: ACCOUNT_ID,
    repositoryName: name,
    repositoryUri: `${ACCOUNT_ID}.dkr.ecr.${region}.amazonaws.com/${name}`,
    createdAt: new Date(createdAt),
    ...shownTagSettings(repository),
    imageScanningConfiguration: { scanOnPush },
    encryptionConfiguration: encryption,
  };
}

type TagSettings = Pick<Repository, 'tagMutability' | 'tagExclusions'>;

/** @throws parameter-invalid  exclusions belong to the settings that have them by name, and to no other */
function tagSettings(input: {
  readonly imageTagMutability?: string;
  readonly imageTagMutabilityExclusionFilters?: NonNullable<TagSettings['tagExclusions']>;
}): TagSettings {
  const { imageTagMutability: tagMutability = 'MUTABLE', imageTagMutabilityExclusionFilters: tagExclusions } = input;
  if (tagMutability.endsWith('_WITH_EXCLUSION') !== (tagExclusions !== undefined)) {
    throw new EcrError(
      'parameter-invalid',
      "Invalid parameter at 'imageTagMutabilityExclusionFilters': they go with IMMUTABLE_WITH_EXCLUSION and MUTABLE_WITH_EXCLUSION alone",
    );
  }
  return { tagMutability, ...(tagExclusions && { tagExclusions }) };
}

function shownTagSettings({ tagMutability, tagExclusions }: TagSettings) {
  return {
    imageTagMutability: tagMutability,
    ...(tagExclusions && { imageTagMutabilityExclusionFilters: tagExclusions }),
  };
}

const tagsOf = (tags: readonly { readonly Key: string; readonly Value: string }[] = []) =>
  Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));

/** @throws parameter-invalid */
function documentOf(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    throw new EcrError('parameter-invalid', 'Invalid parameter: the policy text is no JSON');
  }
  return text;
}

function withoutPolicy(code: 'policy-not-found' | 'lifecycle-policy-not-found', what: string, name: string): EcrError {
  const where = `in the registry with id '${ACCOUNT_ID}'`;
  return new EcrError(code, `${what} does not exist for the repository with name '${name}' ${where}`);
}
