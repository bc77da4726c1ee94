import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DynamoDB } from '@aws-sdk/client-dynamodb';
import { CreateEventSourceMappingCommand, CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateTopicCommand, PublishCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { systemClock } from '../../src/base/index.ts';
import type { FlowEdge, FlowSnapshot } from '../../src/gateway/console/index.ts';
import { zipOf } from '../support/clients.ts';
import { until } from '../support/eventually.ts';
import { TestNode } from '../support/node.ts';

/*
 * One bad day on a real node, seen three times: in the flow picture, in Prometheus, and in CloudWatch.
 *
 *     topic `alarms` -> webhook /slow   answers 503, is tried again
 *                    -> webhook /dead   answers 503, is given up at once: queue `alarms-dead`
 *                    -> webhook /lost   answers 503, is given up at once, and has no queue
 *     queue `work` (policy: `work-dead`) -> function `throws`
 */
const arnOf = (service: string, resource: string) => `arn:aws:${service}:us-east-1:000000000000:${resource}`;
const TOPIC = arnOf('sns', 'alarms');
const WORK = arnOf('sqs', 'work');
const FUNCTION = arnOf('lambda', 'function:throws');

let node: TestNode;
let server: Server;
let hooks: string;
let cloudwatch: CloudWatchClient;

before(async () => {
  server = createServer((request, response) => {
    request.resume();
    response.writeHead(503).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  hooks = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  node = await TestNode.start();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoints.http, region: 'us-east-1', credentials };
  cloudwatch = new CloudWatchClient(options);
  await deploy(options);
});

after(async () => {
  cloudwatch.destroy();
  await node[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

async function deploy(options: ConstructorParameters<typeof SQSClient>[0] & object): Promise<void> {
  const [sqs, sns, lambda] = [
    new SQSClient(options),
    new SNSClient(options as object),
    new LambdaClient(options as object),
  ];
  for (const QueueName of ['alarms-dead', 'work-dead']) await sqs.send(new CreateQueueCommand({ QueueName }));
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf('sqs', 'work-dead'), maxReceiveCount: 1 });
  const Attributes = { VisibilityTimeout: '1', RedrivePolicy };
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'work', Attributes }));
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'alarms' }));
  const retries = (numRetries: number) =>
    JSON.stringify({ healthyRetryPolicy: { numRetries, minDelayTarget: 1, maxDelayTarget: 1 } });
  const policy = JSON.stringify({ deadLetterTargetArn: arnOf('sqs', 'alarms-dead') });
  const subscriptions: readonly (readonly [string, Record<string, string>])[] = [
    ['/slow', { DeliveryPolicy: retries(100) }],
    ['/dead', { DeliveryPolicy: retries(0), RedrivePolicy: policy }],
    ['/lost', { DeliveryPolicy: retries(0), FilterPolicy: '{"kind":["alarm"]}' }],
  ];
  for (const [path, settings] of subscriptions) {
    const Endpoint = `${hooks}${path}`;
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint, Attributes: settings }));
  }
  const ZipFile = await zipOf({ 'index.js': "exports.handler = async () => { throw new RangeError('never'); };" });
  await lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName: 'throws', Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 1 },
      ...{ Role: 'arn:aws:iam::000000000000:role/edges', Code: { ZipFile } },
    }),
  );
  await lambda.send(new CreateEventSourceMappingCommand({ FunctionName: 'throws', EventSourceArn: WORK }));
  const kind = { DataType: 'String', StringValue: 'alarm' };
  await sns.send(new PublishCommand({ TopicArn, Message: 'fire', MessageAttributes: { kind } }));
  for (let n = 0; n < 3; n++) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: String(n) }));
  for (const client of [sqs, sns, lambda]) client.destroy();
}

async function snapshot(): Promise<FlowSnapshot> {
  return (await (await fetch(`${node.endpoints.http}/_millrace/api/flow`)).json()) as FlowSnapshot;
}

/** An edge, once it looks as wanted. */
function edge(from: string, to: string, via: FlowEdge['via'], isReady: (edge: FlowEdge) => boolean): Promise<FlowEdge> {
  return until(
    async () =>
      (await snapshot()).edges.find((one) => one.from === from && one.to === to && one.via === via && isReady(one)),
    `${via} ${from} -> ${to}`,
  );
}

test('the flow shows each edge with its retries, dead letters, losses and last error', async () => {
  const slow = await edge(TOPIC, `${hooks}/slow`, 'push', ({ totals }) => totals.retries! > 0);
  assert.equal(slow.pending, 1);
  assert.ok(slow.oldestAgeMs! > 0);
  assert.equal(slow.status, 'error');
  assert.match(slow.lastError!, /503/);
  const dead = await edge(TOPIC, `${hooks}/dead`, 'push', ({ totals }) => totals.deadLettered === 1);
  assert.match(dead.problem!, /^1 given up: .*503/);
  const lost = await edge(TOPIC, `${hooks}/lost`, 'push', ({ totals }) => totals.lost === 1);
  assert.equal(lost.note, '{"kind":["alarm"]}');
  const pull = await edge(WORK, FUNCTION, 'pull', ({ totals }) => totals.errors! > 0);
  assert.equal(pull.status, 'error');
  assert.deepEqual(pull.poller!.paused, []);
  await edge(WORK, arnOf('sqs', 'work-dead'), 'dead-letter', () => true);
  await edge(TOPIC, arnOf('sqs', 'alarms-dead'), 'dead-letter', () => true);
});

