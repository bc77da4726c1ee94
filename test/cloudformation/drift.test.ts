import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.ts';

const TEMPLATE = {
  Resources: {
    Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'one', DelaySeconds: 5 } },
    Gone: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'gone' } },
    Topic: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'steady', DisplayName: 'a' } },
    Wait: { Type: 'AWS::CloudFormation::WaitConditionHandle' },
  },
};

test('drift tells what was changed or taken away behind a stack, until it is updated', async () => {
  await using harness = await Harness.open();
  await harness.create('app', TEMPLATE);
  const detect = async () => {
    const { StackDriftDetectionId } = await harness.call('DetectStackDrift', { StackName: 'app' });
    return harness.call('DescribeStackDriftDetectionStatus', { StackDriftDetectionId });
  };
  const clean = await detect();
  assert.deepEqual([clean.StackDriftStatus, clean.DetectionStatus], ['IN_SYNC', 'DETECTION_COMPLETE']);
  harness.services.queues.get('one')!.DelaySeconds = '9';
  harness.services.queues.delete('gone');
  const drifted = await detect();
  assert.deepEqual([drifted.StackDriftStatus, drifted.DriftedStackResourceCount], ['DRIFTED', 2]);
  const { StackResourceDrifts } = await harness.call('DescribeStackResourceDrifts', { StackName: 'app' });
  const statuses = StackResourceDrifts.map((one: any) => [one.LogicalResourceId, one.StackResourceDriftStatus]);
  assert.deepEqual(Object.fromEntries(statuses), { Queue: 'MODIFIED', Gone: 'DELETED', Topic: 'IN_SYNC' });
  assert.deepEqual(StackResourceDrifts.find((one: any) => one.LogicalResourceId === 'Queue').PropertyDifferences, [
    { PropertyPath: '/DelaySeconds', ExpectedValue: '5', ActualValue: '9', DifferenceType: 'NOT_EQUAL' },
  ]);
  const { Stacks } = await harness.call('DescribeStacks', { StackName: 'app' });
  assert.equal(Stacks[0].DriftInformation.StackDriftStatus, 'DRIFTED');

  harness.services.queues.get('one')!.DelaySeconds = '5';
  const one = await harness.call('DetectStackResourceDrift', { StackName: 'app', LogicalResourceId: 'Queue' });
  assert.equal(one.StackResourceDrift.StackResourceDriftStatus, 'IN_SYNC');
  const nobody = { StackName: 'app', LogicalResourceId: 'Nobody' };
  await assert.rejects(
    harness.call('DetectStackResourceDrift', nobody),
    /Resource Nobody does not exist for stack app/,
  );
  await assert.rejects(
    harness.call('DescribeStackDriftDetectionStatus', { StackDriftDetectionId: 'x' }),
    /does not exist/,
  );
});

test('drift shows neither what references stand for nor what was given with NoEcho, and reads as who asks', async () => {
  await using harness = await Harness.open();
  const topic = (TopicName: string, DisplayName: unknown) => ({
    Type: 'AWS::SNS::Topic',
    Properties: { TopicName, DisplayName },
  });
  const template = {
    Parameters: { Hidden: { Type: 'String', NoEcho: true } },
    Resources: {
      Referring: topic('referring', '{{resolve:ssm:/canary}}'),
      Given: topic('given', { Ref: 'Hidden' }),
    },
  };
  const given = { Parameters: [{ ParameterKey: 'Hidden', ParameterValue: 'given-canary' }] };
  await harness.create('app', template, given);
  const reading = 'arn:aws:iam::000000000000:user/reader';
  harness.services.callers.clear();
  await harness.call('DetectStackDrift', { StackName: 'app' }, reading);
  assert.deepEqual([...harness.services.callers], [reading]);
  const { StackResourceDrifts } = await harness.call('DescribeStackResourceDrifts', { StackName: 'app' });
  assert.deepEqual(
    StackResourceDrifts.map((one: any) => one.StackResourceDriftStatus),
    ['IN_SYNC', 'IN_SYNC'],
  );
  assert.doesNotMatch(JSON.stringify(StackResourceDrifts), /value of|given-canary/);
});
