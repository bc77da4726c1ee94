import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  AddPermissionCommand,
  CreateFunctionCommand,
  LambdaClient,
  PutFunctionEventInvokeConfigCommand,
} from '@aws-sdk/client-lambda';
import * as s3 from '@aws-sdk/client-s3';
import { SNS } from '@aws-sdk/client-sns';
import { SQS } from '@aws-sdk/client-sqs';
import type { Delivery } from '../../src/delivery/index.ts';
import type { Node } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { devNode } from '../support/in-process.ts';
import { clientEnvironment, TestNode } from '../support/node.ts';
import { run, clientOptions as wireOptions } from '../wire/support.ts';
import { withS3 } from './support.ts';

const owned = new AsyncDisposableStack();
let node: Node;
let options: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };
let store: s3.S3;
let sqs: SQS;
let sns: SNS;

before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-events-'));
  owned.defer(() => rm(directory, { recursive: true }));
  node = owned.use(await devNode(directory));
  options = clientOptions(node.endpoint);
  store = owned.adopt(new s3.S3({ ...options, forcePathStyle: true }), (client) => client.destroy());
  sqs = owned.adopt(new SQS(options), (client) => client.destroy());
  sns = owned.adopt(new SNS(options), (client) => client.destroy());
});

after(() => owned.disposeAsync());

function clientOptions(endpoint: string) {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return { endpoint, region: 'us-east-1', credentials, maxAttempts: 1 };
}

