import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import {
  CreateTopicRuleCommand,
  DeleteTopicRuleCommand,
  DescribeEndpointCommand,
  DisableTopicRuleCommand,
  EnableTopicRuleCommand,
  GetTopicRuleCommand,
  ListTopicRulesCommand,
  ReplaceTopicRuleCommand,
  type TopicRulePayload,
} from '@aws-sdk/client-iot';
import { PublishCommand } from '@aws-sdk/client-iot-data-plane';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis';
import { publish, RawClient } from '../mqtt/harness.ts';
import { type Cloud, openCloud, recordsOf } from './harness.ts';

const roleArn = 'arn:aws:iam::000000000000:role/rules';
const toStream = { kinesis: { roleArn, streamName: 'telemetry', partitionKey: '${topic(2)}' } };

async function createRule(cloud: Cloud, ruleName: string, topicRulePayload: TopicRulePayload): Promise<void> {
  await cloud.control.send(new CreateTopicRuleCommand({ ruleName, topicRulePayload }));
}

/** Publishes at QoS 1 and waits for the acknowledgement. */
async function send(cloud: Cloud, topic: string, payload: string, clientId = 'pump-1'): Promise<void> {
  await using device = await RawClient.connected(cloud.gateway.address.port, { clientId });
  device.send(publish(topic, payload, { qos: 1 }));
  assert.equal((await device.next())?.type, 'puback');
}

const text = (payload: Uint8Array) => Buffer.from(payload).toString();

test('the AWS SDK creates, reads, replaces, lists, disables and deletes rules', async () => {
  await using cloud = await openCloud();
  const { control } = cloud;
  await createRule(cloud, 'one', {
    sql: "SELECT * FROM 'a/#'",
    description: 'first',
    awsIotSqlVersion: '2016-03-23',
    actions: [toStream],
    errorAction: { sns: { roleArn, targetArn: 'arn:aws:sns:eu-central-1:000000000000:errors' } },
  });
  await createRule(cloud, 'two', { sql: "SELECT * FROM 'b'", actions: [toStream], ruleDisabled: true });
  const { rule, ruleArn } = await control.send(new GetTopicRuleCommand({ ruleName: 'one' }));
  assert.equal(ruleArn, 'arn:aws:iot:eu-central-1:000000000000:rule/one');
  const { createdAt, ...rest } = rule!;
  assert(Math.abs(Date.now() - createdAt!.getTime()) < 60_000);
  assert.deepEqual(rest, {
    ruleName: 'one',
    sql: "SELECT * FROM 'a/#'",
    description: 'first',
    actions: [toStream],
    ruleDisabled: false,
    awsIotSqlVersion: '2016-03-23',
    errorAction: { sns: { roleArn, targetArn: 'arn:aws:sns:eu-central-1:000000000000:errors' } },
  });
  await control.send(new DisableTopicRuleCommand({ ruleName: 'one' }));
  await control.send(new EnableTopicRuleCommand({ ruleName: 'two' }));
  const topicRulePayload = { sql: "SELECT x FROM 'c/+'", actions: [toStream] };
  await control.send(new ReplaceTopicRuleCommand({ ruleName: 'two', topicRulePayload }));
  const first = await control.send(new ListTopicRulesCommand({ maxResults: 1 }));
  const second = await control.send(new ListTopicRulesCommand({ maxResults: 1, nextToken: first.nextToken }));
  assert.deepEqual(
    [...first.rules!, ...second.rules!].map(({ ruleName, topicPattern, ruleDisabled }) => [
      ruleName,
      topicPattern,
      ruleDisabled,
    ]),
    [
      ['one', 'a/#', true],
      ['two', 'c/+', false],
    ],
  );
  assert.equal(second.nextToken, undefined);
  const matching = await control.send(new ListTopicRulesCommand({ topic: 'c/d' }));
  assert.deepEqual(
    matching.rules?.map(({ ruleName }) => ruleName),
    ['two'],
  );
  await control.send(new DeleteTopicRuleCommand({ ruleName: 'one' }));
  await control.send(new DeleteTopicRuleCommand({ ruleName: 'one' }));
  await assert.rejects(control.send(new GetTopicRuleCommand({ ruleName: 'one' })), { name: 'UnauthorizedException' });
});

