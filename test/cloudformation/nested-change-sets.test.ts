import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.ts';

const URL_OF = (key: string) => `https://templates.s3.us-east-1.amazonaws.com/${key}`;

const queue = (QueueName: unknown) => ({ Type: 'AWS::SQS::Queue', Properties: { QueueName } });

const nested = (key: string, Parameters: object) => ({
  Type: 'AWS::CloudFormation::Stack',
  Properties: { TemplateURL: URL_OF(key), Parameters },
});

/** A queue of the given name, whose URL goes out. */
const LEAF = {
  Parameters: { Name: { Type: 'String' } },
  Resources: { Queue: queue({ Ref: 'Name' }) },
  Outputs: { Url: { Value: { Ref: 'Queue' } } },
};

/** A stack that holds a leaf. */
const BRANCH = {
  Parameters: { Name: { Type: 'String' } },
  Resources: { Leaf: nested('leaf.json', { Name: { Ref: 'Name' } }) },
  Outputs: { Url: { Value: { 'Fn::GetAtt': ['Leaf', 'Outputs.Url'] } } },
};

/** `Branch` holds a leaf; `Twin`, a leaf too, stands beside it and is named after what `Branch` gives, where `linked`. */
const root = (branch: string, twin?: string, linked = false) => ({
  Resources: {
    Branch: nested('branch.json', { Name: branch }),
    ...(twin !== undefined && {
      Twin: nested('leaf.json', {
        Name: linked
          ? { 'Fn::Select': [4, { 'Fn::Split': ['/', { 'Fn::GetAtt': ['Branch', 'Outputs.Url'] }] }] }
          : twin,
      }),
    }),
  },
});

async function open(): Promise<Harness> {
  const harness = await Harness.open();
  harness.objects.set('templates/leaf.json', JSON.stringify(LEAF));
  harness.objects.set('templates/branch.json', JSON.stringify(BRANCH));
  return harness;
}

async function propose(harness: Harness, template: object, more: object = {}): Promise<any> {
  const TemplateBody = JSON.stringify(template);
  const input = { StackName: 'app', ChangeSetName: 'plan', TemplateBody, IncludeNestedStacks: true, ...more };
  const { Id } = await harness.call('CreateChangeSet', input);
  return harness.call('DescribeChangeSet', { ChangeSetName: Id });
}

