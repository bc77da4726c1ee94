import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as cloudFormation from '@aws-sdk/client-cloudformation';
import * as manager from '@aws-sdk/client-secrets-manager';
import { GetQueueAttributesCommand, GetQueueUrlCommand, ListQueueTagsCommand, SQSClient } from '@aws-sdk/client-sqs';
import * as parameters from '@aws-sdk/client-ssm';
import type { Node } from '../../src/node/index.ts';
import { devNode } from '../support/in-process.ts';

const CANARY = 'hunter2-correct-horse';

let node: Node;
let directory: string;
const clients = {} as {
  stacks: cloudFormation.CloudFormationClient;
  secrets: manager.SecretsManagerClient;
  ssm: parameters.SSMClient;
  sqs: SQSClient;
};

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-references-'));
  node = await devNode(join(directory, 'data'));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  clients.stacks = new cloudFormation.CloudFormationClient(options);
  clients.secrets = new manager.SecretsManagerClient(options);
  clients.ssm = new parameters.SSMClient(options);
  clients.sqs = new SQSClient(options);
  const put = (Name: string, Value: string, Type: parameters.ParameterType = 'String') =>
    clients.ssm.send(new parameters.PutParameterCommand({ Name, Value, Type, Overwrite: true }));
  await put('/app/delay', '7');
  await put('/app/delay', '9');
  await put('/app/queue', 'orders');
  await put('/app/hidden', CANARY, 'SecureString');
  await clients.secrets.send(
    new manager.CreateSecretCommand({ Name: 'app/db', SecretString: JSON.stringify({ password: CANARY, port: 5432 }) }),
  );
});

after(async () => {
  for (const client of Object.values(clients)) client.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Creates a stack and waits for its end. @returns why it failed, if it did */
async function deploy(
  StackName: string,
  Resources: object,
  kind: 'create' | 'update' = 'create',
): Promise<string | undefined> {
  const input = { StackName, TemplateBody: JSON.stringify({ Resources }) };
  const waiting = { client: clients.stacks, maxWaitTime: 60, minDelay: 0.05, maxDelay: 0.1 };
  try {
    if (kind === 'create') {
      await clients.stacks.send(new cloudFormation.CreateStackCommand({ ...input, OnFailure: 'DO_NOTHING' }));
      await cloudFormation.waitUntilStackCreateComplete(waiting, { StackName });
    } else {
      await clients.stacks.send(new cloudFormation.UpdateStackCommand(input));
      await cloudFormation.waitUntilStackUpdateComplete(waiting, { StackName });
    }
    return undefined;
  } catch (error) {
    const { StackEvents } = await clients.stacks
      .send(new cloudFormation.DescribeStackEventsCommand({ StackName }))
      .catch(() => ({ StackEvents: [] }));
    const failed = StackEvents!.find(
      ({ ResourceStatus, ResourceType }) =>
        ResourceStatus?.endsWith('_FAILED') && ResourceType !== 'AWS::CloudFormation::Stack',
    );
    return failed?.ResourceStatusReason ?? (error as Error).message;
  }
}

/** All that a client can see of a stack. */
async function seen(StackName: string): Promise<string> {
  const answers = await Promise.all([
    clients.stacks.send(new cloudFormation.DescribeStackEventsCommand({ StackName })),
    clients.stacks.send(new cloudFormation.DescribeStackResourcesCommand({ StackName })),
    clients.stacks.send(new cloudFormation.GetTemplateCommand({ StackName })),
  ]);
  return JSON.stringify(answers);
}

test('references stand for parameters and secrets: versions, keys, names, numbers, in the middle of text', async () => {
  const failure = await deploy('app', {
    Queue: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        QueueName: { 'Fn::Sub': '{{resolve:ssm:/app/queue}}-${AWS::StackName}' },
        DelaySeconds: '{{resolve:ssm:/app/delay:1}}',
        VisibilityTimeout: '{{resolve:ssm:/app/delay}}',
        Tags: [
          { Key: 'hidden', Value: '{{resolve:ssm-secure:/app/hidden}}' },
          {
            Key: 'url',
            Value:
              'db:{{resolve:secretsmanager:app/db:SecretString:password}}@{{resolve:secretsmanager:app/db:SecretString:port::}}',
          },
        ],
      },
    },
  });
  assert.equal(failure, undefined);
  const { QueueUrl } = await clients.sqs.send(new GetQueueUrlCommand({ QueueName: 'orders-app' }));
  const { Attributes } = await clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  assert.deepEqual([Attributes!.DelaySeconds, Attributes!.VisibilityTimeout], ['7', '9']);
  const { Tags } = await clients.sqs.send(new ListQueueTagsCommand({ QueueUrl }));
  assert.deepEqual([Tags!.hidden, Tags!.url], [CANARY, `db:${CANARY}@5432`]);
  const all = await seen('app');
  assert.ok(!all.includes(CANARY) && all.includes('{{resolve:ssm-secure:/app/hidden}}'));
});

