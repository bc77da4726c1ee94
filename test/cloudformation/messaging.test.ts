import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import {
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  GetResourcePolicyCommand,
  KinesisClient,
  ListStreamsCommand,
  ListTagsForResourceCommand as ListStreamTagsCommand,
} from '@aws-sdk/client-kinesis';
import {
  GetEventSourceMappingCommand,
  GetFunctionConfigurationCommand,
  GetFunctionEventInvokeConfigCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
  ListTagsCommand,
} from '@aws-sdk/client-lambda';
import {
  CreateTopicCommand,
  DeleteTopicCommand,
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  ListTagsForResourceCommand,
  ListTopicsCommand,
  SNSClient,
} from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Node } from '../../src/node/index.ts';
import { aMoment } from '../support/eventually.ts';
import { devNode } from '../support/in-process.ts';

let node: Node;
let directory: string;
let cloudFormation: CloudFormationClient;
let lambda: LambdaClient;
let kinesis: KinesisClient;
let sns: SNSClient;
let sqs: SQSClient;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-messaging-'));
  node = await devNode(directory);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  cloudFormation = new CloudFormationClient(options);
  lambda = new LambdaClient(options);
  kinesis = new KinesisClient(options);
  sns = new SNSClient(options);
  sqs = new SQSClient(options);
});

after(async () => {
  for (const client of [cloudFormation, lambda, kinesis, sns, sqs]) client.destroy();
  await node[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

type Resources = Readonly<Record<string, object>>;

const ref = (Ref: string) => ({ Ref });
const att = (id: string, name = 'Arn') => ({ 'Fn::GetAtt': [id, name] });

const describe = async (StackName: string) => {
  const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
  return Stacks![0]!;
};

/** Resolves when the stack has come to rest. @returns its status */
async function settled(StackName: string): Promise<string> {
  for (;;) {
    const { StackStatus } = await describe(StackName);
    if (!StackStatus!.endsWith('_IN_PROGRESS')) return StackStatus!;
    await aMoment();
  }
}

const body = (Resources: Resources) => JSON.stringify({ Resources });

async function create(StackName: string, resources: Resources): Promise<string> {
  await cloudFormation.send(new CreateStackCommand({ StackName, TemplateBody: body(resources) }));
  return settled(StackName);
}

async function update(StackName: string, resources: Resources): Promise<string> {
  await cloudFormation.send(new UpdateStackCommand({ StackName, TemplateBody: body(resources) }));
  return settled(StackName);
}

async function remove(StackName: string): Promise<string> {
  const { StackId } = await describe(StackName);
  await cloudFormation.send(new DeleteStackCommand({ StackName }));
  return settled(StackId!);
}

/** Physical ids by logical id. */
async function physical(StackName: string): Promise<Record<string, string>> {
  const { StackResources } = await cloudFormation.send(new DescribeStackResourcesCommand({ StackName }));
  return Object.fromEntries(StackResources!.map((one) => [one.LogicalResourceId!, one.PhysicalResourceId!]));
}

/** Reasons that the events of a stack give. */
async function reasons(StackName: string): Promise<string> {
  const { StackEvents } = await cloudFormation.send(new DescribeStackEventsCommand({ StackName }));
  return StackEvents!.map(({ ResourceStatusReason }) => ResourceStatusReason ?? '').join('\n');
}

async function queueAttributes(QueueUrl: string): Promise<Record<string, string>> {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  const { CreatedTimestamp: _c, LastModifiedTimestamp: _m, QueueArn: _a, ...rest } = Attributes!;
  return rest;
}

const topicAttributes = async (TopicArn: string) =>
  (await sns.send(new GetTopicAttributesCommand({ TopicArn }))).Attributes!;

const subscriptionAttributes = async (SubscriptionArn: string) =>
  (await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }))).Attributes!;

/** Everything that this node holds of the services that stacks make things in. */
async function standing(): Promise<readonly string[]> {
  const [queues, topics, streams, functions, mappings] = await Promise.all([
    sqs.send(new ListQueuesCommand({})).then(({ QueueUrls = [] }) => QueueUrls),
    sns.send(new ListTopicsCommand({})).then(({ Topics }) => Topics!.map(({ TopicArn }) => TopicArn!)),
    kinesis.send(new ListStreamsCommand({})).then(({ StreamNames }) => StreamNames!),
    lambda
      .send(new ListFunctionsCommand({}))
      .then(({ Functions }) => Functions!.map(({ FunctionName }) => FunctionName!)),
    lambda
      .send(new ListEventSourceMappingsCommand({}))
      .then(({ EventSourceMappings }) => EventSourceMappings!.map(({ UUID }) => UUID!)),
  ]);
  return [...queues, ...topics, ...streams, ...functions, ...mappings].sort();
}

const ALLOW_ALL = (Resource: object | string) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource }],
});

const FUNCTION = {
  Type: 'AWS::Lambda::Function',
  Properties: {
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Role: 'arn:aws:iam::000000000000:role/r',
    Code: { ZipFile: 'exports.handler = async () => ({ batchItemFailures: [] });' },
  },
};

