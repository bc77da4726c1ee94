import { describe } from 'node:test';
import { testRows } from '../../../test/support/permissions.ts';
import { ECR_PERMISSIONS } from './permissions.ts';

const REPOSITORY = 'arn:aws:ecr:eu-west-1:000000000000:repository';

describe('rights of ECR, as the Service Authorization Reference lists them', () => {
  testRows(
    () => ECR_PERMISSIONS,
    [
      ['DescribeRepositories', {}, [`ecr:DescribeRepositories ${REPOSITORY}/*`]],
      ['DescribeRepositories', { repositoryNames: ['app'] }, [`ecr:DescribeRepositories ${REPOSITORY}/app`]],
    ],
  );
});
