import assert from 'node:assert/strict';
import { ACCOUNT_ID, systemClock, systemRandom } from '../../../src/base/index.ts';
import { openDelivery } from '../../../src/delivery/index.ts';
import { type OpenCloudFormation, openStacks } from '../../../src/services/cloudformation/cloudformation.ts';
import { callServices } from '../../../src/services/cloudformation/index.ts';
import type { Stack } from '../../../src/services/cloudformation/stacks/model.ts';
import type { Service } from '../../../src/services/index.ts';
import { openSns } from '../../../src/services/sns/index.ts';
import { openSqs } from '../../../src/services/sqs/index.ts';
import { openEmbeddedRecords } from '../../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../../src/telemetry/index.ts';
import { CONTEXT } from '../../support/operations.ts';
import type { CrashSubject, HistoryEntry } from '../subject.ts';

/**
 * - `put` makes or changes a stack, so that its queues bear the step's number; - `fail` tries to, and is rolled back.
 * The stack `taker` imports a queue of that number instead, or tries to.
 */
type Kind = 'put' | 'fail' | 'delete';

interface Step {
  readonly kind: Kind;
  readonly stack: string;
}

interface Store extends AsyncDisposable {
  readonly cloudformation: OpenCloudFormation;
  readonly call: (service: string, operation: string, input: object) => Promise<any>;
  /** Steps on one stack follow each other. */
  readonly turns: Map<string, Promise<unknown>>;
}

const STACKS = ['a', 'b', 'c'];
const TAKER = 'taker';
const REGION = 'us-east-1';

/** What is below: a queue that each step replaces, and a topic that each changes. */
const INNER = {
  Parameters: { Stack: { Type: 'String' }, Mark: { Type: 'String' } },
  Resources: {
    Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: { 'Fn::Sub': 'inner-${Stack}-${Mark}' } } },
    Topic: { Type: 'AWS::SNS::Topic', Properties: { DisplayName: { Ref: 'Mark' } } },
  },
  Outputs: { Arn: { Value: { 'Fn::GetAtt': ['Queue', 'Arn'] } } },
};

const template = (stack: string, mark: number, fails: boolean) => ({
  Resources: {
    Inner: {
      Type: 'AWS::CloudFormation::Stack',
      Properties: { TemplateURL: 'http://h/templates/inner', Parameters: { Stack: stack, Mark: String(mark) } },
    },
    Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: `outer-${stack}-${mark}` } },
    Topic: { Type: 'AWS::SNS::Topic', Properties: { DisplayName: String(mark) } },
    Joint: {
      Type: 'AWS::SNS::Subscription',
      Properties: { TopicArn: { Ref: 'Topic' }, Protocol: 'sqs', Endpoint: { 'Fn::GetAtt': ['Inner', 'Outputs.Arn'] } },
    },
    // The service refuses a delay of a day: then all that was done before is undone.
    Last: {
      Type: 'AWS::SQS::Queue',
      DependsOn: ['Queue', 'Topic', 'Joint'],
      Properties: { DelaySeconds: fails ? 86_400 : mark % 900 },
    },
  },
});

const takenName = (mark: number) => `${TAKER}-${mark}`;
const takenQueue = (mark: number) => ({
  Type: 'AWS::SQS::Queue',
  DeletionPolicy: 'Delete',
  Properties: { QueueName: takenName(mark) },
});

/**
 * Stacks with a stack in each, over real queues and topics: made, changed (by change sets too), rolled back and deleted, and one that
 * imports queues. After a crash every stack comes to
 * rest, the services hold exactly what the stacks say, and what was answered is in force.
 */
