/** The behaviour that AWS's developer guide gives as examples for FIFO queues and for fair queues. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodies, type Call, counts, newQueue, openSqsNode, receive } from './support.ts';

const FIFO = { FifoQueue: 'true', ContentBasedDeduplication: 'true', VisibilityTimeout: '30' };

const send = (call: Call, QueueUrl: string, MessageGroupId: string, MessageBody: string, more: object = {}) =>
  call('SendMessage', { QueueUrl, MessageGroupId, MessageBody, ...more });
const remove = (call: Call, QueueUrl: string, ...messages: any[]) =>
  Promise.all(messages.map(({ ReceiptHandle }) => call('DeleteMessage', { QueueUrl, ReceiptHandle })));

/** @see "FIFO queue delivery logic in Amazon SQS", Receiving messages */
test('a receive takes as many of one group as it can, in order, and fills up with other groups', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const url = await newQueue(call, FIFO);
  for (const body of ['a1', 'a2', 'b1', 'a3', 'b2']) await send(call, url, body[0]!, body);
  const messages = await receive(call, url);
  assert.deepEqual(
    messages.map(({ Body }) => Body),
    ['a1', 'a2', 'a3', 'b1', 'b2'],
  );
});

test('others of a group wait until those that were received are deleted or visible again; other groups go on', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const url = await newQueue(call, FIFO);
  for (const body of ['a1', 'a2', 'a3', 'b1']) await send(call, url, body[0]!, body);
  const [first, second] = await receive(call, url, { MaxNumberOfMessages: 2 });
  assert.equal(bodies(await receive(call, url)), 'b1');
  await remove(call, url, first);
  assert.deepEqual(await receive(call, url), []);
  await remove(call, url, second);
  assert.equal(bodies(await receive(call, url)), 'a3');
  await clock.advance(30_000);
  assert.equal(bodies(await receive(call, url)), 'a3b1');
});

/** @see "Exactly-once processing in Amazon SQS": a producer that did not hear the answer sends again. */
test('a message that is sent again within five minutes is there once, even after it was deleted', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const url = await newQueue(call, FIFO);
  const first = await send(call, url, 'g', 'a');
  const again = await send(call, url, 'g', 'a');
  assert.deepEqual([again.MessageId, again.SequenceNumber], [first.MessageId, first.SequenceNumber]);
  await remove(call, url, ...(await receive(call, url)));
  await send(call, url, 'g', 'a');
  assert.deepEqual(await receive(call, url), []);
  // In another group it is the same message as well: the scope is the queue.
  await send(call, url, 'h', 'a');
  assert.deepEqual(await receive(call, url), []);
  await clock.advance(300_000);
  const late = await send(call, url, 'g', 'a');
  assert.ok(BigInt(late.SequenceNumber) > BigInt(first.SequenceNumber));
  assert.equal(bodies(await receive(call, url)), 'a');
});

test('an explicit deduplication id goes before the content, and attributes do not count', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const url = await newQueue(call, FIFO);
  await send(call, url, 'g', 'a', { MessageDeduplicationId: '1' });
  await send(call, url, 'g', 'a', { MessageDeduplicationId: '2' });
  await send(call, url, 'g', 'b', { MessageDeduplicationId: '2' });
  await send(call, url, 'g', 'c', { MessageAttributes: { n: { DataType: 'Number', StringValue: '1' } } });
  await send(call, url, 'g', 'c', { MessageAttributes: { n: { DataType: 'Number', StringValue: '2' } } });
  assert.equal(bodies(await receive(call, url)), 'aac');
});

/** @see "High throughput for FIFO queues": deduplication by message group. */
test('with the scope of a message group, the same id in two groups is two messages', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const url = await newQueue(call, {
    ...FIFO,
    DeduplicationScope: 'messageGroup',
    FifoThroughputLimit: 'perMessageGroupId',
  });
  for (const group of ['g', 'h', 'g']) await send(call, url, group, 'a');
  assert.equal(bodies(await receive(call, url)), 'aa');
});

