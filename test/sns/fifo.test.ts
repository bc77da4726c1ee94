import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import { openEmbeddedRecords } from '../../src/store/index.ts';
import { eventually } from '../pollers/fakes.ts';
import { type Node, newQueue, newTopic, openNode, receive, temporaryFolder } from './support.ts';

const FIFO = { FifoTopic: 'true' };
const RAW = { RawMessageDelivery: 'true' };

interface Seen {
  readonly body: string;
  readonly group: string | undefined;
  readonly id: string | undefined;
}

/** Everything that a queue holds, in the order in which it comes. */
async function drain(node: Node, QueueUrl: string, count: number): Promise<Seen[]> {
  const seen: Seen[] = [];
  while (seen.length < count) {
    const page = await receive(node, QueueUrl, 2);
    if (page.length === 0) break;
    for (const { Body, Attributes, ReceiptHandle } of page) {
      seen.push({ body: Body, group: Attributes.MessageGroupId, id: Attributes.MessageDeduplicationId });
      await node.call('DeleteMessage', { QueueUrl, ReceiptHandle });
    }
  }
  assert.deepEqual(await receive(node, QueueUrl, 0), []);
  return seen;
}

async function subscribedQueue(node: Node, TopicArn: string, fifo: boolean, Attributes: Record<string, string> = RAW) {
  const queue = await newQueue(node, fifo ? { FifoQueue: 'true' } : {});
  await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: queue.arn, Attributes });
  return queue;
}

const settled = (node: Node) =>
  eventually(() => node.delivery.edges().every(({ isIdle, pending }) => isIdle && pending === 0));

/** The guide's example: prices of car parts by product, for wholesale, retail and analytics. */
test('the price updates of the developer guide: groups in order, filtered by business, analytics in a standard queue', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node, FIFO);
  const filtered = (business: string) => ({ ...RAW, FilterPolicy: JSON.stringify({ business: [business] }) });
  const wholesale = await subscribedQueue(node, TopicArn, true, filtered('wholesale'));
  const retail = await subscribedQueue(node, TopicArn, true, filtered('retail'));
  const analytics = await subscribedQueue(node, TopicArn, false);
  const updates = ['1', '2', '3'].flatMap((price) =>
    ['PID-100', 'PID-200'].map((product) => ({ product, price, business: Number(price) % 2 ? 'wholesale' : 'retail' })),
  );
  const numbers: bigint[] = [];
  for (const { product, price, business } of updates) {
    const { SequenceNumber } = await node.call('Publish', {
      TopicArn,
      Message: `${product}=${price}`,
      MessageGroupId: product,
      MessageDeduplicationId: `${product}-${price}`,
      MessageAttributes: { business: { DataType: 'String', StringValue: business } },
    });
    numbers.push(BigInt(SequenceNumber));
  }
  for (let i = 1; i < numbers.length; i++) assert.ok(numbers[i]! > numbers[i - 1]!);
  const of = (seen: readonly Seen[], product: string) =>
    seen.filter(({ group }) => group === product).map(({ body }) => body);
  const sold = await drain(node, wholesale.QueueUrl, 4);
  assert.deepEqual(of(sold, 'PID-100'), ['PID-100=1', 'PID-100=3']);
  assert.deepEqual(of(sold, 'PID-200'), ['PID-200=1', 'PID-200=3']);
  assert.equal(sold[0]!.id, `${sold[0]!.group}-1`);
  assert.deepEqual(of(await drain(node, retail.QueueUrl, 2), 'PID-100'), ['PID-100=2']);
  const all = await drain(node, analytics.QueueUrl, 6);
  assert.equal(all.length, 6);
  // A standard queue is told neither group nor id, as on AWS.
  assert.deepEqual(new Set(all.map(({ group, id }) => `${group} ${id}`)), new Set(['undefined undefined']));
});