test('queues, topics and webhooks are parts of the flow; what lies in a dead-letter queue is counted', async () => {
  const { nodes, deadLetters } = await until(async () => {
    const now = await snapshot();
    return now.deadLetters === 5 ? now : undefined;
  }, 'all dead letters');
  // One of the topic in its queue, one lost, three messages of the queue.
  assert.equal(deadLetters, 5);
  const part = (id: string) => nodes.find((one) => one.id === id)!;
  const workDead = part(arnOf('sqs', 'work-dead'));
  assert.deepEqual([workDead.kind, workDead.pending, workDead.isDeadLetterQueue], ['queue', 3, true]);
  assert.ok(workDead.oldestAgeMs! > 0);
  assert.match(workDead.problem!, /dead letters/);
  assert.deepEqual([part(TOPIC).kind, part(TOPIC).totals.events], ['topic', 1]);
  assert.deepEqual([part(`${hooks}/slow`).kind, part(`${hooks}/slow`).status], ['webhook', 'error']);
});

test('a table whose stream a function reads is a part under its own name, with what was read', async () => {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoints.http, region: 'us-east-1', credentials };
  const [dynamodb, lambda] = [new DynamoDB(options), new LambdaClient(options)];
  const { TableDescription } = await dynamodb.createTable({
    ...{ TableName: 'orders', BillingMode: 'PAY_PER_REQUEST' },
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' },
  });
  const EventSourceArn = TableDescription!.LatestStreamArn!;
  const start = { FunctionName: 'reads', StartingPosition: 'TRIM_HORIZON' } as const;
  const ZipFile = await zipOf({ 'index.js': 'exports.handler = async () => {};' });
  await lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName: 'reads', Runtime: 'nodejs24.x', Handler: 'index.handler' },
      ...{ Role: 'arn:aws:iam::000000000000:role/edges', Code: { ZipFile } },
    }),
  );
  await lambda.send(new CreateEventSourceMappingCommand({ ...start, EventSourceArn }));
  await dynamodb.putItem({ TableName: 'orders', Item: { id: { S: 'a' } } });
  const table = arnOf('dynamodb', 'table/orders');
  await edge(table, arnOf('lambda', 'function:reads'), 'pull', ({ totals }) => totals.events === 1);
  const part = (await snapshot()).nodes.find(({ id }) => id === table)!;
  assert.deepEqual([part.kind, part.label, part.totals.events], ['table', 'orders', 1]);
  for (const client of [dynamodb, lambda]) client.destroy();
});

test('Prometheus has depth, age, outcomes and retries of every edge, and what waits in queues', async () => {
  const wanted = [
    `millrace_edge_pending{target="${hooks}/slow"} 1`,
    `millrace_edge_oldest_age_seconds{target="${hooks}/slow"} `,
    `millrace_edge_in_flight{target="${hooks}/slow"} `,
    `millrace_edge_deliveries_total{outcome="retried",target="${hooks}/slow"} `,
    `millrace_edge_deliveries_total{outcome="dead-lettered",target="${hooks}/dead"} 1`,
    `millrace_edge_deliveries_total{outcome="lost",target="${hooks}/lost"} 1`,
    'millrace_lost_letters 1',
    `millrace_queue_messages{queue="${arnOf('sqs', 'work-dead')}",state="visible"} 3`,
    `millrace_queue_oldest_age_seconds{queue="${arnOf('sqs', 'work-dead')}"} `,
    `millrace_dead_letters{place="${arnOf('sqs', 'alarms-dead')}"} 1`,
    'millrace_dead_letters{place="outbox"} 1',
    `millrace_poller_failures_total{function="throws",source="${WORK}"} `,
    `millrace_poller_retries_total{function="throws",source="${WORK}"} `,
    `millrace_poller_depth{function="throws",source="${WORK}"} `,
  ];
  for (const line of wanted) {
    await until(async () => (await (await fetch(`${node.endpoints.http}/metrics`)).text()).includes(line), line);
  }
});

test('CloudWatch has them under the names of AWS, and the outbox under its own', async () => {
  const wanted: readonly (readonly [string, string, Record<string, string>, number])[] = [
    ['AWS/SQS', 'NumberOfMessagesSent', { QueueName: 'work' }, 3],
    ['AWS/SQS', 'NumberOfMessagesReceived', { QueueName: 'work' }, 3],
    ['AWS/SNS', 'NumberOfMessagesPublished', { TopicName: 'alarms' }, 1],
    ['AWS/SNS', 'NumberOfNotificationsFailed', { TopicName: 'alarms' }, 2],
    ['AWS/SNS', 'NumberOfNotificationsRedrivenToDlq', { TopicName: 'alarms' }, 1],
    ['AWS/Lambda', 'Errors', { FunctionName: 'throws' }, 1],
    ['Millrace/Delivery', 'PendingDeliveries', { Target: `${hooks}/slow` }, 1],
    ['Millrace/Delivery', 'OldestDeliveryAge', { Target: `${hooks}/slow` }, 0],
    ['Millrace/Delivery', 'DeliveriesRetried', { Target: `${hooks}/slow` }, 0],
  ];
  for (const [Namespace, MetricName, dimensions, least] of wanted) {
    const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
    const MetricStat = { Metric: { Namespace, MetricName, Dimensions }, Period: 60, Stat: 'Sum' };
    const now = systemClock.now();
    const window = { StartTime: new Date(now - 600_000), EndTime: new Date(now + 120_000) };
    await until(async () => {
      const query = { ...window, MetricDataQueries: [{ Id: 'm', MetricStat }] };
      const { MetricDataResults } = await cloudwatch.send(new GetMetricDataCommand(query));
      const values = MetricDataResults![0]!.Values!;
      return (values.length > 0 && values.reduce((sum, value) => sum + value, 0) >= least) || undefined;
    }, `${Namespace} ${MetricName}`);
  }
});
