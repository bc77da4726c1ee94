import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLOCK_LIMITS, SimulatedClock } from '../../src/base/index.ts';
import { SQS_LIMITS } from '../../src/services/sqs/index.ts';
import { openEmbeddedRecords } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { arnOf, bodies, counts, newQueue, openSqsNode, receive } from './support.ts';

/** A clock whose wall time is set while it runs. */
class SetClock extends SimulatedClock {
  aheadMs = 0;

  override now(): number {
    return super.now() + this.aheadMs;
  }
}

const DAY_MS = 86_400_000;

test('a wall clock that jumps ahead neither expires messages nor shows those that others work on', async () => {
  const clock = new SetClock(Date.UTC(1970, 0, 1, 0, 1));
  await using node = await openSqsNode(clock);
  const { call } = node;
  const url = await newQueue(call, { VisibilityTimeout: '30' });
  for (const MessageBody of 'ab') await call('SendMessage', { QueueUrl: url, MessageBody });
  await receive(call, url, { MaxNumberOfMessages: 1 });
  await call('SendMessage', { QueueUrl: url, MessageBody: 'c', DelaySeconds: 20 });
  // A gateway without a battery has learnt the time from the network.
  clock.aheadMs = 56 * 365 * DAY_MS;
  await clock.advance(10_000);
  assert.equal(bodies(await receive(call, url)), 'b');
  await clock.advance(10_000);
  assert.equal(bodies(await receive(call, url)), 'c');
  await clock.advance(10_000);
  assert.equal(bodies(await receive(call, url)), 'a');
  await clock.advance(60_000);
  assert.equal((await receive(call, url)).length, 3);
});

test('what is sent once a gateway has learnt the time expires by it, when the clock has gone evenly for a while', async () => {
  const clock = new SetClock(Date.UTC(1970, 0, 1, 0, 1));
  await using node = await openSqsNode(clock);
  const { call } = node;
  const url = await newQueue(call, { MessageRetentionPeriod: '60' });
  clock.aheadMs = 56 * 365 * DAY_MS;
  await call('SendMessage', { QueueUrl: url, MessageBody: 'a' });
  await clock.advance(60_000);
  assert.equal(bodies(await receive(call, url, { VisibilityTimeout: 0 })), 'a');
  const left = async () => {
    await clock.advance(SQS_LIMITS.sweepMs);
    return (await counts(call, url))[0];
  };
  await eventually(left, (messages) => messages === 0);
  assert.ok(clock.monotonic() > CLOCK_LIMITS.restMs);
  // It has rested once: from now on the time is as good as any.
  await call('SendMessage', { QueueUrl: url, MessageBody: 'b' });
  await clock.advance(59_000);
  assert.equal(bodies(await receive(call, url, { VisibilityTimeout: 0 })), 'b');
  await clock.advance(2_000);
  assert.deepEqual(await receive(call, url), []);
});

test('a wall clock that goes back holds nothing for longer', async () => {
  const clock = new SetClock();
  await using node = await openSqsNode(clock);
  const { call } = node;
  const url = await newQueue(call, { VisibilityTimeout: '30' });
  await call('SendMessage', { QueueUrl: url, MessageBody: 'a' });
  await receive(call, url);
  await call('SendMessage', { QueueUrl: url, MessageBody: 'b', DelaySeconds: 20 });
  clock.aheadMs = -30 * DAY_MS;
  await clock.advance(20_000);
  assert.equal(bodies(await receive(call, url)), 'b');
  await clock.advance(10_000);
  assert.equal(bodies(await receive(call, url)), 'a');
  await call('PurgeQueue', { QueueUrl: url });
  // What is sent from now on is as new as it says, and not expired.
  await call('SendMessage', { QueueUrl: url, MessageBody: 'c' });
  assert.equal(bodies(await receive(call, url)), 'c');
});

test('what a clock that was ahead has written hides and holds nothing after a restart with the right time', async () => {
  const clock = new SetClock();
  clock.aheadMs = 365 * DAY_MS;
  let url: string;
  let fifo: string;
  {
    await using node = await openSqsNode(clock);
    const { call } = node;
    url = await newQueue(call, { VisibilityTimeout: '30' });
    fifo = await newQueue(call, { FifoQueue: 'true', ContentBasedDeduplication: 'true', DelaySeconds: '60' });
    await call('SendMessage', { QueueUrl: url, MessageBody: 'a' });
    await receive(call, url);
    await call('SendMessage', { QueueUrl: url, MessageBody: 'b', DelaySeconds: 900 });
    await call('SendMessage', { QueueUrl: fifo, MessageBody: 'c', MessageGroupId: 'g' });
    await call('PurgeQueue', { QueueUrl: await newQueue(call) });
  }
  clock.aheadMs = 0;
  await using node = await openSqsNode(clock);
  const { call } = node;
  assert.equal(bodies(await receive(call, url, { VisibilityTimeout: 43_200 })), 'b');
  await clock.advance(30_000);
  assert.equal(bodies(await receive(call, url)), 'a');
  await clock.advance(30_000);
  assert.equal(bodies(await receive(call, fifo, { VisibilityTimeout: 0 })), 'c');
  await clock.advance(300_000);
  await call('SendMessage', { QueueUrl: fifo, MessageBody: 'c', MessageGroupId: 'h' });
  await clock.advance(60_000);
  assert.equal(bodies(await receive(call, fifo)), 'cc');
  await clock.advance(43_200_000);
  assert.ok(bodies(await receive(call, url)).includes('a'));
});

