import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { CreateTopicRuleCommand, IoTClient } from '@aws-sdk/client-iot';
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  LambdaClient,
  PutFunctionEventInvokeConfigCommand,
} from '@aws-sdk/client-lambda';
import { CreateTopicCommand, PublishCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, type Message, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import mqtt from 'mqtt';
import { type Node, startNode } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { until } from '../support/eventually.ts';

const ROLE = 'arn:aws:iam::000000000000:role/one-trace';
const queueArn = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`;

/** Hands each message on to another function, asynchronously, as AWS's SDKs do: with the trace header of the environment. */
const HANDS_ON = `
exports.handler = async ({ Records }) => {
  for (const { body } of Records) {
    const url = process.env.AWS_ENDPOINT_URL + '/2015-03-31/functions/finish/invocations';
    const headers = { 'x-amz-invocation-type': 'Event', 'x-amzn-trace-id': process.env._X_AMZN_TRACE_ID };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ body }) });
    if (response.status !== 202) throw new Error(await response.text());
  }
};`;

const FINISHES = 'exports.handler = async () => ({ done: true });';

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
}

/** An HTTP server that keeps what it is sent. */
async function listener(take: (request: IncomingMessage) => Promise<void>) {
  const server = createServer(async (request, response) => {
    await take(request);
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Rule -> topic -> webhook and queue -> function -> function -> queue of results. */
class Chain implements Disposable {
  readonly #node: Node;
  readonly sqs: SQSClient;
  readonly sns: SNSClient;
  readonly #lambda: LambdaClient;
  readonly #iot: IoTClient;
  topicArn = '';

  constructor(node: Node) {
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
    this.#node = node;
    this.sqs = new SQSClient(options);
    this.sns = new SNSClient(options);
    this.#lambda = new LambdaClient(options);
    this.#iot = new IoTClient(options);
  }

  async build(webhook: string): Promise<void> {
    for (const QueueName of ['work', 'results']) await this.sqs.send(new CreateQueueCommand({ QueueName }));
    const { TopicArn } = await this.sns.send(new CreateTopicCommand({ Name: 'alarms' }));
    this.topicArn = TopicArn!;
    const Attributes = { RawMessageDelivery: 'true' };
    const toQueue = { TopicArn, Protocol: 'sqs', Endpoint: queueArn('work'), Attributes };
    await this.sns.send(new SubscribeCommand(toQueue));
    await this.sns.send(new SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint: webhook }));
    await this.#function('hand-on', HANDS_ON);
    await this.#function('finish', FINISHES);
    const OnSuccess = { Destination: queueArn('results') };
    const config = { FunctionName: 'finish', DestinationConfig: { OnSuccess } };
    await this.#lambda.send(new PutFunctionEventInvokeConfigCommand(config));
    const mapping = { FunctionName: 'hand-on', EventSourceArn: queueArn('work'), BatchSize: 1 };
    await this.#lambda.send(new CreateEventSourceMappingCommand(mapping));
    const actions = [{ sns: { targetArn: TopicArn, roleArn: ROLE, messageFormat: 'RAW' as const } }];
    const topicRulePayload = { sql: "SELECT * FROM 'plant/+'", actions };
    await this.#iot.send(new CreateTopicRuleCommand({ ruleName: 'alarms', topicRulePayload }));
  }

  /** The first message of a queue, with its trace header. */
  message(queue: string): Promise<Message> {
    const QueueUrl = `${this.#node.endpoint}/000000000000/${queue}`;
    const wanted = { QueueUrl, WaitTimeSeconds: 1, MessageSystemAttributeNames: ['AWSTraceHeader' as const] };
    return until(async () => {
      const { Messages = [] } = await this.sqs.send(new ReceiveMessageCommand(wanted));
      return Messages[0];
    }, `a message in ${queue}`);
  }

  [Symbol.dispose](): void {
    for (const client of [this.sqs, this.sns, this.#lambda, this.#iot]) client.destroy();
  }

  async #function(FunctionName: string, code: string): Promise<void> {
    const Code = { ZipFile: await zipOf({ 'index.js': code }) };
    const settings = {
      FunctionName,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: ROLE,
      Timeout: 10,
    } as const;
    await this.#lambda.send(new CreateFunctionCommand({ ...settings, Code }));
  }
}

