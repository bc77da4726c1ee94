import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Rig, Scenario } from '../scenario.ts';

const ARN = 'arn:aws:sqs:us-east-1:000000000000';
/** Bytes that no text survives. */
const BYTES = Buffer.from([0, 255, 10]);

/** Clients of the query protocol name some errors with the prefix that AWS gave them then. */
const missing = { name: /^(QueueDoesNotExist|AWS\.SimpleQueueService\.NonExistentQueue)$/ };

const md5Of = (text: string) => createHash('md5').update(text).digest('hex');

/** SQS: a queue and its dead letters, messages one by one and in batches, an ordered queue, and moving letters back. */
export const sqs: Scenario = {
  service: 'sqs',
  departures: {
    'DeleteMessageBatch.Failed': 'nothing, where nothing has failed',
    'SendMessageBatch.Failed': 'nothing, where nothing has failed',
  },
  async run(rig) {
    const { call, name } = rig;
    const QueueName = `${name('queues')}-work`;
    const dead = `${name('queues')}-dead`;
    const { QueueUrl: deadUrl } = await call('CreateQueue', { QueueName: dead, tags: { team: 'a' } });
    const { QueueUrl } = await call('CreateQueue', { QueueName, Attributes: { VisibilityTimeout: '30' } });
    await queues(rig, { QueueName, QueueUrl, dead, deadUrl });
    await permissions(rig, QueueUrl);
    await messages(rig, QueueUrl);
    await batches(rig, QueueUrl);
    await traced(rig, QueueUrl);
    await refusals(rig, QueueUrl, QueueName);
    await ordered(rig);
    if (await rig.knows('StartMessageMoveTask')) await moves(rig, { QueueName, QueueUrl, dead, deadUrl });
    await removal(rig, QueueUrl, QueueName);
  },
};

interface Queues {
  readonly QueueName: string;
  readonly QueueUrl: string;
  readonly dead: string;
  readonly deadUrl: string;
}

async function queues({ call, name }: Rig, { QueueName, QueueUrl, dead, deadUrl }: Queues): Promise<void> {
  assert.equal((await call('GetQueueUrl', { QueueName })).QueueUrl, QueueUrl);
  const first = await call('ListQueues', { QueueNamePrefix: `${name('queues')}-`, MaxResults: 1 });
  const second = await call('ListQueues', {
    QueueNamePrefix: `${name('queues')}-`,
    MaxResults: 1,
    NextToken: first.NextToken,
  });
  assert.deepEqual([...first.QueueUrls, ...second.QueueUrls].sort(), [QueueUrl, deadUrl].sort());

  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: `${ARN}:${dead}`, maxReceiveCount: 3 });
  await call('SetQueueAttributes', { QueueUrl, Attributes: { RedrivePolicy, DelaySeconds: '0' } });
  const { Attributes } = await call('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] });
  assert.deepEqual(
    [Attributes.QueueArn, Attributes.VisibilityTimeout, Attributes.ApproximateNumberOfMessages],
    [`${ARN}:${QueueName}`, '30', '0'],
  );
  assert.deepEqual(JSON.parse(Attributes.RedrivePolicy), JSON.parse(RedrivePolicy));
  assert.deepEqual((await call('ListDeadLetterSourceQueues', { QueueUrl: deadUrl })).queueUrls, [QueueUrl]);

  await call('TagQueue', { QueueUrl: deadUrl, Tags: { site: 'grün & more' } });
  await call('UntagQueue', { QueueUrl: deadUrl, TagKeys: ['team'] });
  assert.deepEqual((await call('ListQueueTags', { QueueUrl: deadUrl })).Tags, { site: 'grün & more' });
}

async function permissions({ call }: Rig, QueueUrl: string): Promise<void> {
  const AWSAccountIds = ['111122223333', '444455556666'];
  await call('AddPermission', { QueueUrl, Label: 'others', AWSAccountIds, Actions: ['SendMessage'] });
  const { Attributes } = await call('GetQueueAttributes', { QueueUrl, AttributeNames: ['Policy'] });
  const [{ Sid, Principal }] = JSON.parse(Attributes.Policy).Statement;
  assert.deepEqual([Sid, Principal.AWS], ['others', AWSAccountIds.map((id) => `arn:aws:iam::${id}:root`)]);
  await call('RemovePermission', { QueueUrl, Label: 'others' });
  const after = await call('GetQueueAttributes', { QueueUrl, AttributeNames: ['Policy'] });
  assert.equal(after.Attributes?.Policy, undefined);
}

