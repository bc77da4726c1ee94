import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import {
  CloudFormation,
  paginateDescribeStackEvents,
  type ResourceToImport,
  type StackEvent,
  waitUntilStackImportComplete,
} from '@aws-sdk/client-cloudformation';
import { GetRegistrationCodeCommand } from '@aws-sdk/client-iot';
import { S3 } from '@aws-sdk/client-s3';
import { SQS } from '@aws-sdk/client-sqs';
import { encodeName, encodePem, makeRequest } from '../../src/codec/x509/index.ts';
import { RESOURCE_TYPES } from '../../src/services/cloudformation/resources/index.ts';
import { TestAuthority } from '../support/certificates.ts';
import { zipOf } from '../support/clients.ts';
import { aMoment } from '../support/eventually.ts';
import { type Declared, importableResources } from './importable.ts';
import { type IotStage, openIotStage } from './iot-stage.ts';

const AWS = '/usr/bin/aws';

let stage: IotStage;
let stacks: CloudFormation;
let sqs: SQS;
let s3: S3;
const authority = new TestAuthority();

before(async () => {
  stage = await openIotStage();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: stage.endpoint, region: 'us-east-1', credentials };
  stacks = new CloudFormation(options);
  sqs = new SQS(options);
  s3 = new S3({ ...options, forcePathStyle: true });
});

