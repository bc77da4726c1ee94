import assert from 'node:assert/strict';
import { zipOf } from '../../support/clients.ts';
import type { Rig, Scenario } from '../scenario.ts';

const ARN = /^arn:aws:secretsmanager:us-east-1:000000000000:secret:([\w-]+)-[A-Za-z0-9]{6}$/;

export const secretsmanager: Scenario = {
  service: 'secretsmanager',
  async run(rig) {
    await versions(rig);
    await bytes(rig);
    await lists(rig);
    await policies(rig);
    await rotation(rig);
    await deletion(rig);
    await passwords(rig);
  },
};

const [FIRST, SECOND, THIRD] = ['1', '2', '3'].map((digit) => `${digit}`.repeat(32)) as [string, string, string];

async function versions({ call, name }: Rig): Promise<void> {
  const Name = name('versions');
  const made = await call('CreateSecret', { Name, SecretString: 'eins', ClientRequestToken: FIRST, Description: 'd' });
  assert.equal(ARN.exec(made.ARN)?.[1], Name);
  assert.deepEqual(made, { ARN: made.ARN, Name, VersionId: FIRST });
  const again = { Name, SecretString: 'zwei', ClientRequestToken: SECOND };
  await assert.rejects(call('CreateSecret', again), { name: 'ResourceExistsException' });

  const put = { SecretId: Name, SecretString: 'zwei – 2', ClientRequestToken: SECOND };
  assert.deepEqual(await call('PutSecretValue', put), {
    ...{ ARN: made.ARN, Name, VersionId: SECOND, VersionStages: ['AWSCURRENT'] },
  });
  const updated = { SecretId: made.ARN, SecretString: 'drei', ClientRequestToken: THIRD, Description: 'numbers' };
  assert.equal((await call('UpdateSecret', updated)).VersionId, THIRD);
  const moved = { SecretId: Name, VersionStage: 'stable', MoveToVersionId: SECOND };
  assert.deepEqual(await call('UpdateSecretVersionStage', moved), { ARN: made.ARN, Name });

  const { CreatedDate, VersionStages, ...stable } = await call('GetSecretValue', {
    SecretId: Name,
    VersionStage: 'stable',
  });
  assert.deepEqual(stable, { ARN: made.ARN, Name, VersionId: SECOND, SecretString: 'zwei – 2' });
  assert.deepEqual(VersionStages.sort(), ['AWSPREVIOUS', 'stable']);
  assert.ok(Math.abs(Date.now() - CreatedDate.getTime()) < 60_000);
  assert.equal((await call('GetSecretValue', { SecretId: Name })).SecretString, 'drei');
  await assert.rejects(call('GetSecretValue', { SecretId: Name, VersionStage: 'none' }), {
    name: 'ResourceNotFoundException',
  });

  const all = await call('ListSecretVersionIds', { SecretId: Name, IncludeDeprecated: true });
  assert.deepEqual(Object.fromEntries(all.Versions.map((one: any) => [one.VersionId, one.VersionStages?.sort()])), {
    [FIRST]: undefined,
    [SECOND]: ['AWSPREVIOUS', 'stable'],
    [THIRD]: ['AWSCURRENT'],
  });
  const { Description, VersionIdsToStages } = await call('DescribeSecret', { SecretId: Name });
  assert.equal(Description, 'numbers');
  assert.deepEqual(Object.keys(VersionIdsToStages).sort(), [SECOND, THIRD]);
}

async function bytes({ call, name }: Rig): Promise<void> {
  const Name = name('bytes');
  const SecretBinary = Buffer.from([0, 255, 10, 13, 128]);
  await call('CreateSecret', { Name, SecretBinary });
  const value = await call('GetSecretValue', { SecretId: Name });
  assert.deepEqual(value.SecretBinary, SecretBinary);
  assert.equal(value.SecretString, undefined);
}

async function lists({ call, knows, name }: Rig): Promise<void> {
  const names = ['list-a', 'list-b', 'list-c'].map(name);
  const Tags = [
    { Key: 'set', Value: name('set') },
    { Key: 'old', Value: 'x' },
  ];
  for (const Name of names) await call('CreateSecret', { Name, SecretString: `of ${Name}`, Tags });
  const Filters = [{ Key: 'tag-value', Values: [name('set')] }];
  const paged = { Filters, SortOrder: 'asc', MaxResults: 2 };
  const first = await call('ListSecrets', paged);
  const rest = await call('ListSecrets', { ...paged, NextToken: first.NextToken });
  assert.deepEqual([first, rest].map(namesOf), [names.slice(0, 2), names.slice(2)]);
  assert.equal(rest.NextToken, undefined);

  await call('TagResource', { SecretId: names[0], Tags: [{ Key: 'line', Value: '7' }] });
  await call('UntagResource', { SecretId: names[0], TagKeys: ['old'] });
  assert.deepEqual((await call('DescribeSecret', { SecretId: names[0] })).Tags, [
    { Key: 'set', Value: name('set') },
    { Key: 'line', Value: '7' },
  ]);

  if (!(await knows('BatchGetSecretValue'))) return;
  const batch = await call('BatchGetSecretValue', { SecretIdList: [...names.slice(0, 2), 'none'] });
  assert.deepEqual(
    batch.SecretValues.map(({ SecretString }: any) => SecretString),
    names.slice(0, 2).map((one) => `of ${one}`),
  );
  assert.deepEqual(
    batch.Errors.map(({ SecretId, ErrorCode }: any) => ({ SecretId, ErrorCode })),
    [{ SecretId: 'none', ErrorCode: 'ResourceNotFoundException' }],
  );
}

