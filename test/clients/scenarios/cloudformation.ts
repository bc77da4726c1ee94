import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import type { Call, Rig, Scenario } from '../scenario.ts';

/** What the stack of the scenario is called by, itself and in the services that it makes things of. */
interface App {
  readonly StackName: string;
  readonly queue: string;
  readonly topic: string;
  readonly exported: string;
}

const waiting = (DependsOn: string) => ({
  ...{ Type: 'AWS::CloudFormation::WaitCondition', DependsOn },
  CreationPolicy: { ResourceSignal: { Count: 1, Timeout: 'PT1H' } },
});

function templateOf({ queue, topic, exported }: App, display: string, more: object = {}) {
  return {
    Description: 'A queue & a topic',
    Parameters: { Delay: { Type: 'Number', Default: '5', Description: 'seconds' } },
    Resources: {
      Queue: {
        ...{ Type: 'AWS::SQS::Queue', Metadata: { kept: true } },
        Properties: { QueueName: queue, DelaySeconds: { Ref: 'Delay' } },
      },
      Topic: { Type: 'AWS::SNS::Topic', Properties: { TopicName: topic, DisplayName: display } },
      ...more,
    },
    Outputs: { Arn: { Value: { 'Fn::GetAtt': ['Queue', 'Arn'] }, Export: { Name: exported } } },
  };
}

/** A template of an answer: text, which the clients in Python parse where it is JSON. */
const parsed = (body: unknown) => (typeof body === 'string' ? JSON.parse(body) : body);

const ids = (items: readonly { readonly LogicalResourceId: string }[]) =>
  items.map(({ LogicalResourceId }) => LogicalResourceId).sort();

/** Asks until nothing is going on with a stack any more. @returns its description */
async function settled(call: Call, StackName: string) {
  const ask = async () => (await call('DescribeStacks', { StackName })).Stacks[0];
  return eventually(ask, ({ StackStatus }) => !StackStatus.endsWith('_IN_PROGRESS'));
}

/** Asks until a resource is as it should be. */
async function reached(call: Call, StackName: string, LogicalResourceId: string, status: string) {
  const ask = async () => (await call('ListStackResources', { StackName })).StackResourceSummaries;
  await eventually(ask, (resources: readonly any[]) =>
    resources.some((one) => one.LogicalResourceId === LogicalResourceId && one.ResourceStatus === status),
  );
}

export const cloudformation: Scenario = {
  service: 'cloudformation',
  departures: {
    'DescribeStackEvents.StackEvents[].ResourceStatus': 'REVIEW_IN_PROGRESS, of a stack that is made by a change set',
  },
  async run(rig) {
    const { name } = rig;
    const app = { StackName: name('app'), queue: name('queue'), topic: name('topic'), exported: name('arn') };
    await templates(rig.call, app);
    const { StackId } = await changeSets(rig.call, app);
    await descriptions(rig.call, app);
    await exports(rig, app);
    await protections(rig.call, app);
    await drift(rig, app);
    await updates(rig, app);
    await failedCreation(rig, app);
    await forcedDeletion(rig);
    await types(rig.call);
    await rig.call('DeleteStack', { StackName: app.StackName });
    assert.equal((await settled(rig.call, StackId)).StackStatus, 'DELETE_COMPLETE');
    await assert.rejects(rig.call('DescribeStacks', { StackName: app.StackName }), { name: 'ValidationError' });
  },
};

async function templates(call: Call, app: App) {
  const TemplateBody = JSON.stringify(templateOf(app, 'a'));
  const valid = await call('ValidateTemplate', { TemplateBody });
  assert.equal(valid.Description, 'A queue & a topic');
  assert.deepEqual(valid.Parameters, [
    { ParameterKey: 'Delay', DefaultValue: '5', NoEcho: false, Description: 'seconds' },
  ]);
  await assert.rejects(call('ValidateTemplate', { TemplateBody: '{}' }), { name: 'ValidationError' });
  const summary = await call('GetTemplateSummary', { TemplateBody });
  assert.deepEqual(
    [summary.Parameters[0].ParameterType, summary.ResourceTypes],
    ['Number', ['AWS::SQS::Queue', 'AWS::SNS::Topic']],
  );
  const { AccountLimits } = await call('DescribeAccountLimits');
  assert.deepEqual(AccountLimits.find((one: { Name: string }) => one.Name === 'StackOutputsLimit').Value, 200);
}