test('a reference that cannot be read fails its resource, and says which', async () => {
  const queue = (DelaySeconds: string) => ({ Q: { Type: 'AWS::SQS::Queue', Properties: { DelaySeconds } } });
  assert.match(
    (await deploy('gone', queue('{{resolve:ssm:/app/none}}')))!,
    /Could not resolve the dynamic reference {{resolve:ssm:\/app\/none}}: Parameter \/app\/none not found/,
  );
  assert.match((await deploy('plain', queue('{{resolve:ssm:/app/hidden}}')))!, /SecureString is read by/);
  assert.match(
    (await deploy('key', queue('{{resolve:secretsmanager:app/db:SecretString:none}}')))!,
    /Could not find a value associated with JSONKey/,
  );
  assert.match(
    (await deploy('form', queue('{{resolve:vault:x}}')))!,
    /Incorrect format is used in the following reference/,
  );
});

test('what a service says of a value that it refuses does not show the value', async () => {
  const failure = await deploy('masked', {
    Q: { Type: 'AWS::SQS::Queue', Properties: { QueueName: '{{resolve:ssm-secure:/app/hidden}}!' } },
  });
  assert.ok(failure && !failure.includes(CANARY), failure);
  assert.ok(!(await seen('masked')).includes(CANARY));
});

test('secrets of a template are drawn, read by references in it, changed and deleted', async () => {
  const resources = (length: number) => ({
    Password: {
      Type: 'AWS::SecretsManager::Secret',
      Properties: {
        Description: `of ${length}`,
        GenerateSecretString: {
          SecretStringTemplate: '{"username":"app"}',
          GenerateStringKey: 'password',
          PasswordLength: length,
          ExcludePunctuation: true,
        },
        Tags: [{ Key: 'k', Value: 'v' }],
      },
    },
    Policy: {
      Type: 'AWS::SecretsManager::ResourcePolicy',
      Properties: {
        SecretId: { Ref: 'Password' },
        ResourcePolicy: {
          Version: '2012-10-17',
          Statement: [{ Effect: 'Deny', Principal: '*', Action: 'secretsmanager:DeleteSecret', Resource: '*' }],
        },
      },
    },
    Queue: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        QueueName: 'drawn',
        Tags: [{ Key: 'secret', Value: { 'Fn::Sub': '{{resolve:secretsmanager:${Password}:SecretString:password}}' } }],
      },
    },
  });
  assert.equal(await deploy('drawn', resources(20)), undefined);
  const { StackResources } = await clients.stacks.send(
    new cloudFormation.DescribeStackResourcesCommand({ StackName: 'drawn', LogicalResourceId: 'Password' }),
  );
  const SecretId = StackResources![0]!.PhysicalResourceId!;
  assert.match(SecretId, /^arn:aws:secretsmanager:us-east-1:000000000000:secret:drawn-Password-/);
  const read = async () => {
    const { SecretString } = await clients.secrets.send(new manager.GetSecretValueCommand({ SecretId }));
    return JSON.parse(SecretString!) as { username: string; password: string };
  };
  const first = await read();
  assert.equal(first.username, 'app');
  assert.match(first.password, /^[A-Za-z0-9]{20}$/);
  const { QueueUrl } = await clients.sqs.send(new GetQueueUrlCommand({ QueueName: 'drawn' }));
  assert.equal((await clients.sqs.send(new ListQueueTagsCommand({ QueueUrl }))).Tags!.secret, first.password);
  assert.ok(!(await seen('drawn')).includes(first.password));

  assert.equal(await deploy('drawn', resources(30), 'update'), undefined);
  assert.equal((await read()).password.length, 30);
  const { Description } = await clients.secrets.send(new manager.DescribeSecretCommand({ SecretId }));
  assert.equal(Description, 'of 30');

  await clients.stacks.send(new cloudFormation.DeleteStackCommand({ StackName: 'drawn' }));
  const waiting = { client: clients.stacks, maxWaitTime: 60, minDelay: 0.05, maxDelay: 0.1 };
  await cloudFormation.waitUntilStackDeleteComplete(waiting, { StackName: 'drawn' });
  await assert.rejects(read(), { name: 'ResourceNotFoundException' });
});