function allow(arn: string, action: string, bucket: string): string {
  const Condition = {
    ArnLike: { 'aws:SourceArn': `arn:aws:s3:::${bucket}` },
    StringEquals: { 'aws:SourceAccount': '000000000000' },
  };
  const Principal = { Service: 's3.amazonaws.com' };
  const Statement = [{ Effect: 'Allow', Principal, Action: action, Resource: arn, Condition }];
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

async function makeQueue(client: SQS, name: string, bucket?: string) {
  const arn = `arn:aws:sqs:us-east-1:000000000000:${name}`;
  const Attributes = bucket === undefined ? {} : { Policy: allow(arn, 'sqs:SendMessage', bucket) };
  const { QueueUrl } = await client.createQueue({ QueueName: name, Attributes });
  return { arn, url: QueueUrl! };
}

/** Takes so many messages off a queue. */
async function take(client: SQS, url: string, count: number): Promise<any[]> {
  const bodies: any[] = [];
  while (bodies.length < count) {
    const { Messages = [] } = await client.receiveMessage({
      QueueUrl: url,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 20,
    });
    assert.notEqual(Messages.length, 0, `${bodies.length} of ${count} messages have come`);
    for (const { Body, ReceiptHandle } of Messages) {
      bodies.push(JSON.parse(Body!));
      await client.deleteMessage({ QueueUrl: url, ReceiptHandle });
    }
  }
  return bodies;
}

/** Takes no event before it is opened, as one whose disk is full. */
class Outbox {
  readonly #events: { readonly arn: string; readonly key: string }[] = [];
  readonly #opened = Promise.withResolvers<void>();
  #arrived: () => void = () => {};

  open(): void {
    this.#opened.resolve();
  }

  async send(deliveries: readonly Delivery[]): Promise<void> {
    const records = deliveries.map(({ arn, payload }) => ({ arn, ...JSON.parse(Buffer.from(payload).toString()) }));
    if (records.every(({ Event }) => Event === 's3:TestEvent')) return;
    await this.#opened.promise;
    for (const { arn, Records } of records) this.#events.push({ arn, key: Records[0].s3.object.key });
    this.#arrived();
  }

  /** The first so many events. */
  async taken(count: number) {
    while (this.#events.length < count) await new Promise<void>((resolve) => (this.#arrived = resolve));
    return this.#events;
  }
}

const outbox = new Outbox();

async function failure(call: Promise<unknown>): Promise<any> {
  return call.then(
    () => assert.fail('no error'),
    (error: unknown) => error,
  );
}

test('a queue is tested, then told of what a rule names, in the form that S3 writes', async () => {
  const Bucket = 'events-to-a-queue';
  await store.createBucket({ Bucket });
  const queue = await makeQueue(sqs, 'object-events', Bucket);
  const configuration = (prefix: string, suffix: string) => ({
    QueueConfigurations: [
      {
        Id: 'images',
        QueueArn: queue.arn,
        Events: ['s3:ObjectCreated:*' as const, 's3:ObjectRemoved:*' as const],
        Filter: {
          Key: {
            FilterRules: [
              { Name: prefix as 'prefix', Value: 'in box/' },
              { Name: suffix as 'suffix', Value: '.jpg' },
            ],
          },
        },
      },
    ],
  });
  const NotificationConfiguration = configuration('prefix', 'suffix');
  await store.putBucketNotificationConfiguration({ Bucket, NotificationConfiguration });
  const { $metadata: _, ...shown } = await store.getBucketNotificationConfiguration({ Bucket });
  assert.deepEqual(shown, configuration('Prefix', 'Suffix'));
  const [tested] = await take(sqs, queue.url, 1);
  assert.deepEqual([tested.Service, tested.Event, tested.Bucket], ['Amazon S3', 's3:TestEvent', Bucket]);

  await store.putObject({ Bucket, Key: 'elsewhere/a.jpg', Body: 'x' });
  await store.putObject({ Bucket, Key: 'in box/a.png', Body: 'x' });
  const Key = "in box/größe (1)+é~'.jpg";
  await store.putObject({ Bucket, Key, Body: 'hello' });
  await store.deleteObject({ Bucket, Key });
  const records = (await take(sqs, queue.url, 2)).map(({ Records }) => Records);
  assert.deepEqual(
    records.map(({ length }) => length),
    [1, 1],
  );
  const [[put], [removed]] = records.sort(([a], [b]) => (a.s3.object.sequencer < b.s3.object.sequencer ? -1 : 1));
  const { eventTime, responseElements, s3: told, ...rest } = put;
  assert.match(eventTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(Object.keys(responseElements), ['x-amz-request-id', 'x-amz-id-2']);
  assert.deepEqual(rest, {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: 'us-east-1',
    eventName: 'ObjectCreated:Put',
    userIdentity: { principalId: 'AWS:test' },
    requestParameters: { sourceIPAddress: '127.0.0.1' },
  });
  const { sequencer, ...object } = told.object;
  assert.match(sequencer, /^[0-9A-F]{16}$/);
  assert.deepEqual(object, {
    key: 'in+box/gr%C3%B6%C3%9Fe+%281%29%2B%C3%A9%7E%27.jpg',
    size: 5,
    eTag: '5d41402abc4b2a76b9719d911017c592',
  });
  assert.deepEqual(told.bucket, {
    name: Bucket,
    ownerIdentity: { principalId: '000000000000' },
    arn: `arn:aws:s3:::${Bucket}`,
  });
  assert.deepEqual([told.s3SchemaVersion, told.configurationId], ['1.0', 'images']);
  assert.equal(removed.eventName, 'ObjectRemoved:Delete');
  assert.deepEqual(Object.keys(removed.s3.object), ['key', 'sequencer']);
});

test('a topic gets the message with its subject, and a function the event', async () => {
  const Bucket = 'events-to-others';
  await store.createBucket({ Bucket });
  const queue = await makeQueue(sqs, 'behind-others');
  const { TopicArn } = await sns.createTopic({ Name: 'object-events' });
  await sns.setTopicAttributes({
    TopicArn,
    AttributeName: 'Policy',
    AttributeValue: allow(TopicArn!, 'SNS:Publish', Bucket),
  });
  await sns.subscribe({ TopicArn, Protocol: 'sqs', Endpoint: queue.arn });
  const lambda = owned.adopt(new LambdaClient(options), (client) => client.destroy());
  const created = await lambda.send(
    new CreateFunctionCommand({
      FunctionName: 'on-object',
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::000000000000:role/any',
      Code: { ZipFile: await zipOf({ 'index.js': 'exports.handler = async (event) => event.Records[0].eventName;' }) },
    }),
  );
  const FunctionName = 'on-object';
  await lambda.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName,
      DestinationConfig: { OnSuccess: { Destination: queue.arn } },
    }),
  );
  const suffix = (Value: string) => ({ Key: { FilterRules: [{ Name: 'suffix' as const, Value }] } });
  const NotificationConfiguration: s3.NotificationConfiguration = {
    TopicConfigurations: [{ TopicArn, Events: ['s3:ObjectCreated:Put'], Filter: suffix('.topic') }],
    LambdaFunctionConfigurations: [
      { LambdaFunctionArn: created.FunctionArn, Events: ['s3:ObjectCreated:*'], Filter: suffix('.function') },
    ],
  };
  const refused = await failure(store.putBucketNotificationConfiguration({ Bucket, NotificationConfiguration }));
  assert.equal(refused.message, 'Unable to validate the following destination configurations');
  assert.equal(refused.ArgumentValue2, `Not authorized to invoke function [${created.FunctionArn}]`);
  await lambda.send(
    new AddPermissionCommand({
      FunctionName,
      StatementId: 'bucket',
      Action: 'lambda:InvokeFunction',
      Principal: 's3.amazonaws.com',
      SourceArn: `arn:aws:s3:::${Bucket}`,
      SourceAccount: '000000000000',
    }),
  );
  await store.putBucketNotificationConfiguration({ Bucket, NotificationConfiguration });
  await store.putObject({ Bucket, Key: 'a.topic', Body: 'hello' });
  const envelopes = await take(sqs, queue.url, 2);
  assert.deepEqual(
    envelopes.map(({ Subject }) => Subject),
    ['Amazon S3 Notification', 'Amazon S3 Notification'],
  );
  assert.deepEqual(
    envelopes.map(({ Message }) => JSON.parse(Message).Records?.[0].eventName ?? JSON.parse(Message).Event).sort(),
    ['ObjectCreated:Put', 's3:TestEvent'],
  );
  await store.putObject({ Bucket, Key: 'a.function', Body: 'hello' });
  const [called] = await take(sqs, queue.url, 1);
  assert.equal(called.responsePayload, 'ObjectCreated:Put');
});

