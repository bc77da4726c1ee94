import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackResourceCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation';
import * as lambdaSdk from '@aws-sdk/client-lambda';
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Node } from '../../src/node/index.ts';
import { continueLineage, RECURSION_LIMITS } from '../../src/services/lambda/recursion.ts';
import { zipOf } from '../support/clients.ts';
import { devNode } from '../support/in-process.ts';

let node: Node;
let directory: string;
let lambda: lambdaSdk.LambdaClient;
let sqs: SQSClient;
let stacks: CloudFormationClient;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-loops-'));
  node = await devNode(join(directory, 'data'));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = { endpoint: node.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 };
  lambda = new lambdaSdk.LambdaClient(client);
  sqs = new SQSClient(client);
  stacks = new CloudFormationClient(client);
});

after(async () => {
  for (const client of [lambda, sqs, stacks]) client?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Sends what it gets back to where it came from, as AWS's SDKs do in a function: with the header of its own invocation. */
const TO_QUEUE = `
exports.handler = async ({ Records }) => {
  for (const { body } of Records) {
    await call('sqs', 'AmazonSQS.SendMessage', { QueueUrl: process.env.QUEUE, MessageBody: String(Number(body) + 1) });
  }
};
async function call(service, target, input) {
  const answer = await fetch(process.env.AWS_ENDPOINT_URL, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': target,
      'x-amzn-trace-id': process.env._X_AMZN_TRACE_ID,
      authorization: 'AWS4-HMAC-SHA256 Credential=' + process.env.AWS_ACCESS_KEY_ID + '/20260101/us-east-1/' + service + '/aws4_request, SignedHeaders=host, Signature=' + '0'.repeat(64),
      'x-amz-date': '20260101T000000Z',
    },
    body: JSON.stringify(input),
  });
  if (!answer.ok) throw new Error(await answer.text());
}
`;

/** Invokes itself and tells how often it has run. */
const TO_ITSELF = `
exports.handler = async ({ count, type = 'RequestResponse' }) => {
  const answer = await fetch(process.env.AWS_ENDPOINT_URL + '/2015-03-31/functions/' + process.env.AWS_LAMBDA_FUNCTION_NAME + '/invocations', {
    method: 'POST',
    headers: { 'x-amzn-trace-id': process.env._X_AMZN_TRACE_ID, 'x-amz-invocation-type': type },
    body: JSON.stringify({ count: count + 1, type }),
  });
  const text = await answer.text();
  if (type === 'Event') return;
  return answer.ok ? JSON.parse(text) : { count, status: answer.status, type: answer.headers.get('x-amzn-errortype') };
};
`;

test('a message that goes round is stopped after sixteen invocations, and lies in the dead-letter queue', async () => {
  const StackName = 'loop';
  const TemplateBody = JSON.stringify({
    Transform: 'AWS::Serverless-2016-10-31',
    Resources: {
      Dead: { Type: 'AWS::SQS::Queue' },
      Queue: {
        Type: 'AWS::SQS::Queue',
        Properties: {
          VisibilityTimeout: 2,
          RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] }, maxReceiveCount: 1 },
        },
      },
      Round: {
        Type: 'AWS::Serverless::Function',
        Properties: {
          Runtime: 'nodejs24.x',
          Handler: 'index.handler',
          InlineCode: TO_QUEUE,
          Timeout: 2,
          Environment: { Variables: { QUEUE: { Ref: 'Queue' } } },
          Policies: [{ SQSSendMessagePolicy: { QueueName: { 'Fn::GetAtt': ['Queue', 'QueueName'] } } }],
          Events: { Back: { Type: 'SQS', Properties: { Queue: { 'Fn::GetAtt': ['Queue', 'Arn'] }, BatchSize: 1 } } },
        },
      },
    },
  });
  await stacks.send(
    new CreateStackCommand({ StackName, TemplateBody, Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_AUTO_EXPAND'] }),
  );
  await waitUntilStackCreateComplete({ client: stacks, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { StackName });
  const idOf = async (LogicalResourceId: string) => {
    const answer = await stacks.send(new DescribeStackResourceCommand({ StackName, LogicalResourceId }));
    return answer.StackResourceDetail!.PhysicalResourceId!;
  };
  await sqs.send(new SendMessageCommand({ QueueUrl: await idOf('Queue'), MessageBody: '1' }));
  const { Messages } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: await idOf('Dead'), WaitTimeSeconds: 20, AttributeNames: ['All'] }),
  );
  assert.equal(Messages?.[0]?.Body, String(RECURSION_LIMITS.invocationsMax + 1));
  assert.match(Messages[0].Attributes!.AWSTraceHeader!, /;Lineage=[0-9a-f]{8}:16$/);
});

