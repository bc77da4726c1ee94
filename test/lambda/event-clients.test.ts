/** Asynchronous invocations through AWS's own clients: configuration, destinations and dead letters of a real node. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import {
  CreateFunctionCommand,
  GetFunctionEventInvokeConfigCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionEventInvokeConfigsCommand,
  PutFunctionEventInvokeConfigCommand,
  UpdateFunctionEventInvokeConfigCommand,
} from '@aws-sdk/client-lambda';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { zipOf } from '../support/clients.ts';
import { until } from '../support/eventually.ts';
import { clientEnvironment, TestNode } from '../support/node.ts';

const ARN = 'us-east-1:000000000000';
/** Fails where it is asked to. */
const CODE = `exports.handler = async (event) => { if (event.fails) throw new TypeError('as asked'); return { was: event }; };`;

const clients = ['/usr/bin/aws', '/usr/lib/python3/dist-packages/boto3/__init__.py'];
const missing = clients.every((path) => existsSync(path)) ? false : 'neither boto3 nor aws CLI';

let node: TestNode;
let lambda: LambdaClient;
let sqs: SQSClient;
let s3: S3Client;
let sns: SNSClient;

before(async () => {
  node = await TestNode.start();
  const options = {
    endpoint: node.endpoints.http,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  };
  lambda = new LambdaClient(options);
  sqs = new SQSClient(options);
  sns = new SNSClient(options);
  s3 = new S3Client({ ...options, forcePathStyle: true });
});

after(async () => {
  for (const client of [lambda, sqs, s3, sns]) client.destroy();
  await node[Symbol.asyncDispose]();
});

async function create(FunctionName: string, more: object = {}): Promise<void> {
  const Code = { ZipFile: await zipOf({ 'index.js': CODE }) };
  const required = {
    Runtime: 'nodejs24.x',
    Role: `arn:aws:iam::000000000000:role/r`,
    Handler: 'index.handler',
  } as const;
  await lambda.send(new CreateFunctionCommand({ FunctionName, Code, ...required, ...more }) as any);
}

const configure = (FunctionName: string, more: object) =>
  lambda.send(new PutFunctionEventInvokeConfigCommand({ FunctionName, MaximumRetryAttempts: 0, ...more }) as any);

async function send(FunctionName: string, event: object): Promise<any> {
  const Payload = Buffer.from(JSON.stringify(event));
  return lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload }) as any);
}

async function queue(QueueName: string): Promise<{ arn: string; receive: () => Promise<any> }> {
  const { QueueUrl }: any = await sqs.send(new CreateQueueCommand({ QueueName }) as any);
  const receive = () =>
    until(async () => {
      const asked = { QueueUrl, MessageAttributeNames: ['All'], WaitTimeSeconds: 1 };
      const { Messages }: any = await sqs.send(new ReceiveMessageCommand(asked) as any);
      return Messages?.[0];
    }, `a message of ${QueueName}`);
  return { arn: `arn:aws:sqs:${ARN}:${QueueName}`, receive };
}

test('a queue gets the record of a success, a bucket that of a failure, under the documented name', async () => {
  const good = await queue('good');
  await s3.send(new CreateBucketCommand({ Bucket: 'records' }) as any);
  await create('both');
  await configure('both', {
    DestinationConfig: { OnSuccess: { Destination: good.arn }, OnFailure: { Destination: 'arn:aws:s3:::records' } },
  });
  const answer = await send('both', { n: 1 });
  assert.deepEqual([answer.StatusCode, answer.Payload?.length ?? 0], [202, 0]);
  const record = JSON.parse((await good.receive()).Body);
  assert.deepEqual([record.requestContext.condition, record.responsePayload], ['Success', { was: { n: 1 } }]);
  await send('both', { fails: true });
  const Key = await until(async () => {
    const { Contents = [] }: any = await s3.send(new ListObjectsV2Command({ Bucket: 'records' }) as any);
    return Contents[0]?.Key as string | undefined;
  }, 'a record');
  assert.match(Key, /^aws\/lambda\/async\/both\/\d{4}\/\d\d\/\d\d\/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}$/);
  const object: any = await s3.send(new GetObjectCommand({ Bucket: 'records', Key }) as any);
  const failure = JSON.parse(await object.Body.transformToString());
  assert.deepEqual(
    [failure.requestContext.condition, failure.responsePayload.errorType, object.ContentType],
    ['RetriesExhausted', 'TypeError', 'application/json'],
  );
});

test('a dead-letter queue gets the event as it was, with the attributes that are documented', async () => {
  const dead = await queue('dead');
  await create('lettered', { DeadLetterConfig: { TargetArn: dead.arn } });
  await configure('lettered', {});
  await send('lettered', { fails: true, n: 7 });
  const { Body, MessageAttributes } = await dead.receive();
  assert.equal(Body, '{"fails":true,"n":7}');
  const { RequestID, ...others } = MessageAttributes;
  assert.match(RequestID.StringValue, /^[0-9a-f-]{36}$/);
  assert.deepEqual(others, {
    ErrorCode: { DataType: 'Number', StringValue: '200' },
    ErrorMessage: { DataType: 'String', StringValue: 'as asked' },
  });
});