test('a queue has every property, changes each in place, and without them is a plain one again', async () => {
  const Dead = { Type: 'AWS::SQS::Queue', Properties: { RedriveAllowPolicy: { redrivePermission: 'allowAll' } } };
  const full = {
    DelaySeconds: 5,
    MaximumMessageSize: 2048,
    MessageRetentionPeriod: 600,
    ReceiveMessageWaitTimeSeconds: 10,
    VisibilityTimeout: 45,
    KmsMasterKeyId: 'alias/aws/sqs',
    KmsDataKeyReusePeriodSeconds: 600,
    RedrivePolicy: { deadLetterTargetArn: att('Dead'), maxReceiveCount: 3 },
    Tags: [{ Key: 'team', Value: 'a' }],
  };
  const queue = (Properties: object) => ({ Dead, Queue: { Type: 'AWS::SQS::Queue', Properties } });
  assert.equal(await create('queue', queue(full)), 'CREATE_COMPLETE');
  const { Queue: QueueUrl, Dead: deadUrl } = (await physical('queue')) as { Queue: string; Dead: string };
  const made = await queueAttributes(QueueUrl);
  assert.deepEqual(
    [made.DelaySeconds, made.MaximumMessageSize, made.MessageRetentionPeriod, made.ReceiveMessageWaitTimeSeconds],
    ['5', '2048', '600', '10'],
  );
  assert.deepEqual([made.VisibilityTimeout, made.KmsMasterKeyId], ['45', 'alias/aws/sqs']);
  assert.equal(made.KmsDataKeyReusePeriodSeconds, '600');
  assert.match(made.RedrivePolicy!, /"deadLetterTargetArn":"arn:aws:sqs:.*:queue-Dead-\w+"/);
  assert.equal((await queueAttributes(deadUrl)).RedriveAllowPolicy, '{"redrivePermission":"allowAll"}');

  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'kept', DelaySeconds: 0 }));
  const changed = { ...full, DelaySeconds: 0, VisibilityTimeout: 1, Tags: [{ Key: 'line', Value: 'b' }] };
  assert.equal(await update('queue', queue(changed)), 'UPDATE_COMPLETE');
  const { Tags } = await sqs.send(new ListQueueTagsCommand({ QueueUrl }));
  assert.deepEqual(Tags, { line: 'b' });
  assert.equal((await queueAttributes(QueueUrl)).VisibilityTimeout, '1');

  assert.equal(await update('queue', queue({})), 'UPDATE_COMPLETE');
  const { QueueUrl: plainUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'plain' }));
  const { ApproximateNumberOfMessages: held, ...bare } = await queueAttributes(QueueUrl);
  const { ApproximateNumberOfMessages: _none, ...plain } = await queueAttributes(plainUrl!);
  assert.deepEqual([bare, held], [plain, '1']);
  assert.equal((await physical('queue')).Queue, QueueUrl, 'no change has made a new queue');
  assert.equal(await remove('queue'), 'DELETE_COMPLETE');
  assert.deepEqual(await standing(), [plainUrl]);
});

test('a fifo queue and topic keep their names, and attributes that only they have', async () => {
  const fifo = (throughput: string) => ({
    Queue: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        FifoQueue: true,
        ContentBasedDeduplication: true,
        DeduplicationScope: 'messageGroup',
        FifoThroughputLimit: throughput,
      },
    },
    Topic: { Type: 'AWS::SNS::Topic', Properties: { FifoTopic: true, ContentBasedDeduplication: true } },
  });
  assert.equal(await create('fifo', fifo('perQueue')), 'CREATE_COMPLETE');
  const { Queue, Topic } = (await physical('fifo')) as { Queue: string; Topic: string };
  assert.match(Queue, /fifo-Queue-\w+\.fifo$/);
  assert.match(Topic, /fifo-Topic-\w+\.fifo$/);
  assert.equal((await topicAttributes(Topic)).ContentBasedDeduplication, 'true');
  assert.equal(await update('fifo', fifo('perMessageGroupId')), 'UPDATE_COMPLETE');
  const { FifoThroughputLimit, DeduplicationScope } = await queueAttributes(Queue);
  assert.deepEqual([FifoThroughputLimit, DeduplicationScope], ['perMessageGroupId', 'messageGroup']);
  assert.equal(await remove('fifo'), 'DELETE_COMPLETE');
});

