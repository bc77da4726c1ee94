import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import {
  each,
  madeWithTags,
  type PermissionsOf,
  permission,
  resourceTags,
  right,
  type Target,
  type TargetOf,
  tagging,
} from '../index.ts';
import type { Repositories } from './repositories.ts';

/**
 * Which rights the operations on repositories need; the policy of a repository has its say.
 *
 * @see Service Authorization Reference, "Actions, resources, and condition keys for Amazon Elastic Container Registry"
 */
export function ecrPermissions(repositories: Pick<Repositories, 'list'>): Readonly<Record<string, PermissionsOf>> {
  const named = (name: string, region: string): Target => {
    const found = repositories.list(region).find((one) => one.name === name);
    return {
      resources: [formatArn('ecr', region, ACCOUNT_ID, `repository/${name}`)],
      context: resourceTags(found?.tags, 'ecr:ResourceTag/'),
      policy: found?.policyText,
    };
  };
  const repository: TargetOf = ({ repositoryName }, { region }) => named(repositoryName, region);
  const byArn: TargetOf = ({ resourceArn }, { region }) => {
    const name = /:repository\/(.+)$/.exec(resourceArn)?.[1];
    return name === undefined ? { resources: [resourceArn] } : named(name, region);
  };
  return {
    ...each('ecr', repository, [
      ...['DeleteRepository', 'ListImages', 'DescribeImages', 'PutImageTagMutability', 'PutImageScanningConfiguration'],
      ...['SetRepositoryPolicy', 'GetRepositoryPolicy', 'DeleteRepositoryPolicy', 'PutLifecyclePolicy'],
      ...['GetLifecyclePolicy', 'DeleteLifecyclePolicy'],
    ]),
    CreateRepository: madeWithTags('ecr:CreateRepository', 'ecr:TagResource', repository, ({ tags }) => tags),
    DescribeRepositories: ({ repositoryNames = ['*'] }, { region }) =>
      repositoryNames.map((name: string) => permission('ecr:DescribeRepositories', named(name, region))),
    ListTagsForResource: right('ecr:ListTagsForResource', byArn),
    ...each(
      'ecr',
      tagging(byArn, ({ tags, tagKeys: keys }) => ({ tags, keys })),
      ['TagResource', 'UntagResource'],
    ),
  };
}