export const stacksSubject: CrashSubject<Store, Step> = {
  name: 'stacks',
  kills: 3,
  simulated: false,
  concurrency: 3,
  linesMax: 24,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory }));
    const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
    const delivery = scope.use(await openDelivery({ records, ...ground }));
    const sqs = scope.use(await openSqs({ records, ...ground }));
    const sns = scope.use(await openSns({ records, delivery, endpoint: () => 'http://h', ...ground }));
    delivery.register('sqs', sqs.target);
    const services: Service[] = [sqs.service, sns.service];
    const inProcess = callServices({
      find: (name) => services.find((service) => service.name === name),
      endpoint: () => 'http://h',
      random: systemRandom,
      signal: new AbortController().signal,
      authorize: () => {},
    });
    const cloudformation = scope.use(
      await openStacks({
        records,
        call: inProcess,
        readObject: async () => {
          const text = Buffer.from(JSON.stringify(INNER));
          return (async function* () {
            yield text;
          })();
        },
        callbackBase: () => 'http://h',
        promptMs: 0,
        ...ground,
      }),
    );
    services.push(cloudformation.service);
    cloudformation.resume();
    const { stacks } = cloudformation;
    await Promise.all(stacks.list(REGION).map((stack) => stacks.settled(stack)));
    const caller = { accountId: ACCOUNT_ID, arn: `arn:aws:iam::${ACCOUNT_ID}:root` };
    const owned = scope.move();
    return {
      cloudformation,
      call: (service, operation, input) => inProcess(service, operation, input, { region: CONTEXT.region, caller }),
      turns: new Map(),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  },

  plan(random) {
    const which = random.next();
    const names = [...STACKS, TAKER];
    const stack = names[Math.floor(random.next() * names.length)]!;
    return { stack, kind: which < 0.5 ? 'put' : which < 0.75 ? 'fail' : 'delete' };
  },

  run(store, step, id) {
    const turn = (store.turns.get(step.stack) ?? Promise.resolve()).then(() => perform(store, step, id));
    store.turns.set(
      step.stack,
      turn.catch(() => {}),
    );
    return turn;
  },

  isRefusal: () => false,

  async verify(store, history) {
    const done = new Set<number>();
    const named: string[] = [];
    for (const name of STACKS) {
      const mark = checkStack(store, name, named);
      for (const id of whatIs(history, name, mark)) done.add(id);
    }
    for (const id of await takenBy(store, history, named)) done.add(id);
    const stacks = store.cloudformation.stacks.list(REGION);
    for (const { status, name, parentId } of stacks) {
      // A new one of which only a change set was made is at rest too.
      assert.doesNotMatch(status, /(?<!^REVIEW)_IN_PROGRESS$|_FAILED$/, `${name} has come to rest`);
      const parent = stacks.find(({ id }) => id === parentId);
      if (parentId !== undefined && status !== 'DELETE_COMPLETE') {
        assert.ok(parent && Object.values(parent.resources).some(({ physicalId }) => physicalId.includes(name)), name);
      }
    }
    // A queue that is not imported, or not yet, is nobody's.
    const isOwned = (one: string) => !one.startsWith(TAKER) || named.includes(one);
    assert.deepEqual((await standing(store)).filter(isOwned), named.sort(), 'the services hold what the stacks say');
    return done;
  },
};

async function perform(
  { call, cloudformation: { stacks } }: Store,
  { stack, kind }: Step,
  mark: number,
): Promise<void> {
  const settled = async () => {
    const found = stacks.find(REGION, stack);
    return found && stacks.settled(found);
  };
  const remove = async () => {
    const found = stacks.find(REGION, stack);
    await call('cloudformation', 'DeleteStack', { StackName: stack });
    if (found) await stacks.settled(found);
  };
  if (kind === 'delete') return remove();
  const proposed = { StackName: stack, ChangeSetName: `set-${mark}` };
  if (stack === TAKER) {
    await proposeTaking({ call, cloudformation: { stacks } }, proposed, mark, kind === 'fail');
    await call('cloudformation', 'ExecuteChangeSet', proposed);
    assert.equal((await settled())!.status, kind === 'put' ? 'IMPORT_COMPLETE' : 'IMPORT_ROLLBACK_COMPLETE');
    return;
  }
  if (stacks.find(REGION, stack)?.status === 'ROLLBACK_COMPLETE') await remove();
  const TemplateBody = JSON.stringify(template(stack, mark, kind === 'fail'));
  if (stacks.find(REGION, stack) && mark % 2 === 0) {
    await call('cloudformation', 'CreateChangeSet', { ...proposed, TemplateBody, IncludeNestedStacks: true });
    await call('cloudformation', 'ExecuteChangeSet', proposed);
  } else {
    const operation = stacks.find(REGION, stack) ? 'UpdateStack' : 'CreateStack';
    await call('cloudformation', operation, { StackName: stack, TemplateBody });
  }
  const { status } = (await settled())!;
  const expected = kind === 'put' ? /^(CREATE|UPDATE)_COMPLETE$/ : /ROLLBACK_COMPLETE$/;
  assert.match(status, expected, `${kind} of ${stack}`);
}

/** Makes a queue and proposes to import it; one that is to fail comes with another that is gone by then. */
async function proposeTaking(
  {
    call,
    cloudformation: { stacks },
  }: Pick<Store, 'call'> & { readonly cloudformation: Pick<OpenCloudFormation, 'stacks'> },
  proposed: { readonly StackName: string; readonly ChangeSetName: string },
  mark: number,
  fails: boolean,
): Promise<void> {
  const make = async (QueueName: string) => (await call('sqs', 'CreateQueue', { QueueName })).QueueUrl as string;
  const held = marksOf(stacks.find(REGION, TAKER));
  const gone = { Type: 'AWS::SQS::Queue', DeletionPolicy: 'Retain', DependsOn: `Taken${mark}` };
  const Resources = {
    ...Object.fromEntries([...held, mark].map((one) => [`Taken${one}`, takenQueue(one)])),
    ...(fails && { Gone: gone }),
  };
  const targets = {
    [`Taken${mark}`]: await make(takenName(mark)),
    ...(fails && { Gone: await make(`${TAKER}-gone-${mark}`) }),
  };
  await call('cloudformation', 'CreateChangeSet', {
    ...proposed,
    ChangeSetType: 'IMPORT',
    TemplateBody: JSON.stringify({ Resources }),
    ResourcesToImport: Object.entries(targets).map(([LogicalResourceId, QueueUrl]) => ({
      ResourceType: 'AWS::SQS::Queue',
      LogicalResourceId,
      ResourceIdentifier: { QueueUrl },
    })),
  });
  if (fails) await call('sqs', 'DeleteQueue', { QueueUrl: targets.Gone });
}