async function messages({ call }: Rig, QueueUrl: string): Promise<void> {
  const MessageBody = 'grün <&> "\t✓';
  const MessageAttributes = {
    text: { DataType: 'String', StringValue: 'a' },
    count: { DataType: 'Number.int', StringValue: '7' },
    bytes: { DataType: 'Binary', BinaryValue: BYTES },
  };
  const sent = await call('SendMessage', { QueueUrl, MessageBody, MessageAttributes });
  assert.equal(sent.MD5OfMessageBody, md5Of(MessageBody));
  const { Messages } = await call('ReceiveMessage', {
    ...{ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 },
    ...{ MessageAttributeNames: ['All'], AttributeNames: ['All'] },
  });
  assert.equal(Messages.length, 1);
  const [message] = Messages;
  assert.deepEqual(
    [message.MessageId, message.Body, message.MessageAttributes, message.MD5OfMessageAttributes],
    [sent.MessageId, MessageBody, MessageAttributes, sent.MD5OfMessageAttributes],
  );
  assert.equal(message.Attributes.ApproximateReceiveCount, '1');

  const { ReceiptHandle } = message;
  await call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 });
  const again = await call('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 1 });
  assert.deepEqual([again.Messages.length, again.Messages[0].MessageId], [1, sent.MessageId]);
  await call('DeleteMessage', { QueueUrl, ReceiptHandle: again.Messages[0].ReceiptHandle });
  assert.deepEqual((await call('ReceiveMessage', { QueueUrl })).Messages ?? [], []);
}

/** Trace headers travel beside the message, and each client checks the digest of both kinds of attributes. */
async function traced({ call }: Rig, QueueUrl: string): Promise<void> {
  const trace = 'Root=1-5759e988-bd862e3fe1be46a994272793';
  const MessageSystemAttributes = { AWSTraceHeader: { DataType: 'String', StringValue: trace } };
  const MessageAttributes = { n: { DataType: 'Number', StringValue: '1' } };
  const Entries = [
    { Id: 'both', MessageBody: 'a', MessageAttributes, MessageSystemAttributes },
    { Id: 'late', MessageBody: 'b', DelaySeconds: 900 },
  ];
  const { Successful, Failed = [] } = await call('SendMessageBatch', { QueueUrl, Entries });
  assert.deepEqual([Successful.length, Failed], [2, []]);
  assert.match(Successful[0].MD5OfMessageAttributes, /^[0-9a-f]{32}$/);
  assert.match(Successful[0].MD5OfMessageSystemAttributes, /^[0-9a-f]{32}$/);
  const receive = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, AttributeNames: ['AWSTraceHeader'] };
  const { Messages } = await call('ReceiveMessage', { ...receive, MessageAttributeNames: ['n'] });
  assert.deepEqual(
    Messages.map(({ Body, Attributes, MessageAttributes: found }: any) => [Body, Attributes, found]),
    [['a', { AWSTraceHeader: trace }, MessageAttributes]],
  );
  const wrong = { Id: 'wrong', ReceiptHandle: 'nonsense' };
  const right = { Id: 'right', ReceiptHandle: Messages[0].ReceiptHandle };
  const deleted = await call('DeleteMessageBatch', { QueueUrl, Entries: [wrong, right] });
  assert.deepEqual(deleted.Successful, [{ Id: 'right' }]);
  assert.deepEqual(
    deleted.Failed.map(({ Id, Code, SenderFault }: any) => [Id, Code, SenderFault]),
    [['wrong', 'ReceiptHandleIsInvalid', true]],
  );
  const counted = { QueueUrl, AttributeNames: ['ApproximateNumberOfMessagesDelayed'] };
  const { Attributes } = await call('GetQueueAttributes', counted);
  assert.deepEqual(Attributes, { ApproximateNumberOfMessagesDelayed: '1' });
}

async function batches({ call }: Rig, QueueUrl: string): Promise<void> {
  const Entries = ['a', 'b'].map((Id) => ({ Id, MessageBody: `body ${Id}` }));
  const sent = await call('SendMessageBatch', { QueueUrl, Entries });
  assert.deepEqual(
    sent.Successful.map(({ Id, MD5OfMessageBody }: any) => [Id, MD5OfMessageBody]),
    Entries.map(({ Id, MessageBody }) => [Id, md5Of(MessageBody)]),
  );

  const { Messages } = await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 });
  assert.deepEqual(
    Messages.map((one: any) => one.Body),
    ['body a', 'body b'],
  );
  const handles = Messages.map((one: any, at: number) => ({ Id: Entries[at]!.Id, ReceiptHandle: one.ReceiptHandle }));
  const changed = await call('ChangeMessageVisibilityBatch', {
    QueueUrl,
    Entries: [
      { ...handles[0], VisibilityTimeout: 60 },
      { Id: 'wrong', ReceiptHandle: 'x', VisibilityTimeout: 1 },
    ],
  });
  assert.deepEqual(changed.Successful, [{ Id: 'a' }]);
  assert.deepEqual(
    changed.Failed.map(({ Id, Code, SenderFault }: any) => [Id, Code, SenderFault]),
    [['wrong', 'ReceiptHandleIsInvalid', true]],
  );
  const deleted = await call('DeleteMessageBatch', { QueueUrl, Entries: handles });
  assert.deepEqual(deleted.Successful, [{ Id: 'a' }, { Id: 'b' }]);
}

