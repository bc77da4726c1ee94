import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ApiGatewayV2 } from '@aws-sdk/client-apigatewayv2';
import { IoT } from '@aws-sdk/client-iot';
import { IoTDataPlane } from '@aws-sdk/client-iot-data-plane';
import { Lambda } from '@aws-sdk/client-lambda';
import { S3 } from '@aws-sdk/client-s3';
import { SNS } from '@aws-sdk/client-sns';
import { SQS } from '@aws-sdk/client-sqs';
import type { Node } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { devNode } from '../support/in-process.ts';

/** One function of two versions, and an alias: which of them runs, whoever calls it. */
const FunctionName = 'worker';
const CALLS = 200;

/** Tells through a queue which version ran under which ARN, and for what. */
const code = (mark: string) => `
const told = (event) => event.Records?.[0].s3?.object.key ?? event.Records?.[0].Sns?.Message ?? event.Records?.[0].body ?? event.from ?? event.routeKey;
exports.handler = async (event, { functionVersion, invokedFunctionArn }) => {
  const seen = { mark: '${mark}', version: functionVersion, qualifier: invokedFunctionArn.split(':')[7], told: told(event) };
  if (event.quick) return seen;
  const form = { Action: 'SendMessage', Version: '2012-11-05', QueueUrl: process.env.SEEN, MessageBody: JSON.stringify(seen) };
  await fetch(process.env.AWS_ENDPOINT_URL, { method: 'POST', body: new URLSearchParams(form) });
  return { statusCode: 200, body: JSON.stringify(seen) };
};`;

let node: Node;
let root: string;
let lambda: Lambda;
let sqs: SQS;
let sns: SNS;
let s3: S3;
let iot: IoT;
let data: IoTDataPlane;
let apis: ApiGatewayV2;
let seen: string;
let alias: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-qualifiers-'));
  node = await devNode(join(root, 'data'));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  lambda = new Lambda(options);
  sqs = new SQS(options);
  sns = new SNS(options);
  s3 = new S3({ ...options, forcePathStyle: true });
  iot = new IoT(options);
  data = new IoTDataPlane(options);
  apis = new ApiGatewayV2(options);
  seen = (await sqs.createQueue({ QueueName: 'seen' })).QueueUrl!;
  await lambda.createFunction({
    ...{ FunctionName, Runtime: 'nodejs24.x', Handler: 'index.handler', Role: 'arn:aws:iam::000000000000:role/r' },
    Code: { ZipFile: await zipOf({ 'index.js': code('first') }) },
    Environment: { Variables: { SEEN: seen } },
    Publish: true,
  });
  await lambda.updateFunctionCode({
    FunctionName,
    ZipFile: await zipOf({ 'index.js': code('second') }),
    Publish: true,
  });
  const made = await lambda.createAlias({ FunctionName, Name: 'live', FunctionVersion: '1' });
  alias = made.AliasArn!;
  for (const service of ['sns', 's3', 'iot', 'apigateway']) {
    const Principal = `${service}.amazonaws.com`;
    const about = { Action: 'lambda:InvokeFunction', Principal, StatementId: service };
    await lambda.addPermission({ FunctionName, Qualifier: 'live', ...about });
  }
});