test('policies of queues and topics come, move and go, and what they leave is as it was', async () => {
  const things = {
    A: { Type: 'AWS::SQS::Queue' },
    B: { Type: 'AWS::SQS::Queue' },
    S: { Type: 'AWS::SNS::Topic' },
    T: { Type: 'AWS::SNS::Topic' },
  };
  const policies = (queue: string, topic: string) => ({
    QueuePolicy: {
      Type: 'AWS::SQS::QueuePolicy',
      Properties: { PolicyDocument: ALLOW_ALL(att(queue)), Queues: [ref(queue)] },
    },
    TopicPolicy: {
      Type: 'AWS::SNS::TopicPolicy',
      Properties: { PolicyDocument: ALLOW_ALL(ref(topic)), Topics: [ref(topic)] },
    },
  });
  assert.equal(await create('policies', { ...things, ...policies('A', 'S') }), 'CREATE_COMPLETE');
  const { A, B, S, T } = (await physical('policies')) as Record<'A' | 'B' | 'S' | 'T', string>;
  const open = async () => {
    const documents = [
      (await queueAttributes(A)).Policy,
      (await queueAttributes(B)).Policy,
      (await topicAttributes(S)).Policy,
      (await topicAttributes(T)).Policy,
    ];
    return documents.map((document) => document !== undefined && JSON.parse(document).Statement[0].Action === '*');
  };
  assert.deepEqual(await open(), [true, false, true, false]);
  assert.equal(await update('policies', { ...things, ...policies('B', 'T') }), 'UPDATE_COMPLETE');
  assert.deepEqual(await open(), [false, true, false, true]);

  const inline = {
    QueueInline: {
      Type: 'AWS::SQS::QueueInlinePolicy',
      Properties: { PolicyDocument: ALLOW_ALL('*'), Queue: ref('A') },
    },
    TopicInline: {
      Type: 'AWS::SNS::TopicInlinePolicy',
      Properties: { PolicyDocument: ALLOW_ALL('*'), TopicArn: ref('S') },
    },
  };
  assert.equal(await update('policies', { ...things, ...inline }), 'UPDATE_COMPLETE');
  assert.deepEqual(await open(), [true, false, true, false]);
  assert.equal(await update('policies', things), 'UPDATE_COMPLETE');
  assert.deepEqual(await open(), [false, false, false, false]);
  assert.equal(JSON.parse((await topicAttributes(T)).Policy!).Id, '__default_policy_ID');
  assert.equal(await remove('policies'), 'DELETE_COMPLETE');
});

test('a topic and its subscriptions change in place, each on its own', async () => {
  const stack = (topic: object, subscription: object, more: object[] = []) => ({
    Queue: { Type: 'AWS::SQS::Queue' },
    Other: { Type: 'AWS::SQS::Queue' },
    Topic: { Type: 'AWS::SNS::Topic', Properties: { ...topic, Subscription: more } },
    Subscription: {
      Type: 'AWS::SNS::Subscription',
      Properties: { TopicArn: ref('Topic'), Protocol: 'sqs', Endpoint: att('Queue'), ...subscription },
    },
  });
  const full = {
    FilterPolicy: { severity: ['critical'] },
    FilterPolicyScope: 'MessageBody',
    RawMessageDelivery: true,
    RedrivePolicy: { deadLetterTargetArn: att('Other') },
  };
  const named = { DisplayName: 'Alerts', SignatureVersion: '2', Tags: [{ Key: 'team', Value: 'a' }] };
  assert.equal(await create('topic', stack(named, full)), 'CREATE_COMPLETE');
  const { Topic, Subscription } = (await physical('topic')) as { Topic: string; Subscription: string };
  const made = await subscriptionAttributes(Subscription);
  assert.deepEqual(JSON.parse(made.FilterPolicy!), { severity: ['critical'] });
  assert.deepEqual([made.FilterPolicyScope, made.RawMessageDelivery], ['MessageBody', 'true']);
  assert.match(made.RedrivePolicy!, /topic-Other-/);
  assert.deepEqual(
    [(await topicAttributes(Topic)).DisplayName, (await topicAttributes(Topic)).SignatureVersion],
    ['Alerts', '2'],
  );

  // Nested keys are for bodies only: the scope and its policy change together, either way.
  const flat = { FilterPolicy: { severity: ['low'] }, FilterPolicyScope: 'MessageAttributes' };
  const nested = { FilterPolicy: { alert: { severity: ['low'] } }, FilterPolicyScope: 'MessageBody' };
  for (const filter of [flat, nested, flat]) {
    assert.equal(await update('topic', stack(named, { ...full, ...filter })), 'UPDATE_COMPLETE');
    const { FilterPolicy, FilterPolicyScope } = await subscriptionAttributes(Subscription);
    assert.deepEqual([JSON.parse(FilterPolicy!), FilterPolicyScope], Object.values(filter));
  }

  const second = [{ Protocol: 'sqs', Endpoint: att('Other') }];
  assert.equal(
    await update('topic', stack({ DisplayName: 'Alarms' }, { RawMessageDelivery: false }, second)),
    'UPDATE_COMPLETE',
  );
  const bare = await subscriptionAttributes(Subscription);
  assert.ok(bare.FilterPolicy === undefined || bare.FilterPolicy === '{}', bare.FilterPolicy);
  assert.deepEqual([bare.RawMessageDelivery, bare.RedrivePolicy || undefined], ['false', undefined]);
  const { DisplayName, SignatureVersion = '1' } = await topicAttributes(Topic);
  assert.deepEqual([DisplayName, SignatureVersion], ['Alarms', '1']);
  assert.deepEqual((await sns.send(new ListTagsForResourceCommand({ ResourceArn: Topic }))).Tags, []);
  const subscriptions = async () =>
    (await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn: Topic }))).Subscriptions!.length;
  assert.equal(await subscriptions(), 2);

  assert.equal(await update('topic', stack({}, { Endpoint: att('Other') }, [])), 'UPDATE_COMPLETE');
  assert.notEqual((await physical('topic')).Subscription, Subscription, 'another endpoint is another subscription');
  assert.equal(await subscriptions(), 1);
  assert.equal(await remove('topic'), 'DELETE_COMPLETE');
});

