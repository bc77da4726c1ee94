import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import { arnOf, bodies, type Call, newQueue, openSqsNode, receive } from './support.ts';

/** A queue with a dead-letter queue that holds these messages of it. */
async function withDeadLetters(node: Awaited<ReturnType<typeof openSqsNode>>, texts: string, fifo = false) {
  const { call, clock } = node;
  const kind: Record<string, string> = fifo ? { FifoQueue: 'true', ContentBasedDeduplication: 'true' } : {};
  const dead = await newQueue(call, kind);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(dead), maxReceiveCount: 1 });
  const source = await newQueue(call, { ...kind, VisibilityTimeout: '1', RedrivePolicy });
  for (const [sent, MessageBody] of [...texts].entries()) {
    await call('SendMessage', { QueueUrl: source, MessageBody, ...(fifo && { MessageGroupId: 'g' }) });
    await receive(call, source);
    await clock.advance(1000);
    await receive(call, source);
    // A FIFO queue gives nothing of a group that has a message on its way out.
    await node.holds(dead, sent + 1);
  }
  return { dead, source };
}

const list = async (call: Call, url: string, MaxResults = 10): Promise<any[]> =>
  (await call('ListMessageMoveTasks', { SourceArn: arnOf(url), MaxResults })).Results ?? [];

async function ended(node: Awaited<ReturnType<typeof openSqsNode>>, url: string): Promise<any> {
  for (;;) {
    const [task] = await list(node.call, url);
    if (task.Status !== 'RUNNING' && task.Status !== 'CANCELLING') return task;
    await node.clock.advance(100);
  }
}

test('dead letters go back to where they came from, as new messages', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const { dead, source } = await withDeadLetters(node, 'ab');
  const [letter] = await receive(call, dead, { MaxNumberOfMessages: 1, VisibilityTimeout: 0, AttributeNames: ['All'] });
  assert.equal(letter.Attributes.DeadLetterQueueSourceArn, arnOf(source));
  await clock.advance(0);
  const startedAt = clock.now();
  await call('StartMessageMoveTask', { SourceArn: arnOf(dead) });
  assert.deepEqual(await ended(node, dead), {
    Status: 'COMPLETED',
    SourceArn: arnOf(dead),
    ApproximateNumberOfMessagesMoved: 2,
    ApproximateNumberOfMessagesToMove: 2,
    StartedTimestamp: startedAt,
  });
  const again = await receive(call, source, { AttributeNames: ['All'] });
  assert.equal(bodies(again), 'ab');
  assert.equal(again[0].Attributes.ApproximateReceiveCount, '1');
  assert.ok(Number(again[0].Attributes.SentTimestamp) >= startedAt);
  assert.notEqual(again[0].MessageId, letter.MessageId);
});

test('a destination of choice takes them, a FIFO one in their order', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const { dead } = await withDeadLetters(node, 'abc', true);
  const other = await newQueue(call, { FifoQueue: 'true' });
  await call('StartMessageMoveTask', { SourceArn: arnOf(dead), DestinationArn: arnOf(other) });
  assert.equal((await ended(node, dead)).DestinationArn, arnOf(other));
  assert.equal(bodies(await receive(call, other)), 'abc');
});

test('what was sent to the dead-letter queue with a delay is taken once it can be seen, and what comes later is not', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const { dead } = await withDeadLetters(node, 'a');
  const send = (MessageBody: string, DelaySeconds: number) =>
    call('SendMessage', { QueueUrl: dead, MessageBody, DelaySeconds });
  await send('b', 1);
  await send('c', 60);
  await clock.advance(1000);
  const target = await newQueue(call);
  await call('StartMessageMoveTask', { SourceArn: arnOf(dead), DestinationArn: arnOf(target) });
  await send('d', 0);
  assert.equal((await ended(node, dead)).ApproximateNumberOfMessagesMoved, 2);
  assert.equal(bodies(await receive(call, target)), 'ab');
  await clock.advance(60_000);
  assert.deepEqual(
    bodies(await receive(call, dead))
      .split('')
      .sort(),
    ['c', 'd'],
  );
});

test('what cannot be moved is refused as AWS refuses it', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const { dead, source } = await withDeadLetters(node, 'a');
  const start = (SourceArn: string, more = {}) => call('StartMessageMoveTask', { SourceArn, ...more });
  const nowhere = arnOf('x/nowhere');
  const of = (parameter: string) => `The resource that you specified for the ${parameter} parameter doesn't exist.`;
  await assert.rejects(start(nowhere), { code: 'resource-not-found', message: of('SourceArn') });
  await assert.rejects(start(arnOf(dead), { DestinationArn: nowhere }), { message: of('DestinationArn') });
  await assert.rejects(start(arnOf(source)), { message: 'Source queue must be configured as a Dead Letter Queue.' });
  await assert.rejects(start(arnOf(dead), { MaxNumberOfMessagesPerSecond: 501 }), { code: 'parameter-invalid' });
  await assert.rejects(start(arnOf(dead), { DestinationArn: arnOf(dead) }), { code: 'parameter-invalid' });
  const fifo = await newQueue(call, { FifoQueue: 'true' });
  await assert.rejects(start(arnOf(dead), { DestinationArn: arnOf(fifo) }), { code: 'parameter-invalid' });
  const cancel = (TaskHandle: string) => call('CancelMessageMoveTask', { TaskHandle });
  const handle = (taskId: string, sourceArn: string) =>
    Buffer.from(JSON.stringify({ taskId, sourceArn })).toString('base64');
  await assert.rejects(cancel('x'), {
    code: 'parameter-invalid',
    message: 'Value for parameter TaskHandle is invalid.',
  });
  await assert.rejects(cancel(handle('1', nowhere)), { code: 'resource-not-found', message: of('SourceArn') });
  await assert.rejects(cancel(handle('1', arnOf(dead))), {
    code: 'resource-not-found',
    message: 'Task does not exist.',
  });
});