async function policies({ call, name }: Rig): Promise<void> {
  const Name = name('policies');
  const { ARN: arn } = await call('CreateSecret', { Name, SecretString: 's' });
  const policyFor = (Principal: object | string) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal, Action: 'secretsmanager:GetSecretValue', Resource: '*' }],
    });
  const ours = policyFor({ AWS: 'arn:aws:iam::000000000000:root' });
  assert.deepEqual(await call('ValidateResourcePolicy', { ResourcePolicy: ours }), {
    PolicyValidationPassed: true,
    ValidationErrors: [],
  });
  const opened = await call('ValidateResourcePolicy', { SecretId: Name, ResourcePolicy: policyFor('*') });
  assert.equal(opened.PolicyValidationPassed, false);
  assert.deepEqual(
    opened.ValidationErrors.map(({ CheckName }: any) => CheckName),
    ['ResourcePolicyPublicAccess'],
  );
  await assert.rejects(
    call('PutResourcePolicy', { SecretId: Name, ResourcePolicy: policyFor('*'), BlockPublicPolicy: true }),
    { name: 'PublicPolicyException' },
  );
  assert.deepEqual(await call('PutResourcePolicy', { SecretId: Name, ResourcePolicy: ours }), { ARN: arn, Name });
  assert.deepEqual(await call('GetResourcePolicy', { SecretId: arn }), { ARN: arn, Name, ResourcePolicy: ours });
  assert.deepEqual(await call('DeleteResourcePolicy', { SecretId: Name }), { ARN: arn, Name });
  assert.deepEqual(await call('GetResourcePolicy', { SecretId: Name }), { ARN: arn, Name });
}

async function rotation({ call, knows, name, of }: Rig): Promise<void> {
  const Name = name('rotated');
  const { ARN: arn } = await call('CreateSecret', { Name, SecretString: 'old' });
  const { Role } = await of('iam')('CreateRole', {
    RoleName: name('rotator'),
    AssumeRolePolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    }),
  });
  const { FunctionArn } = await of('lambda')('CreateFunction', {
    ...{ FunctionName: name('rotator'), Role: Role.Arn, Runtime: 'nodejs22.x', Handler: 'index.handler' },
    Code: { ZipFile: await zipOf({ 'index.js': 'exports.handler = async () => {};' }) },
  });
  const rules = { ScheduleExpression: 'rate(10 days)', Duration: '3h' };
  const wish = { SecretId: Name, RotationLambdaARN: FunctionArn, RotationRules: rules, RotateImmediately: false };
  const absent = { ...wish, RotationLambdaARN: `${FunctionArn}-none` };
  await assert.rejects(call('RotateSecret', absent), { name: 'ResourceNotFoundException' });
  assert.deepEqual(await call('RotateSecret', wish), { ARN: arn, Name });
  const scheduled = await call('DescribeSecret', { SecretId: Name });
  const { RotationEnabled, RotationLambdaARN, RotationRules, NextRotationDate } = scheduled;
  assert.deepEqual(
    { RotationEnabled, RotationLambdaARN, RotationRules },
    { RotationEnabled: true, RotationLambdaARN: FunctionArn, RotationRules: rules },
  );
  if (await knows('DescribeSecret', 'NextRotationDate')) {
    const days = (NextRotationDate.getTime() - Date.now()) / 86_400_000;
    assert.ok(days > 9 && days < 11.5, `${days} days`);
  }
  assert.equal((await call('CancelRotateSecret', { SecretId: Name })).ARN, arn);
  const cancelled = await call('DescribeSecret', { SecretId: Name });
  assert.deepEqual([cancelled.RotationEnabled, cancelled.NextRotationDate], [false, undefined]);
}

async function deletion({ call, name }: Rig): Promise<void> {
  const Name = name('deleted');
  const { ARN: arn } = await call('CreateSecret', { Name, SecretString: 's' });
  const { DeletionDate, ...marked } = await call('DeleteSecret', { SecretId: Name, RecoveryWindowInDays: 7 });
  assert.deepEqual(marked, { ARN: arn, Name });
  const days = (DeletionDate.getTime() - Date.now()) / 86_400_000;
  assert.ok(days > 6.9 && days <= 7, `${days} days`);
  await assert.rejects(call('GetSecretValue', { SecretId: Name }), { name: 'InvalidRequestException' });
  assert.deepEqual(await call('RestoreSecret', { SecretId: Name }), { ARN: arn, Name });
  assert.equal((await call('GetSecretValue', { SecretId: Name })).SecretString, 's');
  await call('DeleteSecret', { SecretId: Name, ForceDeleteWithoutRecovery: true });
  await assert.rejects(call('DescribeSecret', { SecretId: Name }), { name: 'ResourceNotFoundException' });
}

async function passwords({ call }: Rig): Promise<void> {
  const wish = { PasswordLength: 40, ExcludePunctuation: true, ExcludeUppercase: true, ExcludeCharacters: 'abc' };
  assert.match((await call('GetRandomPassword', wish)).RandomPassword, /^[d-z0-9]{40}$/);
}

function namesOf({ SecretList }: { readonly SecretList: readonly { readonly Name: string }[] }): readonly string[] {
  return SecretList.map(({ Name }) => Name);
}