test('a topic without its properties is a plain one again', async () => {
  const topic = (Properties: object) => ({ Topic: { Type: 'AWS::SNS::Topic', Properties } });
  const logging = {
    Protocol: 'sqs',
    SuccessFeedbackRoleArn: 'arn:aws:iam::000000000000:role/success',
    SuccessFeedbackSampleRate: '45',
    FailureFeedbackRoleArn: 'arn:aws:iam::000000000000:role/failure',
  };
  const full = {
    DisplayName: 'Alerts',
    KmsMasterKeyId: 'alias/aws/sns',
    SignatureVersion: '2',
    TracingConfig: 'Active',
    DeliveryStatusLogging: [logging, { ...logging, Protocol: 'http/s' }],
  };
  assert.equal(await create('plain-topic', topic(full)), 'CREATE_COMPLETE', await reasons('plain-topic'));
  const { Topic } = (await physical('plain-topic')) as { Topic: string };
  const made = await topicAttributes(Topic);
  assert.deepEqual(
    [made.DisplayName, made.KmsMasterKeyId, made.SignatureVersion, made.TracingConfig],
    ['Alerts', 'alias/aws/sns', '2', 'Active'],
  );
  assert.deepEqual(
    [made.SQSSuccessFeedbackRoleArn, made.SQSSuccessFeedbackSampleRate, made.HTTPFailureFeedbackRoleArn],
    [logging.SuccessFeedbackRoleArn, '45', logging.FailureFeedbackRoleArn],
  );
  const { DeliveryStatusLogging: _logging, ...rest } = full;
  const less = { ...rest, DeliveryStatusLogging: [{ Protocol: 'sqs', SuccessFeedbackSampleRate: '50' }] };
  assert.equal(await update('plain-topic', topic(less)), 'UPDATE_COMPLETE', await reasons('plain-topic'));
  const changed = await topicAttributes(Topic);
  assert.deepEqual(
    [changed.SQSSuccessFeedbackRoleArn || undefined, changed.SQSSuccessFeedbackSampleRate],
    [undefined, '50'],
  );
  assert.equal(await update('plain-topic', topic({})), 'UPDATE_COMPLETE', await reasons('plain-topic'));
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'bare' }));
  // What a topic goes by when it says nothing of it.
  const effective = ({
    TopicArn: _arn,
    Policy: _policy,
    EffectiveDeliveryPolicy: _e,
    ...more
  }: Record<string, string>) => ({
    SignatureVersion: '1',
    TracingConfig: 'PassThrough',
    ...Object.fromEntries(Object.entries(more).filter(([name, value]) => value !== '' && !name.endsWith('SampleRate'))),
  });
  assert.deepEqual(effective(await topicAttributes(Topic)), effective(await topicAttributes(TopicArn!)));
  await sns.send(new DeleteTopicCommand({ TopicArn: TopicArn! }));
  assert.equal(await remove('plain-topic'), 'DELETE_COMPLETE');
});

test('a mapping has every setting of its source, and goes back to the defaults', async () => {
  const stack = (queueSide: object, streamSide: object) => ({
    Fn: FUNCTION,
    Queue: { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: 60 } },
    Dead: { Type: 'AWS::SQS::Queue' },
    Stream: { Type: 'AWS::Kinesis::Stream', Properties: { ShardCount: 1 } },
    FromQueue: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { FunctionName: ref('Fn'), EventSourceArn: att('Queue'), ...queueSide },
    },
    FromStream: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { FunctionName: ref('Fn'), EventSourceArn: att('Stream'), StartingPosition: 'LATEST', ...streamSide },
    },
  });
  const Filters = [{ Pattern: '{"body":{"kind":["job"]}}' }];
  const queueSide = {
    BatchSize: 50,
    MaximumBatchingWindowInSeconds: 2,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    FilterCriteria: { Filters },
    ScalingConfig: { MaximumConcurrency: 4 },
    MetricsConfig: { Metrics: ['EventCount'] },
    Tags: [{ Key: 'team', Value: 'a' }],
  };
  const streamSide = {
    BatchSize: 7,
    MaximumRetryAttempts: 3,
    MaximumRecordAgeInSeconds: 120,
    BisectBatchOnFunctionError: true,
    ParallelizationFactor: 2,
    DestinationConfig: { OnFailure: { Destination: att('Dead') } },
    Enabled: false,
  };
  assert.equal(await create('mappings', stack(queueSide, streamSide)), 'CREATE_COMPLETE', await reasons('mappings'));
  const { FromQueue, FromStream } = (await physical('mappings')) as { FromQueue: string; FromStream: string };
  const shown = async (UUID: string) => lambda.send(new GetEventSourceMappingCommand({ UUID }));
  const q = await shown(FromQueue);
  assert.deepEqual(
    [
      q.BatchSize,
      q.MaximumBatchingWindowInSeconds,
      q.FunctionResponseTypes,
      q.FilterCriteria,
      q.ScalingConfig,
      q.MetricsConfig,
    ],
    [50, 2, ['ReportBatchItemFailures'], { Filters }, { MaximumConcurrency: 4 }, { Metrics: ['EventCount'] }],
  );
  const s = await shown(FromStream);
  assert.deepEqual(
    [s.BatchSize, s.MaximumRetryAttempts, s.MaximumRecordAgeInSeconds, s.BisectBatchOnFunctionError, s.State],
    [7, 3, 120, true, 'Disabled'],
  );
  assert.deepEqual(
    [s.ParallelizationFactor, s.DestinationConfig!.OnFailure!.Destination!.includes('mappings-Dead-')],
    [2, true],
  );

  const Tags = [{ Key: 'line', Value: 'b' }];
  assert.equal(
    await update('mappings', stack({ ...queueSide, Tags }, streamSide)),
    'UPDATE_COMPLETE',
    await reasons('mappings'),
  );
  const tags = await lambda.send(new ListTagsCommand({ Resource: q.EventSourceMappingArn! }));
  assert.deepEqual(tags.Tags, { line: 'b' });

  assert.equal(await update('mappings', stack({}, {})), 'UPDATE_COMPLETE', await reasons('mappings'));
  const [q2, s2] = [await shown(FromQueue), await shown(FromStream)];
  assert.deepEqual(
    [
      q2.BatchSize,
      q2.MaximumBatchingWindowInSeconds,
      q2.FunctionResponseTypes ?? [],
      q2.FilterCriteria?.Filters ?? [],
      q2.ScalingConfig?.MaximumConcurrency,
      q2.MetricsConfig?.Metrics ?? [],
    ],
    [10, 0, [], [], undefined, []],
  );
  assert.deepEqual(
    [s2.BatchSize, s2.MaximumRetryAttempts, s2.MaximumRecordAgeInSeconds, s2.BisectBatchOnFunctionError, s2.State],
    [100, -1, -1, false, 'Enabled'],
  );
  assert.deepEqual([s2.ParallelizationFactor, s2.DestinationConfig?.OnFailure?.Destination], [1, undefined]);
  assert.equal(await remove('mappings'), 'DELETE_COMPLETE');
});

