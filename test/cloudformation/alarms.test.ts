import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { CloudWatch } from '@aws-sdk/client-cloudwatch';
import { SQS } from '@aws-sdk/client-sqs';
import type { Node } from '../../src/node/index.ts';
import { devNode } from '../support/in-process.ts';

let node: Node;
let directory: string;
let stacks: CloudFormation;
let cloudwatch: CloudWatch;
let sqs: SQS;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-alarms-'));
  node = await devNode(join(directory, 'data'));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  stacks = new CloudFormation(options);
  cloudwatch = new CloudWatch(options);
  sqs = new SQS(options);
});

after(async () => {
  for (const client of [stacks, cloudwatch, sqs]) client.destroy();
  await node[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** An alarm that looks after a queue of dead letters, as templates commonly have it. */
const template = (threshold: string) => `
Resources:
  Dead: { Type: AWS::SQS::Queue }
  Told: { Type: AWS::SQS::Queue }
  Topic: { Type: AWS::SNS::Topic }
  ToldPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Told]
      PolicyDocument:
        Statement: [{ Effect: Allow, Principal: { Service: sns.amazonaws.com }, Action: sqs:SendMessage, Resource: !GetAtt Told.Arn }]
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: { TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Told.Arn, RawMessageDelivery: true }
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmDescription: Something was given up
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{ Name: QueueName, Value: !GetAtt Dead.QueueName }]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 1
      Threshold: ${threshold}
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Topic]
Outputs:
  Told: { Value: !Ref Told }
  Name: { Value: !Ref Alarm }
  Arn: { Value: !GetAtt Alarm.Arn }
`;

test('a stack has an alarm, which tells its topic; an update changes it in place, and it goes with the stack', async () => {
  const StackName = 'watched';
  const Tags = [{ Key: 'team', Value: 'plant' }];
  await stacks.createStack({ StackName, TemplateBody: template('0'), Tags });
  const { Stacks } = await stacks.describeStacks({ StackName });
  assert.equal(Stacks![0]!.StackStatus, 'CREATE_COMPLETE');
  const outputs = Object.fromEntries(Stacks![0]!.Outputs!.map((one) => [one.OutputKey!, one.OutputValue!]));
  const AlarmName = outputs.Name!;
  assert.match(AlarmName, /^watched-Alarm-/);
  assert.deepEqual((await cloudwatch.listTagsForResource({ ResourceARN: outputs.Arn! })).Tags, Tags);

  await cloudwatch.setAlarmState({ AlarmName, StateValue: 'ALARM', StateReason: 'to try it' });
  const { Messages } = await sqs.receiveMessage({ QueueUrl: outputs.Told!, WaitTimeSeconds: 15 });
  const told = JSON.parse(Messages![0]!.Body!);
  assert.deepEqual([told.AlarmName, told.NewStateValue, told.AlarmArn], [AlarmName, 'ALARM', outputs.Arn]);

  await stacks.updateStack({ StackName, TemplateBody: template('5'), Tags: [{ Key: 'team', Value: 'other' }] });
  const { MetricAlarms } = await cloudwatch.describeAlarms({ AlarmNames: [AlarmName] });
  assert.deepEqual([MetricAlarms![0]!.Threshold, MetricAlarms![0]!.StateValue], [5, 'ALARM']);
  const changed = await cloudwatch.listTagsForResource({ ResourceARN: outputs.Arn! });
  assert.deepEqual(changed.Tags, [{ Key: 'team', Value: 'other' }]);

  await stacks.deleteStack({ StackName });
  assert.deepEqual((await cloudwatch.describeAlarms({})).MetricAlarms, []);
});
