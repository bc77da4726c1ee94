import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.ts';

const URL_OF = (key: string) => `https://templates.s3.us-east-1.amazonaws.com/${key}`;

/** A stack that passes a name on and takes a URL back; `more` stands beside and after the nested stack. */
const outer = (name: string, more: object = {}) => ({
  Resources: {
    Inner: {
      Type: 'AWS::CloudFormation::Stack',
      Properties: { TemplateURL: URL_OF('inner.json'), Parameters: { Name: name, Sizes: [1, 2] } },
    },
    ...more,
  },
  Outputs: { Url: { Value: { 'Fn::GetAtt': ['Inner', 'Outputs.Url'] } }, Id: { Value: { Ref: 'Inner' } } },
});

const INNER = {
  Parameters: { Name: { Type: 'String' }, Sizes: { Type: 'CommaDelimitedList', Default: '1' } },
  Resources: {
    Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: { Ref: 'Name' } } },
    Topic: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'steady', DisplayName: { Ref: 'Name' } } },
  },
  Outputs: { Url: { Value: { Ref: 'Queue' } }, Sizes: { Value: { 'Fn::Join': ['+', { Ref: 'Sizes' }] } } },
};

/** Is made after the nested stack, and can be made to fail. */
const LATER = {
  Later: { Type: 'AWS::Logs::LogGroup', DependsOn: 'Inner', Properties: { LogGroupName: 'later' } },
};

async function open(): Promise<Harness> {
  const harness = await Harness.open();
  harness.objects.set('templates/inner.json', JSON.stringify(INNER));
  return harness;
}

const outputs = (stack: any) => Object.fromEntries(stack.Outputs.map((one: any) => [one.OutputKey, one.OutputValue]));

async function childOf(harness: Harness, stack: any): Promise<any> {
  return (await harness.call('DescribeStacks', { StackName: outputs(stack).Id })).Stacks[0];
}

test('a nested stack gets parameters, gives outputs, and goes with its parent', async () => {
  await using harness = await open();
  const made = await harness.create('app', outer('one'));
  assert.equal(made.StackStatus, 'CREATE_COMPLETE');
  assert.match(outputs(made).Url, /\/one$/);
  const child = await childOf(harness, made);
  assert.deepEqual([child.ParentId, child.RootId], [made.StackId, made.StackId]);
  assert.match(child.StackName, /^app-Inner-[A-Z0-9]{12}$/);
  assert.equal(outputs(child).Sizes, '1+2');
  assert.equal((await harness.delete('app')).StackStatus, 'DELETE_COMPLETE');
  assert.deepEqual(harness.services.standing, []);
  assert.equal((await harness.call('DescribeStacks', {})).Stacks.length, 0);
});

test('an update of the parent updates the nested stack, also when only the template behind its URL has changed', async () => {
  await using harness = await open();
  await harness.create('app', outer('one'));
  const renamed = await harness.update('app', outer('two'));
  assert.equal(renamed.StackStatus, 'UPDATE_COMPLETE');
  assert.match(outputs(renamed).Url, /\/two$/);
  assert.deepEqual(harness.services.standing, ['steady', 'two']);
  assert.equal((await childOf(harness, renamed)).StackStatus, 'UPDATE_COMPLETE');

  const { Topic: _gone, ...Resources } = INNER.Resources;
  harness.objects.set('templates/inner.json', JSON.stringify({ ...INNER, Resources }));
  assert.equal((await harness.update('app', outer('two'))).StackStatus, 'UPDATE_COMPLETE');
  assert.deepEqual(harness.services.standing, ['two']);
});