test('content-based deduplication takes the hash of the text, whatever the attributes are', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node, { ...FIFO, ContentBasedDeduplication: 'true' });
  const queue = await subscribedQueue(node, TopicArn, true);
  const standard = await subscribedQueue(node, TopicArn, false);
  const publish = (Message: string, more: object = {}) =>
    node.call('Publish', { TopicArn, Message, MessageGroupId: 'message-group-id-1', ...more });
  const MessageAttributes = { a: { DataType: 'String', StringValue: 'x' } };
  await publish('Test');
  await publish('Test', { MessageAttributes });
  await publish('Test', { MessageDeduplicationId: 'another-id' });
  await settled(node);
  const seen = await drain(node, queue.QueueUrl, 2);
  assert.deepEqual(
    seen.map(({ id }) => id),
    // SHA-256 of "Test", as AWS has answered it.
    ['532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25', 'another-id'],
  );
  assert.equal((await drain(node, standard.QueueUrl, 2)).length, 2);
});

test('an id is taken once in five minutes: by the topic, also for who subscribes later, or by the group', async () => {
  const clock = new SimulatedClock();
  await using node = await openNode({ clock });
  const publish = (TopicArn: string, MessageGroupId: string, Message: string) =>
    node.call('Publish', { TopicArn, Message, MessageGroupId, MessageDeduplicationId: 'the-id' });
  const TopicArn = await newTopic(node, FIFO);
  const first = await subscribedQueue(node, TopicArn, false);
  await publish(TopicArn, 'g', '1');
  const later = await subscribedQueue(node, TopicArn, false);
  await publish(TopicArn, 'h', '2');
  await Promise.all([publish(TopicArn, 'h', '3'), publish(TopicArn, 'i', '4')]);
  await settled(node);
  assert.deepEqual(
    (await drain(node, first.QueueUrl, 1)).map(({ body }) => body),
    ['1'],
  );
  assert.deepEqual(await receive(node, later.QueueUrl, 0), []);
  await clock.advance(300_001);
  await publish(TopicArn, 'g', '5');
  await settled(node);
  assert.deepEqual(
    (await drain(node, later.QueueUrl, 1)).map(({ body }) => body),
    ['5'],
  );
  const byGroup = await newTopic(node, { ...FIFO, FifoThroughputScope: 'MessageGroup' });
  const queue = await subscribedQueue(node, byGroup, false);
  for (const [group, text] of [
    ['g', '1'],
    ['h', '2'],
    ['g', '3'],
  ] as const)
    await publish(byGroup, group, text);
  await settled(node);
  assert.deepEqual((await drain(node, queue.QueueUrl, 2)).map(({ body }) => body).toSorted(), ['1', '2']);
});

test('an id that a clock which was ahead has noted is not held for that time', async () => {
  let aheadMs = 365 * 86_400_000;
  class AheadClock extends SimulatedClock {
    override now(): number {
      return super.now() + aheadMs;
    }
  }
  const clock = new AheadClock();
  await using node = await openNode({ clock });
  const TopicArn = await newTopic(node, { ...FIFO, ContentBasedDeduplication: 'true' });
  const { QueueUrl } = await subscribedQueue(node, TopicArn, true);
  const publish = () => node.call('Publish', { TopicArn, Message: 'pump on', MessageGroupId: 'g' });
  await publish();
  await settled(node);
  const [first] = await receive(node, QueueUrl, 0);
  await node.call('DeleteMessage', { QueueUrl, ReceiptHandle: first.ReceiptHandle });
  aheadMs = 0;
  await clock.advance(300_001);
  await publish();
  await settled(node);
  assert.equal((await receive(node, QueueUrl, 0)).length, 1);
});

test('ids whose five minutes are over are forgotten on disk too', async () => {
  const clock = new SimulatedClock();
  await using folder = await temporaryFolder();
  const rows = async () => {
    await using records = await openEmbeddedRecords({ directory: folder.path });
    const counts = ['sns/once', 'sns/once-due'].map(
      async (space) => (await records.range(space, { limit: 100 })).length,
    );
    return Promise.all(counts);
  };
  {
    await using node = await openNode({ clock, directory: folder.path });
    const TopicArn = await newTopic(node, FIFO);
    for (let i = 0; i < 20; i++) {
      await node.call('Publish', { TopicArn, Message: 'x', MessageGroupId: 'g', MessageDeduplicationId: `${i}` });
    }
  }
  assert.deepEqual(await rows(), [20, 20]);
  {
    await clock.advance(301_000);
    await using _ = await openNode({ clock, directory: folder.path });
    // The sweep begins; closing waits for it.
    await clock.advance(60_001);
  }
  assert.deepEqual(await rows(), [0, 0]);
});

