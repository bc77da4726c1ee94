import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as iamSdk from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand, GetSessionTokenCommand, STSClient } from '@aws-sdk/client-sts';
import { type Clock, SimulatedClock, systemClock, systemRandom } from '../../src/base/index.ts';
import { Authority, openIam } from '../../src/services/iam/index.ts';
import { combineCredentials, rootCredentials } from '../../src/services/index.ts';
import { openSts } from '../../src/services/sts/index.ts';
import { openEmbeddedRecords } from '../../src/store/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { clientEnvironment, clientOptions, KEY, run, startWire, type TestWire } from './support.ts';

const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});

/** A wire over IAM and STS as the node has them, on a records store of its own. */
async function startIdentities(scope: AsyncDisposableStack, clock: Clock = systemClock): Promise<TestWire> {
  const folder = await mkdtemp(join(tmpdir(), 'identities-'));
  scope.defer(() => rm(folder, { recursive: true }));
  const records = scope.use(await openEmbeddedRecords({ directory: folder }));
  const iam = scope.use(await openIam({ records, clock, random: systemRandom, logger: silentLogger }));
  const authority = new Authority({ principals: iam, clock, logger: silentLogger });
  const sts = scope.use(await openSts({ records, clock, random: systemRandom, iam, authority }));
  const credentials = combineCredentials(rootCredentials(KEY), iam, sts);
  return scope.use(await startWire([iam.service, sts.service], { credentials, clock }));
}

test('a role is created, filled, shown and removed; what hangs on it holds it', async () => {
  await using scope = new AsyncDisposableStack();
  const wire = await startIdentities(scope);
  const iam = new iamSdk.IAMClient(clientOptions(wire));
  const RoleName = 'handler';
  const made = await iam.send(
    new iamSdk.CreateRoleCommand({
      RoleName,
      Path: '/service/',
      AssumeRolePolicyDocument: TRUST,
      Tags: [{ Key: 'a', Value: 'b' }],
    }),
  );
  assert.equal(made.Role?.Arn, 'arn:aws:iam::000000000000:role/service/handler');
  assert.equal(decodeURIComponent(made.Role!.AssumeRolePolicyDocument!), TRUST);
  await assert.rejects(iam.send(new iamSdk.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: TRUST })), {
    name: 'EntityAlreadyExistsException',
  });
  const policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}';
  await Promise.all(
    ['p1', 'p2', 'p3'].map((PolicyName) =>
      iam.send(new iamSdk.PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: policy })),
    ),
  );
  assert.deepEqual((await iam.send(new iamSdk.ListRolePoliciesCommand({ RoleName }))).PolicyNames, ['p1', 'p2', 'p3']);
  const got = await iam.send(new iamSdk.GetRolePolicyCommand({ RoleName, PolicyName: 'p2' }));
  assert.equal(decodeURIComponent(got.PolicyDocument!), policy);
  const PolicyArn = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole';
  await iam.send(new iamSdk.AttachRolePolicyCommand({ RoleName, PolicyArn }));
  assert.deepEqual((await iam.send(new iamSdk.ListAttachedRolePoliciesCommand({ RoleName }))).AttachedPolicies, [
    { PolicyName: 'AWSLambdaBasicExecutionRole', PolicyArn },
  ]);
  await assert.rejects(iam.send(new iamSdk.DeleteRoleCommand({ RoleName })), { name: 'DeleteConflictException' });
  await iam.send(new iamSdk.DetachRolePolicyCommand({ RoleName, PolicyArn }));
  for (const PolicyName of ['p1', 'p2', 'p3'])
    await iam.send(new iamSdk.DeleteRolePolicyCommand({ RoleName, PolicyName }));
  await iam.send(new iamSdk.DeleteRoleCommand({ RoleName }));
  await assert.rejects(iam.send(new iamSdk.GetRoleCommand({ RoleName })), {
    name: 'NoSuchEntityException',
    message: 'The role with name handler cannot be found.',
  });
});

test('documents that are no policies are refused', async () => {
  await using scope = new AsyncDisposableStack();
  const wire = await startIdentities(scope);
  const iam = new iamSdk.IAMClient(clientOptions(wire));
  for (const AssumeRolePolicyDocument of ['{', '[]', '{"Statement":[]}', '{"Statement":[{"Effect":"Perhaps"}]}']) {
    await assert.rejects(iam.send(new iamSdk.CreateRoleCommand({ RoleName: 'r', AssumeRolePolicyDocument })), {
      name: 'MalformedPolicyDocumentException',
    });
  }
});

test('lists come in pages', async () => {
  await using scope = new AsyncDisposableStack();
  const wire = await startIdentities(scope);
  const iam = new iamSdk.IAMClient(clientOptions(wire));
  await Promise.all(
    [1, 2, 3, 4, 5].map((i) =>
      iam.send(new iamSdk.CreateRoleCommand({ RoleName: `r${i}`, AssumeRolePolicyDocument: TRUST })),
    ),
  );
  const names: string[] = [];
  for await (const page of iamSdk.paginateListRoles({ client: iam, pageSize: 2 }, {}))
    names.push(...page.Roles!.map(({ RoleName }) => RoleName!));
  assert.deepEqual(names, ['r1', 'r2', 'r3', 'r4', 'r5']);
});

