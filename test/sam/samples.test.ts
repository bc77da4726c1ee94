import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  CloudFormation,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
} from '@aws-sdk/client-cloudformation';
import { DynamoDB } from '@aws-sdk/client-dynamodb';
import { Kinesis } from '@aws-sdk/client-kinesis';
import { S3 } from '@aws-sdk/client-s3';
import { SNS } from '@aws-sdk/client-sns';
import { SQS } from '@aws-sdk/client-sqs';
import type { Node } from '../../src/node/index.ts';
import { aMoment } from '../support/eventually.ts';
import { devNode } from '../support/in-process.ts';

/** Deploys applications in the shape of AWS's own samples with `aws cloudformation package` and `deploy`, all as one stack of stacks. */
const SAMPLES = join(import.meta.dirname, 'samples');
const AWS = '/usr/bin/aws';
const skip = !existsSync(AWS) && 'awscli is not installed';

let node: Node;
let root: string;
let outputs: Record<string, string> = {};
let cloudFormation: CloudFormation;
let dynamodb: DynamoDB;
let kinesis: Kinesis;
let s3: S3;
let sns: SNS;
let sqs: SQS;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-sam-'));
  node = await devNode(join(root, 'data'));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  cloudFormation = new CloudFormation(options);
  dynamodb = new DynamoDB(options);
  kinesis = new Kinesis(options);
  s3 = new S3({ ...options, forcePathStyle: true });
  sns = new SNS(options);
  sqs = new SQS(options);
  await teachEndpoint();
});

after(async () => {
  for (const client of [cloudFormation, dynamodb, kinesis, s3, sns, sqs]) client.destroy();
  await node[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

/** `package` of clients before 2.13 takes no endpoint from anywhere but the models of its user. */
async function teachEndpoint(): Promise<void> {
  const folder = join(root, '.aws/models/s3/2006-03-01');
  await mkdir(folder, { recursive: true });
  const conditions = [{ fn: 'isSet', argv: [{ ref: 'Bucket' }] }];
  const endpoint = { url: `${node.endpoint}/{Bucket}`, properties: {}, headers: {} };
  const parameters = { Bucket: { required: false, type: 'String', documentation: '' } };
  const rules = [{ conditions, endpoint, type: 'endpoint' }];
  await writeFile(join(folder, 'endpoint-rule-set-1.json'), JSON.stringify({ version: '1.0', parameters, rules }));
}

const WAITER = { minDelay: 1, maxDelay: 1, maxWaitTime: 60 };

/** Runs the client on the samples; @returns all that it has printed. */
function aws(...args: string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    HOME: root,
    AWS_ENDPOINT_URL: node.endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  return new Promise((resolve, reject) => {
    execFile(AWS, ['--endpoint-url', node.endpoint, ...args], { cwd: SAMPLES, env }, (error, out, err) => {
      if (error) reject(new Error(`aws ${args.join(' ')} failed:\n${out}${err}`));
      else resolve(out + err);
    });
  });
}

test('aws cloudformation package and deploy take a template of templates with code beside them', { skip }, async () => {
  await s3.createBucket({ Bucket: 'artifacts' });
  const packaged = join(root, 'packaged.yaml');
  const output = ['--s3-bucket', 'artifacts', '--output-template-file', packaged];
  await aws('cloudformation', 'package', '--template-file', 'template.yaml', ...output);
  const stack = ['--stack-name', 'samples', '--template-file', packaged];
  const capabilities = ['--capabilities', 'CAPABILITY_IAM', 'CAPABILITY_AUTO_EXPAND'];
  // Carried out by hand: the client would look every 30 seconds whether it is done.
  const review = await aws('cloudformation', 'deploy', ...stack, ...capabilities, '--no-execute-changeset');
  await cloudFormation.executeChangeSet({ ChangeSetName: /arn:aws:cloudformation:\S+/.exec(review)![0] });
  await waitUntilStackCreateComplete({ client: cloudFormation, ...WAITER }, { StackName: 'samples' });
  const { Stacks } = await cloudFormation.describeStacks({ StackName: 'samples' });
  outputs = Object.fromEntries(Stacks![0]!.Outputs!.map(({ OutputKey, OutputValue }) => [OutputKey!, OutputValue!]));
});

/** Calls an API where it answers here. */
function call(url: string, path: string, options: RequestInit = {}): Promise<Response> {
  const { hostname, pathname } = new URL(url);
  return fetch(`${node.endpoint}/_execute-api/${hostname.split('.')[0]}${pathname}${path}`, options);
}

/** The next message of a queue; long polling waits for it. */
async function next(QueueUrl: string): Promise<string> {
  const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 15 });
  assert.ok(Messages?.[0], `nothing came to ${QueueUrl} within 15 s`);
  await sqs.deleteMessage({ QueueUrl, ReceiptHandle: Messages[0].ReceiptHandle! });
  return Messages[0].Body!;
}

/** Asks until there is an answer: what functions do is seen by what they leave. */
async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const signal = AbortSignal.timeout(15_000);
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    signal.throwIfAborted();
    await aMoment();
  }
}

