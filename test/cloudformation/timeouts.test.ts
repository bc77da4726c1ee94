import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import { Harness } from './harness.ts';

const MINUTE_MS = 60_000;
const LATE = /^Stack creation time exceeded the specified timeout\. Rollback requested by user\.$/;
const QUEUE = { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'orders' } };
const TOPIC = { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'alerts' } };
const WAIT = {
  Handle: { Type: 'AWS::CloudFormation::WaitConditionHandle' },
  Wait: {
    Type: 'AWS::CloudFormation::WaitCondition',
    Properties: { Handle: { Ref: 'Handle' }, Timeout: '3600' },
  },
};

/** Begins a creation that may take `TimeoutInMinutes`, and lets half of two minutes pass once `waiting` is worked on. */
async function begin(
  harness: Harness,
  clock: SimulatedClock,
  Resources: object,
  waiting: string,
  TimeoutInMinutes = 2,
): Promise<void> {
  const TemplateBody = JSON.stringify({ Resources });
  await harness.call('CreateStack', { StackName: 'app', TemplateBody, TimeoutInMinutes });
  while (!(await isWorkedOn(harness, waiting))) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(MINUTE_MS);
  const { Stacks } = await harness.call('DescribeStacks', { StackName: 'app' });
  assert.deepEqual([Stacks[0].StackStatus, Stacks[0].TimeoutInMinutes], ['CREATE_IN_PROGRESS', TimeoutInMinutes]);
}

/** Whether a resource of any stack has begun. */
async function isWorkedOn(harness: Harness, logicalId: string): Promise<boolean> {
  const { StackSummaries } = await harness.call('ListStacks', {});
  const stories = await Promise.all(StackSummaries.map(({ StackId }: any) => harness.story(StackId)));
  return stories.flat().includes(`${logicalId} CREATE_IN_PROGRESS`);
}

/** Why stacks were rolled back, the newest first. */
async function rolledBack(harness: Harness, StackName: string): Promise<string> {
  const { StackEvents } = await harness.call('DescribeStackEvents', { StackName });
  return StackEvents.find((event: any) => event.ResourceStatus === 'ROLLBACK_IN_PROGRESS').ResourceStatusReason;
}

test('a creation that takes too long begins nothing more and is rolled back once what runs has ended', async () => {
  const clock = new SimulatedClock();
  await using harness = await Harness.open(clock);
  const release = harness.services.hold('sqs:CreateQueue');
  await begin(harness, clock, { Queue: QUEUE, Topic: { ...TOPIC, DependsOn: 'Queue' } }, 'Queue');
  await clock.advance(MINUTE_MS);
  release();
  assert.equal((await harness.settled('app')).StackStatus, 'ROLLBACK_COMPLETE');
  assert.match(await rolledBack(harness, 'app'), LATE);
  assert.ok(!harness.services.calls.some((call) => call.startsWith('sns:CreateTopic')));
  assert.deepEqual(harness.services.standing, []);
});

test('what waits for somebody outside gives up when the time of the stack is over, long before its own', async () => {
  const clock = new SimulatedClock();
  await using harness = await Harness.open(clock);
  await begin(harness, clock, WAIT, 'Wait');
  await clock.advance(MINUTE_MS);
  assert.equal((await harness.settled('app')).StackStatus, 'ROLLBACK_COMPLETE');
  assert.match(await rolledBack(harness, 'app'), LATE);
});

test('a stack in a stack has no more time than the outer one, and may have less', async () => {
  for (const [outer, own] of [
    [2, 60],
    [60, 2],
  ]) {
    const clock = new SimulatedClock();
    await using harness = await Harness.open(clock);
    harness.objects.set('templates/inner', JSON.stringify({ Resources: WAIT }));
    const Properties = { TemplateURL: 'https://s3.amazonaws.com/templates/inner', TimeoutInMinutes: own };
    await begin(harness, clock, { Inner: { Type: 'AWS::CloudFormation::Stack', Properties } }, 'Wait', outer);
    await clock.advance(MINUTE_MS);
    assert.equal((await harness.settled('app')).StackStatus, 'ROLLBACK_COMPLETE', `${outer} and ${own}`);
    const { StackSummaries } = await harness.call('ListStacks', {});
    const inner = StackSummaries.find(({ ParentId }: any) => ParentId !== undefined);
    assert.equal(inner.StackStatus, 'DELETE_COMPLETE');
    assert.match(await rolledBack(harness, inner.StackId), LATE);
  }
});

test('a creation in time is whole, and updates take the time that they need', async () => {
  const clock = new SimulatedClock();
  await using harness = await Harness.open(clock);
  const created = await harness.create('app', { Resources: { Queue: QUEUE } }, { TimeoutInMinutes: 1 });
  assert.equal(created.StackStatus, 'CREATE_COMPLETE');
  await clock.advance(MINUTE_MS);
  assert.equal((await harness.update('app', { Resources: { Topic: TOPIC } })).StackStatus, 'UPDATE_COMPLETE');
});