test('asynchronous settings of a function come and go, and those of someone else are not taken over', async () => {
  const stack = (functionProperties: object, more: Resources = {}) => ({
    Fn: { ...FUNCTION, Properties: { ...FUNCTION.Properties, ...functionProperties } },
    Queue: { Type: 'AWS::SQS::Queue' },
    ...more,
  });
  const config = (properties: object) => ({
    Type: 'AWS::Lambda::EventInvokeConfig',
    Properties: { FunctionName: ref('Fn'), Qualifier: '$LATEST', ...properties },
  });
  const functionSide = {
    DeadLetterConfig: { TargetArn: att('Queue') },
    TracingConfig: { Mode: 'Active' },
    LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'DEBUG' },
  };
  const full = {
    MaximumEventAgeInSeconds: 120,
    MaximumRetryAttempts: 1,
    DestinationConfig: { OnSuccess: { Destination: att('Queue') }, OnFailure: { Destination: att('Queue') } },
  };
  assert.equal(await create('async', stack(functionSide, { Config: config(full) })), 'CREATE_COMPLETE');
  const { Fn: FunctionName, Queue } = (await physical('async')) as { Fn: string; Queue: string };
  const invoke = await lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName }));
  assert.deepEqual([invoke.MaximumEventAgeInSeconds, invoke.MaximumRetryAttempts], [120, 1]);
  const queueArn = `arn:aws:sqs:us-east-1:000000000000:${Queue.split('/').at(-1)}`;
  assert.equal(invoke.DestinationConfig!.OnSuccess!.Destination, queueArn);
  const made = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  assert.deepEqual(
    [made.DeadLetterConfig?.TargetArn, made.TracingConfig?.Mode, made.LoggingConfig?.LogFormat],
    [queueArn, 'Active', 'JSON'],
  );

  const twice = await update(
    'async',
    stack(functionSide, { Config: config(full), Twin: config({ MaximumRetryAttempts: 0 }) }),
  );
  assert.equal(twice, 'UPDATE_ROLLBACK_COMPLETE');
  assert.match(await reasons('async'), /An EventInvokeConfig of .* exists already/);
  const after = await lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName }));
  assert.equal(after.MaximumRetryAttempts, 1, 'the rollback took nothing of the other');

  assert.equal(await update('async', stack({}, { Config: config({ MaximumRetryAttempts: 0 }) })), 'UPDATE_COMPLETE');
  const bare = await lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName }));
  assert.deepEqual([bare.MaximumRetryAttempts, bare.MaximumEventAgeInSeconds], [0, undefined]);
  const plain = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  assert.deepEqual(
    [plain.DeadLetterConfig?.TargetArn, plain.TracingConfig?.Mode, plain.LoggingConfig?.LogFormat],
    [undefined, 'PassThrough', 'Text'],
  );
  assert.equal(await update('async', stack({})), 'UPDATE_COMPLETE');
  await assert.rejects(lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName })), {
    name: 'ResourceNotFoundException',
  });
  assert.equal(await remove('async'), 'DELETE_COMPLETE');
});