test('a task keeps to its rate, is the only one of its queue, and is cancelled', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const { dead, source } = await withDeadLetters(node, 'abcd');
  const input = { SourceArn: arnOf(dead), MaxNumberOfMessagesPerSecond: 1 };
  const { TaskHandle } = await call('StartMessageMoveTask', input);
  await assert.rejects(call('StartMessageMoveTask', input), { message: /^There is already a task running\. Only one/ });
  await node.holds(source, 1);
  await clock.advance(999);
  assert.equal(node.sqs.describe('us-east-1').find(({ arn }) => arn === arnOf(source))!.visible, 1);
  await clock.advance(1);
  await node.holds(source, 2);
  assert.deepEqual((await list(call, dead))[0].TaskHandle, TaskHandle);
  await call('CancelMessageMoveTask', { TaskHandle });
  await clock.advance(1000);
  const task = await ended(node, dead);
  assert.deepEqual([task.Status, task.TaskHandle], ['CANCELLED', undefined]);
  assert.equal(bodies(await receive(call, source)), 'ab');
  await assert.rejects(call('CancelMessageMoveTask', { TaskHandle }), { code: 'parameter-invalid' });
});

test('a task goes on after a restart, and moves each message once', async () => {
  const clock = new SimulatedClock();
  let urls: { dead: string; source: string };
  {
    await using node = await openSqsNode(clock);
    urls = await withDeadLetters(node, 'abcd');
    await node.call('StartMessageMoveTask', { SourceArn: arnOf(urls.dead), MaxNumberOfMessagesPerSecond: 1 });
    await node.holds(urls.source, 1);
  }
  await using node = await openSqsNode(clock);
  assert.equal((await ended(node, urls.dead)).Status, 'COMPLETED');
  assert.equal(bodies(await receive(node.call, urls.source)), 'abcd');
});

test('a queue that is made anew has no tasks of the one before it', async () => {
  await using node = await openSqsNode();
  const { dead } = await withDeadLetters(node, 'a');
  await node.call('StartMessageMoveTask', { SourceArn: arnOf(dead) });
  await ended(node, dead);
  await node.call('DeleteQueue', { QueueUrl: dead });
  await node.clock.advance(1);
  await node.call('CreateQueue', { QueueName: dead.split('/').at(-1)! });
  assert.deepEqual(await list(node.call, dead), []);
});

test('a task whose destination goes fails, and says why', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const { dead } = await withDeadLetters(node, 'abc');
  const other = await newQueue(call);
  await call('StartMessageMoveTask', {
    ...{ SourceArn: arnOf(dead), DestinationArn: arnOf(other), MaxNumberOfMessagesPerSecond: 1 },
  });
  await call('DeleteQueue', { QueueUrl: other });
  const task = await ended(node, dead);
  assert.deepEqual([task.Status, task.FailureReason], ['FAILED', 'AWS.SimpleQueueService.NonExistentQueue']);
  await call('SendMessage', { QueueUrl: dead, MessageBody: 'sent here' });
  await call('StartMessageMoveTask', { SourceArn: arnOf(dead) });
  assert.equal((await ended(node, dead)).FailureReason, 'CouldNotDetermineMessageSource');
  assert.equal((await list(call, dead)).length, 2);
});

test('a move task and a consumer never get the same message', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const dead = await newQueue(call);
  const other = await newQueue(call);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(dead), maxReceiveCount: 1 });
  await newQueue(call, { RedrivePolicy });
  for (let from = 0; from < 300; from += 10) {
    const Entries = Array.from({ length: 10 }, (_, at) => ({ Id: `${at}`, MessageBody: `${from + at}` }));
    await call('SendMessageBatch', { QueueUrl: dead, Entries });
  }
  const deleted: string[] = [];
  const consumer = async () => {
    for (let more = await receive(call, dead); more.length > 0; more = await receive(call, dead)) {
      const Entries = more.map(({ ReceiptHandle }, at) => ({ Id: `${at}`, ReceiptHandle }));
      await call('DeleteMessageBatch', { QueueUrl: dead, Entries });
      deleted.push(...more.map(({ Body }) => Body));
    }
  };
  await call('StartMessageMoveTask', { SourceArn: arnOf(dead), DestinationArn: arnOf(other) });
  await Promise.all([consumer(), consumer()]);
  await ended(node, dead);
  const moved: string[] = [];
  for (let more = await receive(call, other); more.length > 0; more = await receive(call, other)) {
    moved.push(...more.map(({ Body }) => Body));
  }
  assert.equal(new Set([...deleted, ...moved]).size, 300);
  assert.equal(deleted.length + moved.length, 300);
});
