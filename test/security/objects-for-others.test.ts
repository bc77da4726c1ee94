/** Services that read objects for a caller read what the caller may read: code of functions and layers, tables that are imported. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import * as cfn from '@aws-sdk/client-cloudformation';
import * as ddb from '@aws-sdk/client-dynamodb';
import * as sdk from '@aws-sdk/client-iam';
import * as fn from '@aws-sdk/client-lambda';
import * as s3 from '@aws-sdk/client-s3';
import type { Node } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { aMoment } from '../support/eventually.ts';
import { securedNode } from '../support/in-process.ts';
import { ROOT } from './secured-node.ts';

const ROLE = 'arn:aws:iam::000000000000:role/runs';
const MALLORY = 'arn:aws:iam::000000000000:user/mallory';
const TRUST = document({ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' });
const Handler = 'index.handler';

let node: Node;
let directory: string;
let iam: sdk.IAMClient;
let bucket: s3.S3Client;
/** Of Mallory, who has what each test gives her. */
let lambda: fn.LambdaClient;
let dynamodb: ddb.DynamoDBClient;
let stacks: cfn.CloudFormationClient;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-objects-'));
  node = await securedNode(directory, ROOT);
  const options = (credentials: typeof ROOT) => ({
    ...{ endpoint: node.endpoint, region: 'us-east-1', maxAttempts: 1 },
    credentials: { ...credentials },
  });
  iam = new sdk.IAMClient(options(ROOT));
  bucket = new s3.S3Client({ ...options(ROOT), forcePathStyle: true });
  await iam.send(new sdk.CreateRoleCommand({ RoleName: 'runs', AssumeRolePolicyDocument: TRUST }));
  await iam.send(new sdk.CreateUserCommand({ UserName: 'mallory' }));
  const { AccessKey } = await iam.send(new sdk.CreateAccessKeyCommand({ UserName: 'mallory' }));
  const keys = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  lambda = new fn.LambdaClient(options(keys));
  dynamodb = new ddb.DynamoDBClient(options(keys));
  stacks = new cfn.CloudFormationClient(options(keys));
  await bucket.send(new s3.CreateBucketCommand({ Bucket: 'store' }));
  await bucket.send(
    new s3.PutBucketVersioningCommand({ Bucket: 'store', VersioningConfiguration: { Status: 'Enabled' } }),
  );
});
after(async () => {
  for (const client of [iam, bucket, lambda, dynamodb, stacks]) client?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
beforeEach(async () => {
  await allow({ Effect: 'Allow', Action: 'sts:GetCallerIdentity', Resource: '*' });
  await bucket.send(new s3.DeleteBucketPolicyCommand({ Bucket: 'store' }));
});

function document(...Statement: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

async function allow(...statements: readonly object[]): Promise<void> {
  const given = { UserName: 'mallory', PolicyName: 'own', PolicyDocument: document(...statements) };
  await iam.send(new sdk.PutUserPolicyCommand(given));
}

async function put(Key: string, Body: Uint8Array | string): Promise<string> {
  return (await bucket.send(new s3.PutObjectCommand({ Bucket: 'store', Key, Body }))).VersionId!;
}

function refused(action: string, resource: string) {
  return (error: Error) => {
    assert.match(
      error.message,
      new RegExp(`user/mallory is not authorized to perform: ${action} on resource: "?${resource}`),
    );
    return true;
  };
}

const returning = (text: string) => zipOf({ 'index.js': `exports.handler = async () => '${text}';` });
const functions = { Effect: 'Allow', Action: ['lambda:*', 'iam:PassRole'], Resource: '*' };
const reads = (...names: string[]) => ({
  ...{ Effect: 'Allow', Action: 's3:GetObject' },
  Resource: names.map((name) => `arn:aws:s3:::store/${name}`),
});

test('code stands in a bucket for those who may read it, by their policies and by that of the bucket', async () => {
  await put('code.zip', await returning('code'));
  const Code = { S3Bucket: 'store', S3Key: 'code.zip' };
  const made = { FunctionName: 'made', Role: ROLE, Runtime: 'nodejs24.x', Handler, Code } as const;
  const create = () => lambda.send(new fn.CreateFunctionCommand(made));
  const layer = () => lambda.send(new fn.PublishLayerVersionCommand({ LayerName: 'layer', Content: Code }));
  await allow(functions, reads('other.zip'));
  await assert.rejects(create(), refused('s3:GetObject', 'arn:aws:s3:::store/code.zip'));
  await assert.rejects(layer(), refused('s3:GetObject', 'arn:aws:s3:::store/code.zip'));
  await allow(functions, reads('code.zip'));
  const Resource = 'arn:aws:s3:::store/code.zip';
  const policy = (Effect: string) =>
    bucket.send(
      new s3.PutBucketPolicyCommand({
        Bucket: 'store',
        Policy: document({ Effect, Principal: { AWS: MALLORY }, Action: 's3:GetObject', Resource }),
      }),
    );
  await policy('Deny');
  await assert.rejects(create(), refused('s3:GetObject', 'arn:aws:s3:::store/code.zip'));
  await assert.rejects(layer(), refused('s3:GetObject', 'arn:aws:s3:::store/code.zip'));
  await allow(functions);
  await policy('Allow');
  await create();
  await layer();
});

test('a version of the code is a right of its own, and it is that version which runs', async () => {
  const S3ObjectVersion = await put('versions.zip', await returning('first'));
  await put('versions.zip', await returning('second'));
  const Code = { S3Bucket: 'store', S3Key: 'versions.zip', S3ObjectVersion };
  const create = () =>
    lambda.send(
      new fn.CreateFunctionCommand({ FunctionName: 'versioned', Role: ROLE, Runtime: 'nodejs24.x', Handler, Code }),
    );
  await allow(functions, reads('versions.zip'));
  await assert.rejects(create(), refused('s3:GetObjectVersion', 'arn:aws:s3:::store/versions.zip'));
  await allow(functions, { ...reads('versions.zip'), Action: 's3:GetObjectVersion' });
  await create();
  const { Payload } = await lambda.send(new fn.InvokeCommand({ FunctionName: 'versioned' }));
  assert.equal(Buffer.from(Payload!).toString(), '"first"');
});

test('a stack reads no code that who deploys it may not read', async () => {
  await put('stack.zip', await returning('stack'));
  const TemplateBody = JSON.stringify({
    Resources: {
      Made: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          ...{ FunctionName: 'of-stack', Role: ROLE, Runtime: 'nodejs24.x', Handler },
          Code: { S3Bucket: 'store', S3Key: 'stack.zip' },
        },
      },
    },
  });
  const waiting = { client: stacks, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
  const deploy = async (StackName: string) => {
    await stacks.send(new cfn.CreateStackCommand({ StackName, TemplateBody }));
    await cfn.waitUntilStackCreateComplete(waiting, { StackName });
  };
  const makes = { ...functions, Action: [...functions.Action, 'cloudformation:*'] };
  await allow(makes);
  await assert.rejects(deploy('without'));
  const { StackEvents } = await stacks.send(new cfn.DescribeStackEventsCommand({ StackName: 'without' }));
  const reasons = StackEvents!.map((one) => one.ResourceStatusReason ?? '').join('\n');
  assert.match(
    reasons,
    /user\/mallory is not authorized to perform: s3:GetObject on resource: "?arn:aws:s3:::store\/stack\.zip/,
  );
  await allow(makes, reads('stack.zip'));
  await deploy('with');
});

test('an import reads no object of its prefix that who begins it may not read', async () => {
  const row = (id: string) => `${JSON.stringify({ Item: { id: { S: id } } })}\n`;
  await put('in/a.json', row('a'));
  await put('in/secret.json', row('secret'));
  const begin = (TableName: string) =>
    dynamodb.send(
      new ddb.ImportTableCommand({
        S3BucketSource: { S3Bucket: 'store', S3KeyPrefix: 'in/' },
        InputFormat: 'DYNAMODB_JSON',
        TableCreationParameters: {
          TableName,
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
          BillingMode: 'PAY_PER_REQUEST',
        },
      }),
    );
  const ended = async (TableName: string) => {
    const { ImportArn } = (await begin(TableName)).ImportTableDescription!;
    for (;;) {
      const { ImportTableDescription: one } = await dynamodb.send(new ddb.DescribeImportCommand({ ImportArn }));
      if (one!.ImportStatus !== 'IN_PROGRESS') return one!;
      await aMoment();
    }
  };
  const imports = { Effect: 'Allow', Action: 'dynamodb:*', Resource: '*' };
  const lists = (prefix: string) => ({
    ...{ Effect: 'Allow', Action: 's3:ListBucket', Resource: 'arn:aws:s3:::store' },
    Condition: { StringEquals: { 's3:prefix': prefix } },
  });
  await allow(imports, lists('in/'), reads('in/a.json'));
  await assert.rejects(begin('narrow'), refused('s3:GetObject', 'arn:aws:s3:::store/in/'));
  await allow(imports, lists('out/'), reads('in/*'));
  await assert.rejects(begin('unlisted'), refused('s3:ListBucket', 'arn:aws:s3:::store'));
  await allow(imports, lists('in/'), reads('in/*'), { ...reads('in/secret.json'), Effect: 'Deny' });
  const denied = await ended('denied');
  assert.deepEqual([denied.ImportStatus, denied.FailureCode], ['FAILED', 'S3AccessDenied']);
  assert.match(
    denied.FailureMessage!,
    /s3:GetObject on resource: "?arn:aws:s3:::store\/in\/secret\.json"? with an explicit deny/,
  );
  await allow(imports, lists('in/'), reads('in/*'));
  assert.equal((await ended('whole')).ImportedItemCount, 2);
});