test('a stream changes its retention, record size, metrics and mode in place; consumers and policies stand beside it', async () => {
  const stack = (properties: object, team: string) => ({
    Stream: { Type: 'AWS::Kinesis::Stream', Properties: properties },
    Consumer: {
      Type: 'AWS::Kinesis::StreamConsumer',
      Properties: { ConsumerName: 'reader', StreamARN: att('Stream'), Tags: [{ Key: 'team', Value: team }] },
    },
    Policy: {
      Type: 'AWS::Kinesis::ResourcePolicy',
      Properties: { ResourceArn: att('Stream'), ResourcePolicy: ALLOW_ALL(att('Stream')) },
    },
  });
  const full = {
    ShardCount: 1,
    RetentionPeriodHours: 48,
    MaxRecordSizeInKiB: 2048,
    DesiredShardLevelMetrics: ['IncomingBytes', 'OutgoingBytes'],
  };
  assert.equal(await create('stream', stack(full, 'a')), 'CREATE_COMPLETE', await reasons('stream'));
  const { Stream: StreamName, Consumer } = (await physical('stream')) as { Stream: string; Consumer: string };
  const summary = async () =>
    (await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }))).StreamDescriptionSummary!;
  const made = await summary();
  assert.deepEqual([made.RetentionPeriodHours, made.MaxRecordSizeInKiB], [48, 2048]);
  assert.deepEqual(made.EnhancedMonitoring![0]!.ShardLevelMetrics!.toSorted(), ['IncomingBytes', 'OutgoingBytes']);
  const policy = await kinesis.send(new GetResourcePolicyCommand({ ResourceARN: made.StreamARN! }));
  assert.equal(JSON.parse(policy.Policy!).Statement[0].Action, '*');
  const tags = await kinesis.send(new ListStreamTagsCommand({ ResourceARN: Consumer }));
  assert.deepEqual(tags.Tags, [{ Key: 'team', Value: 'a' }]);

  const onDemand = { StreamModeDetails: { StreamMode: 'ON_DEMAND' }, DesiredShardLevelMetrics: ['IncomingBytes'] };
  assert.equal(await update('stream', stack(onDemand, 'a')), 'UPDATE_COMPLETE', await reasons('stream'));
  const changed = await summary();
  assert.deepEqual(
    [changed.RetentionPeriodHours, changed.MaxRecordSizeInKiB, changed.StreamModeDetails!.StreamMode],
    [24, 1024, 'ON_DEMAND'],
  );
  assert.deepEqual(changed.EnhancedMonitoring![0]!.ShardLevelMetrics, ['IncomingBytes']);
  assert.equal((await physical('stream')).Consumer, Consumer);
  assert.equal(await remove('stream'), 'DELETE_COMPLETE');
  await assert.rejects(kinesis.send(new DescribeStreamConsumerCommand({ ConsumerARN: Consumer })), {
    name: 'ResourceNotFoundException',
  });
});

test('a queue that is replaced takes its messages with it, unless it is to be kept', async () => {
  const queue = (QueueName: string, more: object = {}) => ({
    Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName }, ...more },
  });
  await create('replaced', queue('first'));
  const { Queue: first } = (await physical('replaced')) as { Queue: string };
  await sqs.send(new SendMessageCommand({ QueueUrl: first, MessageBody: 'of the first' }));
  assert.equal(await update('replaced', queue('second', { UpdateReplacePolicy: 'Retain' })), 'UPDATE_COMPLETE');
  const { Queue: second } = (await physical('replaced')) as { Queue: string };
  assert.notEqual(second, first);
  const kept = await sqs.send(new ReceiveMessageCommand({ QueueUrl: first }));
  assert.equal(kept.Messages![0]!.Body, 'of the first', 'UpdateReplacePolicy Retain keeps the old queue');
  assert.equal(await update('replaced', queue('third')), 'UPDATE_COMPLETE');
  await assert.rejects(queueAttributes(second), { name: /QueueDoesNotExist/ });
  assert.equal(await remove('replaced'), 'DELETE_COMPLETE');
  assert.equal((await queueAttributes(first)).VisibilityTimeout, '30');
});

/** Something that no service takes, behind everything else: the stack fails at its end. */
const failing = (DependsOn: readonly string[]) => ({
  Last: { Type: 'AWS::SQS::Queue', DependsOn, Properties: { VisibilityTimeout: 999_999 } },
});

