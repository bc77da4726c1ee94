import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { eventually } from '../pollers/fakes.ts';
import { newQueue, newTopic, openNode, receive, webhook } from './support.ts';

test('a queue gets the notification in its envelope, or raw with its attributes', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const [wrapped, raw] = [await newQueue(node), await newQueue(node)];
  await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: wrapped.arn });
  const Attributes = { RawMessageDelivery: 'true' };
  await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: raw.arn, Attributes });
  const MessageAttributes = { colour: { DataType: 'String', StringValue: 'red' } };
  const { MessageId } = await node.call('Publish', {
    TopicArn,
    Message: 'hello',
    Subject: 'greeting',
    MessageAttributes,
  });
  const [one] = await receive(node, wrapped.QueueUrl);
  const envelope = JSON.parse(one.Body);
  assert.equal(envelope.Type, 'Notification');
  assert.equal(envelope.MessageId, MessageId);
  assert.equal(envelope.TopicArn, TopicArn);
  assert.equal(envelope.Subject, 'greeting');
  assert.equal(envelope.Message, 'hello');
  assert.match(envelope.Timestamp, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(envelope.MessageAttributes, { colour: { Type: 'String', Value: 'red' } });
  assert.equal(envelope.SignatureVersion, '1');
  assert.match(envelope.UnsubscribeURL, /Action=Unsubscribe&SubscriptionArn=arn:/);
  const [two] = await receive(node, raw.QueueUrl);
  assert.equal(two.Body, 'hello');
  assert.deepEqual(two.MessageAttributes, MessageAttributes);
});

test('a function gets the event that AWS sends', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const Endpoint = 'arn:aws:lambda:us-east-1:000000000000:function:f';
  const { SubscriptionArn } = await node.call('Subscribe', { TopicArn, Protocol: 'lambda', Endpoint });
  await node.call('Publish', { TopicArn, Message: 'hello' });
  await eventually(() => node.invoked.length === 1);
  const [record] = JSON.parse(Buffer.from(node.invoked[0]!.payload).toString()).Records;
  assert.equal(record.EventSource, 'aws:sns');
  assert.equal(record.EventSubscriptionArn, SubscriptionArn);
  assert.equal(record.Sns.Message, 'hello');
  assert.equal(record.Sns.Subject, null);
});

test('a webhook must confirm before it gets notifications, and is told apart by headers', async () => {
  await using node = await openNode();
  using hook = await webhook();
  const TopicArn = await newTopic(node);
  const answer = await node.call('Subscribe', { TopicArn, Protocol: 'http', Endpoint: hook.url });
  assert.equal(answer.SubscriptionArn, 'pending confirmation');
  await eventually(() => hook.requests.length === 1);
  await node.call('Publish', { TopicArn, Message: 'too early' });
  const [{ body, headers }] = hook.requests as [{ body: any; headers: IncomingHttpHeaders }];
  assert.equal(headers['x-amz-sns-message-type'], 'SubscriptionConfirmation');
  assert.equal(body.Type, 'SubscriptionConfirmation');
  const url = new URL(body.SubscribeURL);
  assert.equal(url.origin, 'http://127.0.0.1:4566');
  assert.equal(url.searchParams.get('Action'), 'ConfirmSubscription');
  await assert.rejects(node.call('ConfirmSubscription', { TopicArn, Token: 'x' }), { code: 'parameter-invalid' });
  const { SubscriptionArn } = await node.call('ConfirmSubscription', { TopicArn, Token: body.Token });
  await node.call('Publish', { TopicArn, Message: 'now' });
  await eventually(() => hook.requests.length === 2);
  assert.equal(hook.requests[1]!.body.Message, 'now');
  assert.equal(hook.requests[1]!.headers['x-amz-sns-message-type'], 'Notification');
  assert.equal(hook.requests[1]!.headers['x-amz-sns-subscription-arn'], SubscriptionArn);
  await node.call('Unsubscribe', { SubscriptionArn });
  const { Subscriptions } = await node.call('ListSubscriptionsByTopic', { TopicArn });
  assert.deepEqual(Subscriptions, []);
});