after(async () => {
  stacks?.destroy();
  for (const client of [sqs, s3]) client?.destroy();
  await stage?.[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
});

/** All events of a stack, newest first. */
async function eventsOf(StackName: string): Promise<readonly StackEvent[]> {
  const events: StackEvent[] = [];
  for await (const page of paginateDescribeStackEvents({ client: stacks }, { StackName })) {
    events.push(...page.StackEvents!);
  }
  return events;
}

/** By logical id, what a stack holds: physical ids, and properties as it made them. */
async function resourcesOf(StackName: string): Promise<ReadonlyMap<string, { id: string; properties: any }>> {
  const made = (await eventsOf(StackName)).filter(({ PhysicalResourceId }) => PhysicalResourceId);
  // The newest of each comes last.
  return new Map(
    made.reverse().map((event) => {
      const properties = JSON.parse(event.ResourceProperties ?? '{}');
      return [event.LogicalResourceId!, { id: event.PhysicalResourceId!, properties }];
    }),
  );
}

/** All that `Fn::GetAtt` gives of the resources, as outputs. */
function outputsFor(resources: Readonly<Record<string, Declared>>): object {
  const names = Object.entries(resources).flatMap(([id, { Type }]) =>
    RESOURCE_TYPES[Type]!.attributes.filter((name) => !name.includes('.')).map((name) => [id, name] as const),
  );
  return Object.fromEntries(names.map(([id, name]) => [`${id}${name}`, { Value: { 'Fn::GetAtt': [id, name] } }]));
}

async function outputsOf(StackName: string): Promise<Readonly<Record<string, string>>> {
  const { Stacks } = await stacks.describeStacks({ StackName });
  return Object.fromEntries(Stacks![0]!.Outputs!.map((one) => [one.OutputKey!, one.OutputValue!]));
}

const Capabilities = ['CAPABILITY_NAMED_IAM' as const];

test('a resource of each type comes under a stack as the one that made it knew it', async () => {
  const { registrationCode } = await stage.iot.send(new GetRegistrationCodeCommand({}));
  const Resources = importableResources({
    authority: authority.authority.cert,
    verification: authority.issue(registrationCode!).cert,
    request: await signingRequest(),
    layer: await layerArchive(),
  });
  const types = Object.entries(RESOURCE_TYPES).filter(([, { imports }]) => imports !== undefined);
  assert.deepEqual(
    [...new Set(Object.values(Resources).map(({ Type }) => Type))].sort(),
    types.map(([name]) => name).sort(),
    'one of each type that can be imported',
  );
  const Outputs = outputsFor(Resources);
  const whole = JSON.stringify({ Resources, Outputs });
  await stacks.createStack({ StackName: 'maker', TemplateBody: whole, Capabilities });
  const { StackId } = await settled('maker', 'CREATE_COMPLETE');
  const [made, attributes] = [await resourcesOf('maker'), await outputsOf('maker')];

  const TemplateBody = JSON.stringify({ Resources });
  const { ResourceIdentifierSummaries } = await stacks.getTemplateSummary({ TemplateBody });
  const ResourcesToImport = ResourceIdentifierSummaries!.flatMap((summary) =>
    summary.LogicalResourceIds!.map((id): ResourceToImport => {
      const { id: physicalId, properties } = made.get(id)!;
      const named = summary.ResourceIdentifiers!.map((name) => [
        name,
        properties[name] ?? attributes[`${id}${name}`] ?? physicalId,
      ]);
      return {
        ResourceType: summary.ResourceType!,
        LogicalResourceId: id,
        ResourceIdentifier: Object.fromEntries(named) as Record<string, string>,
      };
    }),
  );
  const change = {
    StackName: 'taker',
    ChangeSetName: 'take',
    ChangeSetType: 'IMPORT' as const,
    TemplateBody,
    Capabilities,
    ResourcesToImport,
  };
  await stacks.createChangeSet(change);
  const early = await stacks.describeChangeSet({ StackName: 'taker', ChangeSetName: 'take' });
  assert.equal(early.Status, 'FAILED');
  assert.match(early.StatusReason!, new RegExp(`already exists in stack ${StackId}`));

  await stacks.deleteStack({ StackName: 'maker' });
  await settled(StackId!, 'DELETE_COMPLETE');
  await stacks.createChangeSet(change);
  const announced = await stacks.describeChangeSet({ StackName: 'taker', ChangeSetName: 'take' });
  assert.equal(announced.Status, 'CREATE_COMPLETE', announced.StatusReason);
  assert.ok(announced.Changes!.every(({ ResourceChange }) => ResourceChange!.Action === 'Import'));
  await stacks.executeChangeSet({ StackName: 'taker', ChangeSetName: 'take' });
  await settled('taker', 'IMPORT_COMPLETE');

  const taken = await resourcesOf('taker');
  for (const id of Object.keys(Resources)) assert.equal(taken.get(id)!.id, made.get(id)!.id, `the id of ${id}`);
  await stacks.updateStack({ StackName: 'taker', TemplateBody: whole, Capabilities });
  await settled('taker', 'UPDATE_COMPLETE');
  assert.deepEqual(await outputsOf('taker'), attributes);
});

/** A queue of a template, and how it is named to be imported. */
const queue = (QueueName: string, more: object = {}) => ({
  Type: 'AWS::SQS::Queue',
  DeletionPolicy: 'Delete',
  Properties: { QueueName },
  ...more,
});

async function makeQueue(QueueName: string, LogicalResourceId: string): Promise<ResourceToImport> {
  const { QueueUrl } = await sqs.createQueue({ QueueName });
  return { ResourceType: 'AWS::SQS::Queue', LogicalResourceId, ResourceIdentifier: { QueueUrl: QueueUrl! } };
}

/** Makes a change set that imports; @returns it as it is described */
async function proposeImport(StackName: string, template: object, ResourcesToImport: ResourceToImport[], more = {}) {
  const named = { StackName, ChangeSetName: 'import' };
  const TemplateBody = JSON.stringify(template);
  await stacks.createChangeSet({ ...named, ChangeSetType: 'IMPORT', TemplateBody, ResourcesToImport, ...more });
  return stacks.describeChangeSet(named);
}

const execute = (StackName: string) => stacks.executeChangeSet({ StackName, ChangeSetName: 'import' });

const story = async (StackName: string) =>
  (await eventsOf(StackName)).map((one) => `${one.LogicalResourceId} ${one.ResourceStatus}`).reverse();

test('a stack that stands takes a queue in, tags it, and has it from then on', async () => {
  const Tags = [{ Key: 'team', Value: 'plant' }];
  const before = { Resources: { Own: queue('own') } };
  await stacks.createStack({ StackName: 'grows', TemplateBody: JSON.stringify(before), Tags });
  await settled('grows', 'CREATE_COMPLETE');
  const told = (await story('grows')).length;
  const given = await makeQueue('given', 'Given');
  const template = { Resources: { ...before.Resources, Given: queue('given') } };
  const proposed = await proposeImport('grows', template, [given], { Tags });
  assert.deepEqual(
    proposed.Changes!.map(({ ResourceChange: { Action, LogicalResourceId, PhysicalResourceId } = {} }) => [
      ...[Action, LogicalResourceId, PhysicalResourceId],
    ]),
    [['Import', 'Given', given.ResourceIdentifier!.QueueUrl]],
  );
  await execute('grows');
  await waitUntilStackImportComplete({ client: stacks, maxWaitTime: 30, minDelay: 1 }, { StackName: 'grows' });
  assert.deepEqual((await story('grows')).slice(told), [
    'grows IMPORT_IN_PROGRESS',
    'Given IMPORT_IN_PROGRESS',
    'Given IMPORT_COMPLETE',
    'Given UPDATE_IN_PROGRESS',
    'Given UPDATE_COMPLETE',
    'grows IMPORT_COMPLETE',
  ]);
  const { QueueUrl } = given.ResourceIdentifier!;
  assert.deepEqual((await sqs.listQueueTags({ QueueUrl })).Tags, { team: 'plant' });
  await stacks.deleteStack({ StackName: 'grows' });
  await settled(proposed.StackId!, 'DELETE_COMPLETE');
  assert.deepEqual((await sqs.listQueues({ QueueNamePrefix: 'given' })).QueueUrls ?? [], []);
});

test('what is gone when an import is carried out leaves the stack as it was, and the others in the world', async () => {
  const [here, gone] = [await makeQueue('here', 'Here'), await makeQueue('gone', 'Gone')];
  const template = { Resources: { Here: queue('here'), Gone: queue('gone', { DependsOn: 'Here' }) } };
  const proposed = await proposeImport('fails', template, [here, gone]);
  assert.equal(proposed.ExecutionStatus, 'AVAILABLE');
  await sqs.deleteQueue({ QueueUrl: gone.ResourceIdentifier!.QueueUrl! });
  await execute('fails');
  await settled('fails', 'IMPORT_ROLLBACK_COMPLETE');
  assert.deepEqual((await story('fails')).slice(1), [
    'fails IMPORT_IN_PROGRESS',
    'Here IMPORT_IN_PROGRESS',
    'Here IMPORT_COMPLETE',
    'Gone IMPORT_IN_PROGRESS',
    'Gone IMPORT_FAILED',
    'fails IMPORT_ROLLBACK_IN_PROGRESS',
    'Here IMPORT_ROLLBACK_IN_PROGRESS',
    'Gone IMPORT_ROLLBACK_IN_PROGRESS',
    'Here IMPORT_ROLLBACK_COMPLETE',
    'Gone IMPORT_ROLLBACK_COMPLETE',
    'fails IMPORT_ROLLBACK_COMPLETE',
  ]);
  const reasons = (await eventsOf('fails')).map((one) => one.ResourceStatusReason);
  assert.ok(
    reasons.some((reason) =>
      /Resource of type 'AWS::SQS::Queue' with identifier '\S+gone' was not found/.test(reason ?? ''),
    ),
  );
  assert.deepEqual((await stacks.listStackResources({ StackName: 'fails' })).StackResourceSummaries, []);
  assert.equal((await sqs.listQueues({ QueueNamePrefix: 'here' })).QueueUrls!.length, 1);

  // It can be used on, for another import or for an update.
  await proposeImport('fails', { Resources: { Here: queue('here') } }, [here]);
  await execute('fails');
  await settled('fails', 'IMPORT_COMPLETE');
});

test('an import is refused that would change anything else, or cannot be told', async () => {
  const [one, two] = [await makeQueue('one', 'One'), await makeQueue('two', 'Two')];
  const standing = { Own: queue('standing', { DeletionPolicy: 'Retain' }) };
  const Outputs = { Url: { Value: 'u' } };
  await stacks.createStack({ StackName: 'picky', TemplateBody: JSON.stringify({ Resources: standing, Outputs }) });
  await settled('picky', 'CREATE_COMPLETE');
  const One = queue('one');
  const whole = { Resources: { ...standing, One }, Outputs };
  const other = (identifier: object) => [{ ...one, ResourceIdentifier: identifier }] as ResourceToImport[];
  type Case = readonly [template: object, resources: ResourceToImport[], words: RegExp];
  const cases: readonly Case[] = [
    [whole, [], /ResourcesToImport must be specified/],
    [whole, [one, one], /names \[One\] more than once/],
    [whole, [one, two], /Resource Two to import is not in the template/],
    [
      whole,
      [{ ...one, ResourceType: 'AWS::SNS::Topic' }],
      /is of type AWS::SQS::Queue in the template, not AWS::SNS::Topic/,
    ],
    [whole, other({ QueueName: 'one' }), /must be identified by \[QueueUrl\]/],
    [
      { ...whole, Outputs: { ...Outputs, More: Outputs.Url } },
      [one],
      /As part of the import operation, you cannot modify or add \[Outputs\]/,
    ],
    [
      { ...whole, Resources: { ...standing, One: { ...One, DeletionPolicy: undefined } } },
      [one],
      /The following resources to import \[One\] must have DeletionPolicy attribute specified in the template\./,
    ],
    ...[
      { One },
      { ...standing, One, Two: queue('two') },
      { Own: queue('standing', { DeletionPolicy: 'Delete' }), One },
      { Own: { ...standing.Own, Properties: { QueueName: 'standing', DelaySeconds: 1 } }, One },
    ].map((Resources): Case => {
      const words = /You have modified resources \[(Own|Two)\] in your template that are not being imported/;
      return [{ ...whole, Resources }, [one], words];
    }),
  ];
  for (const [template, resources, words] of cases) {
    await assert.rejects(proposeImport('picky', template, resources), { name: 'ValidationError', message: words });
  }
  const unnamed = { Handle: { Type: 'AWS::CloudFormation::WaitConditionHandle', DeletionPolicy: 'Retain' } };
  const handle = {
    ResourceType: 'AWS::CloudFormation::WaitConditionHandle',
    LogicalResourceId: 'Handle',
    ResourceIdentifier: { Id: 'x' },
  };
  await assert.rejects(
    proposeImport('picky', { ...whole, Resources: { ...standing, ...unnamed } }, [handle]),
    /ResourceTypes \[AWS::CloudFormation::WaitConditionHandle\] are not supported for Import/,
  );
  const update = {
    StackName: 'picky',
    ChangeSetName: 'u',
    ResourcesToImport: [one],
    TemplateBody: JSON.stringify(whole),
  };
  await assert.rejects(stacks.createChangeSet(update), /can only be specified for change sets of type IMPORT/);
  await assert.rejects(proposeImport('new', { ...whole, Resources: { One } }, []), /must be specified/);
  await assert.rejects(stacks.describeStacks({ StackName: 'new' }), /does not exist/, 'nothing is left of it');

  const group = { Type: 'AWS::Logs::LogGroup', DeletionPolicy: 'Retain', Properties: { LogGroupName: 'a' } };
  const named = { ResourceType: group.Type, LogicalResourceId: 'Group', ResourceIdentifier: { LogGroupName: 'b' } };
  await assert.rejects(
    proposeImport('new', { Resources: { Group: group } }, [named]),
    /Resource Group to import has another LogGroupName in the template than in its identifier/,
  );
  const missing = await proposeImport('new', { Resources: { Group: group } }, [
    { ...named, ResourceIdentifier: { LogGroupName: 'a' } },
  ]);
  assert.deepEqual(
    [missing.Status, missing.ExecutionStatus, missing.StatusReason],
    ['FAILED', 'UNAVAILABLE', "Resource of type 'AWS::Logs::LogGroup' with identifier 'a' was not found."],
  );
  assert.equal((await settled('picky', 'CREATE_COMPLETE')).StackStatus, 'CREATE_COMPLETE');
});

test('a thing comes under one stack only, and there once, however it is named', async () => {
  const one = await makeQueue('shared', 'One');
  const elsewhere = { QueueUrl: one.ResourceIdentifier!.QueueUrl!.replace('127.0.0.1', 'localhost') };
  const twin = { ...one, LogicalResourceId: 'Two', ResourceIdentifier: elsewhere };
  const template = { Resources: { One: queue('shared'), Two: queue('shared') } };
  await proposeImport('twice', template, [one, twin]);
  await execute('twice');
  const twice = await settled('twice', 'IMPORT_ROLLBACK_COMPLETE');
  assert.match(
    twice.StackStatusReason ?? (await reasonsOf('twice')),
    /already exists in stack|is being imported into stack/,
  );

  // Both are good when they are proposed.
  await proposeImport('first', { Resources: { One: queue('shared') } }, [one]);
  await proposeImport('second', { Resources: { Two: queue('shared') } }, [twin]);
  await Promise.all([execute('first'), execute('second')]);
  const ends = await Promise.all(['first', 'second'].map(ended));
  assert.deepEqual(ends.sort(), ['IMPORT_COMPLETE', 'IMPORT_ROLLBACK_COMPLETE']);
});

test('what is there already under its name is not taken over by a creation, nor by another logical id', async () => {
  await makeQueue('by-hand', 'One');
  const byHand = { Resources: { One: queue('by-hand') } };
  const { StackId } = await stacks.createStack({ StackName: 'greedy', TemplateBody: JSON.stringify(byHand) });
  await settled(StackId!, 'ROLLBACK_COMPLETE');
  assert.match(await reasonsOf('greedy'), /by-hand already exists/);
  const has = async (name: string) => (await sqs.listQueues({ QueueNamePrefix: name })).QueueUrls?.length === 1;
  assert.ok(await has('by-hand'), 'the rollback has left it');

  const named = (id: string) => ({
    [id]: queue('moved'),
    [`${id}Topic`]: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'moved' } },
    [`${id}Alarm`]: {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        ...{ AlarmName: 'moved', ComparisonOperator: 'GreaterThanThreshold', EvaluationPeriods: 1, Threshold: 1 },
        ...{ Namespace: 'plant', MetricName: 'heat', Statistic: 'Sum', Period: 60 },
      },
    },
  });
  await stacks.createStack({ StackName: 'mover', TemplateBody: JSON.stringify({ Resources: named('Old') }) });
  await settled('mover', 'CREATE_COMPLETE');
  await stacks.updateStack({ StackName: 'mover', TemplateBody: JSON.stringify({ Resources: named('New') }) });
  await settled('mover', 'UPDATE_ROLLBACK_COMPLETE');
  const { StackResources } = await stacks.describeStackResources({ StackName: 'mover' });
  assert.deepEqual(StackResources!.map((one) => one.LogicalResourceId).sort(), ['Old', 'OldAlarm', 'OldTopic']);
  assert.ok(await has('moved'));
});

