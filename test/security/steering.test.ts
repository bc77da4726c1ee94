/** Other names for one thing: a right to what is one's own, asked for under a name that the operation reads otherwise. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as cfn from '@aws-sdk/client-cloudformation';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  ListTagsForResourceCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import * as dynamodb from '@aws-sdk/client-dynamodb';
import * as iam from '@aws-sdk/client-iam';
import {
  AddThingToThingGroupCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  IoTClient,
} from '@aws-sdk/client-iot';
import * as kinesis from '@aws-sdk/client-kinesis';
import { CreateQueueCommand, SQSClient, StartMessageMoveTaskCommand } from '@aws-sdk/client-sqs';
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { Node } from '../../src/node/index.ts';
import { securedNode } from '../support/in-process.ts';
import { ROOT } from './secured-node.ts';

let node: Node;
let directory: string;
let root: iam.IAMClient;
let keys: { accessKeyId: string; secretAccessKey: string };
const clients: { destroy(): void }[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-steering-'));
  node = await securedNode(directory, ROOT);
  root = client(iam.IAMClient);
  await root.send(new iam.CreateUserCommand({ UserName: 'mallory', Path: '/dev/' }));
  const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName: 'mallory' }));
  keys = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
});
after(async () => {
  for (const one of clients) one.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function client<T extends { destroy(): void }>(Client: new (options: any) => T, credentials = ROOT): T {
  const made = new Client({
    endpoint: node.endpoint,
    region: 'us-east-1',
    credentials: { ...credentials },
    maxAttempts: 1,
  });
  clients.push(made);
  return made;
}

/** What Mallory may from now on: a few things, or everything but a few. */
async function allow(...Statement: readonly object[]): Promise<void> {
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await root.send(new iam.PutUserPolicyCommand({ UserName: 'mallory', PolicyName: 'own', PolicyDocument }));
}

const arn = (service: string, resource: string, region = 'us-east-1') =>
  `arn:aws:${service}:${region}:000000000000:${resource}`;
const only = (Action: string | string[], ...Resource: string[]) => allow({ Effect: 'Allow', Action, Resource });
const allBut = (Resource: string | string[]) =>
  allow({ Effect: 'Allow', Action: '*', Resource: '*' }, { Effect: 'Deny', Action: '*', Resource });

function refused(action: string) {
  return (error: Error) => {
    assert.match(error.message, new RegExp(`is not authorized to perform: ${action} `));
    return true;
  };
}

test('a change set of another stack is not reached through one of one’s own', async () => {
  const owner = client(cfn.CloudFormationClient);
  const TemplateBody = JSON.stringify({ Resources: { Queue: { Type: 'AWS::SQS::Queue' } } });
  const prepare = (StackName: string) =>
    owner.send(
      new cfn.CreateChangeSetCommand({ StackName, ChangeSetName: 'first', ChangeSetType: 'CREATE', TemplateBody }),
    );
  const [, victim] = [await prepare('mine'), await prepare('payroll')];
  await only('cloudformation:*', arn('cloudformation', 'stack/mine/*'));
  const mallory = client(cfn.CloudFormationClient, keys);
  const steered = { StackName: 'mine', ChangeSetName: victim.Id! };
  for (const command of [
    new cfn.DescribeChangeSetCommand(steered),
    new cfn.GetTemplateCommand(steered),
    new cfn.ExecuteChangeSetCommand(steered),
    new cfn.DeleteChangeSetCommand(steered),
  ]) {
    await assert.rejects(mallory.send(command as cfn.DescribeChangeSetCommand), /does not exist/);
  }
  await mallory.send(new cfn.DescribeChangeSetCommand({ StackName: 'mine', ChangeSetName: 'first' }));
  await owner.send(new cfn.DescribeChangeSetCommand({ ChangeSetName: victim.Id! }));
});

test('a thing is not put into a group under the ARN of another kind', async () => {
  const owner = client(IoTClient);
  for (const thingName of ['mine', 'victim']) await owner.send(new CreateThingCommand({ thingName }));
  for (const name of ['mine', 'admins']) await owner.send(new CreateThingGroupCommand({ thingGroupName: name }));
  await only('iot:AddThingToThingGroup', arn('iot', 'thing/mine'), arn('iot', 'thinggroup/mine'));
  const mallory = client(IoTClient, keys);
  const crossed = { thingArn: arn('iot', 'thinggroup/mine'), thingGroupArn: arn('iot', 'thing/mine') };
  const steered = new AddThingToThingGroupCommand({ thingName: 'victim', thingGroupName: 'admins', ...crossed });
  await assert.rejects(mallory.send(steered), refused('iot:AddThingToThingGroup'));
  const own = { thingArn: arn('iot', 'thing/mine'), thingGroupArn: arn('iot', 'thinggroup/mine') };
  await mallory.send(new AddThingToThingGroupCommand(own));
});