test('a batch keeps its order, and what it repeats of itself is one message', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const url = await newQueue(call, FIFO);
  const Entries = [...'abcab'].map((MessageBody, at) => ({ Id: `${at}`, MessageBody, MessageGroupId: 'g' }));
  const { Successful } = await call('SendMessageBatch', { QueueUrl: url, Entries });
  assert.equal(Successful.length, 5);
  assert.equal(Successful[3].SequenceNumber, Successful[0].SequenceNumber);
  assert.equal(bodies(await receive(call, url)), 'abc');
  const missing = {
    QueueUrl: url,
    Entries: [
      { Id: 'a', MessageBody: 'd', MessageGroupId: 'g' },
      { Id: 'b', MessageBody: 'e' },
    ],
  };
  await assert.rejects(call('SendMessageBatch', missing), {
    code: 'parameter-invalid',
    message: 'The request must contain the parameter MessageGroupId.',
  });
});

/** @see ReceiveMessage, ReceiveRequestAttemptId */
test('a receive that is tried again with its attempt id gets the same messages and receipts', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const url = await newQueue(call, FIFO);
  for (const body of ['a', 'b', 'c']) await send(call, url, body, body);
  const attempt = (ReceiveRequestAttemptId: string, MaxNumberOfMessages = 2) =>
    receive(call, url, { ReceiveRequestAttemptId, MaxNumberOfMessages, AttributeNames: ['ApproximateReceiveCount'] });
  const first = await attempt('try-1');
  await clock.advance(20_000);
  assert.deepEqual(await attempt('try-1'), first);
  // It began the visibility timeout anew.
  await clock.advance(20_000);
  assert.equal(bodies(await attempt('try-2', 10)), 'c');
  // Once one of them has changed, the id stands for a new receive.
  await remove(call, url, first[0]);
  assert.deepEqual(await attempt('try-1'), []);
  await clock.advance(30_000);
  assert.equal(bodies(await attempt('try-1')), 'bc');
  const standard = await newQueue(call);
  await assert.rejects(call('ReceiveMessage', { QueueUrl: standard, ReceiveRequestAttemptId: 'x' }), {
    code: 'parameter-invalid',
  });
});

test('a receipt of a FIFO queue expires with the visibility timeout', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const url = await newQueue(call, FIFO);
  await send(call, url, 'g', 'a');
  const [message] = await receive(call, url);
  await clock.advance(30_000);
  await assert.rejects(remove(call, url, message), {
    message: `Value ${message.ReceiptHandle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.`,
  });
});

/** @see "Amazon SQS fair queues" */
test('messages of quiet groups do not wait behind the backlog of a noisy one', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const url = await newQueue(call);
  const batch = (group: string, from: number) =>
    call('SendMessageBatch', {
      QueueUrl: url,
      Entries: Array.from({ length: 10 }, (_, at) => ({
        ...{ Id: `${at}`, MessageBody: `${group}${from + at}`, MessageGroupId: group },
      })),
    });
  for (let from = 0; from < 300; from += 10) await batch('noisy', from);
  const early = [...(await receive(call, url)), ...(await receive(call, url))];
  assert.ok(early.every(({ Body }) => Body.startsWith('noisy')));
  for (const group of ['b', 'c']) await send(call, url, group, `${group}0`);
  const next = await receive(call, url);
  assert.deepEqual(
    next.map(({ Body }) => Body).filter((body) => !body.startsWith('noisy')),
    ['b0', 'c0'],
  );
  // Nothing is lost or repeated on the way.
  const all = [...early, ...next];
  for (let more = next; more.length > 0; all.push(...more)) more = await receive(call, url);
  assert.equal(new Set(all.map(({ Body }) => Body)).size, 302);
  assert.equal(all.length, 302);
});

test('a quiet group is not held up by a backlog that waits on disk', async () => {
  await using node = await openSqsNode();
  const { call, sqs } = node;
  const url = await newQueue(call);
  const MessageBody = 'x'.repeat(200_000);
  const sends = Array.from({ length: 80 }, () => send(call, url, 'noisy', MessageBody));
  await Promise.all(sends);
  await receive(call, url);
  await receive(call, url);
  await send(call, url, 'quiet', 'now');
  assert.equal((await receive(call, url))[0].Body, 'now');
  assert.deepEqual((await counts(call, url)).slice(0, 2), [51, 30]);
  await sqs[Symbol.asyncDispose]();
});
