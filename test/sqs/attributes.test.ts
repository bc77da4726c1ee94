import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arnOf, bodies, type Call, counts, newQueue, openSqsNode, receive } from './support.ts';

const get = async (call: Call, QueueUrl: string, ...AttributeNames: string[]) =>
  (await call('GetQueueAttributes', { QueueUrl, AttributeNames })).Attributes;
const set = (call: Call, QueueUrl: string, Attributes: Record<string, string>) =>
  call('SetQueueAttributes', { QueueUrl, Attributes });

/** Texts and codes as AWS answers them. */
test('attributes that a queue cannot have are refused in the words of AWS', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const url = await newQueue(call);
  const fifo = await newQueue(call, { FifoQueue: 'true' });
  const other = await newQueue(call);
  const redrive = (deadLetterTargetArn: unknown, maxReceiveCount: unknown) => ({
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }),
  });
  const dummy = '{"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}';
  const cases: readonly (readonly [string, Record<string, string>, string, RegExp])[] = [
    [url, { Unknown: '1' }, 'attribute-unknown', /^Unknown Attribute Unknown\.$/],
    [url, { FifoQueue: 'true' }, 'attribute-unknown', /^Unknown Attribute FifoQueue\.$/],
    [url, { ContentBasedDeduplication: 'true' }, 'attribute-unknown', /^Unknown Attribute ContentBased/],
    [fifo, { FifoQueue: 'false' }, 'attribute-invalid', /Modifying queue type is not supported/],
    [url, { DelaySeconds: '901' }, 'attribute-invalid', /^Invalid value for the parameter DelaySeconds\.$/],
    [url, { DelaySeconds: '' }, 'attribute-invalid', /DelaySeconds/],
    [url, { DelaySeconds: '-1' }, 'attribute-invalid', /DelaySeconds/],
    [url, { DelaySeconds: '1e2' }, 'attribute-invalid', /DelaySeconds/],
    [url, { MaximumMessageSize: '1023' }, 'attribute-invalid', /MaximumMessageSize/],
    [url, { MaximumMessageSize: '1048577' }, 'attribute-invalid', /MaximumMessageSize/],
    [url, { MessageRetentionPeriod: '59' }, 'attribute-invalid', /MessageRetentionPeriod/],
    [url, { ReceiveMessageWaitTimeSeconds: '21' }, 'attribute-invalid', /ReceiveMessageWaitTimeSeconds/],
    [url, { VisibilityTimeout: '43201' }, 'attribute-invalid', /VisibilityTimeout/],
    [url, { Policy: '{}' }, 'attribute-invalid', /^Invalid value for the parameter Policy\.$/],
    [url, { Policy: '[1' }, 'attribute-invalid', /Policy/],
    [url, { KmsMasterKeyId: 'k', SqsManagedSseEnabled: 'true' }, 'attribute-unknown', /one type of server-side/],
    [fifo, { FifoThroughputLimit: 'perMessageGroupId' }, 'attribute-invalid', /only when the value for Dedupl/],
    [
      url,
      { RedrivePolicy: dummy },
      'parameter-invalid',
      /^Value \{"deadLetterTargetArn": "dummy", "maxReceiveCount": 42\} for parameter RedrivePolicy is invalid\. Reason: Invalid value for deadLetterTargetArn\.$/,
    ],
    [url, { RedrivePolicy: 'x' }, 'parameter-invalid', /not a valid JSON map/],
    [url, redrive(arnOf(other), undefined), 'parameter-invalid', /mandatory attribute: maxReceiveCount\.$/],
    [url, redrive(arnOf(other), 1001), 'parameter-invalid', /maxReceiveCount: 1001, valid values are from 1 to 1000/],
    [url, redrive(arnOf('x/nowhere'), 3), 'parameter-invalid', /Dead letter target does not exist\.$/],
    [url, redrive(arnOf(fifo), 3), 'parameter-invalid', /must be same type of queue as the source\.$/],
    [url, redrive('arn:aws:sqs:us-east-1:111122223333:x', 3), 'parameter-invalid', /owner should be same/],
    [url, { RedriveAllowPolicy: '{"redrivePermission":"some"}' }, 'parameter-invalid', /allowAll, denyAll or byQueue/],
    [url, { RedriveAllowPolicy: '{"redrivePermission":"byQueue"}' }, 'parameter-invalid', /1 to 10 queues/],
    [url, { RedriveAllowPolicy: '{"redrivePermission":"denyAll","sourceQueueArns":[]}' }, 'parameter-invalid', /only/],
  ];
  for (const [QueueUrl, attributes, code, message] of cases) {
    await assert.rejects(set(call, QueueUrl, attributes), { code, message }, JSON.stringify(attributes));
  }
  await assert.rejects(call('GetQueueAttributes', { QueueUrl: url, AttributeNames: ['Nothing'] }), {
    code: 'attribute-unknown',
  });
});

