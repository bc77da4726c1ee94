import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { APIGateway } from '@aws-sdk/client-api-gateway';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDB } from '@aws-sdk/client-dynamodb';
import {
  KinesisClient,
  ListStreamConsumersCommand,
  ListStreamsCommand,
  PutRecordCommand,
} from '@aws-sdk/client-kinesis';
import {
  GetFunctionConfigurationCommand,
  GetFunctionEventInvokeConfigCommand,
  GetFunctionUrlConfigCommand,
  InvokeCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
} from '@aws-sdk/client-lambda';
import { S3 } from '@aws-sdk/client-s3';
import {
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  ListTopicsCommand,
  PublishCommand,
  SNSClient,
} from '@aws-sdk/client-sns';
import {
  DeleteMessageCommand,
  ListQueuesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { type Node, startNode } from '../../src/node/index.ts';
import { changeHandler, changeService, writeService } from './service.ts';

/** osls as npm has it, unmodified. */
const OSLS = createRequire(import.meta.url).resolve('osls/bin/serverless.js');

let node: Node;
let root: string;
let service: string;
let outputs: Record<string, string>;
let lambda: LambdaClient;
let sns: SNSClient;
let sqs: SQSClient;
let kinesis: KinesisClient;
let dynamodb: DynamoDB;
let s3: S3;
let apiGateway: APIGateway;
let cloudFormation: CloudFormationClient;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-osls-'));
  service = join(root, 'service');
  await writeService(service);
  const listen = { host: '127.0.0.1', httpPort: 0, mqttPort: 0, mode: 'dev', logLevel: 'error' } as const;
  node = await startNode({ dataDirectory: join(root, 'data'), ...listen, blankEnvironments: 1 });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  lambda = new LambdaClient(options);
  dynamodb = new DynamoDB(options);
  sns = new SNSClient(options);
  sqs = new SQSClient(options);
  kinesis = new KinesisClient(options);
  s3 = new S3(options);
  apiGateway = new APIGateway(options);
  cloudFormation = new CloudFormationClient(options);
});

after(async () => {
  for (const client of [dynamodb, lambda, sns, sqs, kinesis, s3, apiGateway, cloudFormation]) client?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

/** An endpoint and keys, what Node has compiled of it, and how often to ask for the state of a stack. */
const environment = () => ({
  PATH: process.env.PATH,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
  HOME: root,
  AWS_ENDPOINT_URL: node.endpoint,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  SLS_AWS_MONITORING_FREQUENCY: '200',
});

/** Runs osls in the service's folder; @returns all that it has printed. */
function osls(...args: string[]): Promise<string> {
  const options = { cwd: service, env: environment(), timeout: 60_000 };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [OSLS, ...args], options, (error, out, err) => {
      if (error) reject(new Error(`osls ${args.join(' ')} failed:\n${out}${err}`));
      else resolve(out + err);
    });
  });
}

async function deployed(): Promise<Record<string, string>> {
  const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'plant-dev' }));
  return Object.fromEntries(Stacks![0]!.Outputs!.map(({ OutputKey, OutputValue }) => [OutputKey!, OutputValue!]));
}

/** The next thing that a function has told; long polling waits for it. */
async function nextSeen(): Promise<{ readonly by: string; readonly seen: readonly any[] }> {
  const QueueUrl = outputs.Seen!;
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 15 }));
  assert.ok(Messages?.[0], 'no function was called within 15 s');
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: Messages[0].ReceiptHandle! }));
  return JSON.parse(Messages[0].Body!);
}

const mappingOf = async (FunctionName: string) => {
  const { EventSourceMappings } = await lambda.send(new ListEventSourceMappingsCommand({ FunctionName }));
  return EventSourceMappings![0]!;
};

test('osls deploy makes the service', async () => {
  const text = await osls('deploy', '--verbose');
  assert.match(text, /Service deployed to stack plant-dev/);
  outputs = await deployed();
  assert.match(outputs.Jobs!, /^http:.*\/000000000000\/plant-dev-Jobs-/);
});

