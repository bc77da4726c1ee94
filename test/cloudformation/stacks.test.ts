import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError, hasCode } from '../../src/base/index.ts';
import { Harness } from './harness.ts';

const QUEUE = { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'orders' } };
const TOPIC = { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'alerts' } };
const GROUP = { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: 'lines' } };
const ref = (Ref: string) => ({ Ref });
const att = (id: string, name: string) => ({ 'Fn::GetAtt': [id, name] });

test('a stack is created in order of its references, with events and outputs, and deleted in reverse', async () => {
  await using harness = await Harness.open();
  const stack = await harness.create('app', {
    Resources: {
      Group: { ...GROUP, Properties: { LogGroupName: { 'Fn::Sub': `\${Queue.QueueName}-lines` } } },
      Queue: QUEUE,
      Topic: { ...TOPIC, DependsOn: 'Group' },
    },
    Outputs: { QueueArn: { Value: att('Queue', 'Arn'), Description: 'where orders wait' } },
  });
  assert.equal(stack.StackStatus, 'CREATE_COMPLETE');
  assert.deepEqual(stack.Outputs, [
    {
      OutputKey: 'QueueArn',
      OutputValue: 'arn:aws:sqs:us-east-1:000000000000:orders',
      Description: 'where orders wait',
    },
  ]);
  assert.deepEqual(harness.services.standing, ['alerts', 'orders', 'orders-lines']);
  assert.deepEqual(await harness.story('app'), [
    'app CREATE_IN_PROGRESS',
    'Queue CREATE_IN_PROGRESS',
    'Queue CREATE_IN_PROGRESS',
    'Queue CREATE_COMPLETE',
    'Group CREATE_IN_PROGRESS',
    'Group CREATE_IN_PROGRESS',
    'Group CREATE_COMPLETE',
    'Topic CREATE_IN_PROGRESS',
    'Topic CREATE_IN_PROGRESS',
    'Topic CREATE_COMPLETE',
    'app CREATE_COMPLETE',
  ]);
  harness.services.calls.length = 0;
  assert.equal((await harness.delete('app')).StackStatus, 'DELETE_COMPLETE');
  assert.deepEqual(harness.services.calls, [
    'sns:DeleteTopic alerts',
    'logs:DeleteLogGroup orders-lines',
    'sqs:DeleteQueue orders',
  ]);
  await assert.rejects(harness.call('DescribeStacks', { StackName: 'app' }), /Stack with id app does not exist/);
});

test('what is replaced by one of the same name elsewhere stands again where it was after a rollback', async () => {
  await using harness = await Harness.open();
  const inGroup = (LogGroupName: string, more: object = {}) => ({
    Resources: {
      Lines: { Type: 'AWS::Logs::LogStream', Properties: { LogGroupName, LogStreamName: 'lines' } },
      ...more,
    },
  });
  await harness.create('app', inGroup('a'));
  harness.services.fail('sqs:CreateQueue');
  const Queue = { ...QUEUE, DependsOn: 'Lines' };
  assert.equal((await harness.update('app', inGroup('b', { Queue }))).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, ['a/lines']);
  harness.services.heal('sqs:CreateQueue');
  assert.equal((await harness.update('app', inGroup('b', { Queue }))).StackStatus, 'UPDATE_COMPLETE');
  assert.deepEqual(harness.services.standing, ['b/lines', 'orders']);
  await harness.delete('app');
  assert.deepEqual(harness.services.standing, []);
});

test('a resource that no update changes in place stands after an update that did not get to it', async () => {
  await using harness = await Harness.open();
  const lines = (LogStreamName: string) => ({
    Resources: { Lines: { Type: 'AWS::Logs::LogStream', Properties: { LogGroupName: 'a', LogStreamName } } },
  });
  await harness.create('app', lines('old'));
  const denied = { Effect: 'Deny', Action: 'Update:*', Principal: '*', Resource: '*' };
  const StackPolicyDuringUpdateBody = JSON.stringify({ Statement: [denied] });
  const { StackStatus } = await harness.update('app', lines('new'), { StackPolicyDuringUpdateBody });
  assert.equal(StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, ['a/old']);
});

