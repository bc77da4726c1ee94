import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import { encodeKey } from '../../src/codec/index.ts';
import { advanceUntil, eventually } from '../pollers/fakes.ts';
import { arnOf, bodies, counts, newQueue, openSqsNode, receive } from './support.ts';

test('a message is sent, received with its attributes and digests, and deleted', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const QueueUrl = await newQueue(call);
  assert.match(QueueUrl, /^http:\/\/127\.0\.0\.1:4566\/000000000000\/queue-/);
  const MessageAttributes = {
    test_attribute_name_1: { DataType: 'String', StringValue: 'test_attribute_value_1' },
    bytes: { DataType: 'Binary', BinaryValue: Buffer.from([1, 2, 3]) },
    count: { DataType: 'Number.int', StringValue: '42' },
  };
  const sent = await call('SendMessage', { QueueUrl, MessageBody: 'This is a test message', MessageAttributes });
  assert.equal(sent.MD5OfMessageBody, 'fafb00f5732ab283681e124bf8747ed1');
  const [message] = await receive(call, QueueUrl, { MessageAttributeNames: ['All'], AttributeNames: ['All'] });
  assert.equal(message.Body, 'This is a test message');
  assert.equal(message.MessageId, sent.MessageId);
  assert.equal(message.MD5OfBody, sent.MD5OfMessageBody);
  assert.equal(message.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
  assert.deepEqual(message.MessageAttributes, MessageAttributes);
  assert.equal(message.Attributes.ApproximateReceiveCount, '1');
  assert.equal(message.Attributes.SenderId, '000000000000');
  assert.deepEqual(await counts(call, QueueUrl), [0, 1, 0]);
  await call('DeleteMessage', { QueueUrl, ReceiptHandle: message.ReceiptHandle });
  assert.deepEqual(await counts(call, QueueUrl), [0, 0, 0]);
});

test('a message that is not deleted is seen again after its visibility timeout, and the old receipt is outdated', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const QueueUrl = await newQueue(call, { VisibilityTimeout: '10' });
  await call('SendMessage', { QueueUrl, MessageBody: 'a' });
  const [first] = await receive(call, QueueUrl);
  await clock.advance(9_999);
  assert.deepEqual(await receive(call, QueueUrl), []);
  await clock.advance(1);
  const [second] = await receive(call, QueueUrl, { MessageSystemAttributeNames: ['ApproximateReceiveCount'] });
  assert.deepEqual(second.Attributes, { ApproximateReceiveCount: '2' });
  assert.notEqual(first.ReceiptHandle, second.ReceiptHandle);
  await call('DeleteMessage', { QueueUrl, ReceiptHandle: first.ReceiptHandle });
  await clock.advance(10_000);
  const [third] = await receive(call, QueueUrl);
  await call('DeleteMessage', { QueueUrl, ReceiptHandle: third.ReceiptHandle });
  await clock.advance(10_000);
  assert.deepEqual(await receive(call, QueueUrl), []);
});

test('visibility is changed, to now as well, and only of messages in flight', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const QueueUrl = await newQueue(call, { VisibilityTimeout: '10' });
  await call('SendMessage', { QueueUrl, MessageBody: 'a' });
  const [{ ReceiptHandle }] = (await receive(call, QueueUrl)) as [{ ReceiptHandle: string }];
  await call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 100 });
  await clock.advance(50_000);
  assert.deepEqual(await receive(call, QueueUrl), []);
  await call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 });
  assert.equal(bodies(await receive(call, QueueUrl)), 'a');
  const change = call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 1 });
  await assert.rejects(change, { code: 'not-in-flight' });
});

test('a long poll waits for a message, and ends empty when its time is over or its caller gone', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const QueueUrl = await newQueue(call);
  const waiting = receive(call, QueueUrl, { WaitTimeSeconds: 20 });
  await clock.advance(5_000);
  await call('SendMessage', { QueueUrl, MessageBody: 'a' });
  assert.equal(bodies(await waiting), 'a');
  const empty = receive(call, QueueUrl, { WaitTimeSeconds: 20 });
  await clock.advance(20_000);
  assert.deepEqual(await empty, []);
  const gone = new AbortController();
  const left = call('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 }, { signal: gone.signal });
  gone.abort();
  assert.deepEqual(await left, {});
});

