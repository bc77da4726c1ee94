import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import { type PermissionsOf, right } from '../index.ts';

/** @see Service Authorization Reference, "Actions, resources, and condition keys for Amazon Elastic Container Registry" */
export const ECR_PERMISSIONS: Readonly<Record<string, PermissionsOf>> = {
  DescribeRepositories: right('ecr:DescribeRepositories', ({ repositoryNames = ['*'] }, { region }) => ({
    resources: (repositoryNames as readonly string[]).map((name) =>
      formatArn('ecr', region, ACCOUNT_ID, `repository/${name}`),
    ),
  })),
};
