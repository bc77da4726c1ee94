import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  type Stack,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Node } from '../../src/node/index.ts';
import { aMoment } from '../support/eventually.ts';
import { devNode } from '../support/in-process.ts';

let node: Node;
let directory: string;
let cloudFormation: CloudFormationClient;
let sqs: SQSClient;
let queueUrl: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-custom-'));
  node = await devNode(join(directory, 'data'));
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  cloudFormation = new CloudFormationClient(options);
  sqs = new SQSClient(options);
  queueUrl = (await sqs.send(new CreateQueueCommand({ QueueName: 'heard' }))).QueueUrl!;
});

after(async () => {
  cloudFormation.destroy();
  sqs.destroy();
  await node[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Answers by what `Mode` says, and tells a queue what it was asked. */
const NODEJS = `
const response = require('cfn-response');
const { SQSClient, SendMessageCommand } = require('@aws-sdk/client-sqs');
exports.handler = async (event, context) => {
  const { Mode, Name } = event.ResourceProperties;
  const { RequestType: kind, PhysicalResourceId: id } = event;
  const { ResponseURL, ServiceToken, ...told } = event;
  const queue = process.env.AWS_ENDPOINT_URL + '/000000000000/heard';
  await fetch(process.env.AWS_ENDPOINT_URL, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'AmazonSQS.SendMessage',
      authorization: 'AWS4-HMAC-SHA256 Credential=' + process.env.AWS_ACCESS_KEY_ID + '/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: JSON.stringify({ QueueUrl: queue, MessageBody: JSON.stringify(told) }),
  });
  if (Mode === 'fail' && kind !== 'Delete') return response.send(event, context, response.FAILED, {}, id ?? 'made-anyhow');
  await response.send(event, context, response.SUCCESS, { Url: 'https://' + Name, Secret: 'hush-' + Name }, 'thing-' + Name, Mode === 'secret');
};
`.replace("const { SQSClient, SendMessageCommand } = require('@aws-sdk/client-sqs');\n", '');

const PYTHON = `
import cfnresponse

def handler(event, context):
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Sum": sum(map(int, event["ResourceProperties"]["Numbers"]))}, "sum")
`;

function template(properties: object, more: object = {}): string {
  return JSON.stringify({
    Resources: {
      Maker: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          Runtime: 'nodejs24.x',
          Handler: 'index.handler',
          Role: 'arn:aws:iam::000000000000:role/maker',
          Code: { ZipFile: NODEJS },
        },
      },
      Thing: {
        Type: 'Custom::Thing',
        Version: '1.0',
        Properties: { ServiceToken: { 'Fn::GetAtt': ['Maker', 'Arn'] }, ...properties },
      },
      ...more,
    },
    Outputs: { Url: { Value: { 'Fn::GetAtt': ['Thing', 'Url'] } }, Id: { Value: { Ref: 'Thing' } } },
  });
}

async function settled(StackName: string): Promise<Stack> {
  for (;;) {
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
    const [stack] = Stacks!;
    if (!stack!.StackStatus!.endsWith('_IN_PROGRESS')) return stack!;
    await aMoment();
  }
}

async function create(StackName: string, TemplateBody: string): Promise<Stack> {
  const { StackId } = await cloudFormation.send(new CreateStackCommand({ StackName, TemplateBody }));
  return settled(StackId!);
}

async function update(StackName: string, TemplateBody: string): Promise<Stack> {
  const { StackId } = await cloudFormation.send(new UpdateStackCommand({ StackName, TemplateBody }));
  return settled(StackId!);
}

async function remove(StackName: string): Promise<Stack> {
  const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
  await cloudFormation.send(new DeleteStackCommand({ StackName }));
  return settled(Stacks![0]!.StackId!);
}

const outputs = ({ Outputs }: Stack) => Object.fromEntries(Outputs!.map((one) => [one.OutputKey, one.OutputValue]));

/** The next request that the function told of. */
async function heard(): Promise<any> {
  const { Messages } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 20, VisibilityTimeout: 3_600 }),
  );
  return JSON.parse(Messages![0]!.Body!);
}

async function reasons(StackName: string): Promise<string> {
  const { StackEvents } = await cloudFormation.send(new DescribeStackEventsCommand({ StackName }));
  return StackEvents!.map((event) => event.ResourceStatusReason ?? '').join('\n');
}

test('a custom resource lives through creation, change, replacement and deletion', async () => {
  const made = await create('life', template({ Name: 'a', Count: 2, On: true }));
  assert.equal(made.StackStatus, 'CREATE_COMPLETE', await reasons('life'));
  assert.deepEqual(outputs(made), { Url: 'https://a', Id: 'thing-a' });
  const first = await heard();
  assert.equal(first.RequestType, 'Create');
  assert.equal(first.ResourceType, 'Custom::Thing');
  assert.equal(first.LogicalResourceId, 'Thing');
  assert.equal(first.StackId, made.StackId);
  // Numbers and booleans are text, as AWS hands them on.
  const { ServiceToken, ...properties } = first.ResourceProperties;
  assert.match(ServiceToken, /^arn:aws:lambda:/);
  assert.deepEqual(properties, { Name: 'a', Count: '2', On: 'true' });

  const changed = await update('life', template({ Name: 'a', Count: 3 }));
  assert.equal(changed.StackStatus, 'UPDATE_COMPLETE');
  const second = await heard();
  assert.deepEqual([second.RequestType, second.PhysicalResourceId], ['Update', 'thing-a']);
  assert.deepEqual([second.OldResourceProperties.Count, second.ResourceProperties.Count], ['2', '3']);

  const replaced = await update('life', template({ Name: 'b', Count: 3 }));
  assert.deepEqual(outputs(replaced), { Url: 'https://b', Id: 'thing-b' });
  const third = await heard();
  assert.deepEqual([third.RequestType, third.PhysicalResourceId], ['Update', 'thing-a']);
  const cleaned = await heard();
  assert.deepEqual(
    [cleaned.RequestType, cleaned.PhysicalResourceId, cleaned.ResourceProperties.Name],
    ['Delete', 'thing-a', 'a'],
  );

  assert.equal((await remove('life')).StackStatus, 'DELETE_COMPLETE');
  const last = await heard();
  assert.deepEqual([last.RequestType, last.PhysicalResourceId], ['Delete', 'thing-b']);
});