after(async () => {
  for (const client of [lambda, sqs, sns, s3, iot, data, apis]) client.destroy();
  await node[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

async function invoke(name: string, Qualifier?: string): Promise<{ readonly ran: string; readonly told: any }> {
  const Payload = JSON.stringify({ quick: true });
  const answer = await lambda.invoke({ FunctionName: name, ...(Qualifier && { Qualifier }), Payload });
  return { ran: answer.ExecutedVersion!, told: JSON.parse(Buffer.from(answer.Payload!).toString()) };
}

test('a version keeps its code and settings whatever becomes of the function', async () => {
  await lambda.updateFunctionCode({ FunctionName, ZipFile: await zipOf({ 'index.js': code('third') }) });
  await lambda.updateFunctionConfiguration({ FunctionName, Timeout: 30 });
  for (const [qualifier, mark, version] of [
    ['1', 'first', '1'],
    ['2', 'second', '2'],
    ['$LATEST', 'third', '$LATEST'],
    ['live', 'first', '1'],
  ] as const) {
    const { ran, told } = await invoke(FunctionName, qualifier);
    assert.deepEqual([ran, told.mark, told.version, told.qualifier], [version, mark, version, qualifier]);
  }
  assert.equal((await lambda.getFunctionConfiguration({ FunctionName, Qualifier: '1' })).Timeout, 3);
  await assert.rejects(lambda.deleteFunction({ FunctionName, Qualifier: '1' }), { name: 'ResourceConflictException' });
  await assert.rejects(invoke(FunctionName, '9'), { name: 'ResourceNotFoundException' });
});

test('an alias with weights parts its calls between two versions, and one of them is all when the weights go', async () => {
  const route = (AdditionalVersionWeights: Record<string, number>) =>
    lambda.updateAlias({ FunctionName, Name: 'live', RoutingConfig: { AdditionalVersionWeights } });
  const ranOf = async (calls: number) => {
    const ran = [];
    for (let call = 0; call < calls; call++) ran.push((await invoke(alias)).ran);
    return ran;
  };
  await route({ 2: 0.3 });
  const counted = (await ranOf(CALLS)).filter((version) => version === '2').length;
  // Five times what chance leaves: sqrt(200 * 0.3 * 0.7) is 6.5.
  assert.ok(Math.abs(counted - 0.3 * CALLS) < 33, `${counted} of ${CALLS}`);
  await route({ 2: 1 });
  assert.deepEqual(new Set(await ranOf(20)), new Set(['2']));
  await route({});
  assert.deepEqual(new Set(await ranOf(20)), new Set(['1']));
  await assert.rejects(route({ 2: 1.5 }), { name: 'ValidationException' });
  await assert.rejects(route({ 7: 0.5 }), { name: 'ResourceNotFoundException' });
});

/** What calls functions of itself: each is given the ARN of the alias. */
const CALLERS: Readonly<Record<string, (told: string) => Promise<unknown>>> = {
  'a topic': async (told) => {
    const { TopicArn } = await sns.createTopic({ Name: 'calls' });
    await sns.subscribe({ TopicArn, Protocol: 'lambda', Endpoint: alias });
    await sns.publish({ TopicArn, Message: told });
  },
  'a bucket': async (told) => {
    const Bucket = 'calls';
    await s3.createBucket({ Bucket });
    const LambdaFunctionConfigurations = [{ LambdaFunctionArn: alias, Events: ['s3:ObjectCreated:*' as const] }];
    await s3.putBucketNotificationConfiguration({
      Bucket,
      NotificationConfiguration: { LambdaFunctionConfigurations },
    });
    await s3.putObject({ Bucket, Key: told, Body: 'x' });
  },
  'a mapping': async (told) => {
    const { QueueUrl } = await sqs.createQueue({ QueueName: 'calls' });
    const EventSourceArn = 'arn:aws:sqs:us-east-1:000000000000:calls';
    const { FunctionArn } = await lambda.createEventSourceMapping({ FunctionName: alias, EventSourceArn });
    assert.equal(FunctionArn, alias);
    await sqs.sendMessage({ QueueUrl, MessageBody: told });
  },
  'a rule': async (told) => {
    const topicRulePayload = { sql: "SELECT * FROM 'calls'", actions: [{ lambda: { functionArn: alias } }] };
    await iot.createTopicRule({ ruleName: 'calls', topicRulePayload });
    await data.publish({ topic: 'calls', payload: Buffer.from(JSON.stringify({ from: told })) });
  },
  'an asynchronous call': (told) =>
    lambda.invoke({ FunctionName: alias, InvocationType: 'Event', Payload: JSON.stringify({ from: told }) }),
  'an API': async (told) => {
    const { ApiId } = await apis.createApi({ Name: 'calls', ProtocolType: 'HTTP', Target: alias });
    const answer = await fetch(`${node.endpoint}/_execute-api/${ApiId}/`);
    assert.equal(((await answer.json()) as { version: string }).version, '1', told);
  },
};

for (const [name, call] of Object.entries(CALLERS)) {
  test(`${name} with the ARN of an alias runs the version behind it, under that ARN`, async () => {
    await call(name);
    const { Messages } = await sqs.receiveMessage({ QueueUrl: seen, WaitTimeSeconds: 15 });
    assert.ok(Messages?.[0], 'nothing ran within 15 s');
    await sqs.deleteMessage({ QueueUrl: seen, ReceiptHandle: Messages[0].ReceiptHandle! });
    const { told, ...ran } = JSON.parse(Messages[0].Body!);
    assert.deepEqual(ran, { mark: 'first', version: '1', qualifier: 'live' });
    // S3 writes keys as forms do.
    assert.equal(told.replaceAll('+', ' '), name === 'an API' ? '$default' : name);
  });
}