test('delayed messages are seen when their delay is over, after a restart too', async () => {
  const clock = new SimulatedClock();
  let QueueUrl: string;
  {
    await using node = await openSqsNode(clock);
    QueueUrl = await newQueue(node.call, { DelaySeconds: '5' });
    await node.call('SendMessage', { QueueUrl, MessageBody: 'a' });
    await node.call('SendMessage', { QueueUrl, MessageBody: 'b', DelaySeconds: 60 });
    await node.call('SendMessage', { QueueUrl, MessageBody: 'c', DelaySeconds: 0 });
    assert.equal(bodies(await receive(node.call, QueueUrl)), 'c');
    assert.deepEqual(await counts(node.call, QueueUrl), [0, 1, 2]);
    const waiting = receive(node.call, QueueUrl, { WaitTimeSeconds: 20 });
    await clock.advance(5_000);
    assert.equal(bodies(await waiting), 'a');
  }
  await using node = await openSqsNode(clock);
  assert.deepEqual(await counts(node.call, QueueUrl), [0, 2, 1]);
  let got = '';
  const polling = (async () => {
    while (!got.includes('b')) {
      got += bodies(await receive(node.call, QueueUrl, { WaitTimeSeconds: 20, VisibilityTimeout: 1000 }));
    }
  })();
  await advanceUntil(clock, 1000, () => got.includes('b'));
  await polling;
  assert.equal(got.replaceAll(/[ac]/g, ''), 'b');
  assert.ok(clock.monotonic() >= 60_000);
});

test('messages, receive counts and what is in flight survive a restart; old receipts still delete', async () => {
  const clock = new SimulatedClock();
  let QueueUrl: string;
  let handle: string;
  {
    await using node = await openSqsNode(clock);
    QueueUrl = await newQueue(node.call);
    for (const MessageBody of 'abc') await node.call('SendMessage', { QueueUrl, MessageBody });
    const [message] = await receive(node.call, QueueUrl, { MaxNumberOfMessages: 1 });
    handle = message.ReceiptHandle;
    assert.equal(message.Body, 'a');
  }
  await using node = await openSqsNode(clock);
  assert.equal(bodies(await receive(node.call, QueueUrl)), 'bc');
  await node.call('DeleteMessage', { QueueUrl, ReceiptHandle: handle });
  await clock.advance(30_000);
  const again = await receive(node.call, QueueUrl, { AttributeNames: ['ApproximateReceiveCount'] });
  assert.equal(bodies(again), 'bc');
  assert.equal(again[0].Attributes.ApproximateReceiveCount, '2');
});

test('a poison message goes to the dead-letter queue after its receives', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const dead = await newQueue(call);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(dead), maxReceiveCount: '2' });
  const QueueUrl = await newQueue(call, { VisibilityTimeout: '1', RedrivePolicy });
  await call('SendMessage', { QueueUrl, MessageBody: 'poison' });
  for (let i = 0; i < 2; i++) {
    assert.equal(bodies(await receive(call, QueueUrl)), 'poison');
    await clock.advance(1_000);
  }
  assert.deepEqual(await receive(call, QueueUrl), []);
  await eventually(() => node.sqs.describe('us-east-1').find(({ name }) => dead.endsWith(`/${name}`))!.visible === 1);
  const [letter] = await receive(call, dead, { AttributeNames: ['All'] });
  assert.equal(letter.Body, 'poison');
  assert.equal(letter.Attributes.DeadLetterQueueSourceArn, arnOf(QueueUrl));
  assert.deepEqual(await counts(call, QueueUrl), [0, 0, 0]);
  const sources = await call('ListDeadLetterSourceQueues', { QueueUrl: dead });
  assert.deepEqual(sources.queueUrls, [QueueUrl]);
});

test('a FIFO queue keeps the order of a group, and holds the group back while one of it is in flight', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const QueueUrl = await newQueue(call, {
    FifoQueue: 'true',
    ContentBasedDeduplication: 'true',
    VisibilityTimeout: '10',
  });
  for (const MessageBody of 'abc') await call('SendMessage', { QueueUrl, MessageBody, MessageGroupId: 'g' });
  for (const MessageBody of 'xy') await call('SendMessage', { QueueUrl, MessageBody, MessageGroupId: 'h' });
  const one = { MaxNumberOfMessages: 1, AttributeNames: ['All'] };
  const [a] = await receive(call, QueueUrl, one);
  assert.equal(a.Body, 'a');
  assert.equal(a.Attributes.MessageGroupId, 'g');
  assert.match(a.Attributes.SequenceNumber, /^\d{20}$/);
  assert.equal(bodies(await receive(call, QueueUrl)), 'xy');
  assert.deepEqual(await receive(call, QueueUrl), []);
  await clock.advance(10_000);
  assert.equal(bodies(await receive(call, QueueUrl, { MaxNumberOfMessages: 2 })), 'ab');
  await assert.rejects(call('DeleteMessage', { QueueUrl, ReceiptHandle: a.ReceiptHandle }), {
    code: 'parameter-invalid',
    message: /expired/,
  });
});

