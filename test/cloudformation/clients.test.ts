import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
  waitUntilStackUpdateComplete,
} from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { Node } from '../../src/node/index.ts';
import { devNode } from '../support/in-process.ts';

const AWS = '/usr/bin/aws';
const PYTHON = '/usr/bin/python3';

/** What needs no other service than those that every node has. */
const TEMPLATE = `
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Batch: { Type: Number, Default: 10 }
Resources:
  Stream: { Type: AWS::Kinesis::Stream, Properties: { ShardCount: 1 } }
  Counter:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs24.x
      Handler: index.handler
      InlineCode: "exports.handler = async (event) => ({ count: (event.Records ?? []).length })"
      Role: arn:aws:iam::000000000000:role/counter
      Events:
        Readings:
          Type: Kinesis
          Properties: { Stream: !GetAtt Stream.Arn, StartingPosition: LATEST, BatchSize: !Ref Batch }
        Alarms:
          Type: IoTRule
          Properties: { Sql: "SELECT * FROM 'alarms/+'" }
  Lines: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: !Sub '/aws/lambda/\${Counter}', RetentionInDays: 7 } }
Outputs:
  Name: { Value: !Ref Counter }
`;

let node: Node;
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-clients-'));
  node = await devNode(join(directory, 'data'));
  await writeFile(join(directory, 'template.yaml'), TEMPLATE);
});

