/** One function against another: with the credentials of its role it reaches neither what is the other's, nor the other itself. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import * as ddb from '@aws-sdk/client-dynamodb';
import * as iam from '@aws-sdk/client-iam';
import * as fn from '@aws-sdk/client-lambda';
import * as s3 from '@aws-sdk/client-s3';
import * as secrets from '@aws-sdk/client-secrets-manager';
import * as sqs from '@aws-sdk/client-sqs';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { systemClock } from '../../src/base/index.ts';
import { type Node, startNode } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { ROOT } from './secured-node.ts';

const ACCOUNT = '000000000000';
const HOUR = 3_600_000;
const here = (service: string, resource: string) => `arn:aws:${service}:us-east-1:${ACCOUNT}:${resource}`;
const role = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;

/** What a function could give away: the test plays its code with real clients. */
const HANDLER = `exports.handler = async () => ({
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
  sessionToken: process.env.AWS_SESSION_TOKEN,
});`;

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What the node believes to be late. */
let lateMs = 0;
const clock = { ...systemClock, now: () => Date.now() + lateMs };

let node: Node;
let directory: string;
let root: ReturnType<typeof clientsOf>;
let code: Uint8Array;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-apart-'));
  const listen = { host: '127.0.0.1', httpPort: 0, mqttPort: 0, mode: 'secured', blankEnvironments: 1 } as const;
  node = await startNode({ dataDirectory: directory, ...listen, rootCredentials: ROOT, logLevel: 'error' }, clock);
  root = clientsOf(ROOT);
  code = await zipOf({ 'index.js': HANDLER });
  for (const name of ['alpha', 'beta', 'strong']) await makeRole(name);
  for (const name of ['alpha', 'beta']) await makeFunction(name);
  await root.ddb.send(
    new ddb.CreateTableCommand({
      TableName: 'beta',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  await root.s3.send(new s3.CreateBucketCommand({ Bucket: 'beta' }));
  await root.s3.send(new s3.PutObjectCommand({ Bucket: 'beta', Key: 'a', Body: 'of beta' }));
  await root.secrets.send(new secrets.CreateSecretCommand({ Name: 'beta', SecretString: 'of beta' }));
  await root.sqs.send(new sqs.CreateQueueCommand({ QueueName: 'beta' }));
});
after(async () => {
  root?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
beforeEach(async () => {
  for (const name of ['alpha', 'beta']) await allow(name, NOTHING);
});

const NOTHING = { Effect: 'Allow', Action: 'ec2:DescribeRegions', Resource: '*' };

function clientsOf(credentials: Keys) {
  const options = () => ({
    ...{ endpoint: node.endpoint, region: 'us-east-1', maxAttempts: 1, systemClockOffset: lateMs },
    credentials: { ...credentials },
  });
  const all = {
    ddb: new ddb.DynamoDBClient(options()),
    iam: new iam.IAMClient(options()),
    lambda: new fn.LambdaClient(options()),
    s3: new s3.S3Client({ ...options(), forcePathStyle: true }),
    secrets: new secrets.SecretsManagerClient(options()),
    sqs: new sqs.SQSClient(options()),
    sts: new STSClient(options()),
  };
  const destroy = () => {
    for (const client of Object.values(all)) client.destroy();
  };
  return { ...all, destroy };
}

function document(...Statement: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

async function makeRole(RoleName: string): Promise<void> {
  const trust = { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' };
  await root.iam.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: document(trust) }));
}

async function makeFunction(FunctionName: string): Promise<void> {
  await root.lambda.send(
    new fn.CreateFunctionCommand({
      ...{ FunctionName, Role: role(FunctionName), Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 20 },
      Code: { ZipFile: code },
    }),
  );
}

/** Gives the role of a function these rights and no others. */
async function allow(name: string, ...statements: readonly object[]): Promise<void> {
  const PolicyDocument = document(...statements);
  await root.iam.send(new iam.PutRolePolicyCommand({ RoleName: name, PolicyName: 'own', PolicyDocument }));
}

async function keysOf(FunctionName: string, by = root): Promise<Keys> {
  const { Payload } = await by.lambda.send(new fn.InvokeCommand({ FunctionName }));
  return JSON.parse(Buffer.from(Payload!).toString());
}

/** Runs `work` as the code of a function would. */
async function as(name: string, work: (clients: ReturnType<typeof clientsOf>) => Promise<void>): Promise<void> {
  const clients = clientsOf(await keysOf(name));
  try {
    await work(clients);
  } finally {
    clients.destroy();
  }
}

function refused(action: string, session = 'assumed-role/alpha/alpha') {
  return (error: Error) => {
    assert.match(error.message, new RegExp(`${session} is not authorized to perform: ${action} `));
    return true;
  };
}

const on = (Resource: string | readonly string[], ...Action: string[]) => ({ Effect: 'Allow', Action, Resource });

test("a function's role reads neither the table nor the bucket, secret or queue of another's", async () => {
  const QueueUrl = `${node.endpoint}/${ACCOUNT}/beta`;
  const reads = (clients: ReturnType<typeof clientsOf>): readonly (readonly [string, () => Promise<unknown>])[] => [
    [
      'dynamodb:GetItem',
      () => clients.ddb.send(new ddb.GetItemCommand({ TableName: 'beta', Key: { id: { S: 'x' } } })),
    ],
    ['dynamodb:Scan', () => clients.ddb.send(new ddb.ScanCommand({ TableName: 'beta' }))],
    ['s3:GetObject', () => clients.s3.send(new s3.GetObjectCommand({ Bucket: 'beta', Key: 'a' }))],
    ['s3:ListBucket', () => clients.s3.send(new s3.ListObjectsV2Command({ Bucket: 'beta' }))],
    [
      'secretsmanager:GetSecretValue',
      () => clients.secrets.send(new secrets.GetSecretValueCommand({ SecretId: 'beta' })),
    ],
    ['sqs:ReceiveMessage', () => clients.sqs.send(new sqs.ReceiveMessageCommand({ QueueUrl }))],
  ];
  const theirs = [
    on(here('dynamodb', 'table/beta'), 'dynamodb:*'),
    on(['arn:aws:s3:::beta', 'arn:aws:s3:::beta/*'], 's3:*'),
    on(here('secretsmanager', 'secret:beta-??????'), 'secretsmanager:*'),
    on(here('sqs', 'beta'), 'sqs:*'),
  ];
  await allow('beta', ...theirs);
  // The same rights to things of the first one's own.
  await allow('alpha', ...(JSON.parse(JSON.stringify(theirs).replaceAll('beta', 'alpha')) as object[]));
  await as('alpha', async (clients) => {
    for (const [action, read] of reads(clients)) await assert.rejects(read(), refused(action));
  });
  await as('beta', async (clients) => {
    for (const [, read] of reads(clients)) await read();
  });
});

test('a function invokes another with the right to it alone, in every way there is', async () => {
  const target = here('lambda', 'function:beta');
  await root.lambda.send(new fn.PublishVersionCommand({ FunctionName: 'beta' }));
  const invoke = (clients: ReturnType<typeof clientsOf>, more: Partial<fn.InvokeCommandInput> = {}) =>
    clients.lambda.send(new fn.InvokeCommand({ FunctionName: 'beta', ...more }));
  await allow('alpha', on(here('lambda', 'function:alpha'), 'lambda:*'));
  await as('alpha', async (clients) => {
    for (const InvocationType of ['RequestResponse', 'Event', 'DryRun'] as const) {
      await assert.rejects(invoke(clients, { InvocationType }), refused('lambda:InvokeFunction'));
    }
    const stream = new fn.InvokeWithResponseStreamCommand({ FunctionName: 'beta' });
    await assert.rejects(clients.lambda.send(stream), refused('lambda:InvokeFunction'));
    await assert.rejects(invoke(clients, { FunctionName: target }), refused('lambda:InvokeFunction'));
    // Nor by opening the other to itself.
    const open = { FunctionName: 'beta', StatementId: 'in', Action: 'lambda:InvokeFunction', Principal: role('alpha') };
    await assert.rejects(clients.lambda.send(new fn.AddPermissionCommand(open)), refused('lambda:AddPermission'));
  });
  await allow('alpha', on(`${target}:1`, 'lambda:InvokeFunction'));
  await as('alpha', async (clients) => {
    await invoke(clients, { Qualifier: '1' });
    await assert.rejects(invoke(clients), refused('lambda:InvokeFunction'));
  });
});

test('a function passes on no role that it may not pass, neither to a new function nor to itself or another', async () => {
  const functions = on('*', 'lambda:CreateFunction', 'lambda:UpdateFunctionConfiguration', 'lambda:UpdateFunctionCode');
  const passes = on(role('alpha'), 'iam:PassRole');
  await allow('alpha', functions, passes);
  const made = {
    FunctionName: 'minion',
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Code: { ZipFile: code },
  } as const;
  await as('alpha', async ({ lambda }) => {
    const create = (Role: string) => lambda.send(new fn.CreateFunctionCommand({ ...made, Role }));
    const change = (FunctionName: string, Role: string) =>
      lambda.send(new fn.UpdateFunctionConfigurationCommand({ FunctionName, Role }));
    for (const other of ['strong', 'beta', 'nobody']) {
      await assert.rejects(create(role(other)), refused('iam:PassRole'));
      for (const name of ['alpha', 'beta']) await assert.rejects(change(name, role(other)), refused('iam:PassRole'));
    }
    await create(role('alpha'));
  });
  await allow('alpha', on(here('lambda', 'function:alpha'), 'lambda:UpdateFunctionCode'), passes);
  await as('alpha', async ({ lambda }) => {
    const update = (FunctionName: string) =>
      lambda.send(new fn.UpdateFunctionCodeCommand({ FunctionName, ZipFile: code }));
    await update('alpha');
    // Code that runs with the other's role.
    await assert.rejects(update('beta'), refused('lambda:UpdateFunctionCode'));
  });
});

test("a function has no queue of another's read for it: its own role must be able to", async () => {
  const mapping = (FunctionName: string) =>
    new fn.CreateEventSourceMappingCommand({ FunctionName, EventSourceArn: here('sqs', 'beta') });
  await allow('beta', on(here('sqs', 'beta'), 'sqs:*'));
  const Condition = { ArnEquals: { 'lambda:FunctionArn': here('lambda', 'function:alpha') } };
  await allow('alpha', { ...on('*', 'lambda:CreateEventSourceMapping'), Condition });
  await as('alpha', async ({ lambda }) => {
    await assert.rejects(
      lambda.send(mapping('alpha')),
      /execution role does not have permissions to call ReceiveMessage on SQS/,
    );
    await assert.rejects(lambda.send(mapping('beta')), refused('lambda:CreateEventSourceMapping'));
  });
});

test('credentials that were carried elsewhere end with their hour; the function has others by then, and works on', async () => {
  await allow('beta', on(here('dynamodb', 'table/beta'), 'dynamodb:Scan'));
  const scan = async (keys: Keys) => {
    const clients = clientsOf(keys);
    try {
      return (await clients.ddb.send(new ddb.ScanCommand({ TableName: 'beta' }))).Count;
    } finally {
      clients.destroy();
    }
  };
  const carried = await keysOf('beta');
  assert.equal(await scan(carried), 0);
  // Within the last minute and the timeout of an invocation no environment begins with them any more.
  lateMs = HOUR - 70_000;
  const late = clientsOf(ROOT);
  const renewed = await keysOf('beta', late);
  assert.notEqual(renewed.accessKeyId, carried.accessKeyId);
  assert.equal(await scan(carried), 0, 'not yet');
  lateMs = HOUR + 1_000;
  await assert.rejects(scan(carried), { name: 'ExpiredTokenException' });
  assert.equal(await scan(renewed), 0);
  // Neither their token with another's key nor another's token with theirs.
  const alpha = await keysOf('alpha', late);
  await assert.rejects(scan({ ...renewed, sessionToken: alpha.sessionToken! }));
  await assert.rejects(scan({ accessKeyId: renewed.accessKeyId, secretAccessKey: renewed.secretAccessKey }));
  late.destroy();
  const clients = clientsOf(renewed);
  const { Arn } = await clients.sts.send(new GetCallerIdentityCommand({}));
  assert.equal(Arn, `arn:aws:sts::${ACCOUNT}:assumed-role/beta/beta`);
  clients.destroy();
});