test('a full disk refuses sends with a clear error, loses nothing that was acknowledged, and deletes make room', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sqs-full-'));
  try {
    await using records = await openEmbeddedRecords({ directory, pagesMax: 600 });
    await using node = await openSqsNode(new SimulatedClock(), records);
    const { call } = node;
    const url = await newQueue(call, { VisibilityTimeout: '30' });
    const MessageBody = 'x'.repeat(100_000);
    let sent = 0;
    let refused: any;
    while (!refused) {
      await call('SendMessage', { QueueUrl: url, MessageBody }).then(
        () => sent++,
        (error) => {
          refused = error;
        },
      );
    }
    assert.deepEqual([refused.code, refused.remedy], ['records-full', 'retry']);
    assert.ok(sent > 5);
    assert.deepEqual(await counts(call, url), [sent, 0, 0]);
    const messages = await receive(call, url);
    assert.equal(messages.length, Math.min(10, sent));
    const Entries = messages.map(({ ReceiptHandle }, at) => ({ Id: `${at}`, ReceiptHandle }));
    await call('DeleteMessageBatch', { QueueUrl: url, Entries });
    await call('SendMessage', { QueueUrl: url, MessageBody: 'after' });
    const left = [];
    for (let more = await receive(call, url); more.length > 0; more = await receive(call, url)) left.push(...more);
    assert.equal(left.length, sent - messages.length + 1);
    assert.equal(left.at(-1).Body, 'after');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a delete that fails on a full disk leaves the message, and it is seen again', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const url = await newQueue(call, { VisibilityTimeout: '30' });
  await call('SendMessage', { QueueUrl: url, MessageBody: 'a' });
  const [message] = await receive(call, url);
  const commit = node.records.commit;
  node.records.commit = () => Promise.reject(Object.assign(new Error('full'), { code: 'records-full' }));
  await assert.rejects(call('DeleteMessage', { QueueUrl: url, ReceiptHandle: message.ReceiptHandle }), {
    code: 'records-full',
  });
  await clock.advance(30_000);
  node.records.commit = commit;
  assert.deepEqual(await counts(call, url), [1, 0, 0]);
  const [again] = await receive(call, url);
  await call('DeleteMessage', { QueueUrl: url, ReceiptHandle: again.ReceiptHandle });
  assert.deepEqual(await counts(call, url), [0, 0, 0]);
});

test('hostile attributes and bodies are refused by code, and never stored', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const url = await newQueue(call);
  const text = (StringValue: string, DataType = 'String') => ({ DataType, StringValue });
  const attributes: readonly Record<string, object>[] = [
    { 'aws.x': text('v') },
    { 'AMAZON.x': text('v') },
    { '.x': text('v') },
    { 'x.': text('v') },
    { 'a..b': text('v') },
    { 'a b': text('v') },
    { ['n'.repeat(257)]: text('v') },
    { x: text('') },
    { x: text('v', 'string') },
    { x: text('v', 'Stringy') },
    { x: text('v', `String.${'y'.repeat(300)}`) },
    { x: text('one', 'Number') },
    { x: text('0x10', 'Number') },
    { x: text('1e127', 'Number') },
    { x: text('1'.repeat(39), 'Number') },
    { x: text('Infinity', 'Number') },
    { x: { DataType: 'Binary', BinaryValue: new Uint8Array(0) } },
    { x: { DataType: 'Binary', StringValue: 'v' } },
    { x: { DataType: 'String', StringListValues: ['a'] } },
    { x: text('a\u0000b') },
    Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`n${at}`, text('v')])),
  ];
  for (const MessageAttributes of attributes) {
    await assert.rejects(
      call('SendMessage', { QueueUrl: url, MessageBody: 'a', MessageAttributes }),
      ({ code }) => ['parameter-invalid', 'unsupported', 'contents-invalid'].includes(code),
      JSON.stringify(MessageAttributes),
    );
  }
  const trace = (value: object, name = 'AWSTraceHeader') =>
    call('SendMessage', { QueueUrl: url, MessageBody: 'a', MessageSystemAttributes: { [name]: value } });
  // One that can be read in very many ways is refused as fast as any other.
  const ambiguous = trace(text(`${'a='.repeat(500)};;`));
  for (const sent of [trace(text('Root=1'), 'Other'), trace(text('x')), trace(text('Root=1', 'Number')), ambiguous]) {
    await assert.rejects(sent, { code: 'parameter-invalid' });
  }
  for (const MessageBody of ['', 'a\u0001', '\ud800', '\ufffe']) {
    await assert.rejects(call('SendMessage', { QueueUrl: url, MessageBody }));
  }
  assert.deepEqual(await counts(call, url), [0, 0, 0]);
  const fine = { constructor: text('v'), '123': text('-1.5E+3', 'Number.float'), 'a.b': text('\u{1F600}') };
  await call('SendMessage', { QueueUrl: url, MessageBody: '\u{1F600}', MessageAttributes: fine });
  const [message] = await receive(call, url, { MessageAttributeNames: ['a.*', 'constructor', '123'] });
  assert.deepEqual(message.MessageAttributes, fine);
});

test('poison that is shown again at once goes to the dead-letter queue once, and holds up nobody', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const dead = await newQueue(call);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(dead), maxReceiveCount: 1 });
  const url = await newQueue(call, { RedrivePolicy });
  const Entries = Array.from({ length: 10 }, (_, at) => ({ Id: `${at}`, MessageBody: `${at}` }));
  await call('SendMessageBatch', { QueueUrl: url, Entries });
  const poll = () => receive(call, url, { VisibilityTimeout: 0 });
  await Promise.all([poll(), poll(), poll(), poll()]);
  await node.holds(dead, 10);
  assert.deepEqual(await receive(call, url), []);
  assert.equal((await receive(call, dead)).length, 10);
});
