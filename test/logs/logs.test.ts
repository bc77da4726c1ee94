import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import { LOGS_LIMITS, type Logs, openLogs } from '../../src/services/logs/index.ts';
import { EmbeddedLog, openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../../src/telemetry/index.ts';
import { context } from '../lambda/support.ts';

const DAY_MS = 24 * 3600 * 1000;
let directory: string;
let clock: SimulatedClock;
let house: { readonly logs: Logs; readonly close: () => Promise<void> };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-logs-'));
  clock = new SimulatedClock();
  house = await open();
});

afterEach(async () => {
  await house.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(): Promise<typeof house> {
  await using scope = new AsyncDisposableStack();
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const log = scope.use(await EmbeddedLog.open({ directory: join(directory, 'log') }));
  const random = seededRandom(1);
  const logs = scope.use(
    await openLogs({
      records,
      log,
      clock,
      random,
      logger: silentLogger,
      metrics: createMetrics(),
      takeMetrics: () => {},
      delivery: { send: async () => {} },
      askSubscriber: async () => 'missing',
    }),
  );
  const rest = scope.move();
  return { logs, close: () => rest.disposeAsync() };
}

const call = async (operation: string, input: Record<string, unknown> = {}): Promise<any> =>
  await house.logs.service.operations[operation]!(input, context());

async function put(stream: string, ...messages: string[]): Promise<void> {
  const logEvents = messages.map((message) => ({ timestamp: clock.now(), message }));
  await call('PutLogEvents', { logGroupName: 'g', logStreamName: stream, logEvents });
}

async function stream(...names: string[]): Promise<void> {
  await call('CreateLogGroup', { logGroupName: 'g' }).catch(() => {});
  for (const logStreamName of names) await call('CreateLogStream', { logGroupName: 'g', logStreamName });
}

const messagesOf = ({ events }: any) => events.map(({ message }: any) => message);

test('events come back in order, with times, from a group with several streams', async () => {
  await stream('a', 'b');
  await put('a', 'a1', 'a2');
  await put('b', 'b1');
  await put('a', 'a3');
  const answer = await call('GetLogEvents', { logGroupName: 'g', logStreamName: 'a', startFromHead: true });
  assert.deepEqual(messagesOf(answer), ['a1', 'a2', 'a3']);
  assert.equal(answer.events[0].timestamp, clock.now());
  assert.equal(answer.events[0].ingestionTime, clock.now());
});

test('forward tokens walk to the end, where the same token comes back and later events are found', async () => {
  await stream('a', 'b');
  for (let i = 0; i < 5; i++) {
    await put('a', `a${i}`);
    await put('b', `b${i}`);
  }
  const seen: string[] = [];
  let nextToken: string | undefined;
  for (;;) {
    const answer = await call('GetLogEvents', {
      logGroupName: 'g',
      logStreamName: 'a',
      startFromHead: true,
      limit: 2,
      nextToken,
    });
    seen.push(...messagesOf(answer));
    if (answer.nextForwardToken === nextToken) break;
    nextToken = answer.nextForwardToken;
  }
  assert.deepEqual(seen, ['a0', 'a1', 'a2', 'a3', 'a4']);
  await put('a', 'later');
  assert.deepEqual(messagesOf(await call('GetLogEvents', { logGroupName: 'g', logStreamName: 'a', nextToken })), [
    'later',
  ]);
});

test('without startFromHead the newest events come, and backward tokens walk to the oldest', async () => {
  await stream('a', 'b');
  for (let i = 0; i < 5; i++) {
    await put('a', `a${i}`);
    await put('b', `b${i}`);
  }
  const pages: string[][] = [];
  let nextToken: string | undefined;
  for (let i = 0; i < 4; i++) {
    const answer = await call('GetLogEvents', { logGroupName: 'g', logStreamName: 'a', limit: 2, nextToken });
    pages.push(messagesOf(answer));
    nextToken = answer.nextBackwardToken;
  }
  assert.deepEqual(pages, [['a3', 'a4'], ['a1', 'a2'], ['a0'], []]);
});

test('FilterLogEvents looks through the group by pattern, streams and time, page by page', async () => {
  await stream('one', 'two');
  await put('one', 'ERROR first', 'fine');
  await clock.advance(1000);
  const later = clock.now();
  await put('two', 'ERROR second');
  await put('one', '{"level":"ERROR","n":3}');
  const all = await call('FilterLogEvents', { logGroupName: 'g', filterPattern: 'ERROR' });
  assert.deepEqual(messagesOf(all), ['ERROR first', 'ERROR second', '{"level":"ERROR","n":3}']);
  const json = await call('FilterLogEvents', { logGroupName: 'g', filterPattern: '{ $.level = "ERROR" && $.n > 2 }' });
  assert.deepEqual(messagesOf(json), ['{"level":"ERROR","n":3}']);
  assert.equal(json.events[0].logStreamName, 'one');
  const two = await call('FilterLogEvents', { logGroupName: 'g', logStreamNamePrefix: 'tw' });
  assert.deepEqual(messagesOf(two), ['ERROR second']);
  assert.deepEqual(messagesOf(await call('FilterLogEvents', { logGroupName: 'g', startTime: later })).length, 2);
  assert.deepEqual(messagesOf(await call('FilterLogEvents', { logGroupName: 'g', endTime: later })).length, 2);
  const first = await call('FilterLogEvents', { logGroupName: 'g', filterPattern: 'ERROR', limit: 2 });
  const rest = await call('FilterLogEvents', { logGroupName: 'g', filterPattern: 'ERROR', nextToken: first.nextToken });
  assert.deepEqual([...messagesOf(first), ...messagesOf(rest)], messagesOf(all));
  assert.equal(rest.nextToken, undefined);
});

test('streams are described by name and by last event', async () => {
  await stream('a', 'b', 'c');
  await put('b', 'x');
  await clock.advance(10);
  await put('a', 'y');
  const names = async (input: object) =>
    (await call('DescribeLogStreams', { logGroupName: 'g', ...input })).logStreams.map((one: any) => one.logStreamName);
  assert.deepEqual(await names({}), ['a', 'b', 'c']);
  assert.deepEqual(await names({ orderBy: 'LastEventTime', descending: true }), ['a', 'b', 'c']);
  assert.deepEqual(await names({ logStreamNamePrefix: 'b' }), ['b']);
  const { logStreams } = await call('DescribeLogStreams', { logGroupName: 'g', logStreamNamePrefix: 'a' });
  assert.equal(logStreams[0].lastEventTimestamp, clock.now());
  assert.match(logStreams[0].arn, /^arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:a$/);
});

test('lines of functions make their group and stream, and are there after a flush', async () => {
  house.logs.sink.write('/aws/lambda/f', 's', clock.now(), 'one');
  house.logs.sink.write('/aws/lambda/f', 's', clock.now(), 'two\nlines');
  await house.logs.sink.flush();
  const answer = await call('GetLogEvents', { logGroupName: '/aws/lambda/f', logStreamName: 's' });
  assert.deepEqual(messagesOf(answer), ['one', 'two\nlines']);
});

test('too many lines at once are dropped, and a line says how many', async () => {
  const line = 'x'.repeat(100_000);
  for (let i = 0; i < 200; i++) house.logs.sink.write('g', 's', clock.now(), line);
  await house.logs.sink.flush();
  const { logStreams } = await call('DescribeLogStreams', { logGroupName: 'g' });
  assert.equal(logStreams.length, 1);
  const answer = await call('GetLogEvents', { logGroupName: 'g', logStreamName: 's', limit: 1 });
  assert.match(answer.events[0].message, /^\[millrace\] \d+ log lines were dropped here/);
});

test('functions that log too much at once take nothing from others, and have as much again once it is written', async () => {
  const line = 'x'.repeat(100_000);
  const write = (group: string, count: number) => {
    for (let i = 0; i < count; i++) house.logs.sink.write(group, 's', clock.now(), line);
  };
  const written = async (group: string) => {
    const messages = messagesOf(await call('FilterLogEvents', { logGroupName: group, filterPattern: 'dropped' }));
    return messages.map((message: string) => Number(/^\[millrace\] (\d+) log lines were dropped/.exec(message)![1]));
  };
  write('loud', 500);
  write('louder', 1000);
  write('quiet', 20);
  const flushed = house.logs.sink.flush();
  await Promise.resolve();
  // What is being written is not free yet.
  write('loud', 500);
  write('quiet', 20);
  await flushed;
  await house.logs.sink.flush();
  assert.deepEqual(await written('quiet'), []);
  // Half of all, and half of what was left.
  const [half, quarter] = [2, 4].map((parts) => Math.floor(LOGS_LIMITS.sinkBytesMax / parts / line.length));
  const [first, ...then] = await written('loud');
  assert.ok(Math.abs(500 - first! - half!) <= 1, `${first} of 500 dropped`);
  assert.deepEqual(then, [500]);
  const [ofTwo] = await written('louder');
  assert.ok(Math.abs(1000 - ofTwo! - quarter!) <= 1, `${ofTwo} of 1000 dropped`);
  write('loud', half!);
  await house.logs.sink.flush();
  assert.equal((await written('loud')).length, 2);
});

test('everything is there after a restart, even one without a farewell', async () => {
  await stream('a');
  await put('a', 'before');
  house.logs.sink.write('g', 'auto', clock.now(), 'from a function');
  await house.logs.sink.flush();
  // The states of streams were not stored since: the end of the partition is read again.
  await house.close();
  house = await open();
  await put('a', 'after');
  const answer = await call('GetLogEvents', { logGroupName: 'g', logStreamName: 'a', startFromHead: true });
  assert.deepEqual(messagesOf(answer), ['before', 'after']);
  assert.deepEqual(messagesOf(await call('GetLogEvents', { logGroupName: 'g', logStreamName: 'auto' })), [
    'from a function',
  ]);
});

test('a deleted stream or group is gone, and one of the same name begins empty', async () => {
  await stream('a');
  await put('a', 'old');
  await call('DeleteLogStream', { logGroupName: 'g', logStreamName: 'a' });
  await assert.rejects(call('GetLogEvents', { logGroupName: 'g', logStreamName: 'a' }), { code: 'resource-not-found' });
  await stream('a');
  await put('a', 'new');
  assert.deepEqual(messagesOf(await call('FilterLogEvents', { logGroupName: 'g' })), ['new']);
  await call('DeleteLogGroup', { logGroupName: 'g' });
  await assert.rejects(call('DescribeLogStreams', { logGroupName: 'g' }), { code: 'resource-not-found' });
  await stream('a');
  assert.deepEqual(messagesOf(await call('FilterLogEvents', { logGroupName: 'g' })), []);
});

test('retention takes old events, and streams that have nothing left', async () => {
  await stream('old', 'new');
  await put('old', 'o');
  await call('PutRetentionPolicy', { logGroupName: 'g', retentionInDays: 1 });
  await clock.advance(DAY_MS + 60_000);
  await put('new', 'n');
  await clock.advance(3600 * 1000);
  // Closing waits for what runs in the background.
  await house.close();
  house = await open();
  assert.deepEqual(messagesOf(await call('FilterLogEvents', { logGroupName: 'g' })), ['n']);
  const { logStreams } = await call('DescribeLogStreams', { logGroupName: 'g' });
  assert.deepEqual(
    logStreams.map((one: any) => one.logStreamName),
    ['new'],
  );
  assert.equal((await call('DescribeLogGroups')).logGroups[0].retentionInDays, 1);
  await assert.rejects(call('PutRetentionPolicy', { logGroupName: 'g', retentionInDays: 2 }), {
    code: 'invalid-parameter',
  });
});

test('a wall clock that jumps ahead takes no events before it has gone evenly for a while', async () => {
  await stream('a');
  await put('a', 'young');
  await call('PutRetentionPolicy', { logGroupName: 'g', retentionInDays: 1 });
  const { now } = clock;
  const leftAfter = async (hours: number) => {
    clock.now = () => now.call(clock) + 2 * DAY_MS;
    for (let hour = 0; hour < hours; hour++) await clock.advance(3600 * 1000);
    // Closing waits for what runs in the background.
    await house.close();
    clock.now = now;
    house = await open();
    return messagesOf(await call('FilterLogEvents', { logGroupName: 'g' }));
  };
  assert.deepEqual(await leftAfter(1), ['young']);
  assert.deepEqual(await leftAfter(2), []);
});

test('events out of order are refused, those out of time are named', async () => {
  await stream('a');
  const now = clock.now();
  const send = (...times: number[]) =>
    call('PutLogEvents', {
      logGroupName: 'g',
      logStreamName: 'a',
      logEvents: times.map((timestamp) => ({ timestamp, message: 'm' })),
    });
  await assert.rejects(send(now, now - 1), { code: 'invalid-parameter' });
  const answer = await send(now - 20 * DAY_MS, now, now + 3 * 3600 * 1000);
  assert.deepEqual(answer.rejectedLogEventsInfo, { tooOldLogEventEndIndex: 1, tooNewLogEventStartIndex: 2 });
  assert.equal((await call('GetLogEvents', { logGroupName: 'g', logStreamName: 'a' })).events.length, 1);
  await assert.rejects(call('PutLogEvents', { logGroupName: 'g', logStreamName: 'none', logEvents: [] }), {
    code: 'resource-not-found',
  });
});

test('groups are listed by prefix and tagged by ARN', async () => {
  for (const logGroupName of ['/x/a', '/x/b', '/y']) await call('CreateLogGroup', { logGroupName });
  await assert.rejects(call('CreateLogGroup', { logGroupName: '/y' }), { code: 'resource-exists' });
  const { logGroups } = await call('DescribeLogGroups', { logGroupNamePrefix: '/x' });
  assert.deepEqual(
    logGroups.map((one: any) => one.logGroupName),
    ['/x/a', '/x/b'],
  );
  const resourceArn = logGroups[0].logGroupArn;
  await call('TagResource', { resourceArn, tags: { k: 'v' } });
  assert.deepEqual(await call('ListTagsForResource', { resourceArn }), { tags: { k: 'v' } });
});

test('deliveries to a log group are events, in a stream that is named after them or their source', async () => {
  await stream('a');
  await put('a', 'a1');
  const policy = { attemptsMax: 1, ageMsMax: 1000, backoffMsBase: 1, backoffMsMax: 1 };
  const deliver = (group: string, payload: string, attributes?: Record<string, unknown>) =>
    house.logs.target.deliver(
      {
        arn: `arn:aws:logs:us-east-1:000000000000:log-group:${group}`,
        payload: Buffer.from(payload),
        ...(attributes && { attributes }),
        policy,
        source: 'arn:aws:events:us-east-1:000000000000:rule/hot:1',
        trace: newTrace(seededRandom(1)),
      },
      1,
      new AbortController().signal,
    );
  await deliver('g', 'from a rule');
  await deliver('g:*', 'named', { logStreamName: 'own' });
  const { events } = await call('FilterLogEvents', { logGroupName: 'g' });
  assert.deepEqual(
    events.map(({ logStreamName, message }: any) => [logStreamName, message]),
    [
      ['a', 'a1'],
      ['rule/hot-1', 'from a rule'],
      ['own', 'named'],
    ],
  );
  await assert.rejects(deliver('nowhere', 'x'), { code: 'resource-not-found', remedy: 'never' });
  await assert.rejects(deliver('g', 'x'.repeat(1_048_577)), { code: 'invalid-parameter' });
});
