/** Alarms of a node that enforces policies: who may touch which, and whose doors they get in by. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudWatch } from '@aws-sdk/client-cloudwatch';
import { IAM } from '@aws-sdk/client-iam';
import { SNS } from '@aws-sdk/client-sns';
import { SQS } from '@aws-sdk/client-sqs';
import type { Node } from '../../src/node/index.ts';
import { securedNode } from '../support/in-process.ts';
import { ROOT } from './secured-node.ts';

let node: Node;
let directory: string;
let root: { readonly cloudwatch: CloudWatch; readonly iam: IAM; readonly sns: SNS; readonly sqs: SQS };
let hers: CloudWatch;

const document = (...Statement: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement });
const alarmArn = (name: string) => `arn:aws:cloudwatch:us-east-1:000000000000:alarm:${name}`;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-alarms-'));
  node = await securedNode(directory, ROOT);
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials: ROOT, maxAttempts: 1 };
  root = { cloudwatch: new CloudWatch(options), iam: new IAM(options), sns: new SNS(options), sqs: new SQS(options) };
  await root.iam.createUser({ UserName: 'mallory' });
  const { AccessKey } = await root.iam.createAccessKey({ UserName: 'mallory' });
  const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  hers = new CloudWatch({ ...options, credentials });
});

after(async () => {
  for (const client of [...Object.values(root ?? {}), hers]) client?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function makeAlarm(AlarmName: string, AlarmActions: string[] = []): Promise<void> {
  await root.cloudwatch.putMetricAlarm({
    ...{ AlarmName, AlarmActions, Namespace: 'plant', MetricName: 'heat', Statistic: 'Maximum' },
    ...{ Period: 60, EvaluationPeriods: 1, Threshold: 9, ComparisonOperator: 'GreaterThanThreshold' },
  });
}

/** A topic, and a queue that has all that is published to it. */
async function makeTopic(Name: string): Promise<{ readonly topic: string; readonly queue: string }> {
  const { TopicArn } = await root.sns.createTopic({ Name });
  const statement = { Effect: 'Allow', Principal: { Service: 'sns.amazonaws.com' }, Action: 'sqs:SendMessage' };
  const Policy = document({ ...statement, Resource: '*' });
  const { QueueUrl } = await root.sqs.createQueue({ QueueName: Name, Attributes: { Policy } });
  const Endpoint = `arn:aws:sqs:us-east-1:000000000000:${Name}`;
  await root.sns.subscribe({ TopicArn, Protocol: 'sqs', Endpoint, Attributes: { RawMessageDelivery: 'true' } });
  return { topic: TopicArn!, queue: QueueUrl! };
}

/** Names of the alarms that have told, one or more. */
async function told(QueueUrl: string): Promise<readonly string[]> {
  const { Messages } = await root.sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 20, MaxNumberOfMessages: 10 });
  return Messages!.map(({ Body }) => JSON.parse(Body!).AlarmName);
}

const sound = (AlarmName: string) =>
  root.cloudwatch.setAlarmState({ AlarmName, StateValue: 'ALARM', StateReason: 'to try it' });

test('a new topic hears the alarms of its account, one with a policy those that it names', async () => {
  const [open, closed] = [await makeTopic('open'), await makeTopic('closed')];
  for (const name of ['named', 'unnamed']) await makeAlarm(name, [open.topic, closed.topic]);
  const AttributeValue = document({
    ...{ Effect: 'Allow', Principal: { Service: 'cloudwatch.amazonaws.com' }, Action: 'sns:Publish' },
    ...{ Resource: closed.topic, Condition: { ArnEquals: { 'aws:SourceArn': alarmArn('named') } } },
  });
  await root.sns.setTopicAttributes({ TopicArn: closed.topic, AttributeName: 'Policy', AttributeValue });
  await sound('unnamed');
  assert.deepEqual(await told(open.queue), ['unnamed']);
  await sound('named');
  assert.deepEqual(await told(closed.queue), ['named']);
});

test('a right to one alarm is none to another, however an ARN names it', async () => {
  await makeAlarm('own');
  await makeAlarm('theirs');
  const PolicyDocument = document(
    { Effect: 'Allow', Action: 'cloudwatch:*', Resource: '*' },
    { Effect: 'Deny', Action: 'cloudwatch:*', Resource: alarmArn('theirs') },
  );
  await root.iam.putUserPolicy({ UserName: 'mallory', PolicyName: 'own', PolicyDocument });
  const StateValue = 'OK';
  await hers.setAlarmState({ AlarmName: 'own', StateValue, StateReason: 'r' });
  const refused = { name: 'AccessDeniedException' };
  const AlarmNames = ['own', 'theirs'];
  await assert.rejects(hers.setAlarmState({ AlarmName: 'theirs', StateValue, StateReason: 'r' }), refused);
  await assert.rejects(hers.disableAlarmActions({ AlarmNames }), refused);
  await assert.rejects(hers.deleteAlarms({ AlarmNames }), refused);
  const spellings = [
    alarmArn('theirs'),
    'arn:aws:cloudwatch:eu-west-1:000000000000:alarm:theirs',
    'arn:aws:cloudwatch:us-east-1::alarm:theirs',
    'arn:aws:sns:us-east-1:000000000000:alarm:theirs',
  ];
  for (const ResourceARN of spellings) {
    const tagging = hers.tagResource({ ResourceARN, Tags: [{ Key: 'team', Value: 'hers' }] });
    await assert.rejects(tagging, ({ name }: Error) => /^(AccessDenied|ResourceNotFound)/.test(name), ResourceARN);
  }
  const { Tags } = await root.cloudwatch.listTagsForResource({ ResourceARN: alarmArn('theirs') });
  assert.deepEqual(Tags, []);
});
