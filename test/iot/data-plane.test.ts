import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { GetRetainedMessageCommand, ListRetainedMessagesCommand, PublishCommand } from '@aws-sdk/client-iot-data-plane';
import { RawClient } from '../mqtt/harness.ts';
import { clientEnvironment } from '../wire/support.ts';
import { openCloud } from './harness.ts';

const run = promisify(execFile);

test('the AWS SDK publishes with properties, and reads what is retained', async () => {
  await using cloud = await openCloud();
  const { data } = cloud;
  await using watcher = await RawClient.connected(cloud.gateway.address.port);
  await watcher.subscribe('t/+');
  await data.send(
    new PublishCommand({
      topic: 't/a',
      qos: 1,
      retain: true,
      payload: Buffer.from('hi'),
      contentType: 'text/plain',
      responseTopic: 'answers',
      correlationData: Buffer.from('7').toString('base64'),
      payloadFormatIndicator: 'UTF8_DATA',
      messageExpiry: 60,
      userProperties: JSON.stringify([{ a: '1' }, { a: '2' }]),
    }),
  );
  const packet = await watcher.next();
  assert(packet?.type === 'publish');
  assert.deepEqual(packet.properties, {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 60,
    contentType: 'text/plain',
    responseTopic: 'answers',
    correlationData: Buffer.from('7'),
    userProperties: [
      ['a', '1'],
      ['a', '2'],
    ],
  });
  const kept = await data.send(new GetRetainedMessageCommand({ topic: 't/a' }));
  assert.equal(Buffer.from(kept.payload!).toString(), 'hi');
  assert.equal(kept.qos, 1);
  await data.send(new PublishCommand({ topic: 't/b', retain: true, payload: Buffer.from('four') }));
  const first = await data.send(new ListRetainedMessagesCommand({ maxResults: 1 }));
  const second = await data.send(new ListRetainedMessagesCommand({ maxResults: 1, nextToken: first.nextToken }));
  assert.deepEqual(
    [...first.retainedTopics!, ...second.retainedTopics!].map(({ topic, payloadSize }) => [topic, payloadSize]),
    [
      ['t/a', 2],
      ['t/b', 4],
    ],
  );
  await data.send(new PublishCommand({ topic: 't/a', retain: true, payload: Buffer.alloc(0) }));
  await assert.rejects(data.send(new GetRetainedMessageCommand({ topic: 't/a' })), {
    name: 'ResourceNotFoundException',
  });
  await assert.rejects(data.send(new PublishCommand({ topic: 't/#' })), { name: 'InvalidRequestException' });
});

test('boto3 makes a rule and publishes', async () => {
  await using cloud = await openCloud();
  const script = `
import boto3, os
url = os.environ['AWS_ENDPOINT_URL']
iot = boto3.client('iot', endpoint_url=url)
iot.create_topic_rule(ruleName='r', topicRulePayload={'sql': "SELECT x AS y FROM 'in'", 'actions': [
  {'lambda': {'functionArn': 'arn:aws:lambda:eu-central-1:000000000000:function:f'}}]})
print(iot.get_topic_rule(ruleName='r')['rule']['sql'], len(iot.list_topic_rules()['rules']))
boto3.client('iot-data', endpoint_url=url).publish(topic='in', qos=1, payload=b'{"x": 5}')
`;
  const { stdout } = await run('/usr/bin/python3', ['-c', script], { env: clientEnvironment(cloud.wire) });
  assert.equal(stdout.trim(), "SELECT x AS y FROM 'in' 1");
  assert.equal(Buffer.from((await cloud.targets.lambda.at(0)).payload).toString(), '{"y":5}');
});

test('the aws CLI makes a rule and publishes', async () => {
  await using cloud = await openCloud();
  const aws = async (...args: string[]) => {
    const all = ['--endpoint-url', cloud.wire.url, ...args];
    return (await run('/usr/bin/aws', all, { env: clientEnvironment(cloud.wire) })).stdout;
  };
  const payload = {
    sql: "SELECT * FROM 'in'",
    actions: [{ lambda: { functionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:f' } }],
  };
  await aws('iot', 'create-topic-rule', '--rule-name', 'r', '--topic-rule-payload', JSON.stringify(payload));
  assert.equal(JSON.parse(await aws('iot', 'list-topic-rules')).rules[0].topicPattern, 'in');
  const body = Buffer.from('{"x":1}').toString('base64');
  await aws('iot-data', 'publish', '--topic', 'in', '--qos', '1', '--payload', body);
  assert.match(Buffer.from((await cloud.targets.lambda.at(0)).payload).toString(), /x|eyJ4/);
});