test('a log group is decided on where it is looked for', async () => {
  await client(CloudWatchLogsClient).send(
    new CreateLogGroupCommand({ logGroupName: 'payroll', tags: { a: 'secret' } }),
  );
  await only('logs:ListTagsForResource', arn('logs', 'log-group:payroll', 'eu-west-1'));
  const mallory = client(CloudWatchLogsClient, keys);
  const tags = (resourceArn: string) => mallory.send(new ListTagsForResourceCommand({ resourceArn }));
  await assert.rejects(tags(arn('logs', 'log-group:payroll', 'eu-west-1')), refused('logs:ListTagsForResource'));
  await allBut(arn('logs', 'log-group:payroll'));
  await assert.rejects(tags('arn:aws:sqs:us-east-1:000000000000:payroll'), refused('logs:ListTagsForResource'));
});

test('a denial holds for every spelling of an ARN', async () => {
  const table: dynamodb.CreateTableCommandInput = {
    TableName: 'payroll',
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    BillingMode: 'PAY_PER_REQUEST',
  };
  await client(dynamodb.DynamoDBClient).send(new dynamodb.CreateTableCommand(table));
  await client(kinesis.KinesisClient).send(new kinesis.CreateStreamCommand({ StreamName: 'payroll', ShardCount: 1 }));
  await client(SQSClient).send(new CreateQueueCommand({ QueueName: 'payroll' }));
  const secret = { Name: '/payroll', Value: '1', Type: 'String' } as const;
  await client(SSMClient).send(new PutParameterCommand(secret));
  const denied = [
    ...[arn('dynamodb', 'table/payroll'), arn('kinesis', 'stream/payroll'), arn('sqs', 'payroll')],
    arn('ssm', 'parameter/payroll'),
  ];
  await allBut(denied);
  const [other, stream, queue, parameter] = denied.map((one) => one.replace('arn:aws:', 'arn:aws-cn:'));
  const tables = client(dynamodb.DynamoDBClient, keys);
  const tagsOfTable = new dynamodb.ListTagsOfResourceCommand({ ResourceArn: other! });
  await assert.rejects(tables.send(tagsOfTable), refused('dynamodb:ListTagsOfResource'));
  const tagsOfStream = new kinesis.ListTagsForResourceCommand({ ResourceARN: stream! });
  await assert.rejects(client(kinesis.KinesisClient, keys).send(tagsOfStream), refused('kinesis:ListTagsForResource'));
  const move = new StartMessageMoveTaskCommand({ SourceArn: queue! });
  await assert.rejects(client(SQSClient, keys).send(move), refused('sqs:StartMessageMoveTask'));
  const read = new GetParameterCommand({ Name: parameter! });
  await assert.rejects(client(SSMClient, keys).send(read), refused('ssm:GetParameter'));
});

test('a table writes to no stream that whoever says so may not write to', async () => {
  await client(kinesis.KinesisClient).send(new kinesis.CreateStreamCommand({ StreamName: 'orders', ShardCount: 1 }));
  const table: dynamodb.CreateTableCommandInput = {
    TableName: 'mine',
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    BillingMode: 'PAY_PER_REQUEST',
  };
  await client(dynamodb.DynamoDBClient).send(new dynamodb.CreateTableCommand(table));
  const mallory = client(dynamodb.DynamoDBClient, keys);
  const StreamArn = arn('kinesis', 'stream/orders');
  const enable = () =>
    mallory.send(new dynamodb.EnableKinesisStreamingDestinationCommand({ TableName: 'mine', StreamArn }));
  await only('dynamodb:*', arn('dynamodb', 'table/mine'));
  await assert.rejects(enable(), refused('kinesis:DescribeStream'));
  await allow(
    { Effect: 'Allow', Action: 'dynamodb:*', Resource: arn('dynamodb', 'table/mine') },
    { Effect: 'Allow', Action: ['kinesis:DescribeStream', 'kinesis:PutRecords'], Resource: StreamArn },
  );
  await enable();
});

test('whoever may change a user may not make another of them', async () => {
  await root.send(new iam.CreateUserCommand({ UserName: 'tester', Path: '/dev/' }));
  await root.send(new iam.CreateGroupCommand({ GroupName: 'testers', Path: '/dev/' }));
  const [users, groups] = ['user', 'group'].map((kind) => `arn:aws:iam::000000000000:${kind}/dev/*`);
  await only(['iam:UpdateUser', 'iam:UpdateGroup'], users!, groups!);
  const mallory = client(iam.IAMClient, keys);
  const move = new iam.UpdateUserCommand({ UserName: 'tester', NewPath: '/admins/' });
  await assert.rejects(mallory.send(move), refused('iam:UpdateUser'));
  const rename = new iam.UpdateGroupCommand({ GroupName: 'testers', NewGroupName: 'admins', NewPath: '/' });
  await assert.rejects(mallory.send(rename), refused('iam:UpdateGroup'));
  await mallory.send(new iam.UpdateUserCommand({ UserName: 'tester', NewUserName: 'probe' }));
  await mallory.send(new iam.UpdateGroupCommand({ GroupName: 'testers', NewGroupName: 'probes' }));
});