test('an sqs event is a mapping with all that it says', async () => {
  const mapping = await mappingOf('plant-dev-jobs');
  const { BatchSize, MaximumBatchingWindowInSeconds, FunctionResponseTypes, FilterCriteria, ScalingConfig, State } =
    mapping;
  assert.deepEqual(
    { BatchSize, MaximumBatchingWindowInSeconds, FunctionResponseTypes, FilterCriteria, ScalingConfig, State },
    {
      BatchSize: 20,
      MaximumBatchingWindowInSeconds: 1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      FilterCriteria: { Filters: [{ Pattern: '{"body":{"kind":["job"]}}' }] },
      ScalingConfig: { MaximumConcurrency: 5 },
      State: 'Enabled',
    },
  );
  const send = (kind: string) =>
    sqs.send(new SendMessageCommand({ QueueUrl: outputs.Jobs!, MessageBody: JSON.stringify({ kind }) }));
  await send('other');
  await send('job');
  assert.deepEqual(await nextSeen(), { by: 'plant-dev-jobs', seen: ['{"kind":"job"}'] });
});

test('sns events are topics and subscriptions with filter policies and dead letters', async () => {
  const { Topics } = await sns.send(new ListTopicsCommand({}));
  const topic = (name: string) => Topics!.find(({ TopicArn }) => TopicArn!.endsWith(`:${name}`))!.TopicArn!;
  const { Attributes: alarms } = await sns.send(new GetTopicAttributesCommand({ TopicArn: topic('alarms') }));
  assert.equal(alarms!.DisplayName, 'Alarms of the plant');
  const subscription = async (TopicArn: string) => {
    const { Subscriptions } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
    assert.equal(Subscriptions!.length, 1);
    const { SubscriptionArn } = Subscriptions![0]!;
    return (await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }))).Attributes!;
  };
  const critical = await subscription(topic('alarms'));
  assert.deepEqual(JSON.parse(critical.FilterPolicy!), { severity: ['critical'] });
  assert.equal(critical.FilterPolicyScope, 'MessageBody');
  assert.match(JSON.parse(critical.RedrivePolicy!).deadLetterTargetArn, /:plant-dev-DeadLetters-/);
  assert.deepEqual(JSON.parse((await subscription(outputs.Existing!)).FilterPolicy!), { line: [{ prefix: 'a-' }] });

  const publish = (TopicArn: string, Message: string, line?: string) =>
    sns.send(
      new PublishCommand({
        TopicArn,
        Message,
        ...(line && { MessageAttributes: { line: { DataType: 'String', StringValue: line } } }),
      }),
    );
  await publish(topic('alarms'), '{"severity":"low"}');
  await publish(topic('alarms'), '{"severity":"critical"}');
  assert.deepEqual(await nextSeen(), { by: 'plant-dev-alarms', seen: ['{"severity":"critical"}'] });
  await publish(topic('notes'), 'a note');
  assert.deepEqual((await nextSeen()).seen, ['a note']);
  await publish(outputs.Existing!, 'another line', 'b-1');
  await publish(outputs.Existing!, 'this line', 'a-1');
  assert.deepEqual((await nextSeen()).seen, ['this line']);
});