test('what is wrong with a rule is said as AWS says it', async () => {
  await using cloud = await openCloud();
  await createRule(cloud, 'r', { sql: "SELECT * FROM 'a'", actions: [toStream] });
  const rows: readonly [Partial<TopicRulePayload>, string][] = [
    [{ sql: 'SELECT' }, 'SqlParseException'],
    [{ sql: "SELECT * FROM 'a/#/b'" }, 'SqlParseException'],
    [{ actions: [{ kinesis: { ...toStream.kinesis, partitionKey: '${topic(' } }] }, 'SqlParseException'],
    [{ awsIotSqlVersion: '2020-01-01' }, 'InvalidRequestException'],
    [{ actions: [{ s3: { roleArn, bucketName: 'b', key: 'k' } }] }, 'InvalidRequestException'],
    [{ actions: [{}] }, 'InvalidRequestException'],
    [{ actions: Array.from({ length: 11 }, () => toStream) }, 'InvalidRequestException'],
  ];
  for (const [wrong, name] of rows) {
    const payload = { sql: "SELECT * FROM 'a'", actions: [toStream], ...wrong };
    await assert.rejects(createRule(cloud, 'wrong', payload), { name }, JSON.stringify(wrong));
  }
  await assert.rejects(createRule(cloud, 'r', { sql: "SELECT * FROM 'a'", actions: [toStream] }), {
    name: 'ResourceAlreadyExistsException',
  });
  const endpoint = await cloud.control.send(new DescribeEndpointCommand({ endpointType: 'iot:Data-ATS' }));
  assert.equal(endpoint.endpointAddress, new URL(cloud.wire.url).host);
});

test('a message that a rule puts into a stream is there when the device gets its PUBACK', async () => {
  await using cloud = await openCloud();
  await cloud.kinesis.send(new CreateStreamCommand({ StreamName: 'telemetry', ShardCount: 1 }));
  await createRule(cloud, 'raw', { sql: "SELECT * FROM 'raw/#'", actions: [toStream] });
  await createRule(cloud, 'hot', {
    sql: "SELECT temperature AS t, topic(2) AS device, clientid() AS client FROM 'plant/+' WHERE temperature > 80",
    actions: [toStream],
  });
  await send(cloud, 'raw/7', 'not JSON');
  await send(cloud, 'plant/7', '{"temperature": 81.5, "x": 1}');
  await send(cloud, 'plant/7', '{"temperature": 80}');
  await send(cloud, 'plant/8', 'not JSON');
  await send(cloud, '$aws/rules/hot/plant/9', '{"temperature": 90}');
  await cloud.data.send(new PublishCommand({ topic: 'raw/8', qos: 1, payload: Buffer.from('over HTTPS') }));
  assert.deepEqual(await recordsOf(cloud, 'telemetry'), [
    '7 not JSON',
    '7 {"t":81.5,"device":"7","client":"pump-1"}',
    '9 {"t":90,"device":"9","client":"pump-1"}',
    '8 over HTTPS',
  ]);
});

