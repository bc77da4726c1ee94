import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  type Stack,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import {
  GetFunctionEventInvokeConfigCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
} from '@aws-sdk/client-lambda';
import { ListSubscriptionsCommand, ListTopicsCommand, SNSClient } from '@aws-sdk/client-sns';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { seededRandom } from '../../src/base/index.ts';
import { Program } from '../cli/program.ts';
import { aMoment } from '../support/eventually.ts';

/** Seeds of the normal suite; a longer run takes `SEEDS=50`. */
const SEEDS = Number(process.env.SEEDS ?? 2);

const TEMPLATE = (mark: string) => `
Transform: AWS::Serverless-2016-10-31
Resources:
  Dead: { Type: AWS::SQS::Queue }
  Jobs:
    Type: AWS::SQS::Queue
    Properties: { QueueName: jobs-${mark}, RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3 } }
  Alerts: { Type: AWS::SNS::Topic, Properties: { DisplayName: '${mark}' } }
  ToJobs:
    Type: AWS::SNS::Subscription
    Properties: { TopicArn: !Ref Alerts, Protocol: sqs, Endpoint: !GetAtt Jobs.Arn, FilterPolicy: { mark: ['${mark}'] } }
  JobsPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties: { Queues: [!Ref Jobs], PolicyDocument: { Statement: [{ Effect: Allow, Principal: '*', Action: sqs:SendMessage, Resource: '*' }] } }
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs24.x
      Handler: index.handler
      Role: arn:aws:iam::000000000000:role/worker
      InlineCode: "exports.handler = async () => '${mark}'"
      EventInvokeConfig: { MaximumRetryAttempts: 1, DestinationConfig: { OnFailure: { Type: SQS } } }
      Events:
        FromJobs: { Type: SQS, Properties: { Queue: !GetAtt Jobs.Arn, BatchSize: ${mark.length} } }
        FromAlerts: { Type: SNS, Properties: { Topic: !Ref Alerts } }
`;