test('a function that invokes itself is refused the seventeenth time, unless it may', async () => {
  const FunctionName = 'itself';
  await lambda.send(
    new lambdaSdk.CreateFunctionCommand({
      FunctionName,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::000000000000:role/itself',
      Code: { ZipFile: await zipOf({ 'index.js': TO_ITSELF }) },
      Timeout: 30,
    }),
  );
  const run = async (count: number) => {
    const Payload = JSON.stringify({ count });
    const answer = await lambda.send(new lambdaSdk.InvokeCommand({ FunctionName, Payload }));
    return JSON.parse(Buffer.from(answer.Payload!).toString());
  };
  assert.deepEqual(await run(1), { count: 16, status: 400, type: 'RecursiveInvocationException' });
  const config = () => lambda.send(new lambdaSdk.GetFunctionRecursionConfigCommand({ FunctionName }));
  assert.equal((await config()).RecursiveLoop, 'Terminate');
  await lambda.send(new lambdaSdk.PutFunctionRecursionConfigCommand({ FunctionName, RecursiveLoop: 'Allow' }));
  assert.equal((await config()).RecursiveLoop, 'Allow');
});

test('an event that a function sends to itself is given up the seventeenth time, and told to its destination', async () => {
  const FunctionName = 'events';
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'failures' }));
  await lambda.send(
    new lambdaSdk.CreateFunctionCommand({
      FunctionName,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::000000000000:role/itself',
      Code: { ZipFile: await zipOf({ 'index.js': TO_ITSELF }) },
    }),
  );
  const DestinationConfig = { OnFailure: { Destination: 'arn:aws:sqs:us-east-1:000000000000:failures' } };
  await lambda.send(new lambdaSdk.PutFunctionEventInvokeConfigCommand({ FunctionName, DestinationConfig }));
  const Payload = JSON.stringify({ count: 1, type: 'Event' });
  await lambda.send(new lambdaSdk.InvokeCommand({ FunctionName, InvocationType: 'Event', Payload }));
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
  const record = JSON.parse(Messages![0]!.Body!);
  assert.equal(record.requestPayload.count, RECURSION_LIMITS.invocationsMax + 1);
});

test('the update of runtimes is kept for each version, and no function has a signing configuration', async () => {
  const FunctionName = 'itself';
  const config = (Qualifier?: string) =>
    lambda.send(new lambdaSdk.GetRuntimeManagementConfigCommand({ FunctionName, Qualifier }));
  assert.equal((await config()).UpdateRuntimeOn, 'Auto');
  const { Version } = await lambda.send(new lambdaSdk.PublishVersionCommand({ FunctionName }));
  const put = { FunctionName, Qualifier: Version, UpdateRuntimeOn: 'FunctionUpdate' } as const;
  const answer = await lambda.send(new lambdaSdk.PutRuntimeManagementConfigCommand(put));
  assert.equal(answer.FunctionArn, 'arn:aws:lambda:us-east-1:000000000000:function:itself:1');
  assert.equal((await config(Version)).UpdateRuntimeOn, 'FunctionUpdate');
  assert.equal((await config()).UpdateRuntimeOn, 'Auto');
  const manual = { FunctionName, UpdateRuntimeOn: 'Manual' } as const;
  await assert.rejects(lambda.send(new lambdaSdk.PutRuntimeManagementConfigCommand(manual)), {
    name: 'InvalidParameterValueException',
  });
  const signing = await lambda.send(new lambdaSdk.GetFunctionCodeSigningConfigCommand({ FunctionName }));
  assert.equal(signing.FunctionName, FunctionName);
});

test('chains that meet go on with the longest, and remember the functions that ran last', () => {
  const [a, b] = ['aaaaaaaa', 'bbbbbbbb'];
  assert.deepEqual(continueLineage([undefined], a), { lineage: `${a}:1`, invocations: 1 });
  assert.deepEqual(continueLineage([`${a}:3|${b}:2`, `${b}:7`], a), { lineage: `${b}:7|${a}:4`, invocations: 4 });
  const many = Array.from({ length: 20 }, (_, index) => `${String(index).padStart(8, '0')}:1`).join('|');
  const { lineage } = continueLineage([many], a);
  assert.equal(lineage.split('|').length, RECURSION_LIMITS.functionsMax);
  assert.ok(lineage.endsWith(`|${a}:1`));
});
