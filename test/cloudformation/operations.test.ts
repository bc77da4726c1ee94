import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Harness } from './harness.ts';

const queue = (QueueName: string, more: object = {}) => ({
  Type: 'AWS::SQS::Queue',
  Properties: { QueueName, ...more },
});
const topic = (TopicName: string, DisplayName: string) => ({
  Type: 'AWS::SNS::Topic',
  DependsOn: 'Queue',
  Properties: { TopicName, DisplayName },
});
const app = (name: string, display: string) => ({
  Resources: { Queue: queue(name), Topic: topic('steady', display) },
});

const policy = (...statements: readonly object[]) =>
  JSON.stringify({ Statement: statements.map((one) => ({ Effect: 'Allow', Principal: '*', ...one })) });
const ALL = { Action: 'Update:*', Resource: '*' };

async function reasons(harness: Harness, StackName = 'app'): Promise<string> {
  const { StackEvents } = await harness.call('DescribeStackEvents', { StackName });
  return StackEvents.map((event: any) => event.ResourceStatusReason ?? '').join('\n');
}

test('a stack policy says what an update may do, and an update may bring its own', async () => {
  await using harness = await Harness.open();
  const StackPolicyBody = policy(ALL, { Effect: 'Deny', Action: 'Update:Replace', Resource: 'LogicalResourceId/Que*' });
  await harness.create('app', app('one', 'a'), { StackPolicyBody });
  assert.deepEqual(await harness.call('GetStackPolicy', { StackName: 'app' }), { StackPolicyBody });
  assert.equal((await harness.update('app', app('one', 'b'))).StackStatus, 'UPDATE_COMPLETE');
  assert.equal((await harness.update('app', app('two', 'b'))).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.match(
    await reasons(harness),
    /Action denied by stack policy: Statement \[#2\] does not allow \[Update:Replace\] for resource \[LogicalResourceId\/Queue\];/,
  );
  assert.deepEqual(harness.services.standing, ['one', 'steady']);
  const StackPolicyDuringUpdateBody = policy(ALL);
  const forced = await harness.update('app', app('two', 'b'), { StackPolicyDuringUpdateBody });
  assert.equal(forced.StackStatus, 'UPDATE_COMPLETE');
  assert.deepEqual(await harness.call('GetStackPolicy', { StackName: 'app' }), { StackPolicyBody });

  // With a policy, what no statement allows is denied; types are conditions.
  const Condition = { StringLike: { ResourceType: ['AWS::SQS::*'] } };
  await harness.call('SetStackPolicy', {
    StackName: 'app',
    StackPolicyBody: policy({ ...ALL, Condition }),
  });
  assert.equal((await harness.update('app', app('two', 'c'))).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.match(
    await reasons(harness),
    /no statement allows \[Update:Modify\] for resource \[LogicalResourceId\/Topic\]/,
  );
  const { Topic: _gone, ...Resources } = app('two', 'c').Resources;
  assert.equal((await harness.update('app', { Resources })).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.match(
    await reasons(harness),
    /no statement allows \[Update:Delete\] for resource \[LogicalResourceId\/Topic\]/,
  );
  assert.deepEqual(harness.services.standing, ['steady', 'two']);
  assert.equal((await harness.delete('app')).StackStatus, 'DELETE_COMPLETE', 'deleting the stack is not an update');
});

for (const [text, message] of [
  ['{', /it is no JSON object/],
  ['{}', /it has no Statement/],
  [policy({ Action: 'sqs:*', Resource: '*' }), /Action must be of Update:Modify/],
  [policy({ Action: 'Update:*', Resource: 'arn:x' }), /Resource must be/],
  [policy({ ...ALL, Principal: 'me' }), /Principal must be/],
  [policy({ ...ALL, Condition: { Bool: {} } }), /Condition must be/],
  [' '.repeat(16_385), /at most 16384 bytes/],
] as const) {
  test(`a stack policy is refused: ${text.slice(0, 60)}`, async () => {
    await using harness = await Harness.open();
    await harness.create('app', app('one', 'a'));
    await assert.rejects(harness.call('SetStackPolicy', { StackName: 'app', StackPolicyBody: text }), { message });
  });
}

test('a request that names types makes and changes no others', async () => {
  await using harness = await Harness.open();
  const only = (...ResourceTypes: string[]) => ({ ResourceTypes });
  const message = (types: string) => new RegExp(`^Resource types \\[${types}\\] are not allowed by ResourceTypes`);
  const refused = harness.create('app', app('one', 'a'), only('AWS::SQS::*', 'Custom::*'));
  await assert.rejects(refused, { message: message('AWS::SNS::Topic') });
  await harness.create('app', app('one', 'a'), only('AWS::SQS::Queue', 'AWS::SNS::*'));
  const updated = await harness.update('app', app('one', 'b'), only('AWS::SNS::Topic'));
  assert.equal(updated.StackStatus, 'UPDATE_COMPLETE', 'the queue stays as it is');
  const { Topic: _gone, ...Resources } = app('one', 'b').Resources;
  const removal = harness.update('app', { Resources }, only('AWS::SQS::*'));
  await assert.rejects(removal, { message: message('AWS::SNS::Topic') });
});

test('a creation that was left as it failed is rolled back when asked', async () => {
  await using harness = await Harness.open();
  harness.services.fail('sns:CreateTopic', undefined, 1);
  const failed = await harness.create('app', app('one', 'a'), { DisableRollback: true });
  assert.equal(failed.StackStatus, 'CREATE_FAILED');
  assert.deepEqual(harness.services.standing, ['one']);
  await harness.call('RollbackStack', { StackName: 'app' });
  assert.equal((await harness.settled('app')).StackStatus, 'ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, []);
  await assert.rejects(harness.call('RollbackStack', { StackName: 'app' }), /can not be rolled back/);
});

test('an update that was left as it failed is rolled back, gone on from, or deleted, and leaves nothing', async () => {
  for (const end of ['RollbackStack', 'UpdateStack', 'DeleteStack', 'failed update'] as const) {
    await using harness = await Harness.open();
    await harness.create('app', app('one', 'a'));
    harness.services.fail('sns:SetTopicAttributes', undefined, 1);
    const failed = await harness.update('app', app('two', 'b'), { DisableRollback: true });
    assert.equal(failed.StackStatus, 'UPDATE_FAILED');
    assert.deepEqual(harness.services.standing, ['one', 'steady', 'two']);
    if (end === 'DeleteStack') {
      assert.equal((await harness.delete('app')).StackStatus, 'DELETE_COMPLETE');
      assert.deepEqual(harness.services.standing, []);
    } else if (end === 'RollbackStack') {
      await harness.call('RollbackStack', { StackName: 'app' });
      assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
      assert.deepEqual(harness.services.standing, ['one', 'steady']);
      assert.equal(harness.services.topics.get('steady')!.DisplayName, 'a');
    } else if (end === 'UpdateStack') {
      assert.equal((await harness.update('app', app('three', 'c'))).StackStatus, 'UPDATE_COMPLETE');
      assert.deepEqual(harness.services.standing, ['steady', 'three']);
    } else {
      harness.services.fail('sns:SetTopicAttributes', undefined, 1);
      assert.equal((await harness.update('app', app('three', 'c'))).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
      assert.deepEqual(harness.services.standing, ['steady', 'two']);
    }
  }
});

test('a rollback that failed goes on, over what is skipped', async () => {
  await using harness = await Harness.open();
  const later = { Later: { Type: 'AWS::Logs::LogGroup', DependsOn: 'Topic', Properties: { LogGroupName: 'later' } } };
  const template = (display: string, more: object) => ({
    Resources: { ...app('one', display).Resources, ...more },
  });
  await harness.create('app', template('a', {}));
  const fail = async () => {
    harness.services.fail('logs:CreateLogGroup', undefined, 1);
    const go = harness.services.hold('logs:CreateLogGroup');
    await harness.call('UpdateStack', { StackName: 'app', TemplateBody: JSON.stringify(template('b', later)) });
    while (!harness.services.calls.at(-1)!.startsWith('logs:CreateLogGroup')) await new Promise(setImmediate);
    harness.services.fail('sns:SetTopicAttributes');
    go();
    assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_ROLLBACK_FAILED');
  };
  await fail();
  await assert.rejects(
    harness.call('UpdateStack', { StackName: 'app', UsePreviousTemplate: true }),
    /can not be updated/,
  );
  await harness.call('ContinueUpdateRollback', { StackName: 'app' });
  assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_ROLLBACK_FAILED', 'it failed again');
  harness.services.heal('sns:SetTopicAttributes');
  await harness.call('ContinueUpdateRollback', { StackName: 'app' });
  assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.equal(harness.services.topics.get('steady')!.DisplayName, 'a');

  await fail();
  const skip = { StackName: 'app', ResourcesToSkip: ['Queue'] };
  await assert.rejects(harness.call('ContinueUpdateRollback', skip), /cannot be skipped/);
  await harness.call('ContinueUpdateRollback', { ...skip, ResourcesToSkip: ['Topic'] });
  assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, ['one', 'steady']);
  await assert.rejects(harness.call('ContinueUpdateRollback', { StackName: 'app' }), /can not continue/);
});

test('deletion policies: Retain stays, RetainExceptOnCreate goes with a failed creation, Snapshot is refused by name', async () => {
  await using harness = await Harness.open();
  const kept = (DeletionPolicy: string) => ({
    Resources: { Queue: { ...queue('kept'), DeletionPolicy }, Topic: topic('steady', 'a') },
  });
  await assert.rejects(harness.create('app', kept('Snapshot')), /DeletionPolicy Snapshot is not supported/);
  harness.services.fail('sns:CreateTopic', undefined, 1);
  assert.equal((await harness.create('app', kept('RetainExceptOnCreate'))).StackStatus, 'ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, []);
  await harness.delete('app');
  await harness.create('app', kept('RetainExceptOnCreate'));
  await harness.delete('app');
  assert.deepEqual(harness.services.standing, ['kept']);
});

async function until(harness: Harness, logicalId: string, status: string): Promise<any> {
  for (;;) {
    const { StackResources } = await harness.call('DescribeStackResources', { StackName: 'app' });
    const found = StackResources.find((one: any) => one.LogicalResourceId === logicalId);
    if (found?.ResourceStatus === status) return found;
    await new Promise(setImmediate);
  }
}

test('a creation policy waits for signals, each once', async () => {
  await using harness = await Harness.open();
  const template = (Count: number, Timeout = 'PT1H') => ({
    Resources: {
      Wait: { Type: 'AWS::CloudFormation::WaitCondition', CreationPolicy: { ResourceSignal: { Count, Timeout } } },
    },
  });
  const signal = (UniqueId: string, Status = 'SUCCESS') =>
    harness.call('SignalResource', { StackName: 'app', LogicalResourceId: 'Wait', UniqueId, Status });
  await harness.call('CreateStack', { StackName: 'app', TemplateBody: JSON.stringify(template(2)) });
  await until(harness, 'Wait', 'CREATE_IN_PROGRESS');
  await signal('a');
  await signal('a');
  assert.equal((await until(harness, 'Wait', 'CREATE_IN_PROGRESS')).ResourceStatus, 'CREATE_IN_PROGRESS');
  // A restart forgets no signal.
  await harness.reopen();
  harness.cloudformation.resume();
  await signal('b');
  assert.equal((await harness.settled('app')).StackStatus, 'CREATE_COMPLETE');
  await assert.rejects(signal('c'), /Resource Wait is in CREATE_COMPLETE state and cannot be signaled/);
  await harness.delete('app');

  await harness.call('CreateStack', { StackName: 'app', TemplateBody: JSON.stringify(template(1)) });
  await until(harness, 'Wait', 'CREATE_IN_PROGRESS');
  await signal('a', 'FAILURE');
  assert.equal((await harness.settled('app')).StackStatus, 'ROLLBACK_COMPLETE');
  assert.match(await reasons(harness), /Received 1 FAILURE signal\(s\) out of 1/);
  await harness.delete('app');
  assert.equal((await harness.create('app', template(1, 'PT13H'))).StackStatus, 'ROLLBACK_COMPLETE');
  assert.match(await reasons(harness), /Timeout PT13H is not between PT1S and PT12H/);
});

test('a cancelled update waits for no signal, across a restart too', async () => {
  const Wait = {
    Type: 'AWS::CloudFormation::WaitCondition',
    CreationPolicy: { ResourceSignal: { Count: 1, Timeout: 'PT1H' } },
  };
  for (const isCutOff of [false, true]) {
    await using harness = await Harness.open();
    await harness.create('app', app('one', 'a'));
    const release = harness.services.hold('logs:CreateLogGroup');
    const Group = { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: 'group' } };
    const Resources = { ...app('one', 'a').Resources, Wait, Group };
    await harness.call('UpdateStack', { StackName: 'app', TemplateBody: JSON.stringify({ Resources }) });
    await until(harness, 'Wait', 'CREATE_IN_PROGRESS');
    const reopened = isCutOff ? harness.reopen() : undefined;
    await harness.call('CancelUpdateStack', { StackName: 'app' });
    release();
    await reopened;
    if (isCutOff) harness.cloudformation.resume();
    assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
    assert.match(await reasons(harness), /^Resource creation cancelled$/m);
    assert.deepEqual(harness.services.standing, ['one', 'steady']);
  }
});

test('a creation that has failed waits for no signal, and tells why each of its resources was not made', async () => {
  await using harness = await Harness.open();
  const Wait = {
    Type: 'AWS::CloudFormation::WaitCondition',
    CreationPolicy: { ResourceSignal: { Count: 1, Timeout: 'PT1H' } },
  };
  const { DependsOn: _alone, ...Topic } = topic('steady', 'a');
  const releases = ['sqs:CreateQueue', 'sns:CreateTopic'].map((name) => harness.services.hold(name));
  harness.services.fail('sqs:CreateQueue');
  harness.services.fail('sns:CreateTopic');
  const Resources = { Wait, Queue: queue('one'), Topic };
  await harness.call('CreateStack', { StackName: 'app', TemplateBody: JSON.stringify({ Resources }) });
  await until(harness, 'Wait', 'CREATE_IN_PROGRESS');
  for (const release of releases) release();
  assert.equal((await harness.settled('app')).StackStatus, 'ROLLBACK_COMPLETE');
  const { StackEvents } = await harness.call('DescribeStackEvents', { StackName: 'app' });
  const failed = StackEvents.filter((event: any) => event.ResourceStatus === 'CREATE_FAILED');
  const why = Object.fromEntries(failed.map((event: any) => [event.LogicalResourceId, event.ResourceStatusReason]));
  assert.deepEqual(Object.keys(why).sort(), ['Queue', 'Topic', 'Wait']);
  assert.equal(why.Wait, 'Resource creation cancelled');
  assert.match(why.Queue, /^Resource handler returned message/);
  assert.match(why.Topic, /^Resource handler returned message/);
});

test('a signal is no answer to what a custom resource was asked', async () => {
  await using harness = await Harness.open();
  const template = {
    Resources: {
      Maker: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'maker' } },
      Thing: { Type: 'Custom::Thing', Properties: { ServiceToken: { Ref: 'Maker' } } },
    },
  };
  await harness.call('CreateStack', { StackName: 'app', TemplateBody: JSON.stringify(template) });
  await until(harness, 'Thing', 'CREATE_IN_PROGRESS');
  while (harness.services.published.length === 0) await new Promise(setImmediate);
  const signal = { StackName: 'app', LogicalResourceId: 'Thing', UniqueId: 'a', Status: 'FAILURE' };
  await assert.rejects(harness.call('SignalResource', signal), /cannot be signaled/);
});

test('a wait condition waits for what is PUT to its handle', async () => {
  await using harness = await Harness.open();
  const server = createServer((request, response) => void harness.cloudformation.answers.handle(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const template = {
    Resources: {
      Handle: { Type: 'AWS::CloudFormation::WaitConditionHandle' },
      Wait: {
        Type: 'AWS::CloudFormation::WaitCondition',
        Properties: { Handle: { Ref: 'Handle' }, Timeout: 3_600, Count: 2 },
      },
    },
    Outputs: { Data: { Value: { 'Fn::GetAtt': ['Wait', 'Data'] } } },
  };
  const put = async (url: string, body: object | string): Promise<number> => {
    const at = new URL(url);
    at.port = String(port);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return (await fetch(at, { method: 'PUT', body: text })).status;
  };
  try {
    await harness.call('CreateStack', { StackName: 'app', TemplateBody: JSON.stringify(template) });
    const { PhysicalResourceId: url } = await until(harness, 'Handle', 'CREATE_COMPLETE');
    assert.equal(await put(`${url}x`, { Status: 'SUCCESS' }), 403);
    assert.equal(await put(url, 'nothing'), 400);
    assert.equal(await put(url, { Status: 'SUCCESS', UniqueId: '1', Data: 'one' }), 200);
    assert.equal(await put(url, { Status: 'SUCCESS', UniqueId: '2', Data: 'two', Reason: 'done' }), 200);
    const made = await harness.settled('app');
    assert.equal(made.StackStatus, 'CREATE_COMPLETE');
    assert.deepEqual(JSON.parse(made.Outputs[0].OutputValue), { 1: 'one', 2: 'two' });
    assert.equal(await put(url, { Status: 'SUCCESS', UniqueId: '3' }), 403, 'nobody waits any more');
    await harness.delete('app');

    await harness.call('CreateStack', { StackName: 'app', TemplateBody: JSON.stringify(template) });
    const { PhysicalResourceId: again } = await until(harness, 'Handle', 'CREATE_COMPLETE');
    await put(again, { Status: 'FAILURE', UniqueId: '1', Reason: 'no disk' });
    assert.equal((await harness.settled('app')).StackStatus, 'ROLLBACK_COMPLETE');
    assert.match(await reasons(harness), /WaitCondition received failed message: 'no disk' for uniqueId: 1/);
  } finally {
    server.close();
  }
});