/** A node that is killed and started again on its data. */
class Killable implements AsyncDisposable {
  readonly #directory: string;
  #program!: Program;
  cloudFormation!: CloudFormationClient;
  lambda!: LambdaClient;
  sns!: SNSClient;
  sqs!: SQSClient;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async start(): Promise<void> {
    const args = ['dev', '--data-dir', join(this.#directory, 'data'), '--http-port', '0', '--mqtt-port', '0'];
    this.#program = new Program(this.#directory, args);
    const [, endpoint] = await this.#program.until('out', /ready (\S+)/);
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const options = { endpoint: endpoint!, region: 'us-east-1', credentials, maxAttempts: 1 };
    this.cloudFormation = new CloudFormationClient(options);
    this.lambda = new LambdaClient(options);
    this.sns = new SNSClient(options);
    this.sqs = new SQSClient(options);
  }

  /** Sends a command and kills the node after so many questions about the stack; then starts it again. */
  async killDuring(command: any, steps: number): Promise<void> {
    const sent = this.cloudFormation.send(command).catch(() => {});
    for (let step = 0; step < steps; step++) await this.find().catch(() => {});
    this.#program.signal('SIGKILL');
    await this.#program.exit();
    await sent;
    await this.start();
  }

  async find(): Promise<Stack | undefined> {
    const { Stacks } = await this.cloudFormation.send(new DescribeStacksCommand({}));
    return Stacks!.find(({ StackStatus }) => StackStatus !== 'DELETE_COMPLETE');
  }

  /** The stack once it has come to rest; `undefined` when there is none. */
  async settled(): Promise<Stack | undefined> {
    for (;;) {
      const stack = await this.find();
      if (!stack || !stack.StackStatus!.endsWith('_IN_PROGRESS')) return stack;
      await aMoment();
    }
  }

  async resources(): Promise<Record<string, string>> {
    const found = await this.cloudFormation.send(new DescribeStackResourcesCommand({ StackName: 'app' }));
    return Object.fromEntries(found.StackResources!.map((one) => [one.LogicalResourceId!, one.PhysicalResourceId!]));
  }

  /** Everything that the node holds. */
  async standing(): Promise<readonly string[]> {
    const [queues, topics, subscriptions, functions, mappings] = await Promise.all([
      this.sqs.send(new ListQueuesCommand({})).then(({ QueueUrls = [] }) => QueueUrls.map(nameOf)),
      this.sns.send(new ListTopicsCommand({})).then(({ Topics }) => Topics!.map((one) => one.TopicArn!)),
      this.sns
        .send(new ListSubscriptionsCommand({}))
        .then(({ Subscriptions }) => Subscriptions!.map((one) => one.SubscriptionArn!)),
      this.lambda
        .send(new ListFunctionsCommand({}))
        .then(({ Functions }) => Functions!.map((one) => one.FunctionName!)),
      this.lambda
        .send(new ListEventSourceMappingsCommand({}))
        .then(({ EventSourceMappings }) => EventSourceMappings!.map((one) => one.UUID!)),
    ]);
    return [...queues, ...topics, ...subscriptions, ...functions, ...mappings].sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of [this.cloudFormation, this.lambda, this.sns, this.sqs]) client?.destroy();
    await this.#program?.[Symbol.asyncDispose]();
  }
}

/** Queues are named by their URL, whose port changes with each start. */
const nameOf = (url: string) => new URL(url).pathname;

const HELD = ['Dead', 'Jobs', 'Alerts', 'ToJobs', 'Worker', 'WorkerFromJobs', 'WorkerFromAlerts'];

/** What stands in the node is what the stack says, and works as one. */
async function checkWhole(node: Killable, mark: string, story: string): Promise<void> {
  const resources = await node.resources();
  const held = [...HELD, 'WorkerEventInvokeConfigOnFailureQueue'].map((id) => resources[id]!);
  const expected = held.map((id) => (id.startsWith('http') ? nameOf(id) : id)).sort();
  assert.deepEqual(await node.standing(), expected, story);
  assert.match(resources.Jobs!, new RegExp(`/jobs-${mark}$`), story);
  const invoke = await node.lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName: resources.Worker! }));
  assert.equal(invoke.MaximumRetryAttempts, 1, story);
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`seed ${seed}: a node killed in the middle of a stack's creation, update and deletion ends what it began`, async () => {
    const random = seededRandom(seed);
    const steps = () => Math.floor(random.next() * 40);
    const directory = await mkdtemp(join(tmpdir(), 'millrace-kill-'));
    try {
      await using node = new Killable(directory);
      await node.start();
      const template = (mark: string) => ({
        StackName: 'app',
        TemplateBody: TEMPLATE(mark),
        Capabilities: ['CAPABILITY_IAM' as const, 'CAPABILITY_AUTO_EXPAND' as const],
      });
      await node.killDuring(new CreateStackCommand(template('a')), steps());
      // A kill before the request was stored leaves nothing: then it is made again, as a client would.
      if ((await node.settled()) === undefined) {
        assert.deepEqual(await node.standing(), []);
        await node.cloudFormation.send(new CreateStackCommand(template('a')));
      }
      assert.equal((await node.settled())!.StackStatus, 'CREATE_COMPLETE');
      await checkWhole(node, 'a', 'created');

      await node.killDuring(new UpdateStackCommand(template('bb')), steps());
      if ((await node.settled())!.StackStatus === 'CREATE_COMPLETE') {
        await checkWhole(node, 'a', 'the update was not taken');
        await node.cloudFormation.send(new UpdateStackCommand(template('bb')));
      }
      assert.equal((await node.settled())!.StackStatus, 'UPDATE_COMPLETE');
      await checkWhole(node, 'bb', 'updated');

      await node.killDuring(new DeleteStackCommand({ StackName: 'app' }), steps());
      if ((await node.settled())?.StackStatus === 'UPDATE_COMPLETE') {
        await node.cloudFormation.send(new DeleteStackCommand({ StackName: 'app' }));
      }
      assert.equal(await node.settled(), undefined);
      assert.deepEqual(await node.standing(), []);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}