test('what S3 refuses of a configuration is refused in its words', async () => {
  const Bucket = 'events-refused';
  await store.createBucket({ Bucket });
  const { arn: open } = await makeQueue(sqs, 'open-queue', Bucket);
  const { arn: closed } = await makeQueue(sqs, 'closed-queue');
  const fifo = await sqs.createQueue({ QueueName: 'q.fifo', Attributes: { FifoQueue: 'true' } });
  assert.ok(fifo.QueueUrl);
  const put = (...QueueConfigurations: s3.QueueConfiguration[]) =>
    failure(store.putBucketNotificationConfiguration({ Bucket, NotificationConfiguration: { QueueConfigurations } }));
  const Events: s3.Event[] = ['s3:ObjectCreated:*'];
  const filter = (Name: s3.FilterRuleName, Value: string) => ({ Key: { FilterRules: [{ Name, Value }] } });
  const cases: [string, s3.QueueConfiguration[]][] = [
    ['The ARN is not well formed', [{ QueueArn: 'nonsense', Events }]],
    ['The ARN is not well formed', [{ QueueArn: 'arn:aws:sns:us-east-1:000000000000:topic', Events }]],
    [
      'The notification destination service region is not valid for the bucket location constraint',
      [{ QueueArn: open.replace('us-east-1', 'eu-west-1'), Events }],
    ],
    ['Unable to validate the following destination configurations', [{ QueueArn: `${open}-not`, Events }]],
    ['Unable to validate the following destination configurations', [{ QueueArn: closed, Events }]],
    [
      'Unable to validate the following destination configurations',
      [{ QueueArn: open.replace(/open-queue$/, 'q.fifo'), Events }],
    ],
    [
      'Same ID used for multiple configurations. IDs must be unique',
      [
        { Id: 'a', QueueArn: open, Events },
        { Id: 'a', QueueArn: open, Events: ['s3:ObjectRemoved:*'] },
      ],
    ],
    [
      'Configurations overlap. Configurations on the same bucket cannot share a common event type.',
      [
        { QueueArn: open, Events },
        { QueueArn: open, Events: ['s3:ObjectCreated:Put'] },
      ],
    ],
    [
      'Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.',
      [
        { QueueArn: open, Events, Filter: filter('suffix', '.jpg') },
        { QueueArn: open, Events, Filter: filter('prefix', 'a/') },
      ],
    ],
    [
      'Cannot specify more than one prefix rule in a filter.',
      [
        {
          QueueArn: open,
          Events,
          Filter: {
            Key: {
              FilterRules: [
                { Name: 'prefix', Value: 'a' },
                { Name: 'prefix', Value: 'b' },
              ],
            },
          },
        },
      ],
    ],
  ];
  for (const [message, configurations] of cases) {
    const error = await put(...configurations);
    assert.deepEqual([error.name, error.message], ['InvalidArgument', message]);
  }
  const error = await put({ QueueArn: closed, Events });
  assert.equal(
    error.ArgumentValue1,
    'Permissions on the destination queue do not allow S3 to publish notifications from this bucket',
  );
  // Side by side without a common key.
  await store.putBucketNotificationConfiguration({
    Bucket,
    NotificationConfiguration: {
      QueueConfigurations: [
        { QueueArn: open, Events, Filter: filter('prefix', 'a/') },
        { QueueArn: open, Events, Filter: filter('prefix', 'b/') },
      ],
    },
  });
  // Whoever says so knows it better.
  await store.putBucketNotificationConfiguration({
    Bucket,
    SkipDestinationValidation: true,
    NotificationConfiguration: { QueueConfigurations: [{ QueueArn: closed, Events }] },
  });
  await store.putBucketNotificationConfiguration({ Bucket, NotificationConfiguration: {} });
  const { QueueConfigurations } = await store.getBucketNotificationConfiguration({ Bucket });
  assert.equal(QueueConfigurations, undefined);
});