test('names that a queue cannot have are refused', async () => {
  await using node = await openSqsNode();
  const create = (QueueName: string, Attributes = {}) => node.call('CreateQueue', { QueueName, Attributes });
  const invalid = { code: 'parameter-invalid' };
  for (const name of ['', 'a b', 'a.b', 'x.fifo', 'é', 'a'.repeat(81), '__proto__/x']) {
    await assert.rejects(create(name), invalid, name);
  }
  for (const name of ['x', '.fifo', 'a.b.fifo', `${'a'.repeat(76)}.fifo`]) {
    await assert.rejects(create(name, { FifoQueue: 'true' }), invalid, name);
  }
  await create('a'.repeat(80));
  await create(`${'a'.repeat(75)}.fifo`, { FifoQueue: 'true' });
});

test('encryption is one way or the other', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const url = await newQueue(call);
  const names = ['KmsMasterKeyId', 'KmsDataKeyReusePeriodSeconds', 'SqsManagedSseEnabled'];
  assert.deepEqual(await get(call, url, ...names), { SqsManagedSseEnabled: 'true' });
  await set(call, url, { KmsMasterKeyId: 'testKeyId', KmsDataKeyReusePeriodSeconds: '6000' });
  assert.deepEqual(await get(call, url, ...names), {
    KmsMasterKeyId: 'testKeyId',
    KmsDataKeyReusePeriodSeconds: '6000',
    SqsManagedSseEnabled: 'false',
  });
  await set(call, url, { SqsManagedSseEnabled: 'true' });
  assert.deepEqual(await get(call, url, ...names), { SqsManagedSseEnabled: 'true' });
});

test('a redrive allow policy decides who may name the queue', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const [dead, source, stranger] = [await newQueue(call), await newQueue(call), await newQueue(call)];
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(dead), maxReceiveCount: 3 });
  const allow = (value: object) => set(call, dead, { RedriveAllowPolicy: JSON.stringify(value) });
  await allow({ redrivePermission: 'byQueue', sourceQueueArns: [arnOf(source)] });
  await set(call, source, { RedrivePolicy });
  await assert.rejects(set(call, stranger, { RedrivePolicy }), {
    code: 'parameter-invalid',
    message: /does not allow/,
  });
  await allow({ redrivePermission: 'denyAll' });
  await assert.rejects(set(call, stranger, { RedrivePolicy }), { code: 'parameter-invalid' });
  await set(call, source, { VisibilityTimeout: '3' });
  await set(call, source, { RedrivePolicy: '' });
  assert.equal((await get(call, source, 'All')).RedrivePolicy, undefined);
  await assert.rejects(set(call, source, { RedrivePolicy }), { code: 'parameter-invalid' });
  await set(call, dead, { RedriveAllowPolicy: '' });
  await set(call, stranger, { RedrivePolicy });
});

test('permissions are statements of the policy', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const QueueUrl = await newQueue(call);
  const add = (Label: string, Actions = ['ReceiveMessage'], AWSAccountIds = ['111111111111', '668614515564']) =>
    call('AddPermission', { QueueUrl, Label, Actions, AWSAccountIds });
  await add('crossaccountpermission');
  assert.deepEqual(JSON.parse((await get(call, QueueUrl, 'Policy')).Policy), {
    Version: '2008-10-17',
    Id: `${arnOf(QueueUrl)}/SQSDefaultPolicy`,
    Statement: [
      {
        Sid: 'crossaccountpermission',
        Effect: 'Allow',
        Principal: { AWS: ['arn:aws:iam::111111111111:root', 'arn:aws:iam::668614515564:root'] },
        Action: 'SQS:ReceiveMessage',
        Resource: arnOf(QueueUrl),
      },
    ],
  });
  await assert.rejects(add('crossaccountpermission'), {
    message: 'Value crossaccountpermission for parameter Label is invalid. Reason: Already exists.',
  });
  await assert.rejects(add('x', ['CreateQueue']), { code: 'parameter-invalid' });
  await assert.rejects(add('x', ['*'], ['1']), { message: /Unable to verify/ });
  await assert.rejects(add('x', Array(8).fill('*')), { code: 'over-limit', message: /maximum allowed is 7/ });
  await Promise.all(['a', 'b', 'c'].map((label) => add(label)));
  assert.equal(JSON.parse((await get(call, QueueUrl, 'Policy')).Policy).Statement.length, 4);
  for (const Label of ['a', 'b', 'c', 'crossaccountpermission']) await call('RemovePermission', { QueueUrl, Label });
  assert.equal((await get(call, QueueUrl, 'All')).Policy, undefined);
  await assert.rejects(call('RemovePermission', { QueueUrl, Label: 'a' }), {
    message: "Value a for parameter Label is invalid. Reason: can't find label.",
  });
});