test('stream events are mappings, with a consumer of its own where one is asked for', async () => {
  const { DestinationConfig, ...mapping } = await mappingOf('plant-dev-readings');
  assert.match(DestinationConfig!.OnFailure!.Destination!, /:plant-dev-DeadLetters-/);
  const expected = {
    BatchSize: 100,
    MaximumBatchingWindowInSeconds: 1,
    StartingPosition: 'TRIM_HORIZON',
    MaximumRetryAttempts: 1,
    BisectBatchOnFunctionError: true,
    MaximumRecordAgeInSeconds: 600,
    ParallelizationFactor: 2,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    FilterCriteria: { Filters: [{ Pattern: '{"partitionKey":["press-1"]}' }] },
  };
  const shown = Object.fromEntries(Object.keys(expected).map((name) => [name, mapping[name as keyof typeof mapping]]));
  assert.deepEqual(shown, expected);

  const windows = await mappingOf('plant-dev-windows');
  assert.match(windows.EventSourceArn!, /stream\/plant-dev-Readings-\w+\/consumer\//);
  assert.deepEqual([windows.TumblingWindowInSeconds, windows.State], [30, 'Disabled']);
  const StreamARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${outputs.Readings}`;
  const { Consumers } = await kinesis.send(new ListStreamConsumersCommand({ StreamARN }));
  assert.deepEqual(
    Consumers!.map(({ ConsumerStatus }) => ConsumerStatus),
    ['ACTIVE'],
  );

  const put = (PartitionKey: string) =>
    kinesis.send(
      new PutRecordCommand({ StreamName: outputs.Readings!, PartitionKey, Data: Buffer.from(PartitionKey) }),
    );
  await put('press-2');
  await put('press-1');
  assert.deepEqual(await nextSeen(), { by: 'plant-dev-readings', seen: ['press-1'] });
});

test('destinations, onError and limits of asynchronous invocations are those of the service', async () => {
  const FunctionName = 'plant-dev-greeter';
  const config = await lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName }));
  assert.deepEqual([config.MaximumEventAgeInSeconds, config.MaximumRetryAttempts], [120, 0]);
  assert.match(config.DestinationConfig!.OnSuccess!.Destination!, /:function:plant-dev-jobs$/);
  const { DeadLetterConfig } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  assert.equal(DeadLetterConfig!.TargetArn, outputs.Existing);

  const invoke = (event: object) =>
    lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload: JSON.stringify(event) }));
  await invoke({ name: 'world' });
  const { by, seen } = await nextSeen();
  assert.equal(by, 'plant-dev-jobs');
  assert.deepEqual([seen[0].requestContext.condition, seen[0].responsePayload], ['Success', 'hello world']);
  await invoke({});
  const letters = await sqs.send(new ReceiveMessageCommand({ QueueUrl: outputs.DeadLetters!, WaitTimeSeconds: 15 }));
  const letter = JSON.parse(letters.Messages![0]!.Body!);
  assert.deepEqual(
    [
      letter.requestContext.condition,
      letter.requestContext.approximateInvokeCount,
      letter.responsePayload.errorMessage,
    ],
    ['RetriesExhausted', 1, 'nobody to greet'],
  );
});

test('a stream event of a table is a mapping with its filter, and a url is a function URL', async () => {
  const mapping = await mappingOf('plant-dev-changes');
  assert.match(mapping.EventSourceArn!, /:table\/plant-dev-Orders-\w+\/stream\/\d{4}-/);
  assert.deepEqual(
    [mapping.BatchSize, mapping.StartingPosition, mapping.MaximumRetryAttempts],
    [10, 'TRIM_HORIZON', 2],
  );
  const put = (id: string) => dynamodb.putItem({ TableName: outputs.Orders!, Item: { id: { S: id } } });
  await put('b');
  await put('a');
  assert.deepEqual(await nextSeen(), { by: 'plant-dev-changes', seen: ['a'] });
  const { FunctionUrl, AuthType, Cors } = await lambda.send(
    new GetFunctionUrlConfigCommand({ FunctionName: 'plant-dev-page' }),
  );
  assert.deepEqual([AuthType, Cors!.AllowOrigins], ['NONE', ['*']]);
  const [id] = new URL(FunctionUrl!).hostname.split('.');
  const page = await fetch(`${node.endpoint}/_lambda/urls/${id}/here`, { headers: { origin: 'https://any.example' } });
  assert.deepEqual([await page.text(), page.headers.get('access-control-allow-origin')], ['page /here', '*']);
});

test('httpApi and http events answer, the latter to who has the key, and an s3 event tells of objects', async () => {
  const restId = outputs.ServiceEndpoint!.match(/\/\/(\w+)\./)![1];
  const httpId = outputs.HttpApiId!;
  const at = (id: string, path: string, headers = {}) =>
    fetch(`${node.endpoint}/_execute-api/${id}${path}`, { headers });
  assert.equal(await (await at(httpId, '/items/7')).text(), 'item 7');
  assert.equal((await at(restId!, '/dev/keyed/7')).status, 403);
  const { items } = await apiGateway.getApiKeys({ includeValues: true });
  const keyed = await at(restId!, '/dev/keyed/7', { 'x-api-key': items![0]!.value });
  assert.deepEqual([keyed.status, await keyed.text()], [200, 'item 7']);

  const Bucket = 'plant-uploads';
  for (const Key of ['a.txt', 'a.csv']) await s3.putObject({ Bucket, Key, Body: 'x' });
  assert.deepEqual(await nextSeen(), { by: 'plant-dev-uploads', seen: ['a.csv'] });
  for (const Key of ['a.txt', 'a.csv']) await s3.deleteObject({ Bucket, Key });
});

/** What a function answers to a name. */
async function greet(name: string): Promise<string> {
  const Payload = JSON.stringify({ name });
  const answer = await lambda.send(new InvokeCommand({ FunctionName: 'plant-dev-greeter', Payload }));
  return Buffer.from(answer.Payload!).toString();
}

let firstDeployment: string;

test('osls invoke, info, deploy list and logs tell what is there', async () => {
  const invoke = (data: string) => osls('invoke', '-f', 'greeter', '-d', data);
  const told = [invoke('{"name":"osls"}'), osls('info'), osls('deploy', 'list')];
  const [greeting, info, list] = await Promise.all(told);
  assert.match(greeting!, /"hello osls"/);
  assert.match(info!, /stack: plant-dev\n/);
  assert.match(info!, /GET - https:\S+\/items\/\{id\}\n/);
  assert.match(info!, /functions:\n {2}jobs: plant-dev-jobs/);
  assert.match(list!, /compiled-cloudformation-template\.json/);
  firstDeployment = /Timestamp: (\d+)/.exec(list!)![1]!;
  await assert.rejects(invoke('{}'), /nobody to greet/);
  assert.match(await osls('logs', '-f', 'greeter'), /greeting\s+osls/);
});

test('osls logs --tail prints lines as they come', async () => {
  const args = ['logs', '-f', 'greeter', '--tail', '--interval', '200'];
  const tail = spawn(process.execPath, [OSLS, ...args], { cwd: service, env: environment(), timeout: 60_000 });
  const exited = once(tail, 'exit');
  let out = '';
  tail.stdout.setEncoding('utf8');
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(out)) {
      const [more] = await Promise.race([once(tail.stdout, 'data'), exited.then(() => [])]);
      assert.ok(more !== undefined, `ended without ${pattern}: ${out}`);
      out += more;
    }
  };
  await greet('before');
  await until(/greeting\s+before/);
  await greet('after');
  await until(/greeting\s+after/);
  tail.kill('SIGTERM');
  await exited;
  assert.equal(out.match(/greeting\s+before/g)!.length, 1, out);
});

test('osls deploy function swaps the code of one', async () => {
  await changeHandler(service, "require('words').hello", "'servus'");
  assert.match(await osls('deploy', 'function', '-f', 'greeter'), /Function code deployed/);
  assert.equal(await greet('osls'), '"servus osls"');
});

test('what changes changes in place; osls rollback brings the deployment before back', async () => {
  const before = await mappingOf('plant-dev-jobs');
  await changeService(service, 'batchSize: 20', 'batchSize: 7');
  assert.match(await osls('deploy'), /Service deployed/);
  const after = await mappingOf('plant-dev-jobs');
  assert.deepEqual([after.UUID, after.BatchSize], [before.UUID, 7]);
  assert.equal(await greet('osls'), '"servus osls"');

  assert.match(await osls('rollback', '--timestamp', firstDeployment), /Service rolled back/);
  assert.equal((await mappingOf('plant-dev-jobs')).BatchSize, 20);
  assert.equal(await greet('osls'), '"hello osls"');
});

test('a schedule is refused by name, and what is deployed stays as it is', async () => {
  await changeService(
    service,
    'url: { cors: true }\n',
    'url: { cors: true }\n    events: [{ schedule: rate(1 hour) }]\n',
  );
  await assert.rejects(osls('deploy'), /\[AWS::Events::Rule \(PageEventsRuleSchedule1\)\]: these types are not built/);
  assert.equal(await greet('osls'), '"hello osls"');
});

test('osls remove leaves nothing', async () => {
  assert.match(await osls('remove'), /has been successfully removed/);
  const left = await Promise.all([
    lambda.send(new ListFunctionsCommand({})).then(({ Functions }) => Functions),
    lambda.send(new ListEventSourceMappingsCommand({})).then(({ EventSourceMappings }) => EventSourceMappings),
    sns.send(new ListTopicsCommand({})).then(({ Topics }) => Topics),
    sqs.send(new ListQueuesCommand({})).then(({ QueueUrls = [] }) => QueueUrls),
    kinesis.send(new ListStreamsCommand({})).then(({ StreamNames }) => StreamNames),
    s3.listBuckets({}).then(({ Buckets }) => Buckets),
    apiGateway.getRestApis({}).then(({ items }) => items),
    apiGateway.getApiKeys({}).then(({ items }) => items),
  ]);
  assert.deepEqual(left, [[], [], [], [], [], [], [], []]);
});
