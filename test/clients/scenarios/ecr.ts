import assert from 'node:assert/strict';
import type { Rig, Scenario } from '../scenario.ts';

const REGISTRY = '000000000000';

/** Repositories, without images. */
export const ecr: Scenario = {
  service: 'ecr',
  async run(rig) {
    await repositories(rig);
    await policies(rig);
    await tags(rig);
  },
};

async function repositories({ call, knows, name }: Rig): Promise<void> {
  const [repositoryName, other] = [`plant/${name('a')}`, `plant/${name('b')}`];
  const wish = { imageTagMutability: 'IMMUTABLE', imageScanningConfiguration: { scanOnPush: true } };
  const { repository } = await call('CreateRepository', { repositoryName, ...wish });
  assert.ok(Math.abs(Date.now() - repository.createdAt.getTime()) < 60_000);
  const expected = {
    ...{ registryId: REGISTRY, repositoryName, createdAt: repository.createdAt, ...wish },
    repositoryArn: `arn:aws:ecr:us-east-1:${REGISTRY}:repository/${repositoryName}`,
    repositoryUri: `${REGISTRY}.dkr.ecr.us-east-1.amazonaws.com/${repositoryName}`,
    encryptionConfiguration: { encryptionType: 'AES256' },
  };
  assert.deepEqual(repository, expected);
  await assert.rejects(call('CreateRepository', { repositoryName }), { name: 'RepositoryAlreadyExistsException' });
  await call('CreateRepository', { repositoryName: other });

  assert.deepEqual(await call('DescribeRepositories', { repositoryNames: [repositoryName] }), {
    repositories: [expected],
  });
  const seen: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await call('DescribeRepositories', { maxResults: 1, ...(nextToken && { nextToken }) });
    assert.equal(page.repositories.length, 1);
    seen.push(page.repositories[0].repositoryName);
    nextToken = page.nextToken;
  } while (nextToken);
  assert.deepEqual(
    seen.filter((one) => one === repositoryName || one === other),
    [repositoryName, other],
  );

  assert.deepEqual(await call('ListImages', { repositoryName }), { imageIds: [] });
  assert.deepEqual(await call('DescribeImages', { repositoryName }), { imageDetails: [] });
  const mutable = { repositoryName, imageTagMutability: 'MUTABLE' };
  assert.deepEqual(await call('PutImageTagMutability', mutable), { registryId: REGISTRY, ...mutable });
  if (await knows('PutImageTagMutability', 'imageTagMutabilityExclusionFilters')) {
    const imageTagMutabilityExclusionFilters = [{ filterType: 'WILDCARD', filter: 'dev-*' }];
    const except = { repositoryName: other, imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION' };
    await assert.rejects(call('PutImageTagMutability', except), { name: 'InvalidParameterException' });
    const excluding = { ...except, imageTagMutabilityExclusionFilters };
    assert.deepEqual(await call('PutImageTagMutability', excluding), { registryId: REGISTRY, ...excluding });
    const { repositories: described } = await call('DescribeRepositories', { repositoryNames: [other] });
    assert.deepEqual(described[0].imageTagMutabilityExclusionFilters, imageTagMutabilityExclusionFilters);
  }
  const unscanned = { repositoryName, imageScanningConfiguration: { scanOnPush: false } };
  assert.deepEqual(await call('PutImageScanningConfiguration', unscanned), { registryId: REGISTRY, ...unscanned });
  const changed = { ...expected, ...mutable, ...unscanned };
  assert.deepEqual(await call('DeleteRepository', { repositoryName }), { repository: changed });
  await assert.rejects(call('DescribeRepositories', { repositoryNames: [repositoryName] }), {
    name: 'RepositoryNotFoundException',
  });
}

async function policies({ call, name }: Rig): Promise<void> {
  const repositoryName = name('policies');
  await call('CreateRepository', { repositoryName });
  const policyText = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Sid: 'pull', Effect: 'Allow', Principal: '*', Action: ['ecr:BatchGetImage'] }],
  });
  const policy = { registryId: REGISTRY, repositoryName, policyText };
  await assert.rejects(call('GetRepositoryPolicy', { repositoryName }), { name: 'RepositoryPolicyNotFoundException' });
  assert.deepEqual(await call('SetRepositoryPolicy', { repositoryName, policyText }), policy);
  assert.deepEqual(await call('GetRepositoryPolicy', { repositoryName }), policy);
  assert.deepEqual(await call('DeleteRepositoryPolicy', { repositoryName }), policy);
  await assert.rejects(call('GetRepositoryPolicy', { repositoryName }), { name: 'RepositoryPolicyNotFoundException' });

  const selection = { tagStatus: 'untagged', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 14 };
  const lifecyclePolicyText = JSON.stringify({ rules: [{ rulePriority: 1, selection, action: { type: 'expire' } }] });
  const lifecycle = { registryId: REGISTRY, repositoryName, lifecyclePolicyText };
  assert.deepEqual(await call('PutLifecyclePolicy', { repositoryName, lifecyclePolicyText }), lifecycle);
  assert.deepEqual(await call('GetLifecyclePolicy', { repositoryName }), lifecycle);
  assert.deepEqual(await call('DeleteLifecyclePolicy', { repositoryName }), lifecycle);
  await assert.rejects(call('GetLifecyclePolicy', { repositoryName }), { name: 'LifecyclePolicyNotFoundException' });
}

async function tags({ call, name }: Rig): Promise<void> {
  const first = [{ Key: 'line', Value: '1' }];
  const { repository } = await call('CreateRepository', { repositoryName: name('tagged'), tags: first });
  const { repositoryArn: resourceArn } = repository;
  const listed = async () => (await call('ListTagsForResource', { resourceArn })).tags;
  assert.deepEqual(await listed(), first);
  const more = [
    { Key: 'line', Value: '2' },
    { Key: 'shift', Value: 'night' },
  ];
  assert.deepEqual(await call('TagResource', { resourceArn, tags: more }), {});
  assert.deepEqual(await listed(), more);
  assert.deepEqual(await call('UntagResource', { resourceArn, tagKeys: ['line'] }), {});
  assert.deepEqual(await listed(), more.slice(1));
}