test('webhooks on loopback are spared the confirmation where that is wanted', async () => {
  await using node = await openNode({ confirmLoopback: false });
  using hook = await webhook();
  const TopicArn = await newTopic(node);
  const { SubscriptionArn } = await node.call('Subscribe', { TopicArn, Protocol: 'http', Endpoint: hook.url });
  assert.match(SubscriptionArn, /^arn:/);
  const other = await node.call('Subscribe', { TopicArn, Protocol: 'http', Endpoint: 'http://192.0.2.1/hook' });
  assert.equal(other.SubscriptionArn, 'pending confirmation');
  await node.call('Publish', { TopicArn, Message: 'x' });
  await eventually(() => hook.requests.length === 1);
});

test('a webhook that refuses for good sends the message to the dead-letter queue of its subscription', async () => {
  await using node = await openNode({ confirmLoopback: false });
  using hook = await webhook(() => 403);
  const TopicArn = await newTopic(node);
  const dead = await newQueue(node);
  const Attributes = { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn }) };
  await node.call('Subscribe', { TopicArn, Protocol: 'http', Endpoint: hook.url, Attributes });
  await node.call('Publish', { TopicArn, Message: 'lost?' });
  const [letter] = await receive(node, dead.QueueUrl);
  assert.equal(JSON.parse(letter.Body).Message, 'lost?');
  // As on AWS: the message as it was, nothing added.
  assert.equal(letter.MessageAttributes, undefined);
  assert.equal(hook.requests.length, 1);
});

test('a message by protocol reaches each subscriber in its own words', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const queue = await newQueue(node);
  await node.call('Subscribe', {
    TopicArn,
    Protocol: 'sqs',
    Endpoint: queue.arn,
    Attributes: { RawMessageDelivery: 'true' },
  });
  const Message = JSON.stringify({ default: 'all', sqs: 'queues' });
  await node.call('Publish', { TopicArn, Message, MessageStructure: 'json' });
  assert.equal((await receive(node, queue.QueueUrl))[0].Body, 'queues');
  const missing = node.call('Publish', { TopicArn, Message: '{"sqs":"x"}', MessageStructure: 'json' });
  await assert.rejects(missing, { message: /No default entry/ });
});

test('a FIFO topic keeps the order of groups and drops what repeats', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node, { FifoTopic: 'true', ContentBasedDeduplication: 'true' });
  const queue = await newQueue(node, { FifoQueue: 'true' });
  await node.call('Subscribe', {
    TopicArn,
    Protocol: 'sqs',
    Endpoint: queue.arn,
    Attributes: { RawMessageDelivery: 'true' },
  });
  for (const Message of ['a', 'b', 'a', 'c']) {
    const { SequenceNumber } = await node.call('Publish', { TopicArn, Message, MessageGroupId: 'g' });
    assert.match(SequenceNumber, /^\d{20}$/);
  }
  const seen: string[] = [];
  while (seen.length < 3) {
    for (const { Body, ReceiptHandle } of await receive(node, queue.QueueUrl)) {
      seen.push(Body);
      await node.call('DeleteMessage', { QueueUrl: queue.QueueUrl, ReceiptHandle });
    }
  }
  assert.deepEqual(seen, ['a', 'b', 'c']);
});

test('a batch fails entry by entry', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const answer = await node.call('PublishBatch', {
    TopicArn,
    PublishBatchRequestEntries: [
      { Id: 'good', Message: 'a' },
      { Id: 'bad', Message: '' },
    ],
  });
  assert.deepEqual(
    answer.Successful.map(({ Id }: { Id: string }) => Id),
    ['good'],
  );
  assert.deepEqual(answer.Failed[0], {
    Id: 'bad',
    Code: 'InvalidParameter',
    Message: 'Invalid parameter: Empty message',
    SenderFault: true,
  });
});

