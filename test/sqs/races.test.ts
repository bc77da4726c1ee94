/** What meets what at a bad moment: writes that are slow or fail while a queue is read, changed, purged or deleted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Records } from '../../src/store/index.ts';
import { advanceUntil } from '../pollers/fakes.ts';
import { arnOf, bodies, counts, newQueue, openSqsNode, receive } from './support.ts';

type Node = Awaited<ReturnType<typeof openSqsNode>>;

/** Holds the next commit back until it is let go; those after it pass. */
function holdNextCommit({ records }: Node): () => void {
  const { commit } = records;
  const { promise, resolve } = Promise.withResolvers<void>();
  records.commit = async (transaction) => {
    records.commit = commit;
    await promise;
    return commit.call(records, transaction);
  };
  return resolve;
}

/** Writes nothing from now on: what follows is as good as a crash. */
async function crash({ records, sqs }: Node): Promise<void> {
  const { commit } = records;
  records.commit = () => Promise.reject(new Error('killed'));
  // What it had still to write, if anything, fails.
  await Promise.resolve(sqs[Symbol.asyncDispose]()).catch(() => {});
  records.commit = commit;
}

async function sendMany({ call }: Node, QueueUrl: string, count: number): Promise<void> {
  for (let at = 0; at < count; at++) await call('SendMessage', { QueueUrl, MessageBody: `${at}` });
}

async function drain({ call }: Node, QueueUrl: string): Promise<void> {
  for (let some = await receive(call, QueueUrl); some.length > 0; some = await receive(call, QueueUrl)) {
    const Entries = some.map(({ ReceiptHandle }, at) => ({ Id: `${at}`, ReceiptHandle }));
    await call('DeleteMessageBatch', { QueueUrl, Entries });
  }
}

/** Lets the next call of a kind fail. */
function failNext({ records }: Node, name: 'commit' | 'dropSpace'): void {
  const original = records[name];
  records[name] = (() => {
    (records as unknown as Record<string, unknown>)[name] = original;
    return Promise.reject(Object.assign(new Error('full'), { code: 'records-full' }));
  }) as never;
}

/** Holds the next commit back and lets it fail at last; those after it pass. */
function failNextCommitLater({ records }: Node): { readonly begun: Promise<void>; fail(): void } {
  const { commit } = records;
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: failing, reject } = Promise.withResolvers<never>();
  records.commit = () => {
    records.commit = commit;
    begin();
    return failing;
  };
  return { begun, fail: () => reject(Object.assign(new Error('full'), { code: 'records-full' })) };
}

const isEmpty = async (records: Records, life: string) =>
  (await records.range(`sqs/messages/${life}`, { limit: 1 })).length === 0;

test('a delayed message whose write takes longer than its delay is received all the same', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const url = await newQueue(call);
  await call('SendMessage', { QueueUrl: url, MessageBody: 'a', DelaySeconds: 2 });
  const letGo = holdNextCommit(node);
  const slow = call('SendMessage', { QueueUrl: url, MessageBody: 'b', DelaySeconds: 1 });
  await setImmediate();
  await clock.advance(2000);
  assert.equal(bodies(await receive(call, url)), 'a');
  letGo();
  await slow;
  assert.equal(bodies(await receive(call, url)), 'b');
  assert.deepEqual(await counts(call, url), [0, 2, 0]);
});

test('messages with a delay that nobody receives are gone after their retention, too', async () => {
  await using node = await openSqsNode();
  const { call, clock, sqs } = node;
  const url = await newQueue(call, { MessageRetentionPeriod: '60', DelaySeconds: '5' });
  for (const MessageBody of 'abc') await call('SendMessage', { QueueUrl: url, MessageBody });
  assert.deepEqual(await counts(call, url), [0, 0, 3]);
  // What has expired is looked for now and then.
  await advanceUntil(clock, 10_000, () => sqs.describe().find(({ arn }) => arn === arnOf(url))!.delayed === 0);
  assert.deepEqual(await counts(call, url), [0, 0, 0]);
});

test('the queues can be described at any moment at which one is made or deleted', async () => {
  await using node = await openSqsNode();
  const { call, sqs } = node;
  const look = async (change: Promise<unknown>) => {
    let over = false;
    const ended = change.finally(() => {
      over = true;
    });
    while (!over) {
      sqs.describe();
      await Promise.resolve();
      await setImmediate();
    }
    return ended;
  };
  for (let turn = 0; turn < 5; turn++) {
    const url = (await look(newQueue(call))) as string;
    await look(call('DeleteQueue', { QueueUrl: url }));
  }
});

test('a queue that could not be deleted goes on', async () => {
  await using node = await openSqsNode();
  const { call } = node;
  const url = await newQueue(call);
  await call('SendMessage', { QueueUrl: url, MessageBody: 'a' });
  failNext(node, 'commit');
  await assert.rejects(call('DeleteQueue', { QueueUrl: url }), { code: 'records-full' });
  assert.equal(bodies(await receive(call, url)), 'a');
  await call('DeleteQueue', { QueueUrl: url });
  await assert.rejects(receive(call, url), { code: 'queue-not-found' });
});

for (const operation of ['PurgeQueue', 'DeleteQueue']) {
  test(`what ${operation} did not come to drop is dropped at the next start`, async () => {
    let life: string;
    {
      await using node = await openSqsNode();
      const { call, records } = node;
      const url = await newQueue(call);
      await call('SendMessage', { QueueUrl: url, MessageBody: 'a' });
      const [row] = await records.range('sqs/queues', {
        from: Buffer.from(`us-east-1/${url.split('/').at(-1)}`),
        limit: 1,
      });
      life = (JSON.parse(Buffer.from(row!.value).toString()) as { life: string }).life;
      failNext(node, 'dropSpace');
      await assert.rejects(call(operation, { QueueUrl: url }));
      assert.equal(await isEmpty(records, life), false);
    }
    await using node = await openSqsNode();
    assert.equal(await isEmpty(node.records, life), true);
    assert.deepEqual(await node.records.range('sqs/dropped', { limit: 1 }), []);
  });
}