const item = (TableName: string, id: string) =>
  eventually(async () => (await dynamodb.getItem({ TableName, Key: { id: { S: id } } })).Item);

const CHECKS: Readonly<Record<string, () => Promise<void>>> = {
  'hello world: a REST API answers with its function': async () => {
    const answer = await call(outputs.HelloWorldUrl!, '');
    assert.deepEqual(await answer.json(), { message: 'hello world', path: '/hello/' });
    assert.match(outputs.HelloWorldRole!, /:role\/samples-HelloWorld-\w+-HelloWorldFunctionRole-/);
  },

  'thumbnails: an upload comes out smaller in the other bucket': async () => {
    await s3.putObject({ Bucket: 'sam-samples-source', Key: 'a cat.jpg', Body: 'cat and more' });
    const read = () => s3.getObject({ Bucket: 'sam-samples-thumbnails', Key: 'a cat.jpg' }).catch(() => undefined);
    const { Body } = await eventually(read);
    assert.equal(await Body!.transformToString(), 'cat a');
  },

  'items: an HTTP API on a table, through the alias that goes live': async () => {
    const at = (path: string, options?: RequestInit) => call(outputs.ItemsUrl!, path, options);
    const put = await at('items', { method: 'PUT', body: '{"id":"7","name":"seven"}' });
    assert.deepEqual([put.status, put.headers.get('x-qualifier'), await put.json()], [200, 'live', 'put']);
    assert.deepEqual(await (await at('items/7')).json(), { id: '7', name: 'seven' });
    assert.equal(await (await at('items/7', { method: 'DELETE' })).json(), 'deleted');
    assert.equal(await (await at('items/7')).json(), 'none');
    assert.match(outputs.ItemsFunction!, /:live$/);
  },

  'worker: good jobs are done, and bad ones put aside': async () => {
    for (const MessageBody of ['bad', 'good']) await sqs.sendMessage({ QueueUrl: outputs.JobsUrl!, MessageBody });
    await item(outputs.DoneTable!, 'good');
    assert.equal(await next(outputs.FailedUrl!), 'bad');
  },

  'consumer: readings of a stream reach a table by the code of a layer': async () => {
    const put = (reading: object) =>
      kinesis.putRecord({
        StreamName: outputs.ReadingsStream!,
        PartitionKey: 'p',
        Data: Buffer.from(JSON.stringify(reading)),
      });
    await put({ device: 'none' });
    await put({ device: 'press', value: 21.5 });
    assert.deepEqual(await item(outputs.LatestTable!, 'press'), { id: { S: 'press' }, value: { N: '21.5' } });
  },

  'fan-out: what a topic and a table tell reaches the function three ways, and its lines who is subscribed':
    async () => {
      const MessageAttributes = { urgency: { DataType: 'String', StringValue: 'high' } };
      await sns.publish({ TopicArn: outputs.NewsTopic!, Message: 'fire', MessageAttributes });
      await dynamodb.putItem({ TableName: outputs.OrdersTable!, Item: { id: { S: 'one' } } });
      const told = [];
      for (let count = 0; count < 4; count++) told.push(await next(outputs.AuditUrl!));
      assert.deepEqual(told.sort(), ['INSERT: one', 'logged: INSERT: one', 'news: fire', 'urgent: fire']);
      const StreamName = outputs.ArchiveStream!;
      const shard = { ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' } as const;
      const { ShardIterator } = await kinesis.getShardIterator({ StreamName, ...shard });
      const archived = await eventually(async () => {
        const { Records } = await kinesis.getRecords({ ShardIterator: ShardIterator! });
        const lines = Records!.flatMap(({ Data }) => JSON.parse(gunzipSync(Data!).toString()).logEvents);
        return lines.length === 3
          ? lines.map(({ message }: { message: string }) => /told (.*)/.exec(message)![1])
          : undefined;
      });
      assert.deepEqual(archived.sort(), ['INSERT: one', 'news: fire', 'urgent: fire']);
    },
};

for (const [name, check] of Object.entries(CHECKS)) test(name, { skip }, check);

test('deleting the outermost stack deletes all', { skip }, async () => {
  const objects = { 'sam-samples-source': 'a cat.jpg', 'sam-samples-thumbnails': 'a cat.jpg' };
  for (const [Bucket, Key] of Object.entries(objects)) await s3.deleteObject({ Bucket, Key });
  await cloudFormation.deleteStack({ StackName: 'samples' });
  await waitUntilStackDeleteComplete({ client: cloudFormation, ...WAITER }, { StackName: 'samples' });
  const left = (await cloudFormation.listStacks({})).StackSummaries!.map(({ StackStatus }) => StackStatus);
  assert.deepEqual(new Set(left), new Set(['DELETE_COMPLETE']));
});

const FUNCTION = "Handler: index.handler, Runtime: nodejs22.x, InlineCode: 'x'";

/** What the samples of AWS hold too, and what a node says to it before it makes anything. */
const REFUSED: Readonly<Record<string, readonly [resources: string, message: RegExp]>> = {
  'a job by the clock': [
    `Job: { Type: AWS::Serverless::Function, Properties: { ${FUNCTION}, Events: { Hourly: { Type: Schedule, Properties: { Schedule: rate(1 hour) } } } } }`,
    /\[JobHourly\] is invalid\. Events of type Schedule are not built in Millrace/,
  ],
  'a rule of EventBridge': [
    `Job: { Type: AWS::Serverless::Function, Properties: { ${FUNCTION}, Events: { Bus: { Type: EventBridgeRule, Properties: { Pattern: { source: [a] } } } } } }`,
    /Events of type EventBridgeRule are not built/,
  ],
  'a gradual deployment': [
    `Fn: { Type: AWS::Serverless::Function, Properties: { ${FUNCTION}, AutoPublishAlias: live, DeploymentPreference: { Type: Canary10Percent5Minutes } } }`,
    /DeploymentPreference/,
  ],
  'a state machine': [
    `Flow: { Type: AWS::Serverless::StateMachine, Properties: { Definition: { StartAt: A } } }`,
    /the type AWS::Serverless::StateMachine is not built in Millrace/,
  ],
  'a GraphQL API': [
    `Graph: { Type: AWS::Serverless::GraphQLApi, Properties: {} }`,
    /the type AWS::Serverless::GraphQLApi is not built/,
  ],
  'a pool of users': [
    'Users: { Type: AWS::Cognito::UserPool }',
    /Unrecognized resource types: \[AWS::Cognito::UserPool \(Users\)\]: these types are not built in Millrace/,
  ],
};

for (const [name, [resources, message]] of Object.entries(REFUSED)) {
  test(`refused by name before anything is made: ${name}`, async () => {
    const TemplateBody = `Transform: AWS::Serverless-2016-10-31\nResources:\n  ${resources}\n`;
    const request = { StackName: 'refused', ChangeSetName: 'first', ChangeSetType: 'CREATE', TemplateBody } as const;
    await assert.rejects(cloudFormation.createChangeSet({ ...request, Capabilities: ['CAPABILITY_IAM'] }), { message });
    await assert.rejects(cloudFormation.describeStacks({ StackName: 'refused' }), /does not exist/);
  });
}

test('a chat by web sockets is refused by name when it is made, and its stack goes', async () => {
  const Properties = { Name: 'chat', ProtocolType: 'WEBSOCKET', RouteSelectionExpression: '$request.body.action' };
  const TemplateBody = JSON.stringify({ Resources: { Chat: { Type: 'AWS::ApiGatewayV2::Api', Properties } } });
  const { StackId } = await cloudFormation.createStack({ StackName: 'chat', TemplateBody, OnFailure: 'DELETE' });
  const { StackEvents } = await cloudFormation.describeStackEvents({ StackName: StackId! });
  const told = StackEvents!.map(({ ResourceStatusReason }) => ResourceStatusReason ?? '').join('\n');
  assert.match(told, /WEBSOCKET|WebSocket/);
  assert.equal(StackEvents![0]!.ResourceStatus, 'DELETE_COMPLETE');
});