test('a metric filter that somebody else has put is neither overwritten nor taken away', async () => {
  await using harness = await Harness.open();
  const given = { filterPattern: 'ERROR', metricTransformations: [] };
  await harness.services.call('logs', 'PutMetricFilter', { logGroupName: 'a', filterName: 'errors', ...given }, {
    region: 'us-east-1',
    caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' },
  } as never);
  const before = harness.services.inGroups.get('a/errors');
  const filter = (FilterName: string) => ({
    Type: 'AWS::Logs::MetricFilter',
    Properties: { LogGroupName: 'a', FilterName, FilterPattern: '', MetricTransformations: [] },
  });
  const own = { Longer: filter('errors-too') };
  const failed = await harness.create('app', {
    Resources: { Filter: { ...filter('errors'), DependsOn: 'Longer' }, ...own },
  });
  assert.equal(failed.StackStatus, 'ROLLBACK_COMPLETE');
  assert.equal(harness.services.inGroups.get('a/errors'), before);
  await harness.create('other', { Resources: { ...own, Filter: filter('error') } });
  assert.deepEqual(harness.services.standing, ['a/error', 'a/errors', 'a/errors-too']);
});

test('names are made up from stack and logical id, and end .fifo where they must', async () => {
  await using harness = await Harness.open();
  await harness.create('app', {
    Resources: {
      Plain: { Type: 'AWS::SQS::Queue' },
      Fifo: { Type: 'AWS::SQS::Queue', Properties: { FifoQueue: 'true' } },
    },
  });
  const [fifo, plain] = harness.services.standing;
  assert.match(fifo!, /^app-Fifo-[A-Z0-9]{12}\.fifo$/);
  assert.match(plain!, /^app-Plain-[A-Z0-9]{12}$/);
});