test("a user's key works until it is switched off", async () => {
  await using scope = new AsyncDisposableStack();
  const wire = await startIdentities(scope);
  const iam = new iamSdk.IAMClient(clientOptions(wire));
  await iam.send(new iamSdk.CreateUserCommand({ UserName: 'ann' }));
  const { AccessKey } = await iam.send(new iamSdk.CreateAccessKeyCommand({ UserName: 'ann' }));
  const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  const sts = new STSClient({ ...clientOptions(wire), credentials });
  const who = await sts.send(new GetCallerIdentityCommand({}));
  assert.equal(who.Arn, 'arn:aws:iam::000000000000:user/ann');
  assert.match(who.UserId!, /^AIDA/);
  await iam.send(
    new iamSdk.UpdateAccessKeyCommand({ UserName: 'ann', AccessKeyId: credentials.accessKeyId, Status: 'Inactive' }),
  );
  await assert.rejects(sts.send(new GetCallerIdentityCommand({})), { name: 'InvalidClientTokenId' });
  await assert.rejects(iam.send(new iamSdk.DeleteUserCommand({ UserName: 'ann' })), {
    name: 'DeleteConflictException',
  });
});

test('an assumed role calls under its own name, with its token only, until it expires', async () => {
  await using scope = new AsyncDisposableStack();
  const clock = new SimulatedClock(Date.now());
  const wire = await startIdentities(scope, clock);
  const iam = new iamSdk.IAMClient(clientOptions(wire));
  const { Role } = await iam.send(
    new iamSdk.CreateRoleCommand({ RoleName: 'handler', AssumeRolePolicyDocument: TRUST }),
  );
  const root = new STSClient(clientOptions(wire));
  const { Credentials } = await root.send(
    new AssumeRoleCommand({ RoleArn: Role!.Arn!, RoleSessionName: 'one', DurationSeconds: 900 }),
  );
  const credentials = {
    accessKeyId: Credentials!.AccessKeyId!,
    secretAccessKey: Credentials!.SecretAccessKey!,
    sessionToken: Credentials!.SessionToken!,
  };
  const sts = new STSClient({ ...clientOptions(wire), credentials });
  const who = await sts.send(new GetCallerIdentityCommand({}));
  assert.equal(who.Arn, 'arn:aws:sts::000000000000:assumed-role/handler/one');
  assert.equal(who.UserId, `${Role!.RoleId}:one`);
  const { sessionToken: _, ...bare } = credentials;
  await assert.rejects(
    new STSClient({ ...clientOptions(wire), credentials: bare }).send(new GetCallerIdentityCommand({})),
    { name: 'InvalidClientTokenId' },
  );
  await assert.rejects(
    root.send(new AssumeRoleCommand({ RoleArn: Role!.Arn!, RoleSessionName: 'long', DurationSeconds: 7200 })),
    { name: 'ValidationError' },
  );
  await assert.rejects(root.send(new AssumeRoleCommand({ RoleArn: `${Role!.Arn!}x`, RoleSessionName: 'none' })), {
    name: 'AccessDenied',
  });
  await clock.advance(900_000);
  const late = new STSClient({ ...clientOptions(wire), credentials, systemClockOffset: 900_000 });
  await assert.rejects(late.send(new GetCallerIdentityCommand({})), { name: /^ExpiredToken/ });
});

test('a session of the account itself is the account', async () => {
  await using scope = new AsyncDisposableStack();
  const wire = await startIdentities(scope);
  const { Credentials } = await new STSClient(clientOptions(wire)).send(new GetSessionTokenCommand({}));
  const credentials = {
    accessKeyId: Credentials!.AccessKeyId!,
    secretAccessKey: Credentials!.SecretAccessKey!,
    sessionToken: Credentials!.SessionToken!,
  };
  const who = await new STSClient({ ...clientOptions(wire), credentials }).send(new GetCallerIdentityCommand({}));
  assert.deepEqual(
    [who.Arn, who.UserId, who.Account],
    ['arn:aws:iam::000000000000:root', '000000000000', '000000000000'],
  );
});

test('the aws CLI asks who it is', {
  skip: existsSync('/usr/bin/aws') ? false : 'the aws CLI is not installed',
}, async () => {
  await using scope = new AsyncDisposableStack();
  const wire = await startIdentities(scope);
  const { stdout, stderr } = await run(
    '/usr/bin/aws',
    ['--endpoint-url', wire.url, 'sts', 'get-caller-identity', '--query', 'Arn', '--output', 'text'],
    clientEnvironment(wire),
  );
  assert.equal(stdout.trim(), 'arn:aws:iam::000000000000:root', stderr);
});