/** Makes the stack of the scenario. */
async function changeSets(call: Call, app: App) {
  const { StackName } = app;
  const named = { StackName, ChangeSetName: 'first' };
  const made = await call('CreateChangeSet', {
    ...{ ...named, ChangeSetType: 'CREATE', TemplateBody: JSON.stringify(templateOf(app, 'a')) },
    ...{ Description: 'to begin with', Tags: [{ Key: 'team', Value: 'a' }] },
    Parameters: [{ ParameterKey: 'Delay', ParameterValue: '7' }],
  });
  const described = await call('DescribeChangeSet', named);
  assert.deepEqual(
    [described.ChangeSetId, described.Status, described.Description],
    [...[made.Id, 'CREATE_COMPLETE', 'to begin with']],
  );
  const changes = described.Changes.map(({ ResourceChange }: any) => ResourceChange);
  assert.deepEqual([ids(changes), changes[0].Action], [['Queue', 'Topic'], 'Add']);
  assert.deepEqual(described.Parameters, [{ ParameterKey: 'Delay', ParameterValue: '7' }]);
  const { Summaries } = await call('ListChangeSets', { StackName });
  assert.deepEqual([Summaries.length, Summaries[0].ChangeSetId], [1, made.Id]);
  await call('ExecuteChangeSet', named);
  assert.equal((await settled(call, StackName)).StackStatus, 'CREATE_COMPLETE');

  const second = { StackName, ChangeSetName: 'second' };
  await call('CreateChangeSet', { ...second, TemplateBody: JSON.stringify(templateOf(app, 'b')) });
  await call('DeleteChangeSet', second);
  await assert.rejects(call('DescribeChangeSet', second), { name: 'ChangeSetNotFound' });
  return made;
}

async function descriptions(call: Call, { StackName, queue, topic, exported }: App) {
  const [stack] = (await call('DescribeStacks', { StackName })).Stacks;
  assert.ok(stack.CreationTime instanceof Date);
  assert.deepEqual(stack.Tags, [{ Key: 'team', Value: 'a' }]);
  assert.deepEqual(stack.Outputs, [
    { OutputKey: 'Arn', OutputValue: `arn:aws:sqs:us-east-1:000000000000:${queue}`, ExportName: exported },
  ]);
  const { StackSummaries } = await call('ListStacks', { StackStatusFilter: ['CREATE_COMPLETE'] });
  assert.ok(StackSummaries.some((one: { StackId: string }) => one.StackId === stack.StackId));
  const { StackEvents } = await call('DescribeStackEvents', { StackName });
  assert.deepEqual(
    [StackEvents[0].ResourceStatus, StackEvents[0].PhysicalResourceId],
    ['CREATE_COMPLETE', stack.StackId],
  );
  const one = await call('DescribeStackResource', { StackName, LogicalResourceId: 'Queue' });
  assert.deepEqual(JSON.parse(one.StackResourceDetail.Metadata), { kept: true });
  const TopicArn = `arn:aws:sns:us-east-1:000000000000:${topic}`;
  const { StackResources } = await call('DescribeStackResources', { PhysicalResourceId: TopicArn });
  assert.deepEqual([ids(StackResources), StackResources[0].StackName], [['Queue', 'Topic'], StackName]);
  const { StackResourceSummaries } = await call('ListStackResources', { StackName });
  assert.deepEqual(ids(StackResourceSummaries), ['Queue', 'Topic']);
  const got = await call('GetTemplate', { StackName });
  assert.deepEqual(
    [parsed(got.TemplateBody).Description, got.StagesAvailable],
    ['A queue & a topic', ['Original', 'Processed']],
  );
}

