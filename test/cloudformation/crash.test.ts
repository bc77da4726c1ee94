import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ACCOUNT_ID, DomainError, type Random, seededRandom, systemClock } from '../../src/base/index.ts';
import { type OpenCloudFormation, openStacks } from '../../src/services/cloudformation/cloudformation.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/records/index.ts';
import { newTrace, silentLogger } from '../../src/telemetry/index.ts';
import { FakeServices } from './fake-services.ts';

/** Seeds of the normal suite; a longer run takes `SEEDS=1000`. */
const SEEDS = Number(process.env.SEEDS ?? 25);
const STEPS = 6;
const SPACES = ['stacks', 'definitions', 'events', 'change-sets'].map((name) => `cloudformation/${name}`);

let directory: string;
let records: Records;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-crash-'));
  records = await openEmbeddedRecords({ directory });
});

after(async () => {
  await records[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/**
 * A node that can lose its power: from the crash on nothing it does has an effect and nothing it waits for comes. What the last
 * call or commit did may or may not have happened, unknown to it.
 */
class Node {
  cloudformation!: OpenCloudFormation;
  readonly crashed: Promise<void>;
  #left: number;
  readonly #random: Random;
  /** Nothing counts before the service is open. */
  #open = false;
  #dead = false;
  #die!: () => void;

  private constructor(actionsUntilCrash: number, random: Random) {
    this.#left = actionsUntilCrash;
    this.#random = random;
    this.crashed = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  static async start(
    services: FakeServices,
    random: Random,
    actionsUntilCrash = Number.POSITIVE_INFINITY,
  ): Promise<Node> {
    const node = new Node(actionsUntilCrash, random);
    node.cloudformation = await openStacks({
      records: new Proxy(records, {
        get: (target, name) => {
          if (name === 'commit') return (transaction: any) => node.#act(() => target.commit(transaction));
          const member = target[name as keyof Records];
          return typeof member === 'function' ? member.bind(target) : member;
        },
      }),
      call: (...call) => node.#act(() => services.call(...call)),
      readObject: () => Promise.reject(new Error('none')),
      callbackBase: () => 'http://127.0.0.1:4566',
      clock: systemClock,
      random,
      logger: silentLogger,
      promptMs: 0,
    });
    node.#open = true;
    return node;
  }

  async #act<T>(action: () => Promise<T>): Promise<T> {
    if (this.#dead) return forever();
    if (!this.#open || this.#left-- > 0) return action();
    this.#dead = true;
    // Half of the crashes fall behind the deed, half before it.
    if (this.#random.next() < 0.5) await action().catch(() => {});
    this.#die();
    return forever();
  }

  call(operation: string, input: object): Promise<any> {
    const context = {
      requestId: 'r',
      region: 'us-east-1',
      caller: { accountId: ACCOUNT_ID, arn: `arn:aws:iam::${ACCOUNT_ID}:root` },
      endpoint: 'http://127.0.0.1:4566',
      signal: new AbortController().signal,
      trace: newTrace(this.#random),
    };
    return Promise.resolve(this.cloudformation.service.operations[operation]!(input, context));
  }
}

const forever = <T>() => new Promise<T>(() => {});

const TYPES = [
  { Type: 'AWS::SQS::Queue', property: 'DelaySeconds' },
  { Type: 'AWS::SNS::Topic', property: 'DisplayName' },
  { Type: 'AWS::Logs::LogGroup', property: 'RetentionInDays' },
] as const;

/** A template of two to five resources, some named so that a new name replaces them, with references without a circle. */
function randomTemplate(random: Random): object {
  const pick = (below: number) => Math.floor(random.next() * below);
  const ids = ['A', 'B', 'C', 'D', 'E'].slice(0, 2 + pick(4));
  const resources = ids.map((id, index) => {
    const { Type, property } = TYPES[index % TYPES.length]!;
    const dependsOn = ids.slice(0, index).filter(() => random.next() < 0.4);
    const nameProperty = {
      'AWS::SQS::Queue': 'QueueName',
      'AWS::SNS::Topic': 'TopicName',
      'AWS::Logs::LogGroup': 'LogGroupName',
    }[Type];
    const name = random.next() < 0.4 ? { [nameProperty]: `${id}-name-${pick(3)}` } : {};
    return [id, { Type, DependsOn: dependsOn, Properties: { [property]: String(1 + pick(3)), ...name } }];
  });
  const joined = JOINED.filter(() => random.next() < 0.4).map((one) => one(1 + pick(3)));
  return { Resources: Object.fromEntries([...resources, ...joined]) };
}

/** What joins the queue `A` and the topic `B`: things whose ids the services give, and one that is only a setting of another. */
const JOINED = [
  (mark: number) => [
    'Subscription',
    {
      Type: 'AWS::SNS::Subscription',
      Properties: {
        TopicArn: { Ref: 'B' },
        Protocol: 'sqs',
        Endpoint: { 'Fn::GetAtt': ['A', 'Arn'] },
        RawMessageDelivery: mark > 1,
      },
    },
  ],
  (mark: number) => [
    'Mapping',
    {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { FunctionName: 'fn', EventSourceArn: { 'Fn::GetAtt': ['A', 'Arn'] }, BatchSize: mark },
    },
  ],
  (mark: number) => [
    'Policy',
    {
      Type: 'AWS::SQS::QueuePolicy',
      Properties: { Queues: [{ Ref: 'A' }], PolicyDocument: { Statement: [], Id: String(mark) } },
    },
  ],
] as const;

const FALLIBLE = [
  'sqs:CreateQueue',
  'sqs:SetQueueAttributes',
  'sns:CreateTopic',
  'sns:SetTopicAttributes',
  'logs:CreateLogGroup',
  'logs:PutRetentionPolicy',
  'sns:Subscribe',
  'sns:SetSubscriptionAttributes',
  'lambda:CreateEventSourceMapping',
  'lambda:UpdateEventSourceMapping',
];

/** What stands in the world is what the stack says, no more and no less. */
function check(node: Node, services: FakeServices, story: string): void {
  const stack = node.cloudformation.stacks.find('us-east-1', 'app');
  const standing = Object.values(stack?.resources ?? {}).filter(
    ({ physicalId, status }) => physicalId !== '' && status !== 'DELETE_COMPLETE',
  );
  const nameOf = (text: string) => text.split(/[/:]/).at(-1)!;
  const names = standing
    .filter(({ type }) => type !== 'AWS::SQS::QueuePolicy')
    .map(({ physicalId }) => nameOf(physicalId));
  assert.deepEqual([...names].sort(), services.standing, story);
  const governed = standing.flatMap(({ properties }) => (properties.Queues ?? []) as readonly string[]).map(nameOf);
  const governing = [...services.queues].filter(([, attributes]) => attributes.Policy).map(([name]) => name);
  // A cleanup goes on over what it cannot take away, as on AWS: only then may a policy be left.
  if (!story.includes('sqs:SetQueueAttributes fails')) assert.deepEqual(governing, governed, story);
  for (const resource of standing) {
    assert.equal(resource.pending, undefined, story);
    const name = nameOf(resource.physicalId);
    const delay = resource.properties.DelaySeconds;
    if (delay !== undefined) assert.equal(services.queues.get(name)!.DelaySeconds ?? '0', String(delay), story);
    const display = resource.properties.DisplayName;
    if (display !== undefined) assert.equal(services.topics.get(name)!.DisplayName, display, story);
    const { RawMessageDelivery: raw, BatchSize: batch, Queues: queues, PolicyDocument: policy } = resource.properties;
    if (raw !== undefined) assert.equal(services.subscriptions.get(name)!.RawMessageDelivery, String(raw), story);
    if (batch !== undefined) assert.equal(services.mappings.get(name)!.BatchSize, batch, story);
    if (policy !== undefined) {
      const [queue] = queues as readonly string[];
      assert.equal(services.queues.get(nameOf(queue!))!.Policy, JSON.stringify(policy), story);
    }
    const retention = resource.properties.RetentionInDays;
    if (retention !== undefined) assert.equal(services.groups.get(name)!.retention, retention, story);
  }
}

async function settled(node: Node): Promise<void> {
  const stack = node.cloudformation.stacks.list('us-east-1')[0];
  if (stack) await node.cloudformation.stacks.settled(stack);
}

/** One life of a stack, with failures and power cuts. */
async function live(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const services = new FakeServices();
  const story: string[] = [`seed ${seed}`];
  for (let step = 0; step < STEPS; step++) {
    const actions = random.next() < 0.7 ? Math.floor(random.next() * 40) : Number.POSITIVE_INFINITY;
    let node = await Node.start(services, random, actions);
    const failing = random.next() < 0.4 ? FALLIBLE[Math.floor(random.next() * FALLIBLE.length)]! : undefined;
    if (failing) services.fail(failing, new DomainError('InvalidParameter', 'no'), 1);
    const stack = node.cloudformation.stacks.find('us-east-1', 'app');
    const operation = !stack
      ? 'CreateStack'
      : random.next() < 0.25 || stack.status === 'ROLLBACK_COMPLETE'
        ? 'DeleteStack'
        : 'UpdateStack';
    const TemplateBody = JSON.stringify(randomTemplate(random));
    story.push(
      `${operation}${failing ? `, ${failing} fails` : ''}, crash after ${actions}: ${operation === 'DeleteStack' ? '' : TemplateBody}`,
    );
    const run = node.call(operation, { StackName: 'app', ...(operation !== 'DeleteStack' && { TemplateBody }) });
    // A refused request (nothing to update, a name that must change) leaves all as it was.
    await Promise.race([node.crashed, run.then(() => settled(node)).catch(() => {})]);
    node = await Node.start(services, random);
    node.cloudformation.resume();
    await settled(node);
    if (failing) services.heal(failing);
    story.push(`-> ${node.cloudformation.stacks.find('us-east-1', 'app')?.status ?? 'gone'}`);
    check(node, services, story.join('\n'));
  }
}

test(`${SEEDS} lives of a stack with failures and power cuts: nothing is lost, left over or half done`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    for (const space of SPACES) await records.dropSpace(space);
    await live(seed);
  }
});
