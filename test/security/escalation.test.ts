/** Ways from a few rights to all of them, each of which ends at a refusal. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import * as cfn from '@aws-sdk/client-cloudformation';
import * as sdk from '@aws-sdk/client-iam';
import {
  CreateFunctionCommand,
  LambdaClient,
  ListFunctionsCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import * as s3 from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { Node } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { securedNode } from '../support/in-process.ts';
import { ROOT } from './secured-node.ts';

const ACCOUNT = 'arn:aws:iam::000000000000';
const ADMIN = 'arn:aws:iam::aws:policy/AdministratorAccess';
const EVERYTHING = document({ Effect: 'Allow', Action: '*', Resource: '*' });

let node: Node;
let directory: string;
let root: sdk.IAMClient;
/** Mallory, who has what each test gives her. */
let keys: { accessKeyId: string; secretAccessKey: string };
let mallory: sdk.IAMClient;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-escalation-'));
  node = await securedNode(directory, ROOT);
  root = new sdk.IAMClient(options(ROOT));
  await root.send(new sdk.CreateUserCommand({ UserName: 'mallory' }));
  await root.send(new sdk.CreateUserCommand({ UserName: 'admin' }));
  await root.send(new sdk.AttachUserPolicyCommand({ UserName: 'admin', PolicyArn: ADMIN }));
  const { AccessKey } = await root.send(new sdk.CreateAccessKeyCommand({ UserName: 'mallory' }));
  keys = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  mallory = new sdk.IAMClient(options(keys));
});
after(async () => {
  root?.destroy();
  mallory?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
beforeEach(() => allow({ Effect: 'Allow', Action: 'sts:GetCallerIdentity', Resource: '*' }));

function document(...Statement: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

function options(credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) {
  return { endpoint: node.endpoint, region: 'us-east-1', credentials: { ...credentials }, maxAttempts: 1 };
}

async function allow(...statements: readonly object[]): Promise<void> {
  const given = { UserName: 'mallory', PolicyName: 'own', PolicyDocument: document(...statements) };
  await root.send(new sdk.PutUserPolicyCommand(given));
}

function refused(action: string) {
  return (error: Error) => {
    assert.match(error.message, new RegExp(`is not authorized to perform: ${action} `));
    return true;
  };
}

test('who may read policies may not attach one to herself', async () => {
  await allow({ Effect: 'Allow', Action: ['iam:Get*', 'iam:List*'], Resource: '*' });
  const attach = new sdk.AttachUserPolicyCommand({ UserName: 'mallory', PolicyArn: ADMIN });
  await assert.rejects(mallory.send(attach), refused('iam:AttachUserPolicy'));
  const put = new sdk.PutUserPolicyCommand({ UserName: 'mallory', PolicyName: 'x', PolicyDocument: EVERYTHING });
  await assert.rejects(mallory.send(put), refused('iam:PutUserPolicy'));
  const key = new sdk.CreateAccessKeyCommand({ UserName: 'admin' });
  await assert.rejects(mallory.send(key), refused('iam:CreateAccessKey'));
});

test('a right to one policy is none to make a new version of another', async () => {
  const make = (name: string) =>
    root.send(new sdk.CreatePolicyCommand({ PolicyName: name, PolicyDocument: document(NOTHING) }));
  const [own, other] = [await make('own'), await make('other')];
  const PolicyArn = own.Policy!.Arn!;
  await allow({
    Effect: 'Allow',
    Action: ['iam:CreatePolicyVersion', 'iam:SetDefaultPolicyVersion'],
    Resource: PolicyArn,
  });
  const version = (arn: string) => new sdk.CreatePolicyVersionCommand({ PolicyArn: arn, PolicyDocument: EVERYTHING });
  await mallory.send(version(PolicyArn));
  await assert.rejects(mallory.send(version(other.Policy!.Arn!)), refused('iam:CreatePolicyVersion'));
});

const NOTHING = { Effect: 'Deny', Action: 'sqs:*', Resource: '*' };

test('a right to attach one policy is none to attach another', async () => {
  const Condition = { ArnEquals: { 'iam:PolicyARN': 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess' } };
  await allow({ Effect: 'Allow', Action: 'iam:AttachUserPolicy', Resource: '*', Condition });
  const attach = (name: string) =>
    mallory.send(
      new sdk.AttachUserPolicyCommand({ UserName: 'mallory', PolicyArn: `arn:aws:iam::aws:policy/${name}` }),
    );
  await assert.rejects(attach('AdministratorAccess'), refused('iam:AttachUserPolicy'));
  await attach('AmazonS3ReadOnlyAccess');
  const given = { UserName: 'mallory', PolicyArn: 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess' };
  await root.send(new sdk.DetachUserPolicyCommand(given));
});

test('a boundary holds whoever could give herself everything, and she cannot take it off', async () => {
  const limit = document(
    { Effect: 'Allow', Action: ['iam:PutUserPolicy', 's3:*'], Resource: '*' },
    { Effect: 'Deny', Action: 'iam:DeleteUserPermissionsBoundary', Resource: '*' },
  );
  const { Policy } = await root.send(new sdk.CreatePolicyCommand({ PolicyName: 'limit', PolicyDocument: limit }));
  const bounded = { UserName: 'mallory', PermissionsBoundary: Policy!.Arn! };
  await root.send(new sdk.PutUserPermissionsBoundaryCommand(bounded));
  await allow({ Effect: 'Allow', Action: '*', Resource: '*' });
  const user = new sdk.CreateUserCommand({ UserName: 'minion' });
  await assert.rejects(mallory.send(user), (error: Error) => {
    assert.match(error.message, /because no permissions boundary allows the iam:CreateUser action$/);
    return true;
  });
  const off = new sdk.DeleteUserPermissionsBoundaryCommand({ UserName: 'mallory' });
  await assert.rejects(mallory.send(off), /explicit deny in a permissions boundary/);
  await root.send(new sdk.DeleteUserPermissionsBoundaryCommand({ UserName: 'mallory' }));
});

test("who may not change a role's trust cannot take it on", async () => {
  const AssumeRolePolicyDocument = document({
    ...{ Effect: 'Allow', Principal: { AWS: `${ACCOUNT}:user/admin` }, Action: 'sts:AssumeRole' },
  });
  await root.send(new sdk.CreateRoleCommand({ RoleName: 'vault', AssumeRolePolicyDocument }));
  await allow({ Effect: 'Allow', Action: ['sts:*', 'iam:GetRole'], Resource: '*' });
  const sts = new STSClient(options(keys));
  const assume = new AssumeRoleCommand({ RoleArn: `${ACCOUNT}:role/vault`, RoleSessionName: 'mallory' });
  await assert.rejects(sts.send(assume), refused('sts:AssumeRole'));
  const PolicyDocument = document({ Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole' });
  const change = new sdk.UpdateAssumeRolePolicyCommand({ RoleName: 'vault', PolicyDocument });
  await assert.rejects(mallory.send(change), refused('iam:UpdateAssumeRolePolicy'));
  sts.destroy();
});

test("a session's own policy limits it, and a session of the session too", async () => {
  const trust = { Effect: 'Allow', Principal: { AWS: '000000000000' }, Action: 'sts:AssumeRole' };
  const role = { RoleName: 'broad', AssumeRolePolicyDocument: document(trust) };
  await root.send(new sdk.CreateRoleCommand(role));
  await root.send(new sdk.AttachRolePolicyCommand({ RoleName: 'broad', PolicyArn: ADMIN }));
  await allow({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: `${ACCOUNT}:role/broad` });
  const assume = (client: STSClient, Policy: string) =>
    client.send(new AssumeRoleCommand({ RoleArn: `${ACCOUNT}:role/broad`, RoleSessionName: 'mallory', Policy }));
  const sts = new STSClient(options(keys));
  const session = await assume(sts, document({ Effect: 'Allow', Action: 'iam:ListUsers', Resource: '*' }));
  const { AccessKeyId, SecretAccessKey, SessionToken } = session.Credentials!;
  const given = { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken! };
  const limited = new sdk.IAMClient(options(given));
  await limited.send(new sdk.ListUsersCommand({}));
  await assert.rejects(limited.send(new sdk.ListRolesCommand({})), /no session policy allows the iam:ListRoles action/);
  const again = new STSClient(options(given));
  await assert.rejects(assume(again, EVERYTHING), refused('sts:AssumeRole'));
  for (const client of [sts, again, limited]) client.destroy();
});

test('a function is not given a role that who makes it may not pass to Lambda', async () => {
  const make = { Effect: 'Allow', Action: 'lambda:CreateFunction', Resource: '*' };
  const pass = (service: string, Resource = `${ACCOUNT}:role/strong`) => ({
    ...{ Effect: 'Allow', Action: 'iam:PassRole', Resource },
    Condition: { StringEquals: { 'iam:PassedToService': service } },
  });
  const client = new LambdaClient(options(keys));
  const create = () =>
    client.send(
      new CreateFunctionCommand({
        ...{ FunctionName: 'stolen', Role: `${ACCOUNT}:role/strong`, Runtime: 'nodejs24.x', Handler: 'index.handler' },
        Code: { ZipFile: Buffer.from('no archive') },
      }),
    );
  for (const others of [[], [pass('ec2.amazonaws.com')], [pass('lambda.amazonaws.com', `${ACCOUNT}:role/weak`)]]) {
    await allow(make, ...others);
    await assert.rejects(create(), refused('iam:PassRole'));
  }
  await allow(make, pass('lambda.amazonaws.com'));
  await assert.rejects(create(), (error: Error) => !/not authorized/.test(error.message), 'past authorization');
  client.destroy();
});

const TEMPLATE = JSON.stringify({
  Resources: {
    Role: {
      Type: 'AWS::IAM::Role',
      Properties: {
        RoleName: 'made-by-stack',
        AssumeRolePolicyDocument: JSON.parse(document({ Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole' })),
        ManagedPolicyArns: [ADMIN],
      },
    },
  },
});

async function deploy(StackName: string, more: Partial<cfn.CreateStackCommandInput> = {}) {
  const client = new cfn.CloudFormationClient(options(keys));
  const Capabilities: cfn.Capability[] = ['CAPABILITY_NAMED_IAM'];
  await client.send(new cfn.CreateStackCommand({ StackName, TemplateBody: TEMPLATE, Capabilities, ...more }));
  const admin = new cfn.CloudFormationClient(options(ROOT));
  await cfn
    .waitUntilStackCreateComplete({ client: admin, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { StackName })
    .catch(() => {});
  const { Stacks } = await admin.send(new cfn.DescribeStacksCommand({ StackName }));
  const { StackEvents } = await admin.send(new cfn.DescribeStackEventsCommand({ StackName }));
  client.destroy();
  admin.destroy();
  return {
    status: Stacks![0]!.StackStatus,
    reasons: StackEvents!.map((one) => one.ResourceStatusReason ?? '').join('\n'),
  };
}

test('a stack makes nothing that who deploys it may not make by hand', async () => {
  await allow({ Effect: 'Allow', Action: 'cloudformation:*', Resource: '*' });
  const { status, reasons } = await deploy('escalation');
  assert.equal(status, 'ROLLBACK_COMPLETE');
  assert.match(
    reasons,
    /user\/mallory is not authorized to perform: iam:CreateRole on resource: .*role\/made-by-stack/,
  );
  await assert.rejects(root.send(new sdk.GetRoleCommand({ RoleName: 'made-by-stack' })), {
    name: 'NoSuchEntityException',
  });
});

test('a service role deploys what it may, and only if it trusts CloudFormation', async () => {
  const trust = (Service: string) => document({ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' });
  for (const [RoleName, service] of [
    ['deployer', 'cloudformation.amazonaws.com'],
    ['other', 'lambda.amazonaws.com'],
  ] as const) {
    await root.send(new sdk.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust(service) }));
    await root.send(new sdk.AttachRolePolicyCommand({ RoleName, PolicyArn: ADMIN }));
  }
  await allow({ Effect: 'Allow', Action: ['cloudformation:*', 'iam:PassRole'], Resource: '*' });
  const untrusting = await deploy('by-other', { RoleARN: `${ACCOUNT}:role/other` });
  assert.equal(untrusting.status, 'ROLLBACK_COMPLETE');
  assert.match(untrusting.reasons, /role\/other is invalid or cannot be assumed/);
  assert.equal((await deploy('by-role', { RoleARN: `${ACCOUNT}:role/deployer` })).status, 'CREATE_COMPLETE');
});

test('a stack is deleted with the rights of who deletes it, not of who made it', async () => {
  const StackName = 'of-admin';
  const [admin, client] = [new cfn.CloudFormationClient(options(ROOT)), new cfn.CloudFormationClient(options(keys))];
  const waiting = { client: admin, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
  const TemplateBody = TEMPLATE.replace('made-by-stack', 'made-by-admin');
  await admin.send(new cfn.CreateStackCommand({ StackName, TemplateBody, Capabilities: ['CAPABILITY_NAMED_IAM'] }));
  await cfn.waitUntilStackCreateComplete(waiting, { StackName });
  await allow({ Effect: 'Allow', Action: 'cloudformation:*', Resource: '*' });
  await client.send(new cfn.DeleteStackCommand({ StackName }));
  await assert.rejects(cfn.waitUntilStackDeleteComplete(waiting, { StackName }));
  const { StackEvents } = await admin.send(new cfn.DescribeStackEventsCommand({ StackName }));
  const reasons = StackEvents!.map((one) => one.ResourceStatusReason ?? '').join('\n');
  assert.match(reasons, /user\/mallory is not authorized to perform: iam:\w+ on resource: .*role\/made-by-admin/);
  await root.send(new sdk.GetRoleCommand({ RoleName: 'made-by-admin' }));
  await admin.send(new cfn.DeleteStackCommand({ StackName }));
  await cfn.waitUntilStackDeleteComplete(waiting, { StackName });
  admin.destroy();
  client.destroy();
});

test('a template is not read from a bucket that who names it may not read', async () => {
  const bucket = new s3.S3Client({ ...options(ROOT), forcePathStyle: true });
  await bucket.send(new s3.CreateBucketCommand({ Bucket: 'private' }));
  await bucket.send(new s3.PutObjectCommand({ Bucket: 'private', Key: 'secret.json', Body: TEMPLATE }));
  bucket.destroy();
  const TemplateURL = `${node.endpoint}/private/secret.json`;
  const include = { 'Fn::Transform': { Name: 'AWS::Include', Parameters: { Location: 's3://private/secret.json' } } };
  const client = new cfn.CloudFormationClient(options(keys));
  const stack = { Effect: 'Allow', Action: 'cloudformation:*', Resource: '*' };
  const byUrl = () => client.send(new cfn.GetTemplateSummaryCommand({ TemplateURL }));
  const byInclude = () =>
    client.send(
      new cfn.CreateChangeSetCommand({
        ...{ StackName: 'including', ChangeSetName: 'one', ChangeSetType: 'CREATE' },
        TemplateBody: JSON.stringify(include),
        Capabilities: ['CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'],
      }),
    );
  await allow(stack);
  await assert.rejects(byUrl(), /to which you have access/);
  await assert.rejects(byInclude(), /to which you have access/);
  await allow(stack, { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::private/*' });
  assert.deepEqual((await byUrl()).ResourceTypes, ['AWS::IAM::Role']);
  await byInclude();
  client.destroy();
});

test('nobody else is given more, or loses what holds them, by rights to oneself', async () => {
  const own = `${ACCOUNT}:user/mallory`;
  await allow(
    { Effect: 'Allow', Action: 'iam:*', Resource: own },
    { Effect: 'Allow', Action: 'iam:List*', Resource: '*' },
  );
  await root.send(new sdk.CreateGroupCommand({ GroupName: 'admins' }));
  await root.send(new sdk.CreateRoleCommand({ RoleName: 'hers', AssumeRolePolicyDocument: TRUSTS_ACCOUNT }));
  const PolicyArn = ADMIN;
  const policy = { PolicyName: 'x', PolicyDocument: EVERYTHING };
  const attempts: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['AddUserToGroup', () => mallory.send(new sdk.AddUserToGroupCommand({ GroupName: 'admins', UserName: 'mallory' }))],
    ['PutGroupPolicy', () => mallory.send(new sdk.PutGroupPolicyCommand({ GroupName: 'admins', ...policy }))],
    ['AttachGroupPolicy', () => mallory.send(new sdk.AttachGroupPolicyCommand({ GroupName: 'admins', PolicyArn }))],
    ['PutRolePolicy', () => mallory.send(new sdk.PutRolePolicyCommand({ RoleName: 'hers', ...policy }))],
    ['AttachRolePolicy', () => mallory.send(new sdk.AttachRolePolicyCommand({ RoleName: 'hers', PolicyArn }))],
    ['CreateAccessKey', () => mallory.send(new sdk.CreateAccessKeyCommand({ UserName: 'admin' }))],
    ['DetachUserPolicy', () => mallory.send(new sdk.DetachUserPolicyCommand({ UserName: 'admin', PolicyArn }))],
    ['PutUserPolicy', () => mallory.send(new sdk.PutUserPolicyCommand({ UserName: 'admin', ...policy }))],
    ['CreatePolicy', () => mallory.send(new sdk.CreatePolicyCommand(policy))],
    ['CreateUser', () => mallory.send(new sdk.CreateUserCommand({ UserName: 'second' }))],
  ];
  for (const [action, attempt] of attempts) await assert.rejects(attempt(), refused(`iam:${action}`), action);
});

test('an older version of a policy that gives more is not made the default by who may only make versions', async () => {
  const { Policy } = await root.send(new sdk.CreatePolicyCommand({ PolicyName: 'once', PolicyDocument: EVERYTHING }));
  const PolicyArn = Policy!.Arn!;
  const less = { PolicyArn, PolicyDocument: document(NOTHING), SetAsDefault: true };
  await root.send(new sdk.CreatePolicyVersionCommand(less));
  await root.send(new sdk.AttachUserPolicyCommand({ UserName: 'mallory', PolicyArn }));
  await allow({ Effect: 'Allow', Action: ['iam:CreatePolicyVersion', 'iam:ListPolicyVersions'], Resource: PolicyArn });
  const back = new sdk.SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: 'v1' });
  await assert.rejects(mallory.send(back), refused('iam:SetDefaultPolicyVersion'));
  // A version that is not the default decides nothing.
  await mallory.send(new sdk.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: EVERYTHING }));
  await assert.rejects(mallory.send(new sdk.ListUsersCommand({})), refused('iam:ListUsers'));
  await root.send(new sdk.DetachUserPolicyCommand({ UserName: 'mallory', PolicyArn }));
});

test('a boundary is neither exchanged nor widened, and binds what its holder makes', async () => {
  const limits = document({ Effect: 'Allow', Action: ['iam:*', 's3:*'], Resource: '*' });
  const { Policy } = await root.send(new sdk.CreatePolicyCommand({ PolicyName: 'bound', PolicyDocument: limits }));
  const PermissionsBoundary = Policy!.Arn!;
  const Condition = { StringEquals: { 'iam:PermissionsBoundary': PermissionsBoundary } };
  const roles = `${ACCOUNT}:role/made-*`;
  await allow(
    {
      Effect: 'Allow',
      Action: ['iam:CreateRole', 'iam:PutRolePolicy', 'iam:PutRolePermissionsBoundary'],
      Resource: roles,
      Condition,
    },
    { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: roles },
  );
  const create = (RoleName: string, boundary?: string) =>
    mallory.send(
      new sdk.CreateRoleCommand({
        ...{ RoleName, AssumeRolePolicyDocument: TRUSTS_ACCOUNT },
        ...(boundary !== undefined && { PermissionsBoundary: boundary }),
      }),
    );
  await assert.rejects(create('made-free'), refused('iam:CreateRole'));
  await assert.rejects(create('made-wide', ADMIN), refused('iam:CreateRole'));
  await create('made-bound', PermissionsBoundary);
  const RoleName = 'made-bound';
  await mallory.send(new sdk.PutRolePolicyCommand({ RoleName, PolicyName: 'all', PolicyDocument: EVERYTHING }));
  const off = new sdk.DeleteRolePermissionsBoundaryCommand({ RoleName });
  await assert.rejects(mallory.send(off), refused('iam:DeleteRolePermissionsBoundary'));
  const other = new sdk.PutRolePermissionsBoundaryCommand({ RoleName, PermissionsBoundary: ADMIN });
  await assert.rejects(mallory.send(other), refused('iam:PutRolePermissionsBoundary'));
  const wider = new sdk.CreatePolicyVersionCommand({
    ...{ PolicyArn: PermissionsBoundary, PolicyDocument: EVERYTHING, SetAsDefault: true },
  });
  await assert.rejects(mallory.send(wider), refused('iam:CreatePolicyVersion'));
  const session = await assumed(keys, RoleName);
  const lambda = new LambdaClient(options(session));
  await assert.rejects(
    lambda.send(new ListFunctionsCommand({})),
    /no permissions boundary allows the lambda:ListFunctions/,
  );
  const bounded = new sdk.IAMClient(options(session));
  await bounded.send(new sdk.ListUsersCommand({}));
  for (const client of [lambda, bounded]) client.destroy();
});

test('roles are taken one after another only as far as each trusts the one before', async () => {
  const only = (arn: string) => document({ Effect: 'Allow', Principal: { AWS: arn }, Action: 'sts:AssumeRole' });
  await root.send(
    new sdk.CreateRoleCommand({ RoleName: 'first', AssumeRolePolicyDocument: only(`${ACCOUNT}:user/mallory`) }),
  );
  await root.send(
    new sdk.CreateRoleCommand({ RoleName: 'second', AssumeRolePolicyDocument: only(`${ACCOUNT}:role/first`) }),
  );
  await root.send(
    new sdk.CreateRoleCommand({ RoleName: 'third', AssumeRolePolicyDocument: only(`${ACCOUNT}:user/mallory`) }),
  );
  await root.send(new sdk.AttachRolePolicyCommand({ RoleName: 'third', PolicyArn: ADMIN }));
  await assert.rejects(assumed(keys, 'second'), refused('sts:AssumeRole'));
  const first = await assumed(keys, 'first');
  // In the role she is not herself any more.
  await assert.rejects(assumed(first, 'third'), refused('sts:AssumeRole'));
  await assert.rejects(
    assumed(first, 'second', 7200),
    /exceeds the 1 hour session limit for roles assumed by role chaining/,
  );
  const second = new sdk.IAMClient(options(await assumed(first, 'second')));
  await assert.rejects(second.send(new sdk.ListUsersCommand({})), refused('iam:ListUsers'));
  second.destroy();
});

test('sessions of a role that was deleted have nothing of one that is made anew under its name', async () => {
  const role = { RoleName: 'reborn', AssumeRolePolicyDocument: TRUSTS_ACCOUNT };
  await root.send(new sdk.CreateRoleCommand(role));
  await allow({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: `${ACCOUNT}:role/reborn` });
  const session = await assumed(keys, 'reborn');
  const old = new sdk.IAMClient(options(session));
  await root.send(new sdk.DeleteRoleCommand({ RoleName: 'reborn' }));
  await root.send(new sdk.CreateRoleCommand(role));
  await root.send(new sdk.AttachRolePolicyCommand({ RoleName: 'reborn', PolicyArn: ADMIN }));
  await assert.rejects(old.send(new sdk.ListUsersCommand({})), refused('iam:ListUsers'));
  const bucket = new s3.S3Client({ ...options(ROOT), forcePathStyle: true });
  await bucket.send(new s3.CreateBucketCommand({ Bucket: 'reborn' }));
  const Principal = { AWS: `${ACCOUNT}:role/reborn` };
  const Policy = document({ Effect: 'Allow', Principal, Action: 's3:ListBucket', Resource: 'arn:aws:s3:::reborn' });
  await bucket.send(new s3.PutBucketPolicyCommand({ Bucket: 'reborn', Policy }));
  bucket.destroy();
  const before = new s3.S3Client({ ...options(session), forcePathStyle: true });
  await assert.rejects(before.send(new s3.ListObjectsV2Command({ Bucket: 'reborn' })), { name: 'AccessDenied' });
  before.destroy();
  const fresh = new sdk.IAMClient(options(await assumed(keys, 'reborn')));
  await fresh.send(new sdk.ListUsersCommand({}));
  for (const client of [old, fresh]) client.destroy();
});

test('sessions that were given before a time are ended by a policy of their role', async () => {
  await root.send(new sdk.CreateRoleCommand({ RoleName: 'revoked', AssumeRolePolicyDocument: TRUSTS_ACCOUNT }));
  await root.send(new sdk.AttachRolePolicyCommand({ RoleName: 'revoked', PolicyArn: ADMIN }));
  await allow({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: `${ACCOUNT}:role/revoked` });
  const session = new sdk.IAMClient(options(await assumed(keys, 'revoked')));
  await session.send(new sdk.ListUsersCommand({}));
  const revoke = (before: number) => {
    const Condition = { DateLessThan: { 'aws:TokenIssueTime': new Date(before).toISOString() } };
    const PolicyDocument = document({ Effect: 'Deny', Action: '*', Resource: '*', Condition });
    return root.send(
      new sdk.PutRolePolicyCommand({ RoleName: 'revoked', PolicyName: 'AWSRevokeOlderSessions', PolicyDocument }),
    );
  };
  await revoke(Date.now() - 3_600_000);
  await session.send(new sdk.ListUsersCommand({}));
  await revoke(Date.now() + 1000);
  await assert.rejects(session.send(new sdk.ListUsersCommand({})), /with an explicit deny in an identity-based policy/);
  session.destroy();
});

test('a role of the account is changed into no other function by who may not pass it', async () => {
  const lambda = new LambdaClient(options(ROOT));
  await root.send(new sdk.CreateRoleCommand({ RoleName: 'worker', AssumeRolePolicyDocument: TRUSTS_LAMBDA }));
  const code = { ZipFile: await zipOf({ 'index.js': 'exports.handler = async () => {};' }) };
  const made = {
    FunctionName: 'works',
    Role: `${ACCOUNT}:role/worker`,
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
  } as const;
  await lambda.send(new CreateFunctionCommand({ ...made, Code: code }));
  await allow({ Effect: 'Allow', Action: 'lambda:*', Resource: '*' });
  const client = new LambdaClient(options(keys));
  const change = (Role: string) =>
    client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'works', Role: `${ACCOUNT}:role/${Role}` }));
  await assert.rejects(change('deployer'), refused('iam:PassRole'));
  // Not even the one that it has: whose it is does not tell whose it may be made.
  await assert.rejects(change('worker'), refused('iam:PassRole'));
  const pass = { Effect: 'Allow', Action: 'iam:PassRole', Resource: `${ACCOUNT}:role/worker` };
  await allow({ Effect: 'Allow', Action: 'lambda:*', Resource: '*' }, pass);
  await change('worker');
  for (const one of [client, lambda]) one.destroy();
});

test('a stack is not given a service role that who deploys it may not pass, by change set or update either', async () => {
  await allow({ Effect: 'Allow', Action: 'cloudformation:*', Resource: '*' });
  const client = new cfn.CloudFormationClient(options(keys));
  const RoleARN = `${ACCOUNT}:role/deployer`;
  const what = { TemplateBody: TEMPLATE, RoleARN, Capabilities: ['CAPABILITY_NAMED_IAM'] satisfies cfn.Capability[] };
  const change = { StackName: 'by-change', ChangeSetName: 'one', ChangeSetType: 'CREATE', ...what } as const;
  await assert.rejects(
    client.send(new cfn.CreateStackCommand({ StackName: 'by-create', ...what })),
    refused('iam:PassRole'),
  );
  await assert.rejects(client.send(new cfn.CreateChangeSetCommand(change)), refused('iam:PassRole'));
  await assert.rejects(
    client.send(new cfn.UpdateStackCommand({ StackName: 'by-update', ...what })),
    refused('iam:PassRole'),
  );
  await assert.rejects(
    client.send(new cfn.DeleteStackCommand({ StackName: 'by-delete', RoleARN })),
    refused('iam:PassRole'),
  );
  client.destroy();
});

const TRUSTS_ACCOUNT = document({ Effect: 'Allow', Principal: { AWS: '000000000000' }, Action: 'sts:AssumeRole' });
const TRUSTS_LAMBDA = document({
  Effect: 'Allow',
  Principal: { Service: 'lambda.amazonaws.com' },
  Action: 'sts:AssumeRole',
});

/** Takes a role on. */
async function assumed(by: Parameters<typeof options>[0], name: string, DurationSeconds?: number) {
  const sts = new STSClient(options(by));
  const wish = { RoleArn: `${ACCOUNT}:role/${name}`, RoleSessionName: 'mallory' };
  try {
    const { Credentials } = await sts.send(
      new AssumeRoleCommand({ ...wish, ...(DurationSeconds !== undefined && { DurationSeconds }) }),
    );
    const { AccessKeyId, SecretAccessKey, SessionToken } = Credentials!;
    return { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken! };
  } finally {
    sts.destroy();
  }
}

test('a trust policy asks where a call comes from, how, from whom and with which client', async () => {
  const trust = (Condition: object) =>
    document({ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole', Condition });
  await root.send(new sdk.CreateRoleCommand({ RoleName: 'choosy', AssumeRolePolicyDocument: trust({}) }));
  await allow({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: `${ACCOUNT}:role/choosy` });
  const MALLORY = `${ACCOUNT}:user/mallory`;
  const cases: readonly (readonly [object, boolean])[] = [
    [{ IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } }, true],
    [{ IpAddress: { 'aws:SourceIp': '198.51.100.0/24' } }, false],
    [{ NotIpAddress: { 'aws:SourceIp': '198.51.100.0/24' } }, true],
    [{ Bool: { 'aws:SecureTransport': 'true' } }, true],
    [{ Bool: { 'aws:SecureTransport': 'false' } }, false],
    [{ ArnEquals: { 'aws:PrincipalArn': MALLORY } }, true],
    [{ ArnEquals: { 'aws:PrincipalArn': `${ACCOUNT}:user/admin` } }, false],
    [{ StringEquals: { 'aws:username': 'mallory', 'aws:PrincipalType': 'User' } }, true],
    [{ StringEquals: { 'aws:PrincipalAccount': '111111111111' } }, false],
    [{ StringEquals: { 'aws:RequestedRegion': 'us-east-1' } }, true],
    [{ StringLike: { 'aws:UserAgent': '*aws-sdk-js*' } }, true],
    [{ StringLike: { 'aws:UserAgent': 'curl*' } }, false],
    [{ DateLessThan: { 'aws:CurrentTime': '2020-01-01T00:00:00Z' } }, false],
  ];
  for (const [condition, isTaken] of cases) {
    const PolicyDocument = trust(condition);
    await root.send(new sdk.UpdateAssumeRolePolicyCommand({ RoleName: 'choosy', PolicyDocument }));
    const taken = await assumed(keys, 'choosy').then(
      () => true,
      (error: Error) => !refused('sts:AssumeRole')(error),
    );
    assert.equal(taken, isTaken, JSON.stringify(condition));
  }
});