test('a failed creation is rolled back: what was made goes, what never was is not touched', async () => {
  await using harness = await Harness.open();
  harness.services.groups.set('lines', {});
  const stack = await harness.create('app', { Resources: { Queue: QUEUE, Group: { ...GROUP, DependsOn: 'Queue' } } });
  assert.equal(stack.StackStatus, 'ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, ['lines'], 'the group was there before and is not ours');
  const { StackEvents: events } = await harness.call('DescribeStackEvents', { StackName: 'app' });
  const failed = events.find((event: any) => event.ResourceStatus === 'CREATE_FAILED');
  assert.match(failed.ResourceStatusReason, /log group already exists.*ResourceAlreadyExistsException/);
  await assert.rejects(
    harness.update('app', { Resources: { Queue: QUEUE } }),
    /is in ROLLBACK_COMPLETE state and can not be updated/,
  );
});

test('OnFailure DELETE leaves no stack, DO_NOTHING leaves what was made', async () => {
  await using harness = await Harness.open();
  harness.services.fail('sns:CreateTopic');
  const template = { Resources: { Queue: QUEUE, Topic: { ...TOPIC, DependsOn: 'Queue' } } };
  assert.equal((await harness.create('gone', template, { OnFailure: 'DELETE' })).StackStatus, 'DELETE_COMPLETE');
  assert.deepEqual(harness.services.standing, []);
  assert.equal((await harness.create('kept', template, { DisableRollback: true })).StackStatus, 'CREATE_FAILED');
  assert.deepEqual(harness.services.standing, ['orders']);
});

test('an update changes in place, replaces and removes; old ones go only at the end', async () => {
  await using harness = await Harness.open();
  await harness.create('app', { Resources: { Queue: QUEUE, Topic: TOPIC, Group: GROUP } });
  harness.services.calls.length = 0;
  const stack = await harness.update('app', {
    Resources: {
      Queue: { ...QUEUE, Properties: { QueueName: 'orders', VisibilityTimeout: '60' } },
      Topic: { ...TOPIC, Properties: { TopicName: 'alarms' } },
    },
  });
  assert.equal(stack.StackStatus, 'UPDATE_COMPLETE');
  assert.deepEqual(harness.services.standing, ['alarms', 'orders']);
  assert.equal(harness.services.queues.get('orders')!.VisibilityTimeout, '60');
  const order = harness.services.calls.map((call) => call.split(' ')[0]);
  assert.ok(order.indexOf('sns:DeleteTopic') > order.indexOf('sns:CreateTopic'));
  assert.deepEqual((await harness.story('app')).slice(-6).at(-1), 'app UPDATE_COMPLETE');
});

test('an update that changes nothing is refused in the words that clients know', async () => {
  await using harness = await Harness.open();
  await harness.create('app', { Resources: { Queue: QUEUE } });
  await assert.rejects(harness.update('app', { Resources: { Queue: QUEUE } }), {
    message: 'No updates are to be performed.',
  });
});

test('a failed update is undone: changed back, replaced ones stand again, new ones go', async () => {
  await using harness = await Harness.open();
  const before = { Queue: { ...QUEUE, Properties: { QueueName: 'orders', DelaySeconds: 1 } }, Topic: TOPIC };
  await harness.create('app', { Resources: before });
  harness.services.fail('logs:CreateLogGroup');
  const stack = await harness.update('app', {
    Resources: {
      Queue: { ...QUEUE, Properties: { QueueName: 'orders', DelaySeconds: 9 } },
      Topic: { ...TOPIC, Properties: { TopicName: 'alarms' } },
      Fresh: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'fresh' } },
      Group: { ...GROUP, DependsOn: ['Queue', 'Topic', 'Fresh'] },
    },
  });
  assert.equal(stack.StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, ['alerts', 'orders']);
  assert.equal(harness.services.queues.get('orders')!.DelaySeconds, '1');
  const { StackResourceSummaries: resources } = await harness.call('ListStackResources', { StackName: 'app' });
  assert.deepEqual(resources.map((one: any) => one.LogicalResourceId).sort(), ['Queue', 'Topic']);
  harness.services.heal('logs:CreateLogGroup');
  assert.equal(
    (await harness.update('app', { Resources: { ...before, Group: GROUP } })).StackStatus,
    'UPDATE_COMPLETE',
  );
});

test('a cancelled update is undone', async () => {
  await using harness = await Harness.open();
  await harness.create('app', { Resources: { Queue: QUEUE } });
  const release = harness.services.hold('sns:CreateTopic');
  const Resources = { Queue: QUEUE, Topic: TOPIC, Group: { ...GROUP, DependsOn: 'Topic' } };
  await harness.call('UpdateStack', { StackName: 'app', TemplateBody: JSON.stringify({ Resources }) });
  await harness.call('CancelUpdateStack', { StackName: 'app' });
  release();
  assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, ['orders']);
});

