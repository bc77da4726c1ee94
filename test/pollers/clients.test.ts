import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis';
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { systemClock } from '../../src/base/index.ts';
import { zipOf } from '../support/clients.ts';
import { TestNode } from '../support/node.ts';
import { run } from '../wire/support.ts';

let node: TestNode;
let lambda: LambdaClient;
let kinesis: KinesisClient;
let sqs: SQSClient;

before(async () => {
  node = await TestNode.start();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoints.http, region: 'us-east-1', credentials };
  lambda = new LambdaClient(options);
  kinesis = new KinesisClient(options);
  sqs = new SQSClient(options);
});

after(async () => {
  for (const client of [lambda, kinesis, sqs]) client.destroy();
  await node[Symbol.asyncDispose]();
});

/** Fails for batches with a record that says `bad`. */
const HANDLER = `
exports.handler = async (event) => {
  for (const record of event.Records) {
    const text = record.kinesis ? Buffer.from(record.kinesis.data, 'base64').toString() : record.body;
    if (JSON.parse(text).bad) throw new Error('bad record');
  }
};`;

async function newFunction(name: string, code = HANDLER): Promise<void> {
  const ZipFile = await zipOf({ 'index.js': code });
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: 'nodejs24.x' as never,
      Handler: 'index.handler',
      Role: 'arn:aws:iam::000000000000:role/r',
      Code: { ZipFile },
    }),
  );
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const found = await look();
    if (found !== undefined) return found;
    await systemClock.sleep(50);
  }
  throw new Error('it never came');
}

async function newQueue(
  QueueName: string,
  Attributes: Readonly<Record<string, string>> = {},
): Promise<{ url: string; arn: string }> {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
  return { url: QueueUrl!, arn: `arn:aws:sqs:us-east-1:000000000000:${QueueName}` };
}

test('a stream feeds a function through the SDKs, and a poison record ends in the destination queue', async () => {
  const StreamName = 'readings';
  await newFunction('reader');
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
  const { StreamARN } = await until(async () => {
    const { StreamDescriptionSummary: summary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
    return summary?.StreamStatus === 'ACTIVE' ? summary : undefined;
  });
  const dead = await newQueue('reader-dead');
  const created = await lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: 'reader',
      EventSourceArn: StreamARN,
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: 50,
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 0,
      DestinationConfig: { OnFailure: { Destination: dead.arn } },
      FilterCriteria: { Filters: [{ Pattern: '{"data":{"wanted":[true]}}' }] },
    }),
  );
  assert.equal(created.State, 'Creating');
  const Records = Array.from({ length: 40 }, (_, i) => ({
    PartitionKey: `device-${i % 5}`,
    Data: Buffer.from(JSON.stringify({ wanted: i !== 7, bad: i === 13 || i === 7 })),
  }));
  await kinesis.send(new PutRecordsCommand({ StreamName, Records }));
  const letter = await until(async () => {
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: dead.url, WaitTimeSeconds: 1 }));
    return Messages?.[0];
  });
  const document = JSON.parse(letter.Body!);
  assert.equal(document.KinesisBatchInfo.batchSize, 1);
  assert.equal(document.requestContext.condition, 'RetryAttemptsExhausted');
  assert.match(document.requestContext.requestId, /^[0-9a-f-]{36}$/);
  assert.equal(document.responseContext.functionError, 'Unhandled');
  const { UUID } = created;
  const mapping = await lambda.send(new GetEventSourceMappingCommand({ UUID }));
  assert.equal(mapping.State, 'Enabled');
  assert.ok(mapping.LastModified instanceof Date);
  const updated = await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));
  assert.equal(updated.State, 'Disabling');
  await until(async () => {
    const { State } = await lambda.send(new GetEventSourceMappingCommand({ UUID }));
    return State === 'Disabled' ? true : undefined;
  });
  await lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
  await until(async () => {
    const { EventSourceMappings } = await lambda.send(new ListEventSourceMappingsCommand({ FunctionName: 'reader' }));
    return EventSourceMappings?.length === 0 ? true : undefined;
  });
});

test('a queue feeds a function, and what it was done with is gone', async () => {
  await newFunction('worker');
  const queue = await newQueue('work');
  await lambda.send(new CreateEventSourceMappingCommand({ FunctionName: 'worker', EventSourceArn: queue.arn }));
  const Entries = Array.from({ length: 10 }, (_, i) => ({ Id: `${i}`, MessageBody: '{"bad":false}' }));
  await sqs.send(new SendMessageBatchCommand({ QueueUrl: queue.url, Entries }));
  await until(() => isEmpty(queue.url));
});

