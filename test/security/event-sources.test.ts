/** Functions are given what their roles may read, and no more: when a mapping is made, and for as long as it runs. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  PutSubscriptionFilterCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  AttachRolePolicyCommand,
  CreateRoleCommand,
  DetachRolePolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import {
  CreateStreamCommand,
  DeleteResourcePolicyCommand,
  KinesisClient,
  PutResourcePolicyCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import * as sdk from '@aws-sdk/client-lambda';
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Node } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { aMoment } from '../support/eventually.ts';
import { securedNode } from '../support/in-process.ts';
import { ROOT } from './secured-node.ts';

const ACCOUNT = '000000000000';
const ROLE = `arn:aws:iam::${ACCOUNT}:role/reader`;
const QUEUE = `arn:aws:sqs:us-east-1:${ACCOUNT}:inbox`;
const STREAM = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/flow`;
const MANAGED = 'arn:aws:iam::aws:policy/service-role';

const TRUST = document({ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' });
const NOTHING = { Effect: 'Allow', Action: 'sts:GetCallerIdentity', Resource: '*' };
/** What the function sends to, as its mapping reads it, shows that it was invoked. */
const HANDLER = `exports.handler = async () => {};`;

let node: Node;
let directory: string;
let iam: IAMClient;
let lambda: sdk.LambdaClient;
let sqs: SQSClient;
let kinesis: KinesisClient;
let logs: CloudWatchLogsClient;
let QueueUrl: string;
let tableStream: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-sources-'));
  node = await securedNode(directory, ROOT);
  const options = () => ({ endpoint: node.endpoint, region: 'us-east-1', credentials: { ...ROOT }, maxAttempts: 1 });
  iam = new IAMClient(options());
  lambda = new sdk.LambdaClient(options());
  sqs = new SQSClient(options());
  await iam.send(new CreateRoleCommand({ RoleName: 'reader', AssumeRolePolicyDocument: TRUST }));
  await lambda.send(
    new sdk.CreateFunctionCommand({
      ...{ FunctionName: 'reads', Role: ROLE, Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 20 },
      Code: { ZipFile: await zipOf({ 'index.js': HANDLER }) },
    }),
  );
  QueueUrl = (await sqs.send(new CreateQueueCommand({ QueueName: 'inbox' }))).QueueUrl!;
  logs = new CloudWatchLogsClient(options());
  kinesis = new KinesisClient(options());
  await kinesis.send(new CreateStreamCommand({ StreamName: 'flow', ShardCount: 1 }));
  await waitUntilStreamExists({ client: kinesis, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { StreamName: 'flow' });
  const dynamodb = new DynamoDBClient(options());
  const { TableDescription } = await dynamodb.send(
    new CreateTableCommand({
      TableName: 'rows',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
    }),
  );
  tableStream = TableDescription!.LatestStreamArn!;
  dynamodb.destroy();
});
after(async () => {
  for (const client of [iam, lambda, sqs, kinesis, logs]) client?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
beforeEach(() => allow(NOTHING));

function document(...Statement: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

async function allow(...statements: readonly object[]): Promise<void> {
  const given = { RoleName: 'reader', PolicyName: 'own', PolicyDocument: document(...statements) };
  await iam.send(new PutRolePolicyCommand(given));
}

const map = (EventSourceArn: string, more: Partial<sdk.CreateEventSourceMappingCommandInput> = {}) =>
  lambda.send(new sdk.CreateEventSourceMappingCommand({ FunctionName: 'reads', EventSourceArn, ...more }));

async function unmap(UUID: string): Promise<void> {
  await lambda.send(new sdk.DeleteEventSourceMappingCommand({ UUID }));
  for (;;) {
    const { EventSourceMappings } = await lambda.send(new sdk.ListEventSourceMappingsCommand({}));
    if (!EventSourceMappings!.some((one) => one.UUID === UUID)) return;
    await aMoment();
  }
}

/** Asks for a mapping until it is as wanted. */
async function until(UUID: string, wanted: (mapping: sdk.EventSourceMappingConfiguration) => boolean) {
  let mapping: sdk.EventSourceMappingConfiguration | undefined;
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    mapping = await lambda.send(new sdk.GetEventSourceMappingCommand({ UUID }));
    if (wanted(mapping)) return mapping;
    await aMoment();
  }
  assert.fail(`the mapping stays as ${mapping?.State}: ${mapping?.LastProcessingResult}`);
}

const read = (...names: readonly string[]) => ({
  ...{ Effect: 'Allow', Resource: QUEUE },
  Action: names.map((name) => `sqs:${name}`),
});
const READS = read('ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes');

test('a queue is mapped to a function whose role may receive from it, delete in it and see its settings', async () => {
  const missing = (action: string) => ({
    name: 'InvalidParameterValueException',
    message: `The provided execution role does not have permissions to call ${action} on SQS`,
  });
  await assert.rejects(map(QUEUE), missing('ReceiveMessage'));
  await allow(read('ReceiveMessage'));
  await assert.rejects(map(QUEUE), missing('DeleteMessage'));
  await allow(read('ReceiveMessage', 'DeleteMessage'));
  await assert.rejects(map(QUEUE), missing('GetQueueAttributes'));
  await allow({ ...READS, Resource: `${QUEUE}-of-others` });
  await assert.rejects(map(QUEUE), missing('ReceiveMessage'));
  await allow(READS, { Effect: 'Deny', Action: 'sqs:DeleteMessage', Resource: QUEUE });
  await assert.rejects(map(QUEUE), missing('DeleteMessage'));
  await allow(READS);
  await unmap((await map(QUEUE)).UUID!);
});

test("a queue's own policy may let the role in", async () => {
  const set = (Policy: string) => sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
  await set(document({ Effect: 'Allow', Principal: { AWS: ROLE }, Action: 'sqs:*', Resource: QUEUE }));
  await unmap((await map(QUEUE)).UUID!);
  await set('');
});

test('streams are mapped to functions whose roles may read them; the managed policies of AWS are enough', async () => {
  const cases = [
    [STREAM, 'AWSLambdaKinesisExecutionRole', 'ListShards, and DescribeStreamSummary Actions on your stream in IAM.'],
    [tableStream, 'AWSLambdaDynamoDBExecutionRole', 'and ListStreams Actions on your stream in IAM.'],
  ] as const;
  for (const [arn, policy, end] of cases) {
    const reading = { StartingPosition: 'LATEST' } as const;
    await assert.rejects(map(arn, reading), (error: Error) => {
      assert.equal(error.name, 'InvalidParameterValueException');
      assert.ok(
        error.message.startsWith(`Cannot access stream ${arn}. Please ensure the role can perform the GetRecords`),
      );
      assert.ok(error.message.endsWith(end), error.message);
      return true;
    });
    const attached = { RoleName: 'reader', PolicyArn: `${MANAGED}/${policy}` };
    await iam.send(new AttachRolePolicyCommand(attached));
    const { UUID } = await map(arn, reading);
    await iam.send(new DetachRolePolicyCommand(attached));
    const { LastProcessingResult } = await until(UUID!, (one) => /^PROBLEM/.test(one.LastProcessingResult!));
    assert.match(LastProcessingResult!, /execution role cannot read .* not authorized to perform: \w+:GetRecords /);
    await unmap(UUID!);
  }
});

test('a right that is taken away stops the mapping and says so; given again it goes on', async () => {
  await allow(READS);
  const { UUID } = await map(QUEUE);
  await until(UUID!, ({ State }) => State === 'Enabled');
  const send = (MessageBody: string) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  await send('one');
  await until(UUID!, ({ LastProcessingResult }) => LastProcessingResult === 'OK');
  await allow(read('DeleteMessage', 'GetQueueAttributes'));
  await send('two');
  const stopped = await until(UUID!, ({ LastProcessingResult }) => LastProcessingResult !== 'OK');
  assert.equal(
    stopped.LastProcessingResult,
    `PROBLEM: The function's execution role cannot read the event source. User: arn:aws:sts::${ACCOUNT}:assumed-role/reader/reads is not authorized to perform: sqs:ReceiveMessage on resource: ${QUEUE} because no identity-based policy allows the sqs:ReceiveMessage action`,
  );
  // The message waits where it is, for whoever may have it.
  const seen = { QueueUrl, VisibilityTimeout: 0, WaitTimeSeconds: 5 };
  assert.equal((await sqs.send(new ReceiveMessageCommand(seen))).Messages?.[0]?.Body, 'two');
  // To stop it takes no right of the role's, to set it going does.
  const update = (Enabled: boolean) => lambda.send(new sdk.UpdateEventSourceMappingCommand({ UUID, Enabled }));
  await update(false);
  await until(UUID!, ({ State }) => State === 'Disabled');
  await assert.rejects(update(true), /does not have permissions to call ReceiveMessage on SQS/);
  await allow(READS);
  await update(true);
  await until(UUID!, ({ LastProcessingResult, State }) => State === 'Enabled' && LastProcessingResult === 'OK');
  await unmap(UUID!);
});

test('a log group sends into a stream by the rights of its role and the policy of the stream, however its ARN is spelled', async () => {
  const logGroupName = '/lines';
  const roleArn = `arn:aws:iam::${ACCOUNT}:role/lines`;
  const AssumeRolePolicyDocument = TRUST.replace('lambda.amazonaws.com', 'logs.amazonaws.com');
  await iam.send(new CreateRoleCommand({ RoleName: 'lines', AssumeRolePolicyDocument }));
  await logs.send(new CreateLogGroupCommand({ logGroupName }));
  const may = (...statements: readonly object[]) =>
    iam.send(
      new PutRolePolicyCommand({ RoleName: 'lines', PolicyName: 'own', PolicyDocument: document(...statements) }),
    );
  const subscribe = (destinationArn: string) =>
    logs.send(
      new PutSubscriptionFilterCommand({ logGroupName, filterName: 'all', filterPattern: '', destinationArn, roleArn }),
    );
  const refused = { name: 'InvalidParameterException', message: /Could not deliver test message/ };
  const put = { Effect: 'Allow', Action: 'kinesis:PutRecord', Resource: '*' };
  const spelled = STREAM.replace(ACCOUNT, '999999999999');
  await may(put, { ...put, Effect: 'Deny', Resource: STREAM });
  await assert.rejects(subscribe(STREAM), refused);
  await assert.rejects(subscribe(spelled), refused);
  await may(put);
  const denied = { ...put, Effect: 'Deny', Principal: { AWS: roleArn }, Resource: STREAM };
  await kinesis.send(new PutResourcePolicyCommand({ ResourceARN: STREAM, Policy: document(denied) }));
  await assert.rejects(subscribe(STREAM), refused);
  await kinesis.send(new DeleteResourcePolicyCommand({ ResourceARN: STREAM }));
  await subscribe(STREAM);
});

test('a role whose sessions of before were revoked is taken on anew for what is done now', async () => {
  const revoked = {
    ...{ Effect: 'Deny', Action: '*', Resource: '*' },
    Condition: { DateLessThan: { 'aws:TokenIssueTime': new Date(Date.now() - 60_000).toISOString() } },
  };
  await allow(READS, revoked);
  await unmap((await map(QUEUE)).UUID!);
});
