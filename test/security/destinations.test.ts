/** Where functions send what has failed, and what they have made of events: their roles must be able to, from the setting on. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { CreateStreamCommand, KinesisClient, waitUntilStreamExists } from '@aws-sdk/client-kinesis';
import * as sdk from '@aws-sdk/client-lambda';
import * as s3 from '@aws-sdk/client-s3';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Node } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { securedNode } from '../support/in-process.ts';
import { ROOT } from './secured-node.ts';

const ACCOUNT = '000000000000';
const ROLE = `arn:aws:iam::${ACCOUNT}:role/sender`;
const QUEUE = `arn:aws:sqs:us-east-1:${ACCOUNT}:letters`;
const TOPIC = `arn:aws:sns:us-east-1:${ACCOUNT}:news`;
const OTHER = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:other`;
const BUCKET = 'arn:aws:s3:::records';
const STREAM = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/flow`;

let node: Node;
let directory: string;
let iam: IAMClient;
let lambda: sdk.LambdaClient;
let bucket: s3.S3Client;
let sqs: SQSClient;
let code: Uint8Array;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-destinations-'));
  node = await securedNode(directory, ROOT);
  const options = () => ({ endpoint: node.endpoint, region: 'us-east-1', credentials: { ...ROOT }, maxAttempts: 1 });
  iam = new IAMClient(options());
  lambda = new sdk.LambdaClient(options());
  bucket = new s3.S3Client({ ...options(), forcePathStyle: true });
  sqs = new SQSClient(options());
  const trust = { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' };
  await iam.send(new CreateRoleCommand({ RoleName: 'sender', AssumeRolePolicyDocument: document(trust) }));
  code = await zipOf({ 'index.js': 'exports.handler = async () => "made";' });
  await make('sends');
  await make('other');
  await sqs.send(new CreateQueueCommand({ QueueName: 'letters' }));
  await bucket.send(new s3.CreateBucketCommand({ Bucket: 'records' }));
  const kinesis = new KinesisClient(options());
  await kinesis.send(new CreateStreamCommand({ StreamName: 'flow', ShardCount: 1 }));
  await waitUntilStreamExists({ client: kinesis, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { StreamName: 'flow' });
  kinesis.destroy();
});
after(async () => {
  for (const client of [iam, lambda, bucket, sqs]) client?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
beforeEach(() => allow({ Effect: 'Allow', Action: 'sts:GetCallerIdentity', Resource: '*' }));

function document(...Statement: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

async function allow(...statements: readonly object[]): Promise<void> {
  const given = { RoleName: 'sender', PolicyName: 'own', PolicyDocument: document(...statements) };
  await iam.send(new PutRolePolicyCommand(given));
}

const may = (Action: string, Resource: string) => ({ Effect: 'Allow', Action, Resource });

function make(FunctionName: string, more: Partial<sdk.CreateFunctionCommandInput> = {}) {
  const how = { Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 20 } as const;
  return lambda.send(
    new sdk.CreateFunctionCommand({ FunctionName, Role: ROLE, ...how, Code: { ZipFile: code }, ...more }),
  );
}

const lacks = (message: string) => ({ name: 'InvalidParameterValueException', message });

test('dead letters are set to a queue or topic that the role may send to', async () => {
  const cases = [
    [QUEUE, 'sqs:SendMessage', 'SendMessage on SQS'],
    [TOPIC, 'sns:Publish', 'Publish on SNS'],
  ] as const;
  for (const [TargetArn, action, words] of cases) {
    const message = `The provided execution role does not have permissions to call ${words}`;
    const set = () =>
      lambda.send(
        new sdk.UpdateFunctionConfigurationCommand({ FunctionName: 'sends', DeadLetterConfig: { TargetArn } }),
      );
    await assert.rejects(make('with-letters', { DeadLetterConfig: { TargetArn } }), lacks(message));
    await assert.rejects(set(), lacks(message));
    await allow(may(action, TargetArn));
    await set();
  }
  await lambda.send(
    new sdk.UpdateFunctionConfigurationCommand({ FunctionName: 'sends', DeadLetterConfig: { TargetArn: '' } }),
  );
});

test('destinations are set to what the role may send to', async () => {
  const put = (Destination: string) =>
    lambda.send(
      new sdk.PutFunctionEventInvokeConfigCommand({
        FunctionName: 'sends',
        DestinationConfig: { OnFailure: { Destination } },
      }),
    );
  const cases = [
    [QUEUE, 'sqs:SendMessage', QUEUE],
    [TOPIC, 'sns:Publish', TOPIC],
    [OTHER, 'lambda:InvokeFunction', OTHER],
    [BUCKET, 's3:PutObject', `${BUCKET}/*`],
  ] as const;
  for (const [arn, action, resource] of cases) {
    const words = `${action.split(':')[1]} on ${arn}`;
    await allow(may(action, `${resource}-of-others`));
    await assert.rejects(put(arn), lacks(`The function's execution role does not have permissions to call ${words}`));
    await allow(may(action, resource));
    await put(arn);
  }
});

test('a mapping sends what has failed where the role may', async () => {
  const reads = may('kinesis:*', STREAM);
  const map = (Destination: string) =>
    lambda.send(
      new sdk.CreateEventSourceMappingCommand({
        ...{ FunctionName: 'other', EventSourceArn: STREAM, StartingPosition: 'LATEST' },
        DestinationConfig: { OnFailure: { Destination } },
      }),
    );
  await allow(reads);
  await assert.rejects(
    map(QUEUE),
    lacks('The provided execution role does not have permissions to call SendMessage on SQS'),
  );
  await assert.rejects(
    map(BUCKET),
    lacks('The provided execution role does not have permissions to call PutObject on S3'),
  );
  await allow(reads, may('sqs:SendMessage', QUEUE));
  const { UUID } = await map(QUEUE);
  await lambda.send(new sdk.DeleteEventSourceMappingCommand({ UUID }));
});

test('a right that is taken away later is missed when something is delivered', async () => {
  const both = [may('sqs:SendMessage', QUEUE), may('s3:PutObject', `${BUCKET}/*`)];
  await allow(...both);
  await lambda.send(
    new sdk.PutFunctionEventInvokeConfigCommand({
      ...{ FunctionName: 'sends', MaximumRetryAttempts: 0 },
      DestinationConfig: { OnSuccess: { Destination: QUEUE }, OnFailure: { Destination: BUCKET } },
    }),
  );
  await lambda.send(
    new sdk.UpdateFunctionCodeCommand({
      FunctionName: 'sends',
      ZipFile: await zipOf({
        'index.js': 'exports.handler = async ({ fail }) => { if (fail) throw new Error("failed"); };',
      }),
    }),
  );
  const invoke = (fail: boolean) =>
    lambda.send(
      new sdk.InvokeCommand({
        ...{ FunctionName: 'sends', InvocationType: 'Event', Payload: Buffer.from(JSON.stringify({ fail })) },
      }),
    );
  const keys = async () => {
    const { Contents = [] } = await bucket.send(new s3.ListObjectsV2Command({ Bucket: 'records' }));
    return Contents.length;
  };
  const QueueUrl = `${node.endpoint}/${ACCOUNT}/letters`;
  const next = async () => (await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }))).Messages?.[0];
  // What goes to the queue afterwards shows that what was refused before it has come to its end.
  await allow(both[0]!);
  await invoke(true);
  await invoke(false);
  assert.match((await next())!.Body!, /"condition":"Success"/);
  assert.equal(await keys(), 0);
  await allow(...both);
  await invoke(true);
  for (const end = Date.now() + 20_000; (await keys()) === 0; ) assert.ok(Date.now() < end, 'nothing comes');
});