test('what a nested stack replaced stays until the parent has succeeded, and stands again when it fails', async () => {
  await using harness = await open();
  await harness.create('app', outer('one'));
  harness.services.fail('logs:CreateLogGroup');
  const back = await harness.update('app', outer('two', LATER));
  assert.equal(back.StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.match(outputs(back).Url, /\/one$/);
  assert.deepEqual(harness.services.standing, ['one', 'steady']);
  assert.equal(harness.services.topics.get('steady')!.DisplayName, 'one');
  assert.ok(!harness.services.calls.includes('sqs:DeleteQueue one'), 'the old queue was never taken away');
  const child = await childOf(harness, back);
  assert.equal(child.StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.match(outputs(child).Url, /\/one$/);
  assert.equal(child.Parameters.find((one: any) => one.ParameterKey === 'Name').ParameterValue, 'one');
});

test('a nested stack that fails fails its parent, which says why', async () => {
  await using harness = await open();
  harness.services.fail('sns:CreateTopic', new Error('no topics today'));
  const failed = await harness.create('app', outer('one'));
  assert.equal(failed.StackStatus, 'ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, []);
  const { StackEvents } = await harness.call('DescribeStackEvents', { StackName: 'app' });
  const reasons = StackEvents.map((event: any) => event.ResourceStatusReason ?? '').join('\n');
  assert.match(
    reasons,
    /Embedded stack arn:\S+ was not successfully created: The following resource\(s\) failed to create: \[Topic\]/,
  );
  // Nothing of it is left, below the parent either.
  assert.deepEqual(
    (await harness.call('DescribeStacks', {})).Stacks.map((stack: any) => stack.StackName),
    ['app'],
  );
});

test('a nested stack that fails to update is rolled back with its parent', async () => {
  await using harness = await open();
  await harness.create('app', outer('one'));
  harness.services.fail('sns:SetTopicAttributes', new Error('no'), 1);
  const back = await harness.update('app', outer('two'));
  assert.equal(back.StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, ['one', 'steady']);
});

test('stacks nest deeper, each with its parent and the same root, and not without end', async () => {
  await using harness = await open();
  harness.objects.set('templates/inner.json', JSON.stringify(outer('unused', {})).replace('inner.json', 'core.json'));
  harness.objects.set('templates/core.json', JSON.stringify(INNER));
  const middle = JSON.parse(harness.objects.get('templates/inner.json')!);
  middle.Parameters = { Name: { Type: 'String' }, Sizes: { Type: 'CommaDelimitedList' } };
  middle.Resources.Inner.Properties.Parameters = { Name: { Ref: 'Name' }, Sizes: { Ref: 'Sizes' } };
  harness.objects.set('templates/inner.json', JSON.stringify(middle));
  const made = await harness.create('app', outer('deep'));
  assert.equal(made.StackStatus, 'CREATE_COMPLETE');
  assert.match(outputs(made).Url, /\/deep$/);
  const below = await childOf(harness, made);
  const core = await childOf(harness, below);
  assert.deepEqual([core.ParentId, core.RootId], [below.StackId, made.StackId]);
  harness.services.fail('logs:CreateLogGroup', undefined, 1);
  assert.equal((await harness.update('app', outer('deeper', LATER))).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, ['deep', 'steady']);
  assert.equal((await harness.delete('app')).StackStatus, 'DELETE_COMPLETE');

  const endless = { Resources: { Again: outer('x').Resources.Inner } };
  endless.Resources.Again.Properties.Parameters = {} as never;
  harness.objects.set('templates/inner.json', JSON.stringify(endless));
  const failed = await harness.create('endless', endless);
  assert.equal(failed.StackStatus, 'ROLLBACK_COMPLETE');
  assert.deepEqual(harness.services.standing, []);
});

test('a restart while nested stacks are held goes on to the same end', async () => {
  await using harness = await open();
  await harness.create('app', outer('one'));
  const go = harness.services.hold('logs:CreateLogGroup');
  await harness.call('UpdateStack', { StackName: 'app', TemplateBody: JSON.stringify(outer('two', LATER)) });
  while (!harness.services.calls.some((call) => call.startsWith('logs:CreateLogGroup'))) {
    await new Promise((next) => setImmediate(next));
  }
  const child = (await harness.call('DescribeStacks', {})).Stacks.find((stack: any) => stack.ParentId);
  assert.equal(child.StackStatus, 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS');
  const reopened = harness.reopen();
  go();
  await reopened;
  harness.cloudformation.resume();
  assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_COMPLETE');
  assert.deepEqual(harness.services.standing, ['later', 'steady', 'two']);
  const after = (await harness.call('DescribeStacks', { StackName: child.StackId })).Stacks[0];
  assert.equal(after.StackStatus, 'UPDATE_COMPLETE');
});