test('a custom-named resource that must be replaced is refused, and the update undone', async () => {
  await using harness = await Harness.open();
  await harness.create('app', { Resources: { Queue: QUEUE } });
  const fifo = { ...QUEUE, Properties: { QueueName: 'orders', FifoQueue: true } };
  const stack = await harness.update('app', { Resources: { Queue: fifo } });
  assert.equal(stack.StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  const { StackEvents: events } = await harness.call('DescribeStackEvents', { StackName: 'app' });
  assert.ok(
    events.some((event: any) =>
      /custom-named resource requires replacing. Rename orders/.test(event.ResourceStatusReason),
    ),
  );
});

test('Retain leaves the resource, and says so', async () => {
  await using harness = await Harness.open();
  await harness.create('app', { Resources: { Queue: { ...QUEUE, DeletionPolicy: 'Retain' }, Topic: TOPIC } });
  assert.equal((await harness.delete('app')).StackStatus, 'DELETE_COMPLETE');
  assert.deepEqual(harness.services.standing, ['orders']);
});

test('a deletion that has failed can be forced: what cannot go stays, and keeps nothing else', async () => {
  await using harness = await Harness.open();
  await harness.create('app', { Resources: { Queue: QUEUE, Topic: { ...TOPIC, DependsOn: 'Queue' }, Group: GROUP } });
  const force = { DeletionMode: 'FORCE_DELETE_STACK' };
  await assert.rejects(
    harness.delete('app', force),
    /FORCE_DELETE_STACK is only valid for stacks in the DELETE_FAILED/,
  );
  harness.services.fail('sns:DeleteTopic');
  assert.equal((await harness.delete('app')).StackStatus, 'DELETE_FAILED');
  const { StackId, StackStatus } = await harness.delete('app', force);
  assert.equal(StackStatus, 'DELETE_COMPLETE');
  assert.deepEqual(harness.services.standing, ['alerts'], 'the queue that it depended on is gone');
  const { StackResourceSummaries } = await harness.call('ListStackResources', { StackName: StackId });
  const statuses = StackResourceSummaries.map((one: any) => [one.LogicalResourceId, one.ResourceStatus]);
  assert.equal(Object.fromEntries(statuses).Topic, 'DELETE_FAILED');
});

test('a deletion that fails can be made again, leaving behind what is named', async () => {
  await using harness = await Harness.open();
  await harness.create('app', { Resources: { Queue: QUEUE, Topic: TOPIC } });
  harness.services.fail('sqs:DeleteQueue');
  const failed = await harness.delete('app');
  assert.equal(failed.StackStatus, 'DELETE_FAILED');
  assert.match(failed.StackStatusReason, /failed to delete: \[Queue\]/);
  assert.equal((await harness.delete('app', { RetainResources: ['Queue'] })).StackStatus, 'DELETE_COMPLETE');
  assert.deepEqual(harness.services.standing, ['orders']);
});

test('a creation that a stop of the node cut off goes on at the next start, and makes nothing twice', async () => {
  await using harness = await Harness.open();
  const release = harness.services.hold('logs:CreateLogGroup');
  const Resources = { Queue: { Type: 'AWS::SQS::Queue' }, Group: { Type: 'AWS::Logs::LogGroup', DependsOn: 'Queue' } };
  await harness.call('CreateStack', { StackName: 'app', TemplateBody: JSON.stringify({ Resources }) });
  while (!harness.services.calls.some((call) => call.startsWith('logs:')))
    await new Promise((next) => setImmediate(next));
  // The call gets through, but the node stops before it can note it.
  const stopping = harness.reopen();
  release();
  await stopping;
  harness.cloudformation.resume();
  assert.equal((await harness.settled('app')).StackStatus, 'CREATE_COMPLETE');
  assert.equal(harness.services.standing.length, 2);
});

test('exports are imported, must be unique, and may not go while they are used', async () => {
  await using harness = await Harness.open();
  const exporting = (name: string) => ({
    Resources: { Queue: { Type: 'AWS::SQS::Queue' } },
    Outputs: {
      Name: { Value: att('Queue', 'QueueName'), Export: { Name: { 'Fn::Sub': `\${AWS::StackName}-${name}` } } },
    },
  });
  await harness.create('base', exporting('queue'));
  const { Exports } = await harness.call('ListExports', {});
  assert.deepEqual(
    Exports.map((one: any) => one.Name),
    ['base-queue'],
  );
  const importing = {
    Resources: {
      Group: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: { 'Fn::ImportValue': 'base-queue' } } },
    },
  };
  await harness.create('user', importing);
  assert.deepEqual([...harness.services.groups.keys()], [Exports[0].Value]);
  assert.deepEqual((await harness.call('ListImports', { ExportName: 'base-queue' })).Imports, ['user']);
  await assert.rejects(harness.delete('base'), /Export base-queue cannot be deleted as it is in use by user/);
  await assert.rejects(harness.update('base', exporting('other')), /in use by user/);
  await assert.rejects(
    harness.create('lost', {
      Resources: { Group: { ...GROUP, Properties: { LogGroupName: { 'Fn::ImportValue': 'nowhere' } } } },
    }),
    /No export named nowhere found/,
  );
});

