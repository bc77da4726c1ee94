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

test('of two updates at once, one by name and one by id, one is refused', async () => {
  await using harness = await Harness.open();
  const { StackId } = await harness.create('app', queue(1));
  const ids = ['app', StackId, StackId.replace('/app/', '/other/')];
  const calls = ids.map((StackName, at) => harness.call('UpdateStack', { StackName, TemplateBody: queue(at + 2) }));
  const outcomes = await Promise.allSettled(calls);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected']);
  assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_COMPLETE');
});

test('a stack is not made under a name that is an ARN', async () => {
  await using harness = await Harness.open();
  const StackName = 'arn:aws:cloudformation:us-east-1:000000000000:stack/mine/11111111-1111-4111-8111-111111111111';
  const given = { StackName, TemplateBody: queue(1) };
  await assert.rejects(harness.call('CreateStack', given), { code: 'validation' });
  const created = { ...given, ChangeSetName: 'one', ChangeSetType: 'CREATE' };
  await assert.rejects(harness.call('CreateChangeSet', created), { code: 'validation' });
});

test('a change set that was made before an update is obsolete, and makes room for its namesake', async () => {
  await using harness = await Harness.open();
  await harness.create('app', queue(1));
  const propose = (DelaySeconds: number) =>
    harness.call('CreateChangeSet', { ...changeSet, TemplateBody: queue(DelaySeconds) });
  const changeSet = { StackName: 'app', ChangeSetName: 'next' };
  await propose(2);
  await harness.update('app', queue(3));
  assert.equal((await harness.call('DescribeChangeSet', changeSet)).ExecutionStatus, 'OBSOLETE');
  await assert.rejects(harness.call('ExecuteChangeSet', changeSet), { code: 'change-set-state' });
  assert.equal(harness.services.queues.get('one')!.DelaySeconds, '3');
  await propose(4);
  await harness.call('ExecuteChangeSet', changeSet);
  assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_COMPLETE');
  assert.equal(harness.services.queues.get('one')!.DelaySeconds, '4');
});

test('rolling a stack back by hand makes its change sets obsolete, and so does going on with a rollback', async () => {
  await using harness = await Harness.open();
  await harness.create('app', queue(1));
  const changeSet = { StackName: 'app', ChangeSetName: 'next' };
  const status = async () => (await harness.call('DescribeChangeSet', changeSet)).ExecutionStatus;
  harness.services.fail('sqs:SetQueueAttributes');
  await harness.update('app', queue(2), { DisableRollback: true });
  await harness.call('CreateChangeSet', { ...changeSet, TemplateBody: queue(3) });
  await harness.call('RollbackStack', { StackName: 'app' });
  assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_ROLLBACK_FAILED');
  assert.equal(await status(), 'OBSOLETE');
  harness.services.heal('sqs:SetQueueAttributes');
  await harness.call('ContinueUpdateRollback', { StackName: 'app' });
  assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  await assert.rejects(harness.call('ExecuteChangeSet', changeSet), { code: 'change-set-state' });
});

test('deleting a change set that is not there is no error, as long as its stack is', async () => {
  await using harness = await Harness.open();
  await harness.create('app', queue(1));
  const changeSet = { StackName: 'app', ChangeSetName: 'next' };
  await harness.call('DeleteChangeSet', changeSet);
  await harness.call('CreateChangeSet', { ...changeSet, TemplateBody: queue(2) });
  await harness.call('DeleteChangeSet', changeSet);
  await harness.call('DeleteChangeSet', changeSet);
  await assert.rejects(harness.call('DeleteChangeSet', { ...changeSet, StackName: 'none' }), { code: 'validation' });
});