const everything = (mark: string): Resources => ({
  Fn: {
    ...FUNCTION,
    Properties: { ...FUNCTION.Properties, Description: mark, DeadLetterConfig: { TargetArn: att('Dead') } },
  },
  Dead: { Type: 'AWS::SQS::Queue' },
  Jobs: {
    Type: 'AWS::SQS::Queue',
    Properties: {
      VisibilityTimeout: 40 + mark.length,
      RedrivePolicy: { deadLetterTargetArn: att('Dead'), maxReceiveCount: 3 },
    },
  },
  JobsPolicy: {
    Type: 'AWS::SQS::QueuePolicy',
    Properties: { Queues: [ref('Jobs')], PolicyDocument: ALLOW_ALL(att('Jobs')) },
  },
  Topic: { Type: 'AWS::SNS::Topic', Properties: { DisplayName: mark } },
  TopicPolicy: {
    Type: 'AWS::SNS::TopicPolicy',
    Properties: { Topics: [ref('Topic')], PolicyDocument: ALLOW_ALL(ref('Topic')) },
  },
  ToJobs: {
    Type: 'AWS::SNS::Subscription',
    Properties: { TopicArn: ref('Topic'), Protocol: 'sqs', Endpoint: att('Jobs'), FilterPolicy: { mark: [mark] } },
  },
  ToFn: {
    Type: 'AWS::SNS::Subscription',
    Properties: { TopicArn: ref('Topic'), Protocol: 'lambda', Endpoint: att('Fn') },
  },
  MayCall: {
    Type: 'AWS::Lambda::Permission',
    Properties: {
      FunctionName: ref('Fn'),
      Action: 'lambda:InvokeFunction',
      Principal: 'sns.amazonaws.com',
      SourceArn: ref('Topic'),
    },
  },
  Stream: { Type: 'AWS::Kinesis::Stream', Properties: { ShardCount: 1 } },
  Reader: { Type: 'AWS::Kinesis::StreamConsumer', Properties: { ConsumerName: 'reader', StreamARN: att('Stream') } },
  FromJobs: {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: { FunctionName: ref('Fn'), EventSourceArn: att('Jobs'), BatchSize: mark.length },
  },
  FromStream: {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      FunctionName: ref('Fn'),
      EventSourceArn: att('Stream'),
      StartingPosition: 'LATEST',
      BatchSize: mark.length,
    },
  },
  Async: {
    Type: 'AWS::Lambda::EventInvokeConfig',
    Properties: { FunctionName: ref('Fn'), Qualifier: '$LATEST', MaximumRetryAttempts: mark.length % 3 },
  },
});

test('a stack that fails at its end leaves nothing behind', async () => {
  const before = await standing();
  const resources = everything('a');
  const stack = { ...resources, ...failing(Object.keys(resources)) };
  assert.equal(await create('doomed', stack), 'ROLLBACK_COMPLETE');
  assert.match(await reasons('doomed'), /VisibilityTimeout/);
  assert.deepEqual(await standing(), before);
  assert.equal(await remove('doomed'), 'DELETE_COMPLETE');
});

test('an update that fails at its end leaves everything as it was', async () => {
  assert.equal(await create('kept', everything('a')), 'CREATE_COMPLETE');
  const ids = await physical('kept');
  const seen = async () => ({
    queue: await queueAttributes(ids.Jobs!),
    topic: await topicAttributes(ids.Topic!),
    subscription: await subscriptionAttributes(ids.ToJobs!),
    function: (await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: ids.Fn! }))).Description,
    batches: [
      (await lambda.send(new GetEventSourceMappingCommand({ UUID: ids.FromJobs! }))).BatchSize,
      (await lambda.send(new GetEventSourceMappingCommand({ UUID: ids.FromStream! }))).BatchSize,
    ],
    retries: (await lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName: ids.Fn! })))
      .MaximumRetryAttempts,
  });
  const [stood, found] = [await standing(), await seen()];
  const changed = everything('bb');
  assert.equal(await update('kept', { ...changed, ...failing(Object.keys(changed)) }), 'UPDATE_ROLLBACK_COMPLETE');
  assert.deepEqual(await physical('kept'), ids);
  assert.deepEqual(await standing(), stood);
  assert.deepEqual(await seen(), found);
  assert.equal(await remove('kept'), 'DELETE_COMPLETE');
});

