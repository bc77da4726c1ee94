/** What a topic rule does it does with the role that it names: what the role may not, the error action is told. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as iam from '@aws-sdk/client-iam';
import * as iot from '@aws-sdk/client-iot';
import { IoTDataPlaneClient, PublishCommand } from '@aws-sdk/client-iot-data-plane';
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { ROOT, SecuredNode } from './secured-node.ts';

const ACCOUNT = '000000000000';
const roleArn = `arn:aws:iam::${ACCOUNT}:role/rules`;
const errorsRole = `arn:aws:iam::${ACCOUNT}:role/errors`;
const queueArn = (name: string) => `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;

let node: SecuredNode;
let root: iam.IAMClient;
let rules: iot.IoTClient;
let data: IoTDataPlaneClient;
let sqs: SQSClient;

before(async () => {
  node = await SecuredNode.start();
  root = new iam.IAMClient(options(ROOT));
  rules = new iot.IoTClient(options(ROOT));
  data = new IoTDataPlaneClient(options(ROOT));
  sqs = new SQSClient(options(ROOT));
  for (const name of ['wanted', 'other', 'failures']) await sqs.send(new CreateQueueCommand({ QueueName: name }));
  const AssumeRolePolicyDocument = document(trust('iot.amazonaws.com'));
  for (const RoleName of ['rules', 'errors'])
    await root.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  await allow('errors', { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: queueArn('failures') });
});
after(async () => {
  for (const client of [root, rules, data, sqs]) client?.destroy();
  await node?.[Symbol.asyncDispose]();
});

function options(credentials: typeof ROOT) {
  return { endpoint: node.endpoint, region: 'us-east-1', credentials: { ...credentials }, maxAttempts: 1 };
}

function document(...Statement: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

const trust = (Service: string) => ({ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' });

async function allow(RoleName: string, ...statements: readonly object[]): Promise<void> {
  const given = { RoleName, PolicyName: 'own', PolicyDocument: document(...statements) };
  await root.send(new iam.PutRolePolicyCommand(given));
}

const url = (name: string) => `${node.endpoint}/${ACCOUNT}/${name}`;
const queue = (name: string, role = roleArn): iot.Action => ({
  sqs: { queueUrl: url(name), roleArn: role, useBase64: false },
});
const errorAction = () => queue('failures', errorsRole);

async function rule(ruleName: string, topic: string, actions: iot.Action[]): Promise<void> {
  const topicRulePayload = { sql: `SELECT * FROM '${topic}'`, actions, errorAction: errorAction() };
  await rules.send(new iot.CreateTopicRuleCommand({ ruleName, topicRulePayload }));
}

const publish = (topic: string) => data.send(new PublishCommand({ topic, qos: 1, payload: Buffer.from('{"a":1}') }));

/** The next message of a queue, which is taken out. */
async function next(name: string): Promise<string | undefined> {
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url(name), WaitTimeSeconds: 10 }));
  const [message] = Messages ?? [];
  if (!message) return undefined;
  await sqs.send(new DeleteMessageCommand({ QueueUrl: url(name), ReceiptHandle: message.ReceiptHandle }));
  return message.Body;
}

async function failure(): Promise<{ readonly failedAction: string; readonly errorMessage: string }> {
  const { failures } = JSON.parse((await next('failures'))!);
  assert.equal(failures.length, 1);
  return failures[0];
}

const lacks = (action: string, resource: string) =>
  `User: arn:aws:sts::${ACCOUNT}:assumed-role/rules/RULE is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;

test('an action does what its role may, and what it may not goes to the error action', async () => {
  await allow('rules', { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: queueArn('wanted') });
  await rule('both', 'both', [queue('wanted'), queue('other')]);
  await publish('both');
  assert.equal(await next('wanted'), '{"a":1}');
  const { failedAction, errorMessage } = await failure();
  assert.equal(failedAction, 'SqsAction');
  assert.equal(errorMessage, lacks('sqs:SendMessage', queueArn('other')).replace('RULE', 'both'));
  const told = node.log.split('\n').find((line) => line.includes('access-denied') && line.includes(queueArn('other')));
  assert.match(told ?? '', /assumed-role\/rules\/both/);
});

test('streams, topics and topics of MQTT are asked for too, at each message', async () => {
  await allow('rules', { Effect: 'Deny', Action: '*', Resource: '*' });
  const topic = `arn:aws:sns:us-east-1:${ACCOUNT}:news`;
  await rule('stream', 'stream', [{ kinesis: { streamName: 'flow', partitionKey: 'k', roleArn } }]);
  await rule('news', 'news', [{ sns: { targetArn: topic, roleArn } }]);
  await rule('again', 'again/+', [{ republish: { topic: 'copy/${topic(2)}', roleArn } }]);
  await rule('copies', 'copy/#', [queue('wanted', errorsRole)]);
  const denied = (text: string) => new RegExp(`perform: ${text} with an explicit deny in an identity-based policy$`);
  await publish('stream');
  const stream = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/flow`;
  assert.match((await failure()).errorMessage, denied(`kinesis:PutRecord on resource: ${stream}`));
  await publish('news');
  assert.match((await failure()).errorMessage, denied(`sns:Publish on resource: ${topic}`));
  await publish('again/x');
  const copy = (name: string) => `arn:aws:iot:us-east-1:${ACCOUNT}:topic/copy/${name}`;
  assert.match((await failure()).errorMessage, denied(`iot:Publish on resource: ${copy('x')}`));
  await allow('rules', { Effect: 'Allow', Action: 'iot:Publish', Resource: copy('x') });
  await allow('errors', { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: '*' });
  await publish('again/x');
  assert.equal(await next('wanted'), '{"a":1}');
  await publish('again/y');
  assert.match((await failure()).errorMessage, /iot:Publish on resource: .*:topic\/copy\/y because/);
});