test('five of the same at the same time are one', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node, FIFO);
  const queue = await subscribedQueue(node, TopicArn, false);
  const input = { TopicArn, Message: 'x', MessageGroupId: 'g', MessageDeduplicationId: 'd' };
  await Promise.all(Array.from({ length: 5 }, () => node.call('Publish', input)));
  await settled(node);
  assert.equal((await drain(node, queue.QueueUrl, 1)).length, 1);
});

test('a batch keeps the order of its groups', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node, FIFO);
  const queue = await subscribedQueue(node, TopicArn, true);
  const entry = (i: number) => ({
    Id: `${i}`,
    Message: `${i}`,
    MessageGroupId: i % 3 ? 'a' : 'b',
    MessageDeduplicationId: `${i}`,
  });
  const PublishBatchRequestEntries = Array.from({ length: 10 }, (_, i) => entry(i));
  const { Successful, Failed } = await node.call('PublishBatch', { TopicArn, PublishBatchRequestEntries });
  assert.deepEqual(Failed, []);
  assert.deepEqual(
    Successful.map(({ Id }: { Id: string }) => Id),
    PublishBatchRequestEntries.map(({ Id }) => Id),
  );
  const seen = await drain(node, queue.QueueUrl, 10);
  const of = (name: string) => seen.filter(({ group }) => group === name).map(({ body }) => Number(body));
  assert.deepEqual(of('b'), [0, 3, 6, 9]);
  assert.deepEqual(of('a'), [1, 2, 4, 5, 7, 8]);
});

test('what AWS refuses of FIFO topics is refused in its words', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node, FIFO);
  const standard = await newTopic(node);
  const fifoQueue = await newQueue(node, { FifoQueue: 'true' });
  const queue = await newQueue(node);
  const publish = (input: object) => ['Publish', { Message: 'x', ...input }] as const;
  const subscribe = (input: object) => ['Subscribe', { Protocol: 'sqs', ...input }] as const;
  const redrive = { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queue.arn }) };
  const cases: readonly (readonly [readonly [string, object], string])[] = [
    [publish({ TopicArn }), 'The MessageGroupId parameter is required for FIFO topics'],
    [
      publish({ TopicArn, MessageGroupId: 'g' }),
      'The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    ],
    [
      publish({ TopicArn: standard, MessageDeduplicationId: 'd' }),
      'MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type',
    ],
    [
      subscribe({ TopicArn: standard, Endpoint: fifoQueue.arn }),
      'Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics',
    ],
    [
      subscribe({ TopicArn, Endpoint: fifoQueue.arn, Attributes: redrive }),
      'Attributes Reason: RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.',
    ],
    [subscribe({ TopicArn, Endpoint: 'https://example.com', Protocol: 'https' }), 'Invalid protocol type: https'],
  ];
  for (const [[operation, input], message] of cases) {
    await assert.rejects(node.call(operation, input), { message: `Invalid parameter: ${message}` });
  }
  const batch = (PublishBatchRequestEntries: object[]) =>
    node.call('PublishBatch', { TopicArn, PublishBatchRequestEntries });
  await assert.rejects(batch([{ Id: '1', Message: 'x' }]), /MessageGroupId parameter is required/);
  await assert.rejects(batch([{ Id: '1', Message: 'x', MessageGroupId: 'g' }]), /ContentBasedDeduplication enabled/);
});

test('a message that two queues of a FIFO topic lose is two letters in the dead-letter queue that they share', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node, FIFO);
  const dead = await newQueue(node, { FifoQueue: 'true' });
  const Attributes = { ...RAW, RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn }) };
  const queues = [
    await subscribedQueue(node, TopicArn, true, Attributes),
    await subscribedQueue(node, TopicArn, true, Attributes),
  ];
  for (const { QueueUrl } of queues) await node.call('DeleteQueue', { QueueUrl });
  for (const [Message, id] of [
    ['a', '1'],
    ['b', '2'],
  ])
    await node.call('Publish', { TopicArn, Message, MessageGroupId: 'g', MessageDeduplicationId: id });
  await settled(node);
  const letters = await drain(node, dead.QueueUrl, 4);
  assert.deepEqual(letters.map(({ body }) => body).toSorted(), ['a', 'a', 'b', 'b']);
  assert.ok(letters.every(({ group }) => group === 'g'));
});