async function exports({ call, name, of }: Rig, { StackName, queue, exported }: App) {
  const { Exports } = await call('ListExports');
  const ours = Exports.find((one: { Name: string }) => one.Name === exported);
  assert.equal(ours.Value, `arn:aws:sqs:us-east-1:000000000000:${queue}`);
  const [importer, parameter] = [name('importer'), name('imported')];
  const Properties = { Name: parameter, Type: 'String', Value: { 'Fn::ImportValue': exported } };
  const TemplateBody = JSON.stringify({ Resources: { Parameter: { Type: 'AWS::SSM::Parameter', Properties } } });
  await call('CreateStack', { StackName: importer, TemplateBody });
  assert.equal((await settled(call, importer)).StackStatus, 'CREATE_COMPLETE');
  assert.equal((await of('ssm')('GetParameter', { Name: parameter })).Parameter.Value, ours.Value);
  assert.deepEqual((await call('ListImports', { ExportName: exported })).Imports, [importer]);
  await assert.rejects(call('DeleteStack', { StackName }), { name: 'ValidationError' });
  await call('DeleteStack', { StackName: importer });
  await assert.rejects(call('ListImports', { ExportName: exported }), { name: 'ValidationError' });
}

async function protections(call: Call, { StackName }: App) {
  const { StackId } = await call('UpdateTerminationProtection', { StackName, EnableTerminationProtection: true });
  await assert.rejects(call('DeleteStack', { StackName }), { name: 'ValidationError' });
  await call('UpdateTerminationProtection', { StackName, EnableTerminationProtection: false });
  const [stack] = (await call('DescribeStacks', { StackName })).Stacks;
  assert.deepEqual([stack.StackId, stack.EnableTerminationProtection], [StackId, false]);
  const StackPolicyBody = JSON.stringify({
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 'Update:*', Resource: '*' }],
  });
  assert.equal((await call('GetStackPolicy', { StackName })).StackPolicyBody, undefined);
  await call('SetStackPolicy', { StackName, StackPolicyBody });
  assert.equal((await call('GetStackPolicy', { StackName })).StackPolicyBody, StackPolicyBody);
}

async function drift({ call, of }: Rig, { StackName, queue }: App) {
  const { QueueUrl } = await of('sqs')('GetQueueUrl', { QueueName: queue });
  const delay = (DelaySeconds: string) => of('sqs')('SetQueueAttributes', { QueueUrl, Attributes: { DelaySeconds } });
  await delay('9');
  const { StackDriftDetectionId } = await call('DetectStackDrift', { StackName });
  const status = await call('DescribeStackDriftDetectionStatus', { StackDriftDetectionId });
  assert.deepEqual([status.StackDriftStatus, status.DriftedStackResourceCount], ['DRIFTED', 1]);
  const { StackResourceDrifts } = await call('DescribeStackResourceDrifts', {
    ...{ StackName, StackResourceDriftStatusFilters: ['MODIFIED'] },
  });
  assert.deepEqual(ids(StackResourceDrifts), ['Queue']);
  assert.deepEqual(StackResourceDrifts[0].PropertyDifferences, [
    { PropertyPath: '/DelaySeconds', ExpectedValue: '7', ActualValue: '9', DifferenceType: 'NOT_EQUAL' },
  ]);
  const resource = { StackName, LogicalResourceId: 'Queue' };
  const { DriftInformation } = (await call('DescribeStackResource', resource)).StackResourceDetail;
  assert.deepEqual(
    [DriftInformation.StackResourceDriftStatus, DriftInformation.LastCheckTimestamp],
    ['MODIFIED', StackResourceDrifts[0].Timestamp],
  );
  await delay('7');
  const { StackResourceDrift } = await call('DetectStackResourceDrift', resource);
  assert.equal(StackResourceDrift.StackResourceDriftStatus, 'IN_SYNC');
}

