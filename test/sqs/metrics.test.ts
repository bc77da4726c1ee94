import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newQueue, openSqsNode, receive } from './support.ts';

test('CloudWatch gets what AWS tells of a queue', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const sums = new Map<string, number>();
  node.metrics.onDatum(({ namespace, name, dimensions, value, unit }) => {
    if (namespace !== 'AWS/SQS') return;
    const line = `${dimensions.QueueName} ${name} ${unit}`;
    sums.set(line, (sums.get(line) ?? 0) + value);
  });
  const url = await newQueue(call, { VisibilityTimeout: '300' });
  const fifo = await newQueue(call, { FifoQueue: 'true', ContentBasedDeduplication: 'true' });
  const nameOf = (one: string) => one.split('/').at(-1);
  for (const MessageBody of ['a', 'bb', 'ccc']) await call('SendMessage', { QueueUrl: url, MessageBody });
  await call('SendMessage', { QueueUrl: url, MessageBody: 'later', DelaySeconds: 900 });
  const [first] = await receive(call, url, { MaxNumberOfMessages: 2 });
  await call('DeleteMessage', { QueueUrl: url, ReceiptHandle: first.ReceiptHandle });
  for (const group of ['g', 'h', 'g']) {
    await call('SendMessage', { QueueUrl: fifo, MessageBody: group, MessageGroupId: group });
  }
  await receive(call, fifo);
  await receive(call, fifo);
  await clock.advance(60_000);
  const of = (one: string, name: string) => sums.get(`${nameOf(one)} ${name}`);
  assert.equal(of(url, 'NumberOfMessagesSent Count'), 4);
  assert.equal(of(url, 'SentMessageSize Bytes'), 11);
  assert.equal(of(url, 'NumberOfMessagesReceived Count'), 2);
  assert.equal(of(url, 'NumberOfMessagesDeleted Count'), 1);
  assert.equal(of(url, 'ApproximateNumberOfMessagesVisible Count'), 1);
  assert.equal(of(url, 'ApproximateNumberOfMessagesNotVisible Count'), 1);
  assert.equal(of(url, 'ApproximateNumberOfMessagesDelayed Count'), 1);
  assert.equal(of(url, 'ApproximateAgeOfOldestMessage Seconds'), 60);
  assert.equal(of(url, 'ApproximateNumberOfNoisyGroups Count'), 0);
  assert.equal(of(fifo, 'NumberOfEmptyReceives Count'), 1);
  assert.equal(of(fifo, 'NumberOfDeduplicatedSentMessages Count'), 1);
  assert.equal(of(fifo, 'ApproximateNumberOfGroupsWithInflightMessages Count'), 0);
});