/** By their codes; the prefix is what AWS gave some of them in the query protocol, which Debian's clients speak. */
async function refusals({ call }: Rig, QueueUrl: string, QueueName: string): Promise<void> {
  const refuses = async (code: string, operation: string, input: object) =>
    assert.rejects(
      call(operation, input),
      { name: new RegExp(`^(AWS\\.SimpleQueueService\\.)?(${code})$`) },
      operation,
    );
  const entry = (Id: string, MessageBody = 'a') => ({ Id, MessageBody });
  const send = (...Entries: object[]) => ({ QueueUrl, Entries });
  const eleven = Array.from({ length: 11 }, (_, at) => entry(`${at}`));
  const large = 'a'.repeat(600_000);
  await refuses('NonExistentQueue|QueueDoesNotExist', 'GetQueueUrl', { QueueName: `${QueueName}-none` });
  await refuses('EmptyBatchRequest', 'SendMessageBatch', send());
  await refuses('BatchEntryIdsNotDistinct', 'SendMessageBatch', send(entry('x'), entry('x')));
  await refuses('TooManyEntriesInBatchRequest', 'SendMessageBatch', send(...eleven));
  await refuses('InvalidBatchEntryId', 'SendMessageBatch', send(entry('a b')));
  await refuses('BatchRequestTooLong', 'SendMessageBatch', send(entry('a', large), entry('b', large)));
  await refuses('ReceiptHandleIsInvalid', 'DeleteMessage', { QueueUrl, ReceiptHandle: 'nonsense' });
  await refuses('InvalidAttributeName', 'SetQueueAttributes', { QueueUrl, Attributes: { FifoQueue: 'true' } });
  await refuses('InvalidAttributeValue', 'SetQueueAttributes', { QueueUrl, Attributes: { DelaySeconds: '901' } });
  const differently = { QueueName, Attributes: { VisibilityTimeout: '9' } };
  await refuses('QueueAlreadyExists|QueueNameExists', 'CreateQueue', differently);
}

async function ordered({ call, name }: Rig): Promise<void> {
  const Attributes = { FifoQueue: 'true', ContentBasedDeduplication: 'true' };
  const { QueueUrl } = await call('CreateQueue', { QueueName: `${name('ordered')}.fifo`, Attributes });
  const send = (MessageBody: string) => call('SendMessage', { QueueUrl, MessageBody, MessageGroupId: 'g' });
  const first = await send('a');
  const second = await send('b');
  const repeated = await send('a');
  assert.equal(repeated.MessageId, first.MessageId);
  assert.ok(BigInt(second.SequenceNumber) > BigInt(first.SequenceNumber));
  const receive = { QueueUrl, MaxNumberOfMessages: 10, AttributeNames: ['MessageGroupId', 'SequenceNumber'] };
  const { Messages } = await call('ReceiveMessage', { ...receive, WaitTimeSeconds: 1 });
  assert.deepEqual(
    Messages.map(({ Body, Attributes }: any) => [Body, Attributes]),
    [
      ['a', { MessageGroupId: 'g', SequenceNumber: first.SequenceNumber }],
      ['b', { MessageGroupId: 'g', SequenceNumber: second.SequenceNumber }],
    ],
  );
  const entry = { Id: 'x', MessageBody: 'c', MessageGroupId: 'h', MessageDeduplicationId: 'once' };
  const { Successful } = await call('SendMessageBatch', { QueueUrl, Entries: [entry, { ...entry, Id: 'y' }] });
  assert.ok(BigInt(Successful[0].SequenceNumber) > BigInt(second.SequenceNumber));
  assert.equal(Successful[1].MessageId, Successful[0].MessageId);
  await call('DeleteQueue', { QueueUrl });
}

/** Eight letters at one a second: the task is still at it when it is cancelled. */
async function moves({ call }: Rig, { QueueName, dead, deadUrl }: Queues): Promise<void> {
  const Entries = Array.from({ length: 8 }, (_, at) => ({ Id: `${at}`, MessageBody: `${at}` }));
  await call('SendMessageBatch', { QueueUrl: deadUrl, Entries });
  const SourceArn = `${ARN}:${dead}`;
  const DestinationArn = `${ARN}:${QueueName}`;
  const start = { SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond: 1 };
  const { TaskHandle } = await call('StartMessageMoveTask', start);
  const running = await call('ListMessageMoveTasks', { SourceArn });
  assert.deepEqual(
    running.Results.map((one: any) => [one.Status, one.TaskHandle, one.MaxNumberOfMessagesPerSecond]),
    [['RUNNING', TaskHandle, 1]],
  );
  assert.ok(Math.abs(running.Results[0].StartedTimestamp - Date.now()) < 60_000);
  const { ApproximateNumberOfMessagesMoved: moved } = await call('CancelMessageMoveTask', { TaskHandle });
  assert.ok(moved >= 0 && moved < 8, moved);
  const { Results } = await call('ListMessageMoveTasks', { SourceArn, MaxResults: 1 });
  assert.match(Results[0].Status, /^CANCELL(ING|ED)$/);
}

async function removal({ call }: Rig, QueueUrl: string, QueueName: string): Promise<void> {
  await call('PurgeQueue', { QueueUrl });
  await assert.rejects(call('PurgeQueue', { QueueUrl }), { name: /PurgeQueueInProgress$/ });
  await call('DeleteQueue', { QueueUrl });
  await assert.rejects(call('GetQueueUrl', { QueueName }), missing);
}