test('a role that trusts another service, or this one for another rule, is not taken on', async () => {
  const trusting = (PolicyDocument: string) =>
    root.send(new iam.UpdateAssumeRolePolicyCommand({ RoleName: 'rules', PolicyDocument }));
  await allow('rules', { Effect: 'Allow', Action: '*', Resource: '*' });
  await rule('trusted', 'trusted', [queue('wanted')]);
  const ruleArn = (name: string) => `arn:aws:iot:us-east-1:${ACCOUNT}:rule/${name}`;
  const forRule = (name: string) => ({
    ...trust('iot.amazonaws.com'),
    Condition: { ArnEquals: { 'aws:SourceArn': ruleArn(name) } },
  });
  for (const statement of [trust('lambda.amazonaws.com'), forRule('another')]) {
    await trusting(document(statement));
    await publish('trusted');
    assert.equal((await failure()).errorMessage, `Role ${roleArn} cannot be assumed by AWS IoT`);
  }
  await trusting(document(forRule('trusted')));
  await publish('trusted');
  assert.equal(await next('wanted'), '{"a":1}');
});

test('actions reach nothing but what they are for, whatever ARN they name', async () => {
  await allow('rules', { Effect: 'Allow', Action: ['sns:Publish', 'iot:Publish'], Resource: '*' });
  const other = queueArn('other');
  const hostile: Record<string, iot.Action> = {
    lambda: { lambda: { functionArn: other } },
    sns: { sns: { targetArn: other, roleArn } },
    http: { http: { url: other } },
  };
  for (const [name, action] of Object.entries(hostile)) {
    const made = await rule(`hostile_${name}`, `hostile/${name}`, [action]).then(
      () => true,
      (error: Error) => assert.equal(error.name, 'InvalidRequestException'),
    );
    assert.ok(!made, `${name} must not take the ARN of a queue`);
    await rule(`filled_${name}`, `filled/${name}/+`, [templated(action)]);
    await data.send(new PublishCommand({ topic: `filled/${name}/other`, qos: 1, payload: Buffer.from(`"${name}"`) }));
    assert.match((await failure()).errorMessage, /is not the (ARN|URL) of/);
  }
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url('other'), WaitTimeSeconds: 0 }));
  assert.equal(Messages, undefined);
});

/** The same action, that the topic of the message says the end of. */
function templated(action: iot.Action): iot.Action {
  return JSON.parse(JSON.stringify(action).replaceAll(':other"', ':${topic(3)}"')) as iot.Action;
}

test('who makes a rule must be able to pass the roles of all its actions to AWS IoT', async () => {
  await root.send(new iam.CreateUserCommand({ UserName: 'maker' }));
  const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName: 'maker' }));
  const keys = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  const client = new iot.IoTClient(options(keys));
  const make = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
  const pass = (Resource: string | string[], service = 'iot.amazonaws.com') => ({
    ...{ Effect: 'Allow', Action: 'iam:PassRole', Resource },
    Condition: { StringEquals: { 'iam:PassedToService': service } },
  });
  const may = (...statements: object[]) =>
    root.send(
      new iam.PutUserPolicyCommand({ UserName: 'maker', PolicyName: 'own', PolicyDocument: document(...statements) }),
    );
  const topicRulePayload = { sql: "SELECT * FROM 'x'", actions: [queue('wanted')], errorAction: errorAction() };
  const attempts = [
    () => client.send(new iot.CreateTopicRuleCommand({ ruleName: 'made', topicRulePayload })),
    () => client.send(new iot.ReplaceTopicRuleCommand({ ruleName: 'both', topicRulePayload })),
  ];
  for (const others of [
    [],
    [pass(roleArn)],
    [pass(errorsRole)],
    [pass([roleArn, errorsRole], 'lambda.amazonaws.com')],
  ]) {
    await may(make, ...others);
    for (const attempt of attempts)
      await assert.rejects(attempt(), /is not authorized to perform: iam:PassRole on resource: /);
  }
  await may(make, pass([roleArn, errorsRole]));
  for (const attempt of attempts) await attempt();
  client.destroy();
});