test('the aws CLI imports into a new stack and waits for it', {
  skip: !existsSync(AWS) && 'aws is not installed',
}, async () => {
  const one = await makeQueue('by-cli', 'One');
  const name = ['--stack-name', 'by-cli'];
  const set = [...name, '--change-set-name', 'take'];
  const template = JSON.stringify({ Resources: { One: queue('by-cli') } });
  await aws(
    'create-change-set',
    ...set,
    '--change-set-type',
    'IMPORT',
    '--template-body',
    template,
    '--resources-to-import',
    JSON.stringify([one]),
  );
  await aws('wait', 'change-set-create-complete', ...set);
  await aws('execute-change-set', ...set);
  await aws('wait', 'stack-import-complete', ...name);
  const { StackResources } = JSON.parse(await aws('describe-stack-resources', ...name));
  assert.deepEqual(
    StackResources.map((resource: any) => [resource.PhysicalResourceId, resource.ResourceStatus]),
    [[one.ResourceIdentifier!.QueueUrl, 'IMPORT_COMPLETE']],
  );
});

function aws(...args: string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  };
  const command = ['--endpoint-url', stage.endpoint, 'cloudformation', ...args];
  return new Promise((resolve, reject) => {
    execFile(AWS, command, { env, timeout: 120_000 }, (error, out, err) => {
      if (error) reject(new Error(`aws ${args.join(' ')}: ${err}`));
      else resolve(out);
    });
  });
}

async function reasonsOf(StackName: string): Promise<string> {
  return (await eventsOf(StackName)).map((one) => one.ResourceStatusReason ?? '').join('\n');
}

async function layerArchive() {
  const at = { Bucket: 'code', Key: 'layer.zip' };
  await s3.createBucket({ Bucket: at.Bucket });
  await s3.putObject({ ...at, Body: await zipOf({ 'nodejs/word.js': '' }) });
  return { S3Bucket: at.Bucket, S3Key: at.Key };
}

async function signingRequest(): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return encodePem('CERTIFICATE REQUEST', await makeRequest(encodeName(['CN', 'pump']), publicKey, privateKey));
}

/** Waits for a stack to come to an end. @returns its status */
async function ended(StackName: string): Promise<string> {
  for (;;) {
    const { Stacks } = await stacks.describeStacks({ StackName });
    const { StackStatus } = Stacks![0]!;
    if (!StackStatus!.endsWith('_IN_PROGRESS')) return StackStatus!;
    await aMoment();
  }
}

/** Waits for a stack to come to this end. @returns it */
async function settled(StackName: string, status: string) {
  assert.equal(await ended(StackName), status, await reasonsOf(StackName));
  return (await stacks.describeStacks({ StackName })).Stacks![0]!;
}