test('tags have limits', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const QueueUrl = await newQueue(call);
  const tag = (Tags: Record<string, string>) => call('TagQueue', { QueueUrl, Tags });
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, 'v']));
  for (const tags of [many, { ['k'.repeat(129)]: '' }, { k: 'v'.repeat(257) }, { 'aws:x': '' }, { '': 'v' }]) {
    await assert.rejects(tag(tags), { code: 'parameter-invalid' });
  }
  await tag({ __proto__x: 'v', constructor: 'w' });
  assert.deepEqual((await call('ListQueueTags', { QueueUrl })).Tags, { __proto__x: 'v', constructor: 'w' });
});

test('a change of the delay reaches what is in a FIFO queue, and not what is in a standard one', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const standard = await newQueue(call, { DelaySeconds: '60' });
  const fifo = await newQueue(call, { FifoQueue: 'true', DelaySeconds: '60', ContentBasedDeduplication: 'true' });
  await call('SendMessage', { QueueUrl: standard, MessageBody: 'a' });
  await call('SendMessage', { QueueUrl: fifo, MessageBody: 'a', MessageGroupId: 'g' });
  assert.deepEqual(
    [await counts(call, standard), await counts(call, fifo)],
    [
      [0, 0, 1],
      [0, 0, 1],
    ],
  );
  await clock.advance(10_000);
  const waiting = receive(call, fifo, { WaitTimeSeconds: 20, VisibilityTimeout: 0 });
  for (const url of [standard, fifo]) await set(call, url, { DelaySeconds: '5' });
  assert.equal(bodies(await waiting), 'a');
  assert.deepEqual(await receive(call, standard), []);
  // What was received once is not delayed again; what is new is.
  await set(call, fifo, { DelaySeconds: '900' });
  await call('SendMessage', { QueueUrl: fifo, MessageBody: 'b', MessageGroupId: 'g' });
  assert.equal(bodies(await receive(call, fifo, { VisibilityTimeout: 0 })), 'a');
  await clock.advance(50_000);
  assert.equal(bodies(await receive(call, standard)), 'a');
  assert.equal(bodies(await receive(call, fifo, { VisibilityTimeout: 0 })), 'a');
  await clock.advance(860_000);
  assert.equal(bodies(await receive(call, fifo)), 'ab');
});

test('a longer delay hides again what a FIFO queue had not handed out', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const fifo = await newQueue(call, { FifoQueue: 'true', ContentBasedDeduplication: 'true' });
  for (const body of 'ab') await call('SendMessage', { QueueUrl: fifo, MessageBody: body, MessageGroupId: body });
  const [first] = await receive(call, fifo, { MaxNumberOfMessages: 1 });
  await set(call, fifo, { DelaySeconds: '60' });
  assert.deepEqual(await receive(call, fifo), []);
  assert.deepEqual(await counts(call, fifo), [0, 1, 1]);
  await call('DeleteMessage', { QueueUrl: fifo, ReceiptHandle: first.ReceiptHandle });
  await clock.advance(60_000);
  assert.equal(bodies(await receive(call, fifo)), 'b');
});

test('a change of the retention reaches what is in the queue', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const QueueUrl = await newQueue(call);
  await call('SendMessage', { QueueUrl, MessageBody: 'a' });
  await clock.advance(100_000);
  await call('SendMessage', { QueueUrl, MessageBody: 'b' });
  await set(call, QueueUrl, { MessageRetentionPeriod: '60' });
  assert.equal(bodies(await receive(call, QueueUrl)), 'b');
});

test('a message is no longer hidden than twelve hours after it was received', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const QueueUrl = await newQueue(call);
  await call('SendMessage', { QueueUrl, MessageBody: 'a' });
  const [{ ReceiptHandle }] = (await receive(call, QueueUrl, { VisibilityTimeout: 43_200 })) as any;
  const change = (VisibilityTimeout: number) =>
    call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout });
  await change(43_200);
  await clock.advance(1000);
  await assert.rejects(change(43_200), { code: 'parameter-invalid', message: /beyond the limit \[43200 seconds\]/ });
  await change(43_199);
  await assert.rejects(change(-1), { code: 'parameter-invalid' });
});

test('queues are listed page by page', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  for (const name of ['list-a', 'list-b', 'list-c']) await call('CreateQueue', { QueueName: name });
  const first = await call('ListQueues', { QueueNamePrefix: 'list-', MaxResults: 2 });
  assert.equal(first.QueueUrls.length, 2);
  const second = await call('ListQueues', { QueueNamePrefix: 'list-', MaxResults: 2, NextToken: first.NextToken });
  assert.match(second.QueueUrls[0], /list-c$/);
  assert.equal(second.NextToken, undefined);
  await assert.rejects(call('ListQueues', { MaxResults: 2, NextToken: '!' }), { message: /next token/ });
  await assert.rejects(call('ListQueues', { MaxResults: 0 }), { code: 'parameter-invalid' });
});