async function isEmpty(QueueUrl: string): Promise<true | undefined> {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  const { ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible, ApproximateNumberOfMessagesDelayed } =
    Attributes!;
  const left = [ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible, ApproximateNumberOfMessagesDelayed];
  return left.join() === '0,0,0' ? true : undefined;
}

/** Stops at the first message that says `bad`, and reports it and all after it, as AWS asks of functions of FIFO queues. */
const STOPS = `
exports.handler = async ({ Records }) => {
  const at = Records.findIndex(({ body }) => JSON.parse(body).bad);
  const failed = at < 0 ? [] : Records.slice(at);
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
};`;

test('a poison message holds its group back until the redrive policy takes it away, and nothing else is taken', async () => {
  await newFunction('ordered', STOPS);
  const fifo = { FifoQueue: 'true', VisibilityTimeout: '3' };
  const dead = await newQueue('ordered-dead.fifo', { FifoQueue: 'true' });
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 2 });
  const queue = await newQueue('ordered.fifo', { ...fifo, RedrivePolicy });
  await lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: 'ordered',
      EventSourceArn: queue.arn,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      BatchSize: 2,
    }),
  );
  const Entries = ['a', 'b', 'a', 'b', 'a', 'b'].map((group, index) => ({
    Id: `${index}`,
    MessageGroupId: group,
    MessageDeduplicationId: `${index}`,
    MessageBody: JSON.stringify({ index, bad: index === 2 }),
  }));
  await sqs.send(new SendMessageBatchCommand({ QueueUrl: queue.url, Entries }));
  await until(() => isEmpty(queue.url));
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: dead.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
  );
  assert.deepEqual(
    Messages.map(({ Body }) => JSON.parse(Body!).index),
    [2],
  );
});

const ENVIRONMENT = {
  PATH: process.env.PATH,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
};

/** Why a test of a client that is not there is skipped. */
const without = (file: string) => (existsSync(file) ? false : `${file} is not installed`);

test('the aws CLI makes and shows mappings', { skip: without('/usr/bin/aws') }, async () => {
  await newFunction('shown');
  const queue = await newQueue('shown');
  const aws = async (...args: string[]) => {
    const command = ['--endpoint-url', node.endpoints.http, '--output', 'json', 'lambda', ...args];
    const { code, stdout, stderr } = await run('/usr/bin/aws', command, ENVIRONMENT);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const create = ['--function-name', 'shown', '--event-source-arn', queue.arn, '--batch-size', '5'];
  const { UUID } = await aws('create-event-source-mapping', ...create);
  const listed = await aws('list-event-source-mappings', '--event-source-arn', queue.arn);
  assert.equal(listed.EventSourceMappings[0].UUID, UUID);
  assert.equal(listed.EventSourceMappings[0].BatchSize, 5);
});

const BOTO3 = `
import boto3, json, sys
client = boto3.client('lambda', endpoint_url=sys.argv[1])
made = client.create_event_source_mapping(
    FunctionName='boto', EventSourceArn=sys.argv[2], StartingPosition='TRIM_HORIZON', BatchSize=7,
    ParallelizationFactor=2, BisectBatchOnFunctionError=True, MaximumRetryAttempts=3, MaximumRecordAgeInSeconds=600,
    FunctionResponseTypes=['ReportBatchItemFailures'], FilterCriteria={'Filters': [{'Pattern': '{"data":{"a":[1]}}'}]})
updated = client.update_event_source_mapping(UUID=made['UUID'], BatchSize=9)
pages = client.get_paginator('list_event_source_mappings').paginate(FunctionName='boto')
listed = [mapping['UUID'] for page in pages for mapping in page['EventSourceMappings']]
try:
    client.create_event_source_mapping(FunctionName='boto', EventSourceArn=sys.argv[2], StartingPosition='LATEST')
except client.exceptions.ResourceConflictException as conflict:
    twice = conflict.response['Error']['Code']
client.delete_event_source_mapping(UUID=made['UUID'])
print(json.dumps([made['UUID'] == listed[0], len(listed), made['ParallelizationFactor'], updated['BatchSize'], twice]))
`;

test('boto3 makes, changes, lists and deletes a mapping of a stream', {
  skip: without('/usr/bin/python3'),
}, async () => {
  await newFunction('boto');
  await kinesis.send(new CreateStreamCommand({ StreamName: 'boto', ShardCount: 1 }));
  const arn = 'arn:aws:kinesis:us-east-1:000000000000:stream/boto';
  const { code, stdout, stderr } = await run('/usr/bin/python3', ['-c', BOTO3, node.endpoints.http, arn], ENVIRONMENT);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), [true, 1, 2, 9, 'ResourceConflictException']);
});