test('a type that is not built is refused by name before anything is made', async () => {
  await using harness = await Harness.open();
  await assert.rejects(
    harness.create('app', { Resources: { Queue: QUEUE, Fleet: { Type: 'AWS::EC2::Fleet' } } }),
    /Unrecognized resource types: \[AWS::EC2::Fleet \(Fleet\)\]: these types are not built in Millrace/,
  );
  assert.deepEqual(harness.services.calls, []);
});

for (const [name, resources, message] of [
  [
    'a name that leads nowhere',
    { Queue: { ...QUEUE, DependsOn: 'Nobody' } },
    /Unresolved resource dependencies \[Nobody\] in the Resources block/,
  ],
  [
    'a circle',
    { A: { ...QUEUE, DependsOn: 'B' }, B: { ...TOPIC, DependsOn: 'A' } },
    /Circular dependency between resources: \[A, B\]/,
  ],
  [
    'a property that is none',
    { Queue: { ...QUEUE, Properties: { Colour: 'red' } } },
    /resource Queue .*unsupported property Colour/,
  ],
  [
    'a number that is none',
    { Queue: { ...QUEUE, Properties: { DelaySeconds: 'soon' } } },
    /DelaySeconds must be of type Number/,
  ],
  [
    'an attribute that is none',
    { Queue: QUEUE, T: { ...TOPIC, Properties: { DisplayName: att('Queue', 'Colour') } } },
    /does not support attribute type Colour/,
  ],
  [
    'an unknown resource',
    { T: { ...TOPIC, Properties: { DisplayName: ref('Nobody') } } },
    /Unresolved resource dependencies \[Nobody\]/,
  ],
  [
    'a dynamic reference to nowhere',
    { T: { ...TOPIC, Properties: { DisplayName: '{{resolve:vault:name}}' } } },
    /resource T: Incorrect format is used in the following reference/,
  ],
  ['nothing', {}, /At least one Resources member must be defined/],
] as const) {
  test(`refused before anything is made: ${name}`, async () => {
    await using harness = await Harness.open();
    await assert.rejects(harness.create('app', { Resources: resources }), message);
    assert.deepEqual(harness.services.calls, []);
    await assert.rejects(harness.call('DescribeStacks', { StackName: 'app' }), /does not exist/);
  });
}

test('what would be passed over in silence is refused', async () => {
  await using harness = await Harness.open();
  const template = { Resources: { Queue: QUEUE } };
  await assert.rejects(harness.create('app', { ...template, Hooks: {} }), /Hooks section is not built/);
  const RollbackConfiguration = { RollbackTriggers: [{ Arn: 'a', Type: 'b' }] };
  await assert.rejects(harness.create('app', template, { RollbackConfiguration }), /RollbackTriggers are not built/);
});

test('a stack under review is deleted like any other', async () => {
  await using harness = await Harness.open();
  const TemplateBody = JSON.stringify({ Resources: { Queue: QUEUE } });
  const names = { StackName: 'app', ChangeSetName: 'first' };
  await harness.call('CreateChangeSet', { ...names, ChangeSetType: 'CREATE', TemplateBody });
  // What was not executed keeps its name; one that cannot be executed makes room for its namesake.
  await assert.rejects(
    harness.call('CreateChangeSet', { ...names, ChangeSetType: 'CREATE', TemplateBody }),
    /already exists/,
  );
  assert.equal((await harness.delete('app')).StackStatus, 'DELETE_COMPLETE');
  await assert.rejects(harness.call('DescribeChangeSet', names), (error) => hasCode(error, 'change-set-not-found'));
});

