import assert from 'node:assert/strict';
import { systemRandom } from '../../../src/base/index.ts';
import { type Outbox, openDelivery } from '../../../src/delivery/index.ts';
import { openSns } from '../../../src/services/sns/index.ts';
import { openSqs } from '../../../src/services/sqs/index.ts';
import { openEmbeddedRecords } from '../../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../../src/telemetry/index.ts';
import { CONTEXT } from '../../support/operations.ts';
import type { CrashSubject } from '../subject.ts';
import { drained } from './drained.ts';
import { clockOf, Ledger } from './ledger.ts';

type Step =
  | { readonly kind: 'standard'; readonly entries: number }
  | { readonly kind: 'fifo'; readonly group: string; readonly copies: number }
  | { readonly kind: 'consume' };

interface Store extends AsyncDisposable {
  readonly call: (operation: string, input: object) => Promise<any>;
  readonly delivery: Outbox;
  readonly ledger: Ledger;
}

const ARN = 'arn:aws:sns:us-east-1:000000000000';
const TOPICS = { standard: `${ARN}:plain`, fifo: `${ARN}:ordered.fifo` };
const QUEUES = ['plain-1', 'plain-2', 'plain-3', 'ordered-1.fifo', 'ordered-2.fifo', 'unordered'];
const GROUPS = ['g1', 'g2'];

/**
 * A standard topic with three queues, and a FIFO topic with two FIFO queues and a standard one. A publish that was answered must
 * be in each queue of its topic; FIFO queues have it once, and a group in order.
 */
export const snsSubject: CrashSubject<Store, Step> = {
  name: 'sns',
  kills: 4,
  simulated: false,
  concurrency: 8,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory }));
    const ground = { clock: clockOf(directory), random: systemRandom, logger: silentLogger, metrics: createMetrics() };
    const delivery = scope.use(await openDelivery({ records, ...ground }));
    const sqs = scope.use(await openSqs({ records, ...ground }));
    const sns = scope.use(await openSns({ records, delivery, endpoint: () => 'http://h', ...ground }));
    delivery.register('sqs', sqs.target);
    const operations = { ...sqs.service.operations, ...sns.service.operations };
    // At once and not in the next turn: the order of publishes is the order of their steps.
    const call = (operation: string, input: object) => Promise.resolve(operations[operation]!(input, CONTEXT));
    await setUp(call);
    const owned = scope.move();
    return { call, delivery, ledger: new Ledger(directory), [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },

  plan(random) {
    const which = random.next();
    if (which < 0.2) return { kind: 'consume' };
    if (which < 0.6) return { kind: 'standard', entries: random.next() < 0.3 ? 3 : 1 };
    const group = GROUPS[Math.floor(random.next() * GROUPS.length)]!;
    return { kind: 'fifo', group, copies: random.next() < 0.2 ? 2 : 1 };
  },

  async run(store, step, id) {
    if (step.kind === 'consume') return consume(store, QUEUES[id % QUEUES.length]!, id % 5 > 0);
    if (step.kind === 'standard') {
      const entries = Array.from({ length: step.entries }, (_, i) => ({ Id: `${i}`, Message: `${id}` }));
      return store.call('PublishBatch', { TopicArn: TOPICS.standard, PublishBatchRequestEntries: entries });
    }
    const input = {
      TopicArn: TOPICS.fifo,
      Message: `${id}`,
      MessageGroupId: step.group,
      MessageDeduplicationId: `${id}`,
    };
    // A client that has not heard of the first one publishes it again.
    await Promise.all(Array.from({ length: step.copies }, () => store.call('Publish', input)));
  },

  isRefusal: () => false,

  async verify(store, history) {
    await drained(store.delivery);
    for (const queue of QUEUES) while ((await consume(store, queue, true)) > 0);
    const seen = store.ledger.read();
    const has = (queue: string, id: number) => seen.get(queue)?.includes(id) ?? false;
    const done = new Set<number>();
    for (const { id, step, outcome } of history) {
      if (step.kind === 'consume') {
        done.add(id);
        continue;
      }
      const queues = QUEUES.filter((name) => name.startsWith('plain') === (step.kind === 'standard'));
      const found = queues.filter((queue) =>
        has(step.kind === 'fifo' && queue.endsWith('.fifo') ? `${queue}/${step.group}` : queue, id),
      );
      if (outcome === 'refused') assert.deepEqual(found, [], `${id} was never published`);
      if (outcome === 'acknowledged') assert.deepEqual(found, queues, `${id} was acknowledged and is not everywhere`);
      // FIFO deliveries are one transaction: whole or absent. Those of a standard topic are each on their own.
      if (step.kind === 'fifo' && found.length > 0) assert.deepEqual(found, queues, `${id} is there in part`);
      if (found.length > 0) done.add(id);
    }
    for (const [group, ids] of seen) {
      if (!group.includes('.fifo/')) continue;
      assert.deepEqual(
        ids,
        ids.toSorted((a, b) => a - b),
        `order of ${group}`,
      );
    }
    return done;
  },
};

/** Makes topics, queues and subscriptions; again and again the same. */
async function setUp(call: Store['call']): Promise<void> {
  await call('CreateTopic', { Name: 'plain' });
  await call('CreateTopic', { Name: 'ordered.fifo', Attributes: { FifoTopic: 'true' } });
  for (const QueueName of QUEUES) {
    const fifo = QueueName.endsWith('.fifo');
    await call('CreateQueue', { QueueName, ...(fifo && { Attributes: { FifoQueue: 'true' } }) });
    const TopicArn = QueueName.startsWith('plain') ? TOPICS.standard : TOPICS.fifo;
    const Endpoint = `arn:aws:sqs:us-east-1:000000000000:${QueueName}`;
    const Attributes = { RawMessageDelivery: 'true' };
    await call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint, Attributes });
  }
}

/** Receives a batch and deletes it, or leaves it to come again. @returns how many there were */
async function consume({ call, ledger }: Store, queue: string, isDone: boolean): Promise<number> {
  const QueueUrl = `http://h/000000000000/${queue}`;
  const input = { QueueUrl, MaxNumberOfMessages: 10, AttributeNames: ['MessageGroupId'] };
  const { Messages = [] } = await call('ReceiveMessage', input);
  for (const { Body, Attributes } of Messages) {
    const fifo = queue.endsWith('.fifo');
    ledger.note(fifo ? `${queue}/${Attributes.MessageGroupId}` : queue, Number(Body));
  }
  if (isDone && Messages.length > 0) {
    const Entries = Messages.map(({ ReceiptHandle }: any, i: number) => ({ Id: `${i}`, ReceiptHandle }));
    await call('DeleteMessageBatch', { QueueUrl, Entries });
  }
  return Messages.length;
}