after(async () => {
  await node[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function run(file: string, args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const env = {
    PATH: process.env.PATH,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    ENDPOINT: node.endpoint,
  };
  return new Promise((resolve) => {
    execFile(file, args, { env, timeout: 60_000 }, (error, out, err) => {
      resolve({ code: error ? ((error as { code?: number }).code ?? -1) : 0, out, err });
    });
  });
}

const aws = (...args: string[]) => run(AWS, ['--endpoint-url', node.endpoint, '--output', 'json', ...args]);

async function must(result: Promise<{ code: number; out: string; err: string }>): Promise<string> {
  const { code, out, err } = await result;
  assert.equal(code, 0, `${out}${err}`);
  return out;
}

test('aws cloudformation deploy creates and finds nothing to do; delete-stack and wait remove all', {
  skip: !existsSync(AWS) && 'awscli is not installed',
}, async () => {
  const deploy = (...more: string[]) =>
    aws(
      'cloudformation',
      'deploy',
      '--stack-name',
      'app',
      '--template-file',
      join(directory, 'template.yaml'),
      ...more,
    );
  assert.match(await must(deploy()), /Successfully created\/updated stack - app/);
  assert.match(await must(deploy()), /No changes to deploy/);
  await must(aws('cloudformation', 'delete-stack', '--stack-name', 'app'));
  await must(aws('cloudformation', 'wait', 'stack-delete-complete', '--stack-name', 'app'));
});

const SCRIPT = `
import boto3, json, os, sys
from botocore.exceptions import ClientError
cf = boto3.client('cloudformation', endpoint_url=os.environ['ENDPOINT'])
body = open(sys.argv[1]).read()
names = dict(StackName='boto', ChangeSetName='first')
cf.create_change_set(**names, ChangeSetType='CREATE', TemplateBody=body, Capabilities=['CAPABILITY_IAM'],
                     Parameters=[dict(ParameterKey='Batch', ParameterValue='7')], Tags=[dict(Key='team', Value='a')])
cf.get_waiter('change_set_create_complete').wait(**names)
changes = cf.describe_change_set(**names)['Changes']
assert {c['ResourceChange']['Action'] for c in changes} == {'Add'}, changes
cf.execute_change_set(**names)
cf.get_waiter('stack_create_complete').wait(StackName='boto')
stack = cf.describe_stacks(StackName='boto')['Stacks'][0]
assert stack['Outputs'][0]['OutputValue'].startswith('boto-Counter-'), stack
assert stack['Parameters'] == [dict(ParameterKey='Batch', ParameterValue='7')], stack
resources = cf.describe_stack_resources(StackName='boto')['StackResources']
assert sorted(r['LogicalResourceId'] for r in resources) == [
    'Counter', 'CounterAlarms', 'CounterAlarmsPermission', 'CounterReadings', 'Lines', 'Stream'], resources
events = [e for page in cf.get_paginator('describe_stack_events').paginate(StackName='boto') for e in page['StackEvents']]
assert events[0]['ResourceStatus'] == 'CREATE_COMPLETE', events[0]
assert cf.get_template(StackName='boto')['TemplateBody'] == body
assert [p['ParameterKey'] for p in cf.get_template_summary(TemplateBody=body)['Parameters']] == ['Batch']
def refused(code, text, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response['Error']['Code'] == code and text in error.response['Error']['Message'], error
        return
    raise AssertionError(code)
refused('ValidationError', 'No updates are to be performed.', cf.update_stack, StackName='boto', UsePreviousTemplate=True,
        Capabilities=['CAPABILITY_AUTO_EXPAND'], Parameters=[dict(ParameterKey='Batch', UsePreviousValue=True)])
cf.update_stack(StackName='boto', UsePreviousTemplate=True, Capabilities=['CAPABILITY_AUTO_EXPAND'],
                Parameters=[dict(ParameterKey='Batch', ParameterValue='500')])
cf.get_waiter('stack_update_complete').wait(StackName='boto')
mappings = boto3.client('lambda', endpoint_url=os.environ['ENDPOINT']).list_event_source_mappings()['EventSourceMappings']
assert [m['BatchSize'] for m in mappings] == [500], mappings
refused('AlreadyExistsException', 'Stack [boto] already exists', cf.create_stack, StackName='boto', TemplateBody=body)
refused('ValidationError', 'Stack with id none does not exist', cf.describe_stacks, StackName='none')
refused('ChangeSetNotFound', 'ChangeSet [none] does not exist', cf.describe_change_set, StackName='boto', ChangeSetName='none')
refused('ValidationError', 'AWS::EC2::Instance', cf.create_stack, StackName='vm', TemplateBody='{"Resources":{"Vm":{"Type":"AWS::EC2::Instance"}}}')
types = [t['TypeName'] for p in cf.get_paginator('list_types').paginate(Visibility='PUBLIC', Filters=dict(TypeNamePrefix='AWS::SQS::'))
         for t in p['TypeSummaries']]
assert types == ['AWS::SQS::Queue', 'AWS::SQS::QueueInlinePolicy', 'AWS::SQS::QueuePolicy'], types
assert cf.list_types()['TypeSummaries'] == []
schema = json.loads(cf.describe_type(Type='RESOURCE', TypeName='AWS::SQS::Queue')['Schema'])
assert '/properties/QueueName' in schema['createOnlyProperties'] and '/properties/Arn' in schema['readOnlyProperties'], schema
assert schema['properties']['DelaySeconds'] == dict(type='number'), schema
refused('TypeNotFoundException', 'AWS::EC2::Instance', cf.describe_type, Type='RESOURCE', TypeName='AWS::EC2::Instance')
cf.delete_stack(StackName='boto')
cf.get_waiter('stack_delete_complete').wait(StackName=stack['StackId'])
assert boto3.client('kinesis', endpoint_url=os.environ['ENDPOINT']).list_streams()['StreamNames'] == []
print('done')
`;

test('boto3 drives change sets, waiters, paginators and errors', {
  skip: !existsSync(PYTHON) && 'python3 is not installed',
}, async () => {
  assert.equal(await must(run(PYTHON, ['-c', SCRIPT, join(directory, 'template.yaml')])), 'done\n');
});

test('the AWS SDK for JS creates, updates, describes and deletes a stack', async () => {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  const client = new CloudFormationClient(options);
  const StackName = 'by-sdk';
  const Capabilities = ['CAPABILITY_IAM' as const, 'CAPABILITY_AUTO_EXPAND' as const];
  const waiter = { client, maxWaitTime: 20, minDelay: 1 };

  await client.send(new CreateStackCommand({ StackName, TemplateBody: TEMPLATE, Capabilities }));
  await waitUntilStackCreateComplete(waiter, { StackName });
  const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName }));
  const functionName = Stacks[0]?.Outputs?.find(({ OutputKey }) => OutputKey === 'Name')?.OutputValue;
  const { Payload } = await new LambdaClient(options).send(new InvokeCommand({ FunctionName: functionName }));
  assert.equal(Buffer.from(Payload!).toString(), '{"count":0}');

  const Parameters = [{ ParameterKey: 'Batch', ParameterValue: '20' }];
  await client.send(new UpdateStackCommand({ StackName, UsePreviousTemplate: true, Parameters, Capabilities }));
  await waitUntilStackUpdateComplete(waiter, { StackName });
  await assert.rejects(
    client.send(new UpdateStackCommand({ StackName, UsePreviousTemplate: true, Parameters, Capabilities })),
    { name: 'ValidationError', message: 'No updates are to be performed.' },
  );
  const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName }));
  assert.equal(StackEvents[0]?.ResourceStatus, 'UPDATE_COMPLETE');

  await client.send(new DeleteStackCommand({ StackName }));
  await waitUntilStackDeleteComplete(waiter, { StackName });
  await assert.rejects(client.send(new DescribeStacksCommand({ StackName })), {
    name: 'ValidationError',
    message: `Stack with id ${StackName} does not exist`,
  });
});

test('the container registry says that there is nothing, as tools ask that clean up', {
  skip: !existsSync(AWS) && 'awscli is not installed',
}, async () => {
  assert.deepEqual(JSON.parse(await must(aws('ecr', 'describe-repositories'))), { repositories: [] });
  const { code, err } = await aws('ecr', 'describe-repositories', '--repository-names', 'app');
  assert.notEqual(code, 0);
  assert.match(err, /RepositoryNotFoundException.*The repository with name 'app' does not exist in the registry/);
});