/** What a change set announces, and under each nested stack what that announces. */
async function tree(harness: Harness, changeSet: any): Promise<object> {
  const entries = changeSet.Changes.map(async ({ ResourceChange: change }: any) => {
    const below =
      change.ChangeSetId && (await harness.call('DescribeChangeSet', { ChangeSetName: change.ChangeSetId }));
    return [`${change.Action} ${change.LogicalResourceId}`, below ? await tree(harness, below) : change.Replacement];
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function changeSetsOf(harness: Harness): Promise<readonly any[]> {
  const { Stacks } = await harness.call('DescribeStacks', {});
  const all = await Promise.all(
    Stacks.map(async ({ StackName }: any) => (await harness.call('ListChangeSets', { StackName })).Summaries),
  );
  return all.flat();
}

const execute = async (harness: Harness) => {
  await harness.call('ExecuteChangeSet', { StackName: 'app', ChangeSetName: 'plan' });
  return harness.settled('app');
};

test('a change set tells what changes in stacks that are still to be made, and makes them so', async () => {
  await using harness = await open();
  const proposed = await propose(harness, root('one'), { ChangeSetType: 'CREATE' });
  assert.deepEqual(await tree(harness, proposed), { 'Add Branch': { 'Add Leaf': { 'Add Queue': undefined } } });
  assert.equal(proposed.IncludeNestedStacks, true);
  const branch = await harness.call('DescribeChangeSet', {
    ChangeSetName: proposed.Changes[0].ResourceChange.ChangeSetId,
  });
  const leaf = await harness.call('DescribeChangeSet', { ChangeSetName: branch.Changes[0].ResourceChange.ChangeSetId });
  assert.deepEqual([branch.ParentChangeSetId, branch.RootChangeSetId], [proposed.ChangeSetId, proposed.ChangeSetId]);
  assert.deepEqual([leaf.ParentChangeSetId, leaf.RootChangeSetId], [branch.ChangeSetId, proposed.ChangeSetId]);
  const { Stacks } = await harness.call('DescribeStacks', {});
  assert.deepEqual(new Set(Stacks.map((stack: any) => stack.StackStatus)), new Set(['REVIEW_IN_PROGRESS']));
  assert.deepEqual(harness.services.standing, []);

  // What was reviewed is made, whatever is behind the URL by then.
  harness.objects.set('templates/leaf.json', JSON.stringify({ Resources: { Other: queue('other') } }));
  assert.equal((await execute(harness)).StackStatus, 'CREATE_COMPLETE');
  assert.deepEqual(harness.services.standing, ['one']);
  const made = (await harness.call('DescribeStacks', {})).Stacks;
  assert.deepEqual(
    made.map((stack: any) => [stack.StackId, stack.StackStatus]).sort(),
    Stacks.map((stack: any) => [stack.StackId, 'CREATE_COMPLETE']).sort(),
    'the stacks that were reviewed',
  );
  const sets = await changeSetsOf(harness);
  assert.deepEqual(
    sets.map((set) => set.ExecutionStatus),
    ['EXECUTE_COMPLETE', 'EXECUTE_COMPLETE', 'EXECUTE_COMPLETE'],
  );
});

test('nested stacks in which nothing changes are no change, nor what is made from what they give', async () => {
  await using harness = await open();
  await harness.create('app', root('one', 'two'));
  const none = await propose(harness, root('one', 'two'));
  assert.deepEqual([none.Status, none.Changes.length], ['FAILED', 0]);
  assert.match(none.StatusReason, /didn't contain changes/);
  const twin = await propose(harness, root('one', 'three'));
  assert.deepEqual(await tree(harness, twin), { 'Modify Twin': { 'Modify Queue': 'True' } });
  assert.equal((await execute(harness)).StackStatus, 'UPDATE_COMPLETE');
  assert.deepEqual(harness.services.standing, ['one', 'three']);
  assert.equal(harness.services.calls.filter((call) => call.startsWith('sqs:CreateQueue')).length, 3);

  // Without asking for nested stacks each is shown as changed, as before.
  const plain = await propose(harness, root('one', 'three'), { IncludeNestedStacks: false });
  assert.deepEqual(await tree(harness, plain), { 'Modify Branch': 'False', 'Modify Twin': 'False' });
});

test('what a nested stack is given by another is known once that one stays, and counts as changed until then', async () => {
  await using harness = await open();
  harness.objects.set(
    'templates/leaf.json',
    JSON.stringify({ ...LEAF, Resources: { Queue: queue({ 'Fn::Sub': 'q-${Name}' }) } }),
  );
  await harness.create('app', root('one', '', true));
  assert.deepEqual(harness.services.standing, ['q-one', 'q-q-one']);
  assert.equal((await propose(harness, root('one', '', true))).Status, 'FAILED');
  const moved = await propose(harness, root('two', '', true));
  assert.deepEqual(await tree(harness, moved), {
    'Modify Branch': { 'Modify Leaf': { 'Modify Queue': 'True' } },
    'Modify Twin': {},
  });
  assert.equal((await execute(harness)).StackStatus, 'UPDATE_COMPLETE');
  assert.deepEqual(harness.services.standing, ['q-q-two', 'q-two']);
});

test('change sets of nested stacks are carried out and deleted with the root alone', async () => {
  await using harness = await open();
  const proposed = await propose(harness, root('one'), { ChangeSetType: 'CREATE' });
  const { ChangeSetId } = proposed.Changes[0].ResourceChange;
  for (const operation of ['ExecuteChangeSet', 'DeleteChangeSet']) {
    await assert.rejects(harness.call(operation, { ChangeSetName: ChangeSetId }), {
      code: 'change-set-state',
      message: new RegExp(`belongs to the root change set \\[${proposed.ChangeSetId}\\]`),
    });
  }
  await harness.call('DeleteChangeSet', { ChangeSetName: proposed.ChangeSetId });
  const { Stacks } = await harness.call('DescribeStacks', {});
  assert.deepEqual(
    Stacks.map((stack: any) => stack.StackName),
    ['app'],
  );
  assert.deepEqual(await changeSetsOf(harness), []);

  await propose(harness, root('one'), { ChangeSetType: 'CREATE' });
  await harness.delete('app');
  assert.deepEqual((await harness.call('DescribeStacks', {})).Stacks, []);
  assert.deepEqual(await changeSetsOf(harness), []);
});

test('a nested stack that cannot be proposed fails the root change set, and leaves nothing', async () => {
  await using harness = await open();
  harness.objects.set(
    'templates/leaf.json',
    JSON.stringify({ ...LEAF, Resources: { X: { Type: 'AWS::No::Such' } }, Outputs: {} }),
  );
  const failed = await propose(harness, root('one', 'two'), { ChangeSetType: 'CREATE' });
  assert.deepEqual([failed.Status, failed.ExecutionStatus], ['FAILED', 'UNAVAILABLE']);
  assert.match(failed.StatusReason, /Nested change set of Branch was not successfully created: .*Leaf.*AWS::No::Such/);
  assert.deepEqual(
    (await harness.call('DescribeStacks', {})).Stacks.map((stack: any) => stack.StackName),
    ['app'],
  );
  assert.equal((await changeSetsOf(harness)).length, 1);

  const endless = { Resources: { Again: nested('endless.json', {}) } };
  harness.objects.set('templates/endless.json', JSON.stringify(endless));
  const deep = await propose(harness, endless, { ChangeSetType: 'CREATE' });
  assert.match(deep.StatusReason, /nested more than 8 deep/);
  assert.equal((await harness.call('DescribeStacks', {})).Stacks.length, 1);
});

test('what a deployment does not get to is not left to be done', async () => {
  await using harness = await open();
  await harness.create('app', root('one', 'two'));
  const before = await changeSetsOf(harness);
  assert.deepEqual(before, []);
  harness.services.fail('sqs:CreateQueue', new Error('no queues today'));
  const later = { ...nested('leaf.json', { Name: 'later' }), DependsOn: 'Branch' };
  const template = root('three', 'two');
  await propose(harness, { Resources: { ...template.Resources, Later: later } });
  assert.equal((await execute(harness)).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  const { Stacks } = await harness.call('DescribeStacks', {});
  assert.ok(!Stacks.some((stack: any) => stack.StackStatus === 'REVIEW_IN_PROGRESS'), 'the one under review is gone');
  assert.ok(!(await changeSetsOf(harness)).some((set) => set.ExecutionStatus === 'AVAILABLE'));
  assert.deepEqual(harness.services.standing, ['one', 'two']);

  harness.services.heal('sqs:CreateQueue');
  await propose(harness, template, { ChangeSetName: 'again' });
  await harness.call('ExecuteChangeSet', { StackName: 'app', ChangeSetName: 'again' });
  assert.equal((await harness.settled('app')).StackStatus, 'UPDATE_COMPLETE');
  assert.deepEqual(harness.services.standing, ['three', 'two']);
});

test('a restart in the middle makes the stacks that were reviewed, once', async () => {
  await using harness = await open();
  await propose(harness, root('one', 'two'), { ChangeSetType: 'CREATE' });
  const reviewed = (await harness.call('DescribeStacks', {})).Stacks.map((stack: any) => stack.StackId);
  const go = harness.services.hold('sqs:CreateQueue');
  await harness.call('ExecuteChangeSet', { StackName: 'app', ChangeSetName: 'plan' });
  while (!harness.services.calls.some((call) => call.startsWith('sqs:CreateQueue'))) {
    await new Promise((next) => setImmediate(next));
  }
  const reopened = harness.reopen();
  go();
  await reopened;
  harness.cloudformation.resume();
  assert.equal((await harness.settled('app')).StackStatus, 'CREATE_COMPLETE');
  const made = (await harness.call('DescribeStacks', {})).Stacks.map((stack: any) => stack.StackId);
  assert.deepEqual(made.sort(), reviewed.sort());
  assert.deepEqual(harness.services.standing, ['one', 'two']);
});