test('topics are made once, listed, tagged and deleted with their subscriptions', async () => {
  await using node = await openNode();
  const input = { Name: 'alerts', Attributes: { DisplayName: 'Alerts' }, Tags: [{ Key: 'a', Value: '1' }] };
  const { TopicArn } = await node.call('CreateTopic', input);
  assert.equal(TopicArn, 'arn:aws:sns:us-east-1:000000000000:alerts');
  assert.deepEqual(await node.call('CreateTopic', input), { TopicArn });
  await assert.rejects(node.call('CreateTopic', { ...input, Attributes: { DisplayName: 'x' } }), {
    code: 'parameter-invalid',
  });
  const queue = await newQueue(node);
  const subscribe = { TopicArn, Protocol: 'sqs', Endpoint: queue.arn };
  const { SubscriptionArn } = await node.call('Subscribe', subscribe);
  assert.deepEqual(await node.call('Subscribe', subscribe), { SubscriptionArn });
  const { Attributes } = await node.call('GetTopicAttributes', { TopicArn });
  assert.equal(Attributes.DisplayName, 'Alerts');
  assert.equal(Attributes.SubscriptionsConfirmed, '1');
  await node.call('TagResource', { ResourceArn: TopicArn, Tags: [{ Key: 'b', Value: '2' }] });
  await node.call('UntagResource', { ResourceArn: TopicArn, TagKeys: ['a'] });
  assert.deepEqual(await node.call('ListTagsForResource', { ResourceArn: TopicArn }), {
    Tags: [{ Key: 'b', Value: '2' }],
  });
  const policy = { SubscriptionArn, AttributeName: 'FilterPolicy', AttributeValue: '{"a":["x"]}' };
  await node.call('SetSubscriptionAttributes', policy);
  const { Attributes: subscribed } = await node.call('GetSubscriptionAttributes', { SubscriptionArn });
  assert.equal(subscribed.FilterPolicy, '{"a":["x"]}');
  assert.equal(subscribed.PendingConfirmation, 'false');
  await node.call('DeleteTopic', { TopicArn });
  await assert.rejects(node.call('Publish', { TopicArn, Message: 'x' }), { code: 'not-found' });
  await assert.rejects(node.call('GetSubscriptionAttributes', { SubscriptionArn }), { code: 'not-found' });
});

test('what AWS refuses is refused', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const endpoint = 'arn:aws:sqs:us-east-1:000000000000:q';
  const policy = (FilterPolicy: object) => ({
    TopicArn,
    Protocol: 'sqs',
    Endpoint: endpoint,
    Attributes: { FilterPolicy: JSON.stringify(FilterPolicy) },
  });
  const cases: readonly [string, object][] = [
    ['CreateTopic', { Name: 'no spaces please' }],
    ['CreateTopic', { Name: 'plain', Attributes: { FifoTopic: 'true' } }],
    ['CreateTopic', { Name: 'x', Attributes: { Nonsense: '1' } }],
    ['Subscribe', { TopicArn, Protocol: 'carrier-pigeon', Endpoint: 'x' }],
    ['Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: 'http://x' }],
    ['Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: `${endpoint}.fifo` }],
    ['Subscribe', { TopicArn, Protocol: 'https', Endpoint: 'http://x' }],
    ['Subscribe', policy({ a: 'x' })],
    ['Subscribe', policy({ a: ['x'], b: ['x'], c: ['x'], d: ['x'], e: ['x'], f: ['x'] })],
    ['Subscribe', policy({ a: { b: ['x'] } })],
    ['Subscribe', policy({ a: Array.from({ length: 151 }, (_, i) => `${i}`) })],
    ['Publish', { TopicArn, Message: 'x'.repeat(262_145) }],
    ['Publish', { TopicArn, Message: 'x', Subject: 'a\nb' }],
    ['Publish', { TopicArn, Message: 'x', MessageDeduplicationId: 'd' }],
    ['Publish', { Message: 'x' }],
  ];
  for (const [operation, input] of cases) {
    const what = `${operation} ${JSON.stringify(input).slice(0, 100)}`;
    await assert.rejects(node.call(operation, input), { code: 'parameter-invalid' }, what);
  }
});

test('a large message to many subscribers is handed over a part at a time, and reaches each of them once', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const functions = Array.from({ length: 100 }, (_, n) => `arn:aws:lambda:us-east-1:000000000000:function:f${n}`);
  for (const Endpoint of functions) await node.call('Subscribe', { TopicArn, Protocol: 'lambda', Endpoint });
  const { delivery } = node;
  const send = delivery.send.bind(delivery);
  const parts: number[] = [];
  delivery.send = (deliveries) => {
    parts.push(deliveries.reduce((sum, { payload }) => sum + payload.length, 0));
    return send(deliveries);
  };
  await node.call('Publish', { TopicArn, Message: 'x'.repeat(256 * 1024) });
  assert.ok(parts.length > 1 && Math.max(...parts) < 17 * 1024 * 1024, `${parts}`);
  await eventually(() => node.invoked.length === functions.length);
  assert.equal(new Set(node.invoked.map(({ arn }) => arn)).size, functions.length);
});
