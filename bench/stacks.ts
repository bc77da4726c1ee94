/**
 * A stack of 30 resources (queues, topics, subscriptions, roles, functions, log groups) made, changed and deleted by a client over HTTP
 * in a node like those that run, each from the request to the end. Beside it 30 queues, made by a client in as many calls.
 * Not measured: the upload of code (it is inline), and functions' first start.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { CreateQueueCommand, DeleteQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { devNode } from '../test/support/in-process.ts';
import { type Figure, median } from './figure.ts';

const ROUNDS = 5;
const DEPLOY_MS_MAX = 3_000;
/** Of six resources each. */
const GROUPS = 5;

/** About 20 s. */
export async function run(): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-stacks-'));
  await using node = await devNode(join(directory, 'data'));
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  const cloudFormation = new CloudFormationClient(options);
  const sqs = new SQSClient(options);
  const times: Record<'create' | 'update' | 'delete' | 'floor', number[]> = {
    create: [],
    update: [],
    delete: [],
    floor: [],
  };
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const name = `bench-${round}`;
      const capabilities = { Capabilities: ['CAPABILITY_IAM' as const] };
      const made = await timed(async () => {
        const TemplateBody = template(1);
        const { StackId } = await cloudFormation.send(
          new CreateStackCommand({ StackName: name, TemplateBody, ...capabilities }),
        );
        await settled(cloudFormation, StackId!, 'CREATE_COMPLETE');
      });
      const changed = await timed(async () => {
        const TemplateBody = template(2);
        const { StackId } = await cloudFormation.send(
          new UpdateStackCommand({ StackName: name, TemplateBody, ...capabilities }),
        );
        await settled(cloudFormation, StackId!, 'UPDATE_COMPLETE');
      });
      const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: name }));
      const gone = await timed(async () => {
        await cloudFormation.send(new DeleteStackCommand({ StackName: name }));
        await settled(cloudFormation, Stacks![0]!.StackId!, 'DELETE_COMPLETE');
      });
      const floor = await timed(() => calls(sqs, round));
      // The first round warms up.
      if (round === 0) continue;
      times.create.push(made);
      times.update.push(changed);
      times.delete.push(gone);
      times.floor.push(floor);
    }
  } finally {
    cloudFormation.destroy();
    sqs.destroy();
    await rm(directory, { recursive: true, force: true });
  }
  const floor = { name: '30 queues made one call at a time', value: median(times.floor) };
  return (['create', 'update', 'delete'] as const).map((what): Figure => {
    const value = median(times[what]);
    return {
      name: `a stack of 30 resources: ${what}`,
      value,
      unit: 'ms',
      floor,
      target: { value: DEPLOY_MS_MAX, met: value <= DEPLOY_MS_MAX },
    };
  });
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await act();
  return performance.now() - begun;
}

async function settled(client: CloudFormationClient, StackName: string, wanted: string): Promise<void> {
  for (;;) {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName }));
    const status = Stacks![0]!.StackStatus!;
    if (status === wanted) return;
    if (!status.endsWith('_IN_PROGRESS')) throw new Error(`${StackName}: ${status} ${Stacks![0]!.StackStatusReason}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}

async function calls(sqs: SQSClient, round: number): Promise<void> {
  const urls: string[] = [];
  for (let index = 0; index < 30; index++) {
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: `floor-${round}-${index}` }));
    urls.push(QueueUrl!);
  }
  await Promise.all(urls.map((QueueUrl) => sqs.send(new DeleteQueueCommand({ QueueUrl }))));
}

/** Five groups of six: queue, topic, subscription, role, function, log group; `mark` is what an update changes in each. */
function template(mark: number): string {
  const groups = Array.from({ length: GROUPS }, (_, index) => group(`G${index}`, mark));
  return JSON.stringify({ Resources: Object.assign({}, ...groups) });
}

function group(id: string, mark: number): object {
  const trust = { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' };
  return {
    [`${id}Queue`]: { Type: 'AWS::SQS::Queue', Properties: { DelaySeconds: mark } },
    [`${id}Topic`]: { Type: 'AWS::SNS::Topic', Properties: { DisplayName: String(mark) } },
    [`${id}Joint`]: {
      Type: 'AWS::SNS::Subscription',
      Properties: {
        TopicArn: { Ref: `${id}Topic` },
        Protocol: 'sqs',
        Endpoint: { 'Fn::GetAtt': [`${id}Queue`, 'Arn'] },
        RawMessageDelivery: mark > 1,
      },
    },
    [`${id}Role`]: {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [trust] },
        Description: String(mark),
      },
    },
    [`${id}Function`]: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Role: { 'Fn::GetAtt': [`${id}Role`, 'Arn'] },
        Code: { ZipFile: `exports.handler = async () => ${mark};` },
        Environment: { Variables: { QUEUE: { Ref: `${id}Queue` }, MARK: String(mark) } },
      },
    },
    [`${id}Lines`]: {
      Type: 'AWS::Logs::LogGroup',
      Properties: {
        LogGroupName: { 'Fn::Sub': `/aws/lambda/\${${id}Function}` },
        RetentionInDays: mark === 1 ? 7 : 14,
      },
    },
  };
}