/** Runs the chain once. @param begin  causes one message within the trace @returns the spans that the collector got */
async function traced(begin: (node: Node, chain: Chain) => Promise<void>) {
  await using directory = await temporaryDirectory();
  const spans: OtlpSpan[] = [];
  const hooks: { readonly headers: IncomingMessage['headers']; readonly body: string }[] = [];
  await using collector = await listener(async (request) => {
    const body: any = await json(request);
    spans.push(...body.resourceSpans[0].scopeSpans[0].spans);
  });
  await using webhook = await listener(async (request) => {
    const body = await text(request);
    if (body.includes('"Notification"')) hooks.push({ headers: request.headers, body });
  });
  const listen = { host: '127.0.0.1', httpPort: 0, mqttPort: 0, mode: 'dev' } as const;
  await using node = await startNode({ dataDirectory: directory.path, ...listen, tracesEndpoint: collector.url });
  using chain = new Chain(node);
  await chain.build(webhook.url);
  await begin(node, chain);
  const result = await chain.message('results');
  await until(() => hooks[0], 'a call of the webhook');
  await node[Symbol.asyncDispose]();
  return { spans, result, hook: hooks[0]! };
}

/** Names of spans from one up to where the trace began. */
function ancestors(spans: readonly OtlpSpan[], from: string): readonly string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const names: string[] = [];
  for (let span = byId.get(from); span; span = byId.get(span.parentSpanId ?? '')) names.push(span.name);
  return names;
}

/** All spans hang together: below the span that began it all, or below one another. */
function assertOne(spans: readonly OtlpSpan[], traceId: string, root: string): void {
  assert.deepEqual([...new Set(spans.map((span) => span.traceId))], [traceId]);
  const known = new Set([root, ...spans.map(({ spanId }) => spanId)]);
  const orphans = spans.filter(({ parentSpanId }) => parentSpanId === undefined || !known.has(parentSpanId));
  assert.deepEqual(
    orphans.map(({ name, parentSpanId }) => `${name} below ${parentSpanId}`),
    [],
  );
}

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const ROOT_SPAN = 'b7ad6b7169203331';

test('one trace runs from a device to the last target: rule, topic, queue, functions, destination, webhook', async () => {
  const { spans, result, hook } = await traced(async (node) => {
    const { host, port } = node.mqtt;
    const device = await mqtt.connectAsync(`mqtt://${host}:${port}`, { protocolVersion: 5, reconnectPeriod: 0 });
    const userProperties = { traceparent: `00-${TRACE_ID}-${ROOT_SPAN}-01` };
    await device.publishAsync('plant/7', '{"level":3}', { qos: 1, properties: { userProperties } });
    await device.endAsync();
  });
  assertOne(spans, TRACE_ID, ROOT_SPAN);
  const header = result.Attributes!.AWSTraceHeader!;
  const [, epoch, rest, parent] =
    /^Root=1-([0-9a-f]{8})-([0-9a-f]{24});Parent=([0-9a-f]{16});Sampled=1;Lineage=[0-9a-f]{8}:1$/.exec(header)!;
  assert.equal(`${epoch}${rest}`, TRACE_ID);
  // From the message in the last queue up to the device.
  assert.deepEqual(ancestors(spans, parent!), ['deliver lambda', 'lambda.Invoke', 'hand-on', 'deliver sns']);
  const named = (name: string) => spans.filter((span) => span.name === name);
  for (const name of ['deliver http', 'deliver sqs', 'finish', 'Invocation']) assert.ok(named(name).length > 0, name);
  const [, hookParent] = new RegExp(`^00-${TRACE_ID}-([0-9a-f]{16})-01$`).exec(String(hook.headers.traceparent))!;
  assert.deepEqual(ancestors(spans, hookParent!), ['deliver http', 'deliver sns']);
});

test('a publish by an SDK with a trace header begins the same trace', async () => {
  const header = `Root=1-${TRACE_ID.slice(0, 8)}-${TRACE_ID.slice(8)};Parent=${ROOT_SPAN};Sampled=1`;
  const { spans, result } = await traced(async (_, { sns, topicArn }) => {
    const publish = new PublishCommand({ TopicArn: topicArn, Message: '{"level":3}' });
    publish.middlewareStack.add(
      (next) => (args: any) => {
        args.request.headers['X-Amzn-Trace-Id'] = header;
        return next(args);
      },
      { step: 'build' },
    );
    await sns.send(publish);
  });
  assertOne(spans, TRACE_ID, ROOT_SPAN);
  assert.match(result.Attributes!.AWSTraceHeader!, new RegExp(`^${header.split(';')[0]};`));
});
