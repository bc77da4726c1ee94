import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.ts';

const queue = (DelaySeconds: number) =>
  JSON.stringify({ Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'one', DelaySeconds } } } });

test('a change set is reached by its id through no other stack', async () => {
  await using harness = await Harness.open();
  await harness.create('mine', queue(1));
  const { Id } = await harness.call('CreateChangeSet', {
    ...{ StackName: 'theirs', ChangeSetName: 'first', ChangeSetType: 'CREATE' },
    TemplateBody: queue(2).replace('one', 'two'),
  });
  for (const operation of ['DescribeChangeSet', 'GetTemplate', 'ExecuteChangeSet', 'DeleteChangeSet']) {
    await assert.rejects(
      harness.call(operation, { StackName: 'mine', ChangeSetName: Id }),
      { code: 'change-set-not-found' },
      operation,
    );
  }
  assert.equal((await harness.call('DescribeChangeSet', { StackName: 'theirs', ChangeSetName: Id })).ChangeSetId, Id);
  await harness.call('ExecuteChangeSet', { ChangeSetName: Id });
  assert.equal((await harness.settled('theirs')).StackStatus, 'CREATE_COMPLETE');
});