test('IAM resources ask for a capability, named ones for the stronger one', async () => {
  await using harness = await Harness.open();
  const role = (Properties: object) => ({
    Resources: { Role: { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: {}, ...Properties } } },
  });
  const refused = (template: object, more: object, message: RegExp) =>
    assert.rejects(
      harness.create('app', template, more),
      (error: any) => hasCode(error, 'capabilities-missing') && message.test(error.message),
    );
  await refused(role({}), {}, /Requires capabilities : \[CAPABILITY_IAM\]/);
  await refused(role({ RoleName: 'me' }), { Capabilities: ['CAPABILITY_IAM'] }, /\[CAPABILITY_NAMED_IAM\]/);
});

test('change sets announce, execute, and say when there is nothing to do', async () => {
  await using harness = await Harness.open();
  const create = (ChangeSetName: string, Resources: object, ChangeSetType: string) =>
    harness.call('CreateChangeSet', {
      StackName: 'app',
      ChangeSetName,
      ChangeSetType,
      TemplateBody: JSON.stringify({ Resources }),
    });
  await create('first', { Queue: QUEUE }, 'CREATE');
  assert.equal(
    (await harness.call('DescribeStacks', { StackName: 'app' })).Stacks[0].StackStatus,
    'REVIEW_IN_PROGRESS',
  );
  const first = await harness.call('DescribeChangeSet', { StackName: 'app', ChangeSetName: 'first' });
  assert.deepEqual(
    [first.Status, first.ExecutionStatus, first.Changes[0].ResourceChange.Action],
    ['CREATE_COMPLETE', 'AVAILABLE', 'Add'],
  );
  await harness.call('ExecuteChangeSet', { StackName: 'app', ChangeSetName: 'first' });
  assert.equal((await harness.settled('app')).StackStatus, 'CREATE_COMPLETE');

  await create('same', { Queue: QUEUE }, 'UPDATE');
  const same = await harness.call('DescribeChangeSet', { StackName: 'app', ChangeSetName: 'same' });
  assert.equal(same.Status, 'FAILED');
  assert.match(same.StatusReason, /^The submitted information didn't contain changes\./);
  await assert.rejects(harness.call('ExecuteChangeSet', { StackName: 'app', ChangeSetName: 'same' }), (error) =>
    hasCode(error, 'change-set-state'),
  );

  const Topic = { ...TOPIC, Properties: { TopicName: 'alerts', DisplayName: att('Queue', 'QueueName') } };
  await create('second', { Queue: { ...QUEUE, Properties: { QueueName: 'requests' } }, Topic }, 'UPDATE');
  const { Changes } = await harness.call('DescribeChangeSet', { StackName: 'app', ChangeSetName: 'second' });
  assert.deepEqual(
    Changes.map(({ ResourceChange: one }: any) => [one.LogicalResourceId, one.Action, one.Replacement]),
    [
      ['Queue', 'Modify', 'True'],
      ['Topic', 'Add', undefined],
    ],
  );
  await harness.call('ExecuteChangeSet', { StackName: 'app', ChangeSetName: 'second' });
  assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_COMPLETE');
  assert.equal(harness.services.topics.get('alerts')!.DisplayName, 'requests');
  await assert.rejects(harness.call('DescribeChangeSet', { StackName: 'app', ChangeSetName: 'none' }), (error) =>
    hasCode(error, 'change-set-not-found'),
  );
});

test('a template comes from the object store by its URL, in each of its spellings', async () => {
  await using harness = await Harness.open();
  harness.objects.set('templates/a b.json', JSON.stringify({ Resources: { Queue: QUEUE } }));
  for (const TemplateURL of [
    'https://s3.us-east-1.amazonaws.com/templates/a%20b.json',
    'https://templates.s3.amazonaws.com/a%20b.json',
    'http://127.0.0.1:4566/templates/a%20b.json',
  ]) {
    assert.deepEqual((await harness.call('ValidateTemplate', { TemplateURL })).Parameters, []);
  }
  await assert.rejects(
    harness.call('ValidateTemplate', { TemplateURL: 'https://s3.amazonaws.com/templates/none' }),
    /must reference a valid S3 object/,
  );
});

test('NoEcho values are masked wherever they are shown', async () => {
  await using harness = await Harness.open();
  const template = {
    Parameters: { Secret: { Type: 'String', NoEcho: true }, Plain: { Type: 'String', Default: 'seen' } },
    Resources: { Topic: { ...TOPIC, Properties: { DisplayName: ref('Secret') } } },
  };
  const stack = await harness.create('app', template, {
    Parameters: [{ ParameterKey: 'Secret', ParameterValue: 'hidden' }],
  });
  assert.deepEqual(stack.Parameters, [
    { ParameterKey: 'Secret', ParameterValue: '****' },
    { ParameterKey: 'Plain', ParameterValue: 'seen' },
  ]);
  const { StackEvents: events } = await harness.call('DescribeStackEvents', { StackName: 'app' });
  assert.doesNotMatch(JSON.stringify(events), /hidden/);
});

test('NoEcho values that are lists or stand in Parameter Store are masked in events', async () => {
  await using harness = await Harness.open();
  const name = (value: object) => ({ Type: 'AWS::SNS::Topic', Properties: { DisplayName: value } });
  const template = {
    Parameters: {
      List: { Type: 'CommaDelimitedList', NoEcho: true, Default: 'first-canary, second-canary' },
      Stored: { Type: 'AWS::SSM::Parameter::Value<String>', NoEcho: true, Default: '/canary' },
    },
    Resources: {
      Listed: name({ 'Fn::Select': [1, ref('List')] }),
      Joined: name({ 'Fn::Join': ['-', ref('List')] }),
      Read: name(ref('Stored')),
    },
  };
  assert.equal((await harness.create('app', template)).StackStatus, 'CREATE_COMPLETE');
  const { StackEvents } = await harness.call('DescribeStackEvents', { StackName: 'app' });
  assert.doesNotMatch(JSON.stringify(StackEvents), /first-canary|second-canary|value of/);
  const shown = [...harness.services.topics.values()].map(({ DisplayName }) => DisplayName);
  assert.deepEqual(shown.sort(), ['first-canary-second-canary', 'second-canary', 'value of /canary']);
});

test('NoEcho values are masked in what services say of them, and in all that repeats it', async () => {
  await using harness = await Harness.open();
  const template = {
    Parameters: { Secret: { Type: 'String', NoEcho: true }, Part: { Type: 'String', NoEcho: true, Default: 'hid' } },
    Resources: { Topic: { ...TOPIC, Properties: { DisplayName: ref('Secret') } } },
  };
  const Parameters = [{ ParameterKey: 'Secret', ParameterValue: 'hid"den' }];
  const said = 'Value \'hid"den\' of {"DisplayName":"hid\\"den"} is not allowed';
  harness.services.fail('sns:CreateTopic', new DomainError('InvalidParameter', said));
  await harness.create('app', template, { Parameters, OnFailure: 'DO_NOTHING' });
  const shown = await Promise.all(
    ['DescribeStacks', 'DescribeStackEvents', 'DescribeStackResources', 'ListStackResources'].map((operation) =>
      harness.call(operation, { StackName: 'app' }),
    ),
  );
  assert.match(JSON.stringify(shown), /Value '\*{4}' of \{.{0,30}\*{4}/);
  assert.doesNotMatch(JSON.stringify(shown), /hid|den"/);
});

test('stack tags go to the resources, whose own come first', async () => {
  await using harness = await Harness.open();
  await harness.create('app', { Resources: { Queue: QUEUE } });
  await harness.update('app', { Resources: { Queue: QUEUE } }, { Tags: [{ Key: 'team', Value: 'a' }] });
  assert.equal(harness.services.queues.get('orders')!.tags, '{"team":"a"}');
});

test('termination protection keeps a stack', async () => {
  await using harness = await Harness.open();
  await harness.create('app', { Resources: { Queue: QUEUE } }, { EnableTerminationProtection: true });
  await assert.rejects(harness.delete('app'), /cannot be deleted while TerminationProtection is enabled/);
  await harness.call('UpdateTerminationProtection', { StackName: 'app', EnableTerminationProtection: false });
  assert.equal((await harness.delete('app')).StackStatus, 'DELETE_COMPLETE');
});

test('of two requests for one name one wins', async () => {
  await using harness = await Harness.open();
  const TemplateBody = JSON.stringify({ Resources: { Queue: QUEUE } });
  const both = await Promise.allSettled(
    [1, 2].map(() => harness.call('CreateStack', { StackName: 'app', TemplateBody })),
  );
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test('everything is there after a restart', async () => {
  await using harness = await Harness.open();
  await harness.create('app', {
    Resources: { Queue: QUEUE },
    Outputs: { Name: { Value: ref('Queue'), Export: { Name: 'q' } } },
  });
  const before = await harness.call('DescribeStacks', { StackName: 'app' });
  const story = await harness.story('app');
  await harness.reopen();
  assert.deepEqual(await harness.call('DescribeStacks', { StackName: 'app' }), before);
  assert.deepEqual(await harness.story('app'), story);
  assert.equal((await harness.call('ListExports', {})).Exports.length, 1);
});

test('records of a newer format are refused by name', async () => {
  await using harness = await Harness.open();
  await harness.writeRecord('cloudformation/format', 'version', '4');
  await assert.rejects(harness.reopen(), /stacks were written in format 4; this version of Millrace reads format 3/);
  await harness.writeRecord('cloudformation/format', 'version', '1');
  await harness.open();
});

/** `LogicalId STATUS` of what was published, in its order. */
const told = ({ services }: Harness) =>
  services.published.map((message) => {
    const members = Object.fromEntries(
      [...message.matchAll(/^(\w+)='(.*)'$/gm)].map(([, name, value]) => [name!, value!]),
    );
    return `${members.LogicalResourceId} ${members.ResourceStatus}`;
  });

test('topics are told every event in its order, from when the stack has them, and after a stop too', async () => {
  await using harness = await Harness.open();
  harness.services.topics.set('deployments', {});
  const NotificationARNs = ['arn:aws:sns:us-east-1:000000000000:deployments'];
  await harness.create('app', { Resources: { Queue: QUEUE } }, { ClientRequestToken: 'mine', NotificationARNs });
  await harness.reopen();
  harness.cloudformation.resume();
  await harness.reopen();
  const story = await harness.story('app');
  assert.deepEqual(told(harness), story);
  assert.match(
    harness.services.published.at(-1)!,
    /^StackId='arn:aws:cloudformation:us-east-1:000000000000:stack\/app\/[^']+'\nTimestamp='[^']+Z'\n[\s\S]*ClientRequestToken='mine'\n$/,
  );

  await harness.create('late', { Resources: { Group: GROUP } });
  const before = (await harness.story('late')).length;
  await harness.update('late', { Resources: { Group: GROUP, Topic: TOPIC } }, { NotificationARNs });
  await harness.reopen();
  harness.cloudformation.resume();
  await harness.reopen();
  assert.deepEqual(told(harness).slice(story.length), (await harness.story('late')).slice(before));
});

test('a topic that is gone holds up no stack', async () => {
  await using harness = await Harness.open();
  const NotificationARNs = ['arn:aws:sns:us-east-1:000000000000:nobody'];
  const stack = await harness.create('app', { Resources: { Queue: QUEUE } }, { NotificationARNs });
  assert.equal(stack.StackStatus, 'CREATE_COMPLETE');
  assert.equal((await harness.delete('app')).StackStatus, 'DELETE_COMPLETE');
  assert.deepEqual(harness.services.published, []);
});