test('a topic is a destination too: its subscribers get the record', async () => {
  const told = await queue('told');
  const { TopicArn }: any = await sns.send(new CreateTopicCommand({ Name: 'records' }) as any);
  const Attributes = { RawMessageDelivery: 'true' };
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: told.arn, Attributes }) as any);
  await create('topical');
  await configure('topical', { DestinationConfig: { OnSuccess: { Destination: TopicArn } } });
  await send('topical', { n: 2 });
  assert.deepEqual(JSON.parse((await told.receive()).Body).requestPayload, { n: 2 });
});

test('the configuration comes back as it was set, and what is out of range is refused as AWS refuses it', async () => {
  await create('set');
  const put: any = await configure('set', { MaximumEventAgeInSeconds: 3600 });
  // Lambda developer guide, "put-function-event-invoke-config".
  assert.deepEqual(
    { ...put, LastModified: put.LastModified instanceof Date, $metadata: undefined },
    {
      LastModified: true,
      FunctionArn: `arn:aws:lambda:${ARN}:function:set:$LATEST`,
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 3600,
      DestinationConfig: { OnSuccess: {}, OnFailure: {} },
      $metadata: undefined,
    },
  );
  const Destination = `arn:aws:sqs:${ARN}:destination`;
  await lambda.send(
    new UpdateFunctionEventInvokeConfigCommand({
      FunctionName: 'set',
      DestinationConfig: { OnFailure: { Destination } },
    }) as any,
  );
  const got: any = await lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName: 'set' }) as any);
  assert.deepEqual(
    [got.MaximumEventAgeInSeconds, got.DestinationConfig],
    [3600, { OnSuccess: {}, OnFailure: { Destination } }],
  );
  const list: any = await lambda.send(new ListFunctionEventInvokeConfigsCommand({ FunctionName: 'set' }) as any);
  assert.equal(list.FunctionEventInvokeConfigs.length, 1);
  for (const [more, name] of [
    [{ MaximumRetryAttempts: 3 }, 'ValidationException'],
    [{ MaximumEventAgeInSeconds: 59 }, 'ValidationException'],
    [{ MaximumEventAgeInSeconds: 21_601 }, 'ValidationException'],
    [{ DestinationConfig: { OnFailure: { Destination: 'queue' } } }, 'ValidationException'],
    [{ FunctionName: 'nobody' }, 'ResourceNotFoundException'],
    [{ DestinationConfig: { OnSuccess: { Destination: 'arn:aws:s3:::records' } } }, 'InvalidParameterValueException'],
  ] as const) {
    await assert.rejects(configure('set', more), { name }, JSON.stringify(more));
  }
});

test('an event of more than 1 MB is refused, and one of 1 MB is taken', async () => {
  await create('sized');
  const event = (bytes: number) => ({ x: 'y'.repeat(bytes - 8) });
  assert.equal((await send('sized', event(1024 * 1024))).StatusCode, 202);
  await assert.rejects(send('sized', event(1024 * 1024 + 1)), { name: 'RequestEntityTooLargeException' });
});

test('boto3 and the aws CLI set and send the same', { skip: missing }, async () => {
  await create('others');
  const env = { ...process.env, ...clientEnvironment(node.endpoints.http) };
  const script = `
import boto3, os
# Older ones do not look for the endpoint in the environment.
client = boto3.client("lambda", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
client.put_function_event_invoke_config(FunctionName="others", MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60)
print(client.invoke(FunctionName="others", InvocationType="Event", Payload=b"{}")["StatusCode"])
print(client.get_function_event_invoke_config(FunctionName="others", Qualifier="$LATEST")["MaximumRetryAttempts"])
try:
    client.delete_function_event_invoke_config(FunctionName="others", Qualifier="none")
except client.exceptions.ResourceNotFoundException as error:
    print(error.response["Error"]["Message"])
`;
  const boto = spawnSync('/usr/bin/python3', ['-c', script], { env, encoding: 'utf8' });
  assert.equal(boto.stderr, '');
  assert.deepEqual(boto.stdout.trim().split('\n'), [
    '202',
    '1',
    `The function arn:aws:lambda:${ARN}:function:others:none doesn't have an EventInvokeConfig`,
  ]);
  const args = [
    '--endpoint-url',
    node.endpoints.http,
    'lambda',
    'list-function-event-invoke-configs',
    '--function-name',
    'others',
    '--output',
    'json',
  ];
  const cli = spawnSync('/usr/bin/aws', args, { env, encoding: 'utf8' });
  assert.equal(JSON.parse(cli.stdout).FunctionEventInvokeConfigs[0].MaximumEventAgeInSeconds, 60);
});