test('a failed creation is rolled back, and the function is asked to delete what it may have left', async () => {
  const failed = await create('failed', template({ Name: 'x', Mode: 'fail' }));
  assert.equal(failed.StackStatus, 'ROLLBACK_COMPLETE');
  assert.match(
    await reasons('failed'),
    /Received response status \[FAILED\] from custom resource\. Message returned: See the details/,
  );
  assert.equal((await heard()).RequestType, 'Create');
  const undone = await heard();
  assert.deepEqual([undone.RequestType, undone.PhysicalResourceId], ['Delete', 'made-anyhow']);
  await remove('failed');
});

test('a failed change goes back to the properties of before', async () => {
  await create('back', template({ Name: 'y' }));
  await heard();
  const back = await update('back', template({ Name: 'y', Mode: 'fail' }));
  assert.equal(back.StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.equal((await heard()).ResourceProperties.Mode, 'fail');
  const restored = await heard();
  assert.deepEqual([restored.RequestType, restored.ResourceProperties.Mode], ['Update', undefined]);
  await remove('back');
  assert.equal((await heard()).RequestType, 'Delete');
});

test('what is given with NoEcho is shown in no event', async () => {
  const more = {
    Line: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: { 'Fn::GetAtt': ['Thing', 'Secret'] } } },
  };
  const made = await create('quiet', template({ Name: 'z', Mode: 'secret' }, more));
  assert.equal(made.StackStatus, 'CREATE_COMPLETE', await reasons('quiet'));
  await heard();
  const { StackEvents } = await cloudFormation.send(new DescribeStackEventsCommand({ StackName: 'quiet' }));
  const shown = StackEvents!.map((event) => event.ResourceProperties ?? '').join('\n');
  assert.match(shown, /\*\*\*\*/);
  assert.doesNotMatch(shown, /hush-z/);
  await remove('quiet');
  await heard();
});

test('a function that does not answer fails after ServiceTimeout', async () => {
  const silent = JSON.parse(template({ Name: 's', ServiceTimeout: 1 }));
  silent.Resources.Maker.Properties.Code.ZipFile = 'exports.handler = async () => {};';
  const failed = await create('silent', JSON.stringify(silent));
  // Deleting it is asked for too, and not answered either.
  assert.equal(failed.StackStatus, 'ROLLBACK_FAILED');
  assert.match(await reasons('silent'), /CloudFormation did not receive a response from your Custom Resource/);
});

test('Python has cfnresponse; an attribute that was not given is named', async () => {
  const body = (attribute: string) =>
    JSON.stringify({
      Resources: {
        Maker: {
          Type: 'AWS::Lambda::Function',
          Properties: {
            Runtime: 'python3.13',
            Handler: 'index.handler',
            Role: 'arn:aws:iam::000000000000:role/maker',
            Code: { ZipFile: PYTHON },
          },
        },
        Sum: {
          Type: 'AWS::CloudFormation::CustomResource',
          Properties: { ServiceToken: { 'Fn::GetAtt': ['Maker', 'Arn'] }, Numbers: [1, 2, 3] },
        },
      },
      Outputs: { Sum: { Value: { 'Fn::GetAtt': ['Sum', attribute] } } },
    });
  assert.deepEqual(outputs(await create('python', body('Sum'))), { Sum: '6' });
  const wrong = await update('python', body('Product'));
  assert.equal(wrong.StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.match(await reasons('python'), /Vendor response doesn't contain Product attribute in object/);
});

test('an answer with a wrong token is not taken', async () => {
  const url = `${node.endpoint}/_millrace/cloudformation/answers/none/none/none`;
  assert.equal((await fetch(url, { method: 'PUT', body: '{}' })).status, 403);
  assert.equal((await fetch(url)).status, 405);
});

test('a service token that leads nowhere fails at once', async () => {
  const nowhere = JSON.parse(template({ Name: 'n' }));
  nowhere.Resources.Thing.Properties.ServiceToken = 'https://example.com';
  const failed = await create('nowhere', JSON.stringify(nowhere));
  assert.equal(failed.StackStatus, 'ROLLBACK_COMPLETE');
  const { StackResources } = await cloudFormation.send(new DescribeStackResourcesCommand({ StackName: 'nowhere' }));
  assert.match(
    StackResources!.find((one) => one.LogicalResourceId === 'Thing')!.ResourceStatusReason!,
    /Invalid service token/,
  );
});