async function output(file: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { code, stdout, stderr } = await run(file, words, env);
  assert.equal(code, 0, stderr);
  return stdout;
}

test('boto3 and the aws CLI set and read a configuration', async () => {
  const Bucket = 'events-of-python';
  await store.createBucket({ Bucket });
  const { arn } = await makeQueue(sqs, 'python-queue', Bucket);
  const env = { ...process.env, ...clientEnvironment(node.endpoint) };
  const script = `
import boto3, json
s3 = boto3.resource('s3', endpoint_url='${node.endpoint}')
n = s3.BucketNotification('${Bucket}')
n.put(NotificationConfiguration={'QueueConfigurations': [{'QueueArn': '${arn}', 'Events': ['s3:ObjectRemoved:Delete'], 'Filter': {'Key': {'FilterRules': [{'Name': 'suffix', 'Value': '.jpg'}]}}}]})
n.load()
print(json.dumps(n.queue_configurations))`;
  const [rule] = JSON.parse(await output('/usr/bin/python3', ['-c', script], env));
  assert.deepEqual([rule.QueueArn, rule.Events], [arn, ['s3:ObjectRemoved:Delete']]);
  const words = ['--endpoint-url', node.endpoint, 's3api', 'get-bucket-notification-configuration', '--bucket', Bucket];
  const shown = JSON.parse(await output('aws', words, env));
  assert.deepEqual(shown.QueueConfigurations, [rule]);
});

test('an event is for the rule that stood when it happened, whatever becomes of the rules', () =>
  withS3(
    async (wire) => {
      const client = new s3.S3({ ...wireOptions(wire), region: 'us-east-1', forcePathStyle: true });
      const Bucket = 'rules-that-change';
      await client.createBucket({ Bucket });
      const queue = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`;
      const setRules = (...names: string[]) =>
        client.putBucketNotificationConfiguration({
          Bucket,
          NotificationConfiguration: {
            QueueConfigurations: names.map((name) => ({
              Id: name,
              QueueArn: queue(name),
              Events: ['s3:ObjectCreated:*'],
            })),
          },
        });
      await client.putObject({ Bucket, Key: 'before any rule', Body: 'x' });
      await setRules('first');
      await client.putObject({ Bucket, Key: 'of the first', Body: 'x' });
      await setRules('second');
      await client.putObject({ Bucket, Key: 'of the second', Body: 'x' });
      await setRules();
      await client.putObject({ Bucket, Key: 'after all rules', Body: 'x' });
      client.destroy();
      outbox.open();
      const events = await outbox.taken(2);
      assert.deepEqual(
        events.map(({ arn, key }) => [arn, key]),
        [
          [queue('first'), 'of+the+first'],
          [queue('second'), 'of+the+second'],
        ],
      );
    },
    { delivery: outbox },
  ));

test('no event is lost of a put that was acknowledged before the node was killed', async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'millrace-killed-'));
  await using scope = new AsyncDisposableStack();
  scope.defer(() => rm(dataDirectory, { recursive: true }));
  const Bucket = 'events-over-kills';
  const acknowledged: string[] = [];
  const arn = 'arn:aws:sqs:us-east-1:000000000000:kills';
  for (let life = 0; life < 2; life++) {
    const killed = scope.use(await TestNode.start({ dataDirectory }));
    const client = new s3.S3({ ...clientOptions(killed.endpoints.http), forcePathStyle: true });
    if (life === 0) {
      await client.createBucket({ Bucket });
      await makeQueue(new SQS(clientOptions(killed.endpoints.http)), 'kills', Bucket);
      const QueueConfigurations = [{ QueueArn: arn, Events: ['s3:ObjectCreated:*' as const] }];
      await client.putBucketNotificationConfiguration({ Bucket, NotificationConfiguration: { QueueConfigurations } });
    }
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let count = 0; ; count++) {
        const Key = `${life}/${writer}/${count}`;
        await client.putObject({ Bucket, Key, Body: Key });
        acknowledged.push(Key);
        if (acknowledged.length === 40 * (life + 1)) await killed.stop('SIGKILL');
      }
    });
    await Promise.allSettled(writers);
    client.destroy();
  }
  const last = scope.use(await TestNode.start({ dataDirectory }));
  const client = new SQS(clientOptions(last.endpoints.http));
  const { QueueUrl } = await client.getQueueUrl({ QueueName: 'kills' });
  const missing = new Set(acknowledged);
  while (missing.size > 0) {
    for (const { Records } of await take(client, QueueUrl!, 1)) if (Records) missing.delete(Records[0].s3.object.key);
  }
  client.destroy();
});
