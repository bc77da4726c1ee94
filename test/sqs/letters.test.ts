import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/index.ts';
import { newTrace } from '../../src/telemetry/index.ts';
import { arnOf, bodies, newQueue, openSqsNode, receive } from './support.ts';

const POLICY = { attemptsMax: 1, ageMsMax: 1000, backoffMsBase: 1, backoffMsMax: 1 };

test('messages are browsed page by page without being received, with what is known of them', async () => {
  await using node = await openSqsNode();
  const { call, sqs } = node;
  const QueueUrl = await newQueue(call);
  for (const MessageBody of 'abc') await call('SendMessage', { QueueUrl, MessageBody });
  await call('SendMessage', { QueueUrl, MessageBody: 'd', DelaySeconds: 60 });
  await receive(call, QueueUrl, { MaxNumberOfMessages: 1 });
  const first = await sqs.letters.browse(arnOf(QueueUrl), { limit: 3 });
  assert.deepEqual(
    first.messages.map(({ body, state, receiveCount }) => [body, state, receiveCount]),
    [
      ['a', 'in-flight', 1],
      ['b', 'visible', 0],
      ['c', 'visible', 0],
    ],
  );
  const second = await sqs.letters.browse(arnOf(QueueUrl), { limit: 3, after: first.next! });
  assert.deepEqual(
    second.messages.map(({ body, state }) => [body, state]),
    [['d', 'delayed']],
  );
  assert.equal(second.next, undefined);
  assert.equal(bodies(await receive(call, QueueUrl)), 'bc');
});

test('a message is read and removed by its id, once', async () => {
  await using node = await openSqsNode();
  const { call, sqs } = node;
  const QueueUrl = await newQueue(call);
  const { MessageId } = await call('SendMessage', { QueueUrl, MessageBody: 'a' });
  const arn = arnOf(QueueUrl);
  const { messages } = await sqs.letters.browse(arn, { limit: 10 });
  const { id } = messages[0]!;
  assert.equal((await sqs.letters.read(arn, id)).messageId, MessageId);
  await sqs.letters.remove(arn, id);
  assert.deepEqual(await receive(call, QueueUrl), []);
  await assert.rejects(sqs.letters.remove(arn, id), { code: 'message-not-found' });
  await assert.rejects(sqs.letters.read(arn, '../etc'), { code: 'message-not-found' });
  await assert.rejects(sqs.letters.browse('arn:aws:sqs:us-east-1:000000000000:none', { limit: 1 }), {
    code: 'queue-not-found',
  });
});

test('a dead letter goes back to its queue as a new message, with another body where one is given', async () => {
  await using node = await openSqsNode();
  const { call, clock, sqs } = node;
  const dead = await newQueue(call);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(dead), maxReceiveCount: 1 });
  const QueueUrl = await newQueue(call, { VisibilityTimeout: '1', RedrivePolicy });
  await call('SendMessage', { QueueUrl, MessageBody: 'poison' });
  await receive(call, QueueUrl);
  await clock.advance(1000);
  assert.deepEqual(await receive(call, QueueUrl), []);
  await node.holds(dead, 1);
  const { messages } = await sqs.letters.browse(arnOf(dead), { limit: 10 });
  assert.equal(messages[0]!.deadLetterSource, arnOf(QueueUrl));
  const outcome = await sqs.letters.redrive(arnOf(dead), messages[0]!.id, { body: 'cured' });
  assert.deepEqual(outcome, { kind: 'moved', to: arnOf(QueueUrl) });
  const [again] = await receive(call, QueueUrl, { AttributeNames: ['All'] });
  assert.equal(again.Body, 'cured');
  assert.notEqual(again.MessageId, messages[0]!.messageId);
  assert.equal(again.Attributes.ApproximateReceiveCount, '1');
  assert.equal(again.Attributes.DeadLetterQueueSourceArn, undefined);
  assert.deepEqual((await sqs.letters.browse(arnOf(dead), { limit: 10 })).messages, []);
});

test('what a delivery left is told from a queued message: its origin stays with it and is not shown by the API', async () => {
  await using node = await openSqsNode();
  const { call, sqs } = node;
  const QueueUrl = await newQueue(call);
  const origin = { arn: 'arn:aws:lambda:us-east-1:000000000000:function:f', attempts: 3, errorCode: 'boom' };
  await sqs.target.deliver(
    {
      arn: arnOf(QueueUrl),
      payload: Buffer.from('{"n":1}'),
      attributes: { deadLetter: origin },
      policy: POLICY,
      source: 's',
      trace: newTrace(seededRandom(1)),
    },
    1,
    new AbortController().signal,
  );
  const { messages } = await sqs.letters.browse(arnOf(QueueUrl), { limit: 10 });
  assert.deepEqual(messages[0]!.origin, origin);
  const outcome = await sqs.letters.redrive(arnOf(QueueUrl), messages[0]!.id, { body: '{"n":2}' });
  assert.equal(outcome.kind === 'origin' && outcome.message.body, '{"n":2}');
  const [message] = await receive(call, QueueUrl, { AttributeNames: ['All'], MessageAttributeNames: ['All'] });
  assert.ok(!JSON.stringify(message).includes('boom'));
  assert.equal(message.Body, '{"n":1}');
});

test('a message that was sent here has no queue to go back to', async () => {
  await using node = await openSqsNode();
  const QueueUrl = await newQueue(node.call);
  await node.call('SendMessage', { QueueUrl, MessageBody: 'a' });
  const { messages } = await node.sqs.letters.browse(arnOf(QueueUrl), { limit: 1 });
  await assert.rejects(node.sqs.letters.redrive(arnOf(QueueUrl), messages[0]!.id), { code: 'message-without-source' });
});

test('the age of the oldest message is told', async () => {
  await using node = await openSqsNode();
  const QueueUrl = await newQueue(node.call);
  const age = () => node.sqs.describe('us-east-1').find(({ arn }) => arn === arnOf(QueueUrl))!.oldestAgeMs;
  assert.equal(age(), 0);
  await node.call('SendMessage', { QueueUrl, MessageBody: 'a' });
  await node.clock.advance(5000);
  await node.call('SendMessage', { QueueUrl, MessageBody: 'b' });
  assert.equal(age(), 5000);
  const [first] = await receive(node.call, QueueUrl, { MaxNumberOfMessages: 1 });
  await node.call('DeleteMessage', { QueueUrl, ReceiptHandle: first.ReceiptHandle });
  assert.equal(age(), 0);
});