test('a FIFO queue takes a deduplication id once in five minutes, over a restart, and answers as the first time', async () => {
  const clock = new SimulatedClock();
  const input = { MessageBody: 'a', MessageGroupId: 'g', MessageDeduplicationId: 'd' };
  let QueueUrl: string;
  let first: { MessageId: string; SequenceNumber: string };
  {
    await using node = await openSqsNode(clock);
    QueueUrl = await newQueue(node.call, { FifoQueue: 'true' });
    const both = [0, 1].map(() => node.call('SendMessage', { QueueUrl, ...input }));
    const [one, two] = await Promise.all(both);
    first = one;
    assert.equal(two.MessageId, one.MessageId);
    assert.equal(two.SequenceNumber, one.SequenceNumber);
  }
  await using node = await openSqsNode(clock);
  const again = await node.call('SendMessage', { QueueUrl, ...input });
  assert.equal(again.MessageId, first.MessageId);
  assert.equal(bodies(await receive(node.call, QueueUrl)), 'a');
  await clock.advance(300_001);
  const later = await node.call('SendMessage', { QueueUrl, ...input });
  assert.notEqual(later.MessageId, first.MessageId);
  await assert.rejects(node.call('SendMessage', { QueueUrl, MessageBody: 'a', MessageGroupId: 'g' }), {
    message: /ContentBasedDeduplication/,
  });
  await assert.rejects(node.call('SendMessage', { QueueUrl, MessageBody: 'a' }), { code: 'parameter-missing' });
});

test('a backlog beyond the window waits on disk and comes whole and in order', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const QueueUrl = await newQueue(call);
  const body = 'x'.repeat(2000);
  for (let i = 0; i < 400; i++) {
    const Entries = Array.from({ length: 10 }, (_, j) => ({ Id: `${j}`, MessageBody: `${i * 10 + j} ${body}` }));
    await call('SendMessageBatch', { QueueUrl, Entries });
  }
  const seen: number[] = [];
  for (let messages = await receive(call, QueueUrl); messages.length > 0; messages = await receive(call, QueueUrl)) {
    seen.push(...messages.map(({ Body }) => Number.parseInt(Body, 10)));
    await call('DeleteMessageBatch', {
      QueueUrl,
      Entries: messages.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle })),
    });
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 4000 }, (_, i) => i),
  );
  assert.deepEqual(await counts(call, QueueUrl), [0, 0, 0]);
});

test('messages past their retention are gone', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const QueueUrl = await newQueue(call, { MessageRetentionPeriod: '60' });
  await call('SendMessage', { QueueUrl, MessageBody: 'a' });
  await clock.advance(61_000);
  assert.deepEqual(await receive(call, QueueUrl), []);
});

test('a purge removes all, once a minute', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const QueueUrl = await newQueue(call);
  for (const MessageBody of 'abc') await call('SendMessage', { QueueUrl, MessageBody });
  await call('PurgeQueue', { QueueUrl });
  assert.deepEqual(await receive(call, QueueUrl), []);
  await call('SendMessage', { QueueUrl, MessageBody: 'd' });
  assert.equal(bodies(await receive(call, QueueUrl)), 'd');
  await assert.rejects(call('PurgeQueue', { QueueUrl }), { code: 'purge-in-progress' });
});

test('making a queue again is the same queue, unless its attributes differ; deleting it ends it', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const input = { QueueName: 'again', Attributes: { VisibilityTimeout: '5' }, tags: { a: '1' } };
  const { QueueUrl } = await call('CreateQueue', input);
  assert.equal((await call('CreateQueue', input)).QueueUrl, QueueUrl);
  await assert.rejects(call('CreateQueue', { ...input, Attributes: { VisibilityTimeout: '6' } }), {
    code: 'queue-exists',
    message: /VisibilityTimeout/,
  });
  await call('TagQueue', { QueueUrl, Tags: { b: '2' } });
  await call('UntagQueue', { QueueUrl, TagKeys: ['a'] });
  assert.deepEqual(await call('ListQueueTags', { QueueUrl }), { Tags: { b: '2' } });
  assert.deepEqual(await call('ListQueues', { QueueNamePrefix: 'aga' }), { QueueUrls: [QueueUrl] });
  await call('DeleteQueue', { QueueUrl });
  await assert.rejects(call('GetQueueUrl', { QueueName: 'again' }), { code: 'queue-not-found' });
});

