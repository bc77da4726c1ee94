import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rightsOf, testRows } from '../../../test/support/permissions.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import { ecrPermissions } from './permissions.ts';
import type { Repository } from './repositories.ts';

const ARN = 'arn:aws:ecr:eu-west-1:000000000000:repository/app';
const repositoryName = 'app';
const app = {
  name: 'app',
  region: 'eu-west-1',
  tags: { team: 'a' },
  policyText: '{"Statement":[]}',
} as unknown as Repository;

const permissions = ecrPermissions({ list: () => [app] });

const onRepository = [
  ...['DeleteLifecyclePolicy', 'DeleteRepository', 'DeleteRepositoryPolicy', 'DescribeImages', 'GetLifecyclePolicy'],
  ...['GetRepositoryPolicy', 'ListImages', 'PutImageScanningConfiguration', 'PutImageTagMutability'],
  ...['PutLifecyclePolicy', 'SetRepositoryPolicy', 'CreateRepository'],
];

describe('rights of ECR, as the Service Authorization Reference lists them', () => {
  testRows(
    () => permissions,
    [
      ...onRepository.map((name) => [name, { repositoryName }, [`ecr:${name} ${ARN}`]] as const),
      ...['ListTagsForResource', 'TagResource', 'UntagResource'].map(
        (name) => [name, { resourceArn: ARN }, [`ecr:${name} ${ARN}`]] as const,
      ),
      [
        'CreateRepository',
        { repositoryName, tags: [{ Key: 'a', Value: 'b' }] },
        [`ecr:CreateRepository ${ARN}`, `ecr:TagResource ${ARN}`],
      ],
      ['DescribeRepositories', {}, ['ecr:DescribeRepositories arn:aws:ecr:eu-west-1:000000000000:repository/*']],
      ['DescribeRepositories', { repositoryNames: ['app'] }, [`ecr:DescribeRepositories ${ARN}`]],
    ],
  );

  it('every operation has rights; the policy and the tags of a repository count', async () => {
    assert.deepEqual(Object.keys(permissions).sort(), [...OPERATION_NAMES].sort());
    const [right] = await rightsOf(permissions, 'ListImages', { repositoryName });
    assert.equal(right!.resourcePolicy, '{"Statement":[]}');
    assert.deepEqual(right!.context, { 'aws:ResourceTag/team': 'a', 'ecr:ResourceTag/team': 'a' });
  });
});