test('messages that are deleted twice count once, after a restart with a backlog too', async () => {
  const node = await openSqsNode();
  const url = await newQueue(node.call);
  await sendMany(node, url, 1);
  const [{ ReceiptHandle }] = await receive(node.call, url);
  for (let time = 0; time < 10; time++) await node.call('DeleteMessage', { QueueUrl: url, ReceiptHandle });
  await sendMany(node, url, 20);
  await node[Symbol.asyncDispose]();
  await using next = await openSqsNode();
  assert.deepEqual(await counts(next.call, url), [20, 0, 0]);
});

for (const delay of [{}, { DelaySeconds: 1 }]) {
  const kind = delay.DelaySeconds ? 'delayed messages' : 'messages';
  test(`a wrong count of ${kind} that a crash has left is put right once all have been read`, async () => {
    const node = await openSqsNode();
    const { call } = node;
    const url = await newQueue(call);
    await sendMany(node, url, 20);
    const next = failNextCommitLater(node);
    const failing = call('SendMessage', { QueueUrl: url, MessageBody: 'a', ...delay });
    await next.begun;
    // Its transaction counts the one that is to fail.
    await sendMany(node, url, 1);
    next.fail();
    await assert.rejects(failing);
    await crash(node);
    await using restarted = await openSqsNode();
    await drain(restarted, url);
    assert.deepEqual(await counts(restarted.call, url), [0, 0, 0]);
    await sendMany(restarted, url, 1);
    assert.deepEqual(await counts(restarted.call, url), [1, 0, 0]);
  });
}

test('who waits for a message gets one that could not be removed', async () => {
  await using node = await openSqsNode();
  const { call, sqs } = node;
  const url = await newQueue(call);
  await sendMany(node, url, 1);
  const [letter] = (await sqs.letters.browse(arnOf(url), { limit: 1 })).messages;
  const next = failNextCommitLater(node);
  const removing = sqs.letters.remove(arnOf(url), letter!.id);
  await next.begun;
  const waiting = receive(call, url, { WaitTimeSeconds: 20 });
  await setImmediate();
  next.fail();
  await assert.rejects(removing, { code: 'records-full' });
  assert.equal((await waiting).length, 1);
});

test('a poller wakes for what is sent while it reads of a life that a purge ends', async () => {
  await using node = await openSqsNode();
  const { call, clock, records, sqs } = node;
  const url = await newQueue(call);
  await call('PurgeQueue', { QueueUrl: url });
  await clock.advance(60_000);
  const { range } = records;
  const { promise: reading, resolve: letRead } = Promise.withResolvers<void>();
  records.range = async (...given) => {
    records.range = range;
    await reading;
    return range.apply(records, given);
  };
  const waiting = sqs.source(arnOf(url)).wait(AbortSignal.timeout(10_000));
  await call('PurgeQueue', { QueueUrl: url });
  await sendMany(node, url, 1);
  letRead();
  await waiting;
});

test('a move task that a full disk has stopped goes on by itself', async () => {
  await using node = await openSqsNode();
  const { call, clock } = node;
  const dead = await newQueue(call);
  const other = await newQueue(call);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(dead), maxReceiveCount: 1 });
  await newQueue(call, { RedrivePolicy });
  for (const MessageBody of 'ab') await call('SendMessage', { QueueUrl: dead, MessageBody });
  const { commit } = node.records;
  const SourceArn = arnOf(dead);
  await call('StartMessageMoveTask', { SourceArn, DestinationArn: arnOf(other) });
  node.records.commit = () => Promise.reject(Object.assign(new Error('full'), { code: 'records-full' }));
  await setImmediate();
  await clock.advance(1000);
  node.records.commit = commit;
  const task = async () => (await call('ListMessageMoveTasks', { SourceArn })).Results[0];
  while ((await task()).Status === 'RUNNING') await clock.advance(1000);
  assert.deepEqual(await counts(call, other), [2, 0, 0]);
  const start = () => call('StartMessageMoveTask', { SourceArn, DestinationArn: arnOf(other) });
  const started = await Promise.allSettled([start(), start()]);
  assert.deepEqual(
    started.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
});

test('a receipt of a receive that a crash has forgotten still deletes', async () => {
  const node = await openSqsNode();
  const { call } = node;
  const url = await newQueue(call);
  await call('SendMessage', { QueueUrl: url, MessageBody: 'a' });
  const [{ ReceiptHandle }] = await receive(call, url);
  // Nothing of the receive is written: as after SIGKILL.
  await crash(node);
  await using next = await openSqsNode();
  await next.call('DeleteMessage', { QueueUrl: url, ReceiptHandle });
  assert.deepEqual(await receive(next.call, url), []);
  assert.deepEqual(await counts(next.call, url), [0, 0, 0]);
});

test('closing does not wait until all that has expired is deleted', async () => {
  let url: string;
  const { clock } = await (async () => {
    await using node = await openSqsNode();
    url = await newQueue(node.call, { MessageRetentionPeriod: '60' });
    for (let from = 0; from < 100; from += 10) {
      const Entries = Array.from({ length: 10 }, (_, at) => ({ Id: `${at}`, MessageBody: `${from + at}` }));
      await node.call('SendMessageBatch', { QueueUrl: url, Entries });
    }
    await node.clock.advance(100_000);
    return node;
  })();
  await using node = await openSqsNode(clock);
  assert.notDeepEqual(await counts(node.call, url!), [0, 0, 0]);
});