/** Numbers of the queues that the importing stack holds. */
function marksOf(stack: Stack | undefined): readonly number[] {
  const held = Object.values(stack?.resources ?? {}).filter(({ physicalId }) => physicalId !== '');
  return held.map(({ physicalId }) => Number(nameOf(physicalId).slice(TAKER.length + 1))).sort((a, b) => a - b);
}

/**
 * Holds the importing stack to the history: it has what was imported and not deleted since, and what it failed to import is still there.
 * @returns ids of the steps that nobody knew of, and that were done
 */
async function takenBy(
  { call, cloudformation: { stacks } }: Store,
  history: readonly HistoryEntry<Step>[],
  named: string[],
): Promise<readonly number[]> {
  const held = marksOf(stacks.find(REGION, TAKER));
  named.push(...held.map(takenName));
  const steps = history.filter(({ step, outcome }) => step.stack === TAKER && outcome !== 'refused');
  const after = (ids: ReadonlySet<number>) => {
    const done = steps.filter(({ id, step }) => ids.has(id) && step.kind !== 'fail');
    const deleted = done.findLastIndex(({ step }) => step.kind === 'delete');
    return done.slice(deleted + 1).map(({ id }) => id);
  };
  const known = steps.filter(({ outcome }) => outcome === 'acknowledged').map(({ id }) => id);
  const unknown = steps.filter(({ outcome }) => outcome === 'unknown').map(({ id }) => id);
  // Steps on one stack follow each other: those that were done come first.
  const possible = [...unknown.keys(), unknown.length].map((count) => new Set([...known, ...unknown.slice(0, count)]));
  const found = possible.find((ids) => after(ids).join() === held.join());
  assert.ok(found, `${TAKER} has ${held.join()}, not ${possible.map((ids) => after(ids).join()).join(' or ')}`);
  const { QueueUrls = [] } = await call('sqs', 'ListQueues', { QueueNamePrefix: TAKER });
  const queues = new Set((QueueUrls as string[]).map(nameOf));
  for (const { id, step, outcome } of steps) {
    if (step.kind === 'fail' && outcome === 'acknowledged')
      assert.ok(queues.has(takenName(id)), `${takenName(id)} stays`);
  }
  return unknown.filter((id) => found.has(id));
}

/** What a stack holds, by the names that the services know. @returns the number that its queues bear; `undefined` without them */
function checkStack({ cloudformation: { stacks } }: Store, name: string, named: string[]): number | undefined {
  const stack = stacks.find(REGION, name);
  const held = (one: typeof stack): string[] =>
    Object.values(one?.resources ?? {})
      .filter(({ physicalId, status }) => physicalId !== '' && status !== 'DELETE_COMPLETE')
      .flatMap(({ type, physicalId }) =>
        type === 'AWS::CloudFormation::Stack' ? held(stacks.find(REGION, physicalId)) : [nameOf(physicalId)],
      );
  const names = held(stack);
  named.push(...names);
  const marks = names.map((one) => /^(?:inner|outer)-\w+-(\d+)$/.exec(one)?.[1]).filter((one) => one !== undefined);
  if (names.length === 0) return undefined;
  assert.equal(names.length, 6, `${name} is whole: ${names.join(', ')}`);
  assert.equal(new Set(marks).size, 1, `${name} is of one update: ${names.join(', ')}`);
  return Number(marks[0]);
}

/** @returns ids of the steps that nobody knew of, and that were done */
function whatIs(history: readonly HistoryEntry<Step>[], name: string, mark: number | undefined): readonly number[] {
  const steps = history.filter(({ step }) => step.stack === name && step.kind !== 'fail');
  const last = steps.findLastIndex(({ outcome }) => outcome === 'acknowledged');
  const allowed = steps
    .filter(({ outcome }, index) => index === last || (index > last && outcome === 'unknown'))
    .map(({ id, step }) => (step.kind === 'put' ? id : undefined));
  if (last < 0) allowed.push(undefined);
  // A `put` or a `fail` on a stack that was rolled back takes that away first.
  assert.ok(allowed.includes(mark), `${name} has ${mark}, not one of ${allowed.join(', ')}`);
  return steps
    .filter(
      ({ id, step, outcome }) => outcome === 'unknown' && (step.kind === 'put' ? id === mark : mark === undefined),
    )
    .map(({ id }) => id);
}

async function standing({ call }: Store): Promise<readonly string[]> {
  const [{ QueueUrls = [] }, { Topics = [] }, { Subscriptions = [] }] = await Promise.all([
    call('sqs', 'ListQueues', {}),
    call('sns', 'ListTopics', {}),
    call('sns', 'ListSubscriptions', {}),
  ]);
  const names = [
    ...QueueUrls,
    ...Topics.map(({ TopicArn }: any) => TopicArn),
    ...Subscriptions.map(({ SubscriptionArn }: any) => SubscriptionArn),
  ];
  return names.map(nameOf).sort();
}

const nameOf = (text: string) => text.split(/[/:]/).at(-1)!;