test('batches fail entry by entry, and as a whole where AWS refuses them', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const QueueUrl = await newQueue(call);
  const answer = await call('SendMessageBatch', {
    QueueUrl,
    Entries: [
      { Id: 'good', MessageBody: 'a' },
      { Id: 'bad', MessageBody: 'b\u0000' },
    ],
  });
  assert.deepEqual(
    answer.Successful.map(({ Id }: { Id: string }) => Id),
    ['good'],
  );
  assert.equal(answer.Failed[0].Id, 'bad');
  assert.equal(answer.Failed[0].Code, 'InvalidMessageContents');
  assert.equal(answer.Failed[0].SenderFault, true);
  const refused: readonly [object[], string][] = [
    [[], 'batch-empty'],
    [Array.from({ length: 11 }, (_, i) => ({ Id: `${i}`, MessageBody: 'a' })), 'batch-too-many'],
    [
      [
        { Id: 'a', MessageBody: 'a' },
        { Id: 'a', MessageBody: 'b' },
      ],
      'batch-ids-not-distinct',
    ],
    [[{ Id: 'a b', MessageBody: 'a' }], 'batch-id-invalid'],
    [[0, 1].map((i) => ({ Id: `${i}`, MessageBody: 'x'.repeat(600_000) })), 'batch-too-long'],
  ];
  for (const [Entries, code] of refused)
    await assert.rejects(call('SendMessageBatch', { QueueUrl, Entries }), { code });
});

test('what is no message, receipt or attribute is refused by code', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const QueueUrl = await newQueue(call);
  const cases: readonly [string, object, string][] = [
    ['SendMessage', { MessageBody: '' }, 'parameter-missing'],
    ['SendMessage', { MessageBody: 'x'.repeat(1_048_577) }, 'parameter-invalid'],
    ['SendMessage', { MessageBody: 'a', DelaySeconds: 901 }, 'parameter-invalid'],
    [
      'SendMessage',
      { MessageBody: 'a', MessageAttributes: { a: { DataType: 'Text', StringValue: 'x' } } },
      'parameter-invalid',
    ],
    [
      'SendMessage',
      { MessageBody: 'a', MessageAttributes: { a: { DataType: 'String', StringValue: '' } } },
      'parameter-invalid',
    ],
    ['SendMessage', { MessageBody: 'a', MessageDeduplicationId: 'd' }, 'parameter-invalid'],
    ['ReceiveMessage', { MaxNumberOfMessages: 11 }, 'parameter-invalid'],
    ['ReceiveMessage', { WaitTimeSeconds: 21 }, 'parameter-invalid'],
    ['DeleteMessage', { ReceiptHandle: 'nonsense' }, 'receipt-invalid'],
    ['SetQueueAttributes', { Attributes: { VisibilityTimeout: '-1' } }, 'attribute-invalid'],
    ['SetQueueAttributes', { Attributes: { Nonsense: '1' } }, 'attribute-unknown'],
    ['GetQueueAttributes', { AttributeNames: ['Nonsense'] }, 'attribute-unknown'],
  ];
  for (const [operation, input, code] of cases) {
    await assert.rejects(
      call(operation, { QueueUrl, ...input }),
      { code },
      `${operation} ${JSON.stringify(input).slice(0, 80)}`,
    );
  }
  await assert.rejects(call('SendMessage', { QueueUrl: `${QueueUrl}-no`, MessageBody: 'a' }), {
    code: 'queue-not-found',
  });
});

test('a queue of an earlier release, whose count is not exact and knows no delayed messages, is counted anew', async () => {
  const clock = new SimulatedClock();
  let QueueUrl: string;
  {
    await using node = await openSqsNode(clock);
    QueueUrl = await newQueue(node.call);
    for (const MessageBody of 'ab') await node.call('SendMessage', { QueueUrl, MessageBody });
    await node.call('SendMessage', { QueueUrl, MessageBody: 'c', DelaySeconds: 60 });
    const states = await node.records.range('sqs/queues', { limit: 1000 });
    const state = states
      .map(({ value }) => JSON.parse(Buffer.from(value).toString()))
      .find(({ name }) => QueueUrl.endsWith(`/${name}`));
    const key = encodeKey(['c']);
    const value = Buffer.from('{"messages":7}');
    await node.sqs[Symbol.asyncDispose]();
    await node.records.commit({ writes: [{ kind: 'put', space: `sqs/messages/${state.life}`, key, value }] });
  }
  await using node = await openSqsNode(clock);
  assert.deepEqual(await counts(node.call, QueueUrl), [2, 0, 1]);
});