test('actions reach queues, topics and functions by their ARNs', async () => {
  await using cloud = await openCloud();
  await createRule(cloud, 'all', {
    sql: "SELECT * FROM 'a/#'",
    actions: [
      { sqs: { roleArn, queueUrl: 'https://sqs.us-west-2.amazonaws.com/000000000000/jobs', useBase64: true } },
      { sns: { roleArn, targetArn: 'arn:aws:sns:eu-central-1:000000000000:${topic(2)}', messageFormat: 'RAW' } },
      { lambda: { functionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:f' } },
    ],
  });
  await send(cloud, 'a/alerts', '{"x":1}');
  const { sqs, sns, lambda } = cloud.targets;
  const [toQueue, toTopic, toFunction] = [await sqs.at(0), await sns.at(0), await lambda.at(0)];
  assert.equal(toQueue.arn, 'arn:aws:sqs:us-west-2:000000000000:jobs');
  assert.equal(text(toQueue.payload), Buffer.from('{"x":1}').toString('base64'));
  assert.equal(toTopic.arn, 'arn:aws:sns:eu-central-1:000000000000:alerts');
  assert.equal(text(toFunction.payload), '{"x":1}');
  assert.equal(toFunction.source, 'arn:aws:iot:eu-central-1:000000000000:rule/all');
});

test('the http action posts to a URL with its headers', async () => {
  await using cloud = await openCloud();
  const { promise, resolve } = Promise.withResolvers<string>();
  const server = createServer((request, response) => {
    request.setEncoding('utf8');
    request.on('data', (body: string) => resolve(`${request.url} ${request.headers['x-device']} ${body}`));
    request.on('end', () => response.end());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/hook/\${topic(2)}`;
  const headers = [{ key: 'X-Device', value: '${clientid()}' }];
  await createRule(cloud, 'hook', { sql: "SELECT * FROM 'a/+'", actions: [{ http: { url, headers } }] });
  await send(cloud, 'a/b', 'hello');
  assert.equal(await promise, '/hook/b pump-1 hello');
  server.closeAllConnections();
  server.close();
});

test('republish puts a message on another topic with its headers; a circle ends', async () => {
  await using cloud = await openCloud();
  const headers = { contentType: 'text/plain', userProperties: [{ key: 'from', value: '${topic()}' }] };
  await createRule(cloud, 'copy', {
    sql: "SELECT * FROM 'in/+'",
    actions: [{ republish: { roleArn, topic: 'out/${topic(2)}', qos: 1, headers } }],
  });
  await createRule(cloud, 'circle', {
    sql: "SELECT * FROM 'loop'",
    actions: [{ republish: { roleArn, topic: 'loop' } }],
  });
  await using watcher = await RawClient.connected(cloud.gateway.address.port, { clientId: 'watcher' });
  await watcher.subscribe('out/#');
  await send(cloud, 'in/x', 'hello');
  const packet = await watcher.next();
  assert(packet?.type === 'publish');
  assert.deepEqual([packet.topic, packet.payload.toString(), packet.qos], ['out/x', 'hello', 1]);
  assert.deepEqual(packet.properties, { contentType: 'text/plain', userProperties: [['from', 'in/x']] });
  await watcher.subscribe('loop');
  await send(cloud, 'loop', 'x');
  for (let i = 0; i < 9; i++) assert.equal((await watcher.next())?.type, 'publish');
  await watcher.settle();
  assert.equal(watcher.unread, 0);
});

test('republish with headers that MQTT cannot carry goes to the error action', async () => {
  await using cloud = await openCloud();
  const headers = { responseTopic: '${reply}' };
  await createRule(cloud, 'answer', {
    sql: "SELECT * FROM 'in'",
    actions: [{ republish: { roleArn, topic: 'out', qos: 1, headers } }],
    errorAction: { sqs: { roleArn, queueUrl: 'http://127.0.0.1:4566/000000000000/errors' } },
  });
  await send(cloud, 'in', '{"reply":"a/#"}');
  const { failures } = JSON.parse(text((await cloud.targets.sqs.at(0)).payload));
  assert.equal(failures[0].failedAction, 'RepublishAction');
});

test('what the outbox gives up or never takes goes to the error action', async () => {
  await using cloud = await openCloud();
  const { sqs } = cloud.targets;
  sqs.broken.add('arn:aws:sqs:eu-central-1:000000000000:gone');
  const queue = (name: string) => ({ roleArn, queueUrl: `http://127.0.0.1:4566/000000000000/${name}` });
  const errorAction = { sqs: queue('errors') };
  await createRule(cloud, 'gone', { sql: "SELECT x FROM 'a'", actions: [{ sqs: queue('gone') }], errorAction });
  await createRule(cloud, 'never', {
    sql: "SELECT * FROM 'b'",
    // More than the attributes of a delivery may hold.
    actions: [{ http: { url: 'http://127.0.0.1:9/', headers: [...'abcdef'].map((key) => ({ key, value: '${x}' })) } }],
    errorAction,
  });
  await send(cloud, 'a', '{"x":1,"y":2}');
  const given = JSON.parse(text((await sqs.at(0)).payload));
  assert.deepEqual([given.ruleName, given.topic, given.clientId], ['gone', 'a', 'pump-1']);
  assert.equal(Buffer.from(given.base64OriginalPayload, 'base64').toString(), '{"x":1,"y":2}');
  assert.deepEqual(given.failures, [
    {
      failedAction: 'SqsAction',
      failedResource: 'http://127.0.0.1:4566/000000000000/gone',
      errorMessage: 'arn:aws:sqs:eu-central-1:000000000000:gone is not there',
    },
  ]);
  await send(cloud, 'b', JSON.stringify({ x: 'x'.repeat(100_000) }));
  const refused = JSON.parse(text((await sqs.at(1)).payload));
  assert.equal(refused.failures[0].failedAction, 'HttpAction');
  assert.match(refused.failures[0].errorMessage, /attributes/);
});

test('rules run after a restart as before', async () => {
  await using cloud = await openCloud();
  await cloud.kinesis.send(new CreateStreamCommand({ StreamName: 'telemetry', ShardCount: 1 }));
  await createRule(cloud, 'on', { sql: "SELECT * FROM 'raw/#'", actions: [toStream] });
  await createRule(cloud, 'off', { sql: "SELECT 'no' AS x FROM 'raw/#'", actions: [toStream], ruleDisabled: true });
  await send(cloud, 'raw/1', 'before');
  await using again = await cloud.restart();
  await send(again, 'raw/1', 'after');
  assert.deepEqual(await recordsOf(again, 'telemetry'), ['1 before', '1 after']);
});
