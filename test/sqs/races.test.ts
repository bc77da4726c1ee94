/** What meets what at a bad moment: writes that are slow or fail while a queue is read, changed, purged or deleted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Records } from '../../src/store/index.ts';
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

/** Lets the next call of a kind fail. */
function failNext({ records }: Node, name: 'commit' | 'dropSpace'): void {
  const original = records[name];
  records[name] = (() => {
    (records as unknown as Record<string, unknown>)[name] = original;
    return Promise.reject(Object.assign(new Error('full'), { code: 'records-full' }));
  }) as never;
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
  const { call, clock } = node;
  const url = await newQueue(call, { MessageRetentionPeriod: '60', DelaySeconds: '5' });
  for (const MessageBody of 'abc') await call('SendMessage', { QueueUrl: url, MessageBody });
  assert.deepEqual(await counts(call, url), [0, 0, 3]);
  await clock.advance(100_000);
  for (let turn = 0; turn < 1000 && (await counts(call, url)).some(Boolean); turn++) await setImmediate();
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
  for (let turn = 0; turn < 1000 && (await task()).Status === 'RUNNING'; turn++) {
    await setImmediate();
    await clock.advance(1000);
  }
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
  const { commit } = node.records;
  node.records.commit = () => Promise.reject(new Error('killed'));
  await assert.rejects(async () => node[Symbol.asyncDispose]());
  node.records.commit = commit;
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