async function updates({ call, of }: Rig, app: App) {
  const { StackName, topic } = app;
  const update = (display: string, more?: object) =>
    call('UpdateStack', {
      ...{ StackName, TemplateBody: JSON.stringify(templateOf(app, display, more)) },
      Parameters: [{ ParameterKey: 'Delay', UsePreviousValue: true }],
    });
  await update('b');
  assert.equal((await settled(call, StackName)).StackStatus, 'UPDATE_COMPLETE');
  await assert.rejects(update('b'), { name: 'ValidationError', message: /No updates are to be performed/ });

  await update('c', { Wait: waiting('Topic') });
  await call('CancelUpdateStack', { StackName });
  assert.equal((await settled(call, StackName)).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  const TopicArn = `arn:aws:sns:us-east-1:000000000000:${topic}`;
  const displayed = async () => (await of('sns')('GetTopicAttributes', { TopicArn })).Attributes.DisplayName;
  assert.equal(await displayed(), 'b');

  // A rollback that cannot succeed: what it would set back has gone meanwhile.
  await update('d', { Wait: waiting('Topic') });
  await reached(call, StackName, 'Wait', 'CREATE_IN_PROGRESS');
  await of('sns')('DeleteTopic', { TopicArn });
  await call('SignalResource', { StackName, LogicalResourceId: 'Wait', UniqueId: '1', Status: 'FAILURE' });
  assert.equal((await settled(call, StackName)).StackStatus, 'UPDATE_ROLLBACK_FAILED');
  await of('sns')('CreateTopic', { Name: topic });
  await call('ContinueUpdateRollback', { StackName });
  assert.equal((await settled(call, StackName)).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.equal(await displayed(), 'b');
}

async function failedCreation({ call, name }: Rig, { queue }: App) {
  const StackName = name('failing');
  const Taken = { Type: 'AWS::SQS::Queue', Properties: { QueueName: queue, DelaySeconds: 1 } };
  const TemplateBody = JSON.stringify({ Resources: { Taken } });
  await call('CreateStack', { StackName, TemplateBody, DisableRollback: true });
  assert.equal((await settled(call, StackName)).StackStatus, 'CREATE_FAILED');
  await call('RollbackStack', { StackName });
  assert.equal((await settled(call, StackName)).StackStatus, 'ROLLBACK_COMPLETE');
  await call('DeleteStack', { StackName });
}

async function forcedDeletion({ call, name, of, knows }: Rig) {
  const [StackName, Bucket] = [name('full'), name('full')];
  const Properties = { BucketName: Bucket };
  const TemplateBody = JSON.stringify({ Resources: { Bucket: { Type: 'AWS::S3::Bucket', Properties } } });
  const { StackId } = await call('CreateStack', { StackName, TemplateBody });
  await of('s3')('PutObject', { Bucket, Key: 'a', Body: Buffer.from('1') });
  await call('DeleteStack', { StackName });
  assert.equal((await settled(call, StackId)).StackStatus, 'DELETE_FAILED');
  const isForced = await knows('DeleteStack', 'DeletionMode');
  const left = isForced ? { DeletionMode: 'FORCE_DELETE_STACK' } : { RetainResources: ['Bucket'] };
  await call('DeleteStack', { StackName, ...left });
  assert.equal((await settled(call, StackId)).StackStatus, 'DELETE_COMPLETE');
  await of('s3')('HeadBucket', { Bucket });
}

async function types(call: Call) {
  const { TypeSummaries } = await call('ListTypes', {
    ...{ Visibility: 'PUBLIC', Filters: { TypeNamePrefix: 'AWS::SQS::Queue' } },
  });
  const names = TypeSummaries.map(({ TypeName }: { TypeName: string }) => TypeName);
  assert.ok(names.includes('AWS::SQS::Queue') && names.every((one: string) => one.startsWith('AWS::SQS::Queue')));
  const type = await call('DescribeType', { Type: 'RESOURCE', TypeName: 'AWS::SQS::Queue' });
  assert.deepEqual([type.Arn, type.ProvisioningType], [TypeSummaries[0].TypeArn, 'FULLY_MUTABLE']);
  assert.deepEqual(JSON.parse(type.Schema).properties.DelaySeconds, { type: 'number' });
  await assert.rejects(call('DescribeType', { Type: 'RESOURCE', TypeName: 'AWS::EC2::Instance' }), {
    name: 'TypeNotFoundException',
  });
}
