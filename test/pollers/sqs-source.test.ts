import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import { openSqs, type Sqs } from '../../src/services/sqs/index.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { CONTEXT } from '../support/operations.ts';

let directory: string;
let records: Records;
let sqs: Sqs;
const clock = new SimulatedClock();

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-sqs-source-'));
  records = await openEmbeddedRecords({ directory });
  const ground = { clock, random: seededRandom(3), logger: silentLogger, metrics: createMetrics() };
  sqs = await openSqs({ records, ...ground });
});

after(async () => {
  await sqs[Symbol.asyncDispose]();
  await records[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const call = async (operation: string, input: object): Promise<any> =>
  sqs.service.operations[operation]!(input, CONTEXT);

const urlOf = (name: string) => `http://127.0.0.1:4566/000000000000/${name}`;
const arnOf = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`;

async function newQueue(QueueName: string, Attributes: Readonly<Record<string, string>> = {}) {
  await call('CreateQueue', { QueueName, Attributes });
  return sqs.source(arnOf(QueueName));
}

test('a message has the event of the guide', async () => {
  const source = await newQueue('my-queue');
  const { MessageId } = await call('SendMessage', {
    QueueUrl: urlOf('my-queue'),
    MessageBody: 'Test message.',
    MessageAttributes: { myAttribute: { DataType: 'String', StringValue: 'myValue' } },
  });
  const [record] = await source.receive(10);
  const { receiptHandle, md5OfMessageAttributes, attributes, ...event } = JSON.parse(record!.toEvent());
  assert.deepEqual(event, {
    messageId: MessageId,
    body: 'Test message.',
    messageAttributes: {
      myAttribute: { stringValue: 'myValue', stringListValues: [], binaryListValues: [], dataType: 'String' },
    },
    md5OfBody: 'e4e68fb7bd0e697a0ae8f1bb342846b3',
    eventSource: 'aws:sqs',
    eventSourceARN: arnOf('my-queue'),
    awsRegion: 'us-east-1',
  });
  assert.equal(typeof receiptHandle, 'string');
  assert.match(md5OfMessageAttributes, /^[0-9a-f]{32}$/);
  assert.deepEqual(Object.keys(attributes).toSorted(), [
    'ApproximateFirstReceiveTimestamp',
    'ApproximateReceiveCount',
    'SenderId',
    'SentTimestamp',
  ]);
});

test('a message of a FIFO queue says its group, its deduplication and its place', async () => {
  const source = await newQueue('fifo.fifo', { FifoQueue: 'true' });
  const input = { MessageBody: 'Test message.', MessageGroupId: '1', MessageDeduplicationId: 'once' };
  await call('SendMessage', { QueueUrl: urlOf('fifo.fifo'), ...input });
  const [record] = await source.receive(10);
  const { attributes } = JSON.parse(record!.toEvent());
  assert.equal(attributes.MessageGroupId, '1');
  assert.equal(attributes.MessageDeduplicationId, 'once');
  assert.match(attributes.SequenceNumber, /^\d{20}$/);
  assert.equal(record!.orderingKey, '1');
});

test('the trace of a message is what its batch goes on with', async () => {
  const source = await newQueue('traced');
  const StringValue = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1';
  const header = { AWSTraceHeader: { DataType: 'String', StringValue } };
  await call('SendMessage', { QueueUrl: urlOf('traced'), MessageBody: 'a', MessageSystemAttributes: header });
  await call('SendMessage', { QueueUrl: urlOf('traced'), MessageBody: 'b' });
  const [traced, plain] = await source.receive(10);
  const trace = { traceId: '5759e988bd862e3fe1be46a994272793', spanId: '53995c3f42cd8ad8', sampled: true };
  assert.deepEqual(traced!.trace, trace);
  assert.equal(plain!.trace, undefined);
});

test('a message that comes twice is deleted by the receive that it was handled in, not by an outdated one', async () => {
  const source = await newQueue('twice', { VisibilityTimeout: '10' });
  await call('SendMessage', { QueueUrl: urlOf('twice'), MessageBody: 'a' });
  const first = await source.receive(1);
  assert.equal(first[0]!.leasedUntil, clock.monotonic() + 10_000);
  await clock.advance(10_000);
  const second = await source.receive(1);
  assert.equal(second[0]!.id, first[0]!.id);
  await source.delete(first);
  await clock.advance(10_000);
  const third = await source.receive(1);
  assert.equal(third.length, 1, 'the outdated receipt has deleted nothing');
  await source.delete(third);
  await clock.advance(10_000);
  assert.deepEqual(await source.receive(1), []);
});

test('what is released is seen at once, and what has gone by itself is no error', async () => {
  const source = await newQueue('released');
  await call('SendMessage', { QueueUrl: urlOf('released'), MessageBody: 'a' });
  const taken = await source.receive(1);
  assert.deepEqual(await source.receive(1), []);
  await source.release(taken);
  const again = await source.receive(1);
  assert.equal(again.length, 1);
  await source.release(taken);
  await source.delete(again);
  await source.release(again);
  assert.equal(source.backlog().records, 0);
});

test('messages of a queue that was deleted mean nothing to the one that has its name', async () => {
  const source = await newQueue('reborn');
  await call('SendMessage', { QueueUrl: urlOf('reborn'), MessageBody: 'old' });
  const old = await source.receive(1);
  await call('DeleteQueue', { QueueUrl: urlOf('reborn') });
  await assert.rejects(source.receive(1), { code: 'queue-not-found' });
  await clock.advance(60_000);
  await newQueue('reborn');
  await call('SendMessage', { QueueUrl: urlOf('reborn'), MessageBody: 'new' });
  await source.delete(old);
  await source.release(old);
  assert.equal(JSON.parse((await source.receive(1))[0]!.toEvent()).body, 'new');
});