test('dead-letter queues that lead in a circle are refused, by reference and by name', async () => {
  const before = await standing();
  const queue = (RedrivePolicy: object, QueueName?: string) => ({
    Type: 'AWS::SQS::Queue',
    Properties: { RedrivePolicy, ...(QueueName && { QueueName }) },
  });
  const to = (deadLetterTargetArn: unknown) => ({ deadLetterTargetArn, maxReceiveCount: 1 });
  await assert.rejects(create('circle', { A: queue(to(att('B'))), B: queue(to(att('A'))) }), {
    message: /Circular dependency between resources: \[A, B\]/,
  });
  const arn = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`;
  const named = { A: queue(to(arn('ring-b')), 'ring-a'), B: queue(to(arn('ring-a')), 'ring-b') };
  assert.equal(await create('ring', named), 'ROLLBACK_COMPLETE', 'the first to be made leads nowhere');
  assert.deepEqual(await standing(), before);
  await remove('ring');
});

for (const [what, resource, message] of [
  [
    'text for a number',
    { Type: 'AWS::SQS::Queue', Properties: { DelaySeconds: [1] } },
    /DelaySeconds must be of type Number/,
  ],
  [
    'text for a list',
    { Type: 'AWS::SQS::QueuePolicy', Properties: { Queues: 'q', PolicyDocument: {} } },
    /Queues must be of type List/,
  ],
  [
    'no topic',
    { Type: 'AWS::SNS::Subscription', Properties: { Protocol: 'sqs' } },
    /Property TopicArn cannot be empty/,
  ],
  [
    'a flag that is none',
    { Type: 'AWS::SNS::Topic', Properties: { FifoTopic: 'maybe' } },
    /FifoTopic must be of type Boolean/,
  ],
  [
    'a member that is none',
    {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { FunctionName: 'f', ScalingConfig: { MinimumConcurrency: 1 } },
    },
    /unsupported property ScalingConfig\/MinimumConcurrency/,
  ],
  [
    'a property that is not built',
    { Type: 'AWS::Kinesis::Stream', Properties: { StreamEncryption: { EncryptionType: 'KMS', KeyId: 'k' } } },
    /resource Thing with message: Property StreamEncryption is not built in Millrace/,
  ],
  [
    'an archive of a topic',
    { Type: 'AWS::SNS::Topic', Properties: { FifoTopic: true, ArchivePolicy: { MessageRetentionPeriod: 7 } } },
    /Property ArchivePolicy is not built in Millrace/,
  ],
  [
    'a source that Millrace has not',
    { Type: 'AWS::Lambda::EventSourceMapping', Properties: { FunctionName: 'f', Topics: ['t'] } },
    /Property Topics is not built in Millrace/,
  ],
  [
    'a reference to nothing',
    { Type: 'AWS::SNS::Topic', Properties: { DisplayName: ref('Nobody') } },
    /Unresolved resource dependencies \[Nobody\]/,
  ],
  [
    'an attribute of nothing',
    { Type: 'AWS::SNS::Topic', Properties: { DisplayName: att('Nobody') } },
    /Unresolved resource dependencies \[Nobody\]/,
  ],
  [
    'a snapshot of a queue',
    { Type: 'AWS::SQS::Queue', DeletionPolicy: 'Snapshot' },
    /DeletionPolicy Snapshot is not supported/,
  ],
] as const) {
  test(`refused before anything is made: ${what}`, async () => {
    const before = await standing();
    const Fine = { Type: 'AWS::SQS::Queue' };
    await assert.rejects(create('refused', { Fine, Thing: resource }), { name: 'ValidationError', message });
    await assert.rejects(describe('refused'), /does not exist/);
    assert.deepEqual(await standing(), before);
  });
}

for (const [what, resource] of [
  ['a filter policy that is none', { Type: 'AWS::SNS::Subscription', Properties: { FilterPolicy: { a: 'b' } } }],
  ['a protocol that is none', { Type: 'AWS::SNS::Subscription', Properties: { Protocol: 'pigeon' } }],
  [
    'a queue whose dead letters go nowhere',
    {
      Type: 'AWS::SQS::Queue',
      Properties: {
        RedrivePolicy: { deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:nowhere', maxReceiveCount: 1 },
      },
    },
  ],
  [
    'a mapping to a function that is not there',
    { Type: 'AWS::Lambda::EventSourceMapping', Properties: { FunctionName: 'nobody', EventSourceArn: att('Queue') } },
  ],
  ['a fifo name without fifo', { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'plain.fifo' } }],
] as const) {
  test(`refused by the service and rolled back: ${what}`, async () => {
    const before = await standing();
    const base = resource.Type === 'AWS::SNS::Subscription' && {
      TopicArn: ref('Topic'),
      Protocol: 'sqs',
      Endpoint: att('Queue'),
    };
    const Thing = { ...resource, DependsOn: ['Queue', 'Topic'], Properties: { ...base, ...resource.Properties } };
    const things = { Queue: { Type: 'AWS::SQS::Queue' }, Topic: { Type: 'AWS::SNS::Topic' }, Thing };
    assert.equal(await create('wrong', things), 'ROLLBACK_COMPLETE');
    assert.deepEqual(await standing(), before);
    await remove('wrong');
  });
}

test('subscriptions that wait to be confirmed are made, changed and removed with their stack', async () => {
  const before = await standing();
  const subscription = (Protocol: string, Endpoint: string, team: string) => ({
    Type: 'AWS::SNS::Subscription',
    Properties: { TopicArn: ref('Topic'), Protocol, Endpoint, FilterPolicy: { team: [team] } },
  });
  const stack = (team: string, more: Resources = {}) => ({
    Topic: { Type: 'AWS::SNS::Topic' },
    Mail: subscription('email', 'someone@plant.example', team),
    Letters: subscription('email-json', 'someone@plant.example', team),
    Web: subscription('https', 'https://hooks.plant.example/alerts', team),
    ...more,
  });
  assert.equal(await create('waiting', stack('a')), 'CREATE_COMPLETE', await reasons('waiting'));
  const { Mail, Topic } = (await physical('waiting')) as { Mail: string; Topic: string };
  assert.match(Mail, /^arn:aws:sns:us-east-1:000000000000:waiting-Topic-\w+:[0-9a-f-]{36}$/);
  assert.equal((await subscriptionAttributes(Mail)).PendingConfirmation, 'true');
  assert.equal(await update('waiting', stack('b')), 'UPDATE_COMPLETE', await reasons('waiting'));
  assert.deepEqual(JSON.parse((await subscriptionAttributes(Mail)).FilterPolicy!), { team: ['b'] });
  const { Mail: _gone, ...rest } = stack('b');
  assert.equal(await update('waiting', rest), 'UPDATE_COMPLETE', await reasons('waiting'));
  const { Subscriptions } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn: Topic }));
  assert.deepEqual(Subscriptions!.map(({ Protocol }) => Protocol).sort(), ['email-json', 'https']);

  const texts = { Texts: subscription('sms', '+15550100', 'a') };
  assert.equal(await update('waiting', stack('b', texts)), 'UPDATE_ROLLBACK_COMPLETE');
  assert.match(await reasons('waiting'), /notifications\.smsWebhook/, 'what is missing is named');
  assert.equal(await remove('waiting'), 'DELETE_COMPLETE');
  assert.deepEqual(await standing(), before);
});
