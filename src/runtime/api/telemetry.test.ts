import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SimulatedClock } from '../../base/index.ts';
import { API_LIMITS } from './limits.ts';
import { Telemetry } from './telemetry.ts';
import { TelemetryFeed } from './telemetry-feed.ts';
import { parseSubscription, type SubscriptionRequest } from './telemetry-subscription.ts';

const DESTINATION = { protocol: 'HTTP', URI: 'http://sandbox.localdomain:4243/logs?x=1' };
const parse = (body: object, api: 'telemetry' | 'logs' = 'telemetry') => parseSubscription(api, JSON.stringify(body));

test('a subscription has its defaults, and limits of its own', () => {
  const types = ['platform', 'platform', 'function'];
  assert.deepEqual(parse({ schemaVersion: '2022-12-13', types, destination: DESTINATION }), {
    types: ['platform', 'function'],
    destination: { protocol: 'HTTP', port: 4243, path: '/logs?x=1' },
    maxItems: 10_000,
    maxBytes: 262_144,
    timeoutMs: 1_000,
    schemaVersion: '2022-12-13',
  });
  const buffering = { maxItems: 1_000, maxBytes: 1_048_576, timeoutMs: 25 };
  const tcp = { protocol: 'TCP', port: 9 };
  const asked = parse({ types, destination: tcp, buffering }, 'logs') as SubscriptionRequest;
  assert.deepEqual([asked.maxItems, asked.maxBytes, asked.timeoutMs], [1_000, 1_048_576, 25]);
  assert.deepEqual(asked.destination, { protocol: 'TCP', port: 9, path: '' });
});

test('a subscription that cannot be served is refused with what is wrong', () => {
  const types = ['platform'];
  const good = { types, destination: DESTINATION };
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [{ ...good, schemaVersion: '2021-03-18' }, /schemaVersion/],
    [{ ...good, types: [] }, /types/],
    [{ ...good, types: ['other'] }, /types/],
    [{ ...good, types: 'platform' }, /types/],
    [{ types }, /destination/],
    [{ ...good, destination: { protocol: 'UDP', port: 1 } }, /protocol/],
    [{ ...good, destination: { protocol: 'TCP', port: 0 } }, /port/],
    [{ ...good, destination: { protocol: 'TCP', port: '80' } }, /port/],
    [{ ...good, destination: { protocol: 'HTTP' } }, /URI/],
    [{ ...good, destination: { protocol: 'HTTP', URI: 'https://sandbox.localdomain:1' } }, /URI/],
    [{ ...good, destination: { protocol: 'HTTP', URI: 'http://127.0.0.1:4566' } }, /URI/],
    [{ ...good, destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain@10.0.0.1/' } }, /URI/],
    [{ ...good, buffering: { maxItems: 999 } }, /maxItems.*1000 to 10000/],
    [{ ...good, buffering: { maxBytes: 2 ** 21 } }, /maxBytes/],
    [{ ...good, buffering: { timeoutMs: 24 } }, /timeoutMs/],
    [{ ...good, buffering: { timeoutMs: 25.5 } }, /timeoutMs/],
    [{ ...good, buffering: 1 }, /buffering/],
    [[], /schemaVersion|types/],
    [null, /JSON object/],
  ];
  for (const [body, why] of refused) {
    const answer = parseSubscription('telemetry', JSON.stringify(body));
    assert.ok(typeof answer === 'string' && why.test(answer), `${JSON.stringify(body)}: ${JSON.stringify(answer)}`);
  }
  assert.equal(parseSubscription('logs', '{'), 'the body is no JSON object');
});

function feedOf(more: Partial<SubscriptionRequest> = {}) {
  const clock = new SimulatedClock();
  const posted: unknown[][] = [];
  let answers: ((taken: boolean) => void)[] = [];
  const request = { ...(parse({ types: ['function'], destination: DESTINATION }) as SubscriptionRequest), ...more };
  const feed = new TelemetryFeed(request, clock, (_, body) => {
    posted.push(JSON.parse(body) as unknown[]);
    return new Promise((resolve) => void answers.push(resolve));
  });
  const answer = async (taken = true) => {
    const waiting = answers;
    answers = [];
    for (const resolve of waiting) resolve(taken);
    await turn();
  };
  return { clock, feed, posted, answer };
}

test('events go out when a batch is full, by number or bytes, or has waited long enough', async () => {
  const { clock, feed, posted, answer } = feedOf({ maxItems: 3, maxBytes: 100 });
  for (const event of ['1', '2', '3', '4']) feed.push(event);
  assert.deepEqual(posted, [[1, 2, 3]]);
  await answer();
  await clock.advance(999);
  assert.equal(posted.length, 1);
  await clock.advance(1);
  assert.deepEqual(posted[1], [4]);
  await answer();
  const long = JSON.stringify('x'.repeat(60));
  feed.push(long);
  feed.push(long);
  assert.equal(posted.length, 3, 'the second would not fit');
});

test('one batch is on its way at once, so that they arrive in order', async () => {
  const { feed, posted, answer } = feedOf({ maxItems: 1 });
  for (const event of ['1', '2', '3']) feed.push(event);
  assert.deepEqual(posted, [[1]]);
  await answer();
  assert.deepEqual(posted, [[1], [2]]);
  await answer();
  assert.deepEqual(posted, [[1], [2], [3]]);
});

test('a listener that does not keep up loses events, is told how many, and memory stays bounded', async () => {
  const { feed, posted, answer } = feedOf({ maxItems: 2 });
  for (let i = 0; i < 100; i++) feed.push(String(i));
  for (let i = 0; i < API_LIMITS.batchesWaiting; i++) await answer();
  assert.equal(posted.length, API_LIMITS.batchesWaiting);
  feed.push('"later"');
  feed.push('"and later"');
  await answer();
  const last = posted.at(-1) as [string, string, { type: string; record: Record<string, unknown> }];
  assert.deepEqual(last.slice(0, 2), ['later', 'and later']);
  assert.equal(last[2].type, 'platform.logsDropped');
  assert.equal(last[2].record.droppedRecords, 100 - 2 * API_LIMITS.batchesWaiting);
  assert.ok(Number(last[2].record.droppedBytes) > 0);
});

test('a batch that the listener did not take is told as dropped', async () => {
  const { feed, posted, answer } = feedOf({ maxItems: 1 });
  feed.push('1');
  await answer(false);
  feed.push('2');
  const [event, dropped] = posted[1] as [number, { record: Record<string, unknown> }];
  assert.equal(event, 2);
  assert.equal(dropped.record.droppedRecords, 1);
});

test('what is written after the end sets no timer', async () => {
  const { clock, feed, posted } = feedOf();
  feed.stop();
  feed.push('1');
  await clock.advance(60_000);
  assert.deepEqual([posted.length, clock.pending], [0, 0]);
});

test('of what was written before anybody subscribed so much is kept, however long its lines', async () => {
  const posted: string[] = [];
  const telemetry = new Telemetry(new SimulatedClock(), async (_, body) => {
    posted.push(body);
    return true;
  });
  for (let i = 0; i < 100; i++) telemetry.line('function', `${i} ${'x'.repeat(100_000)}`);
  const buffering = { maxBytes: API_LIMITS.batchBytesMax };
  const request = parse({ types: ['function'], destination: DESTINATION, buffering }) as SubscriptionRequest;
  telemetry.subscribe('watcher', 'telemetry', request);
  await telemetry.flush();
  const lines = posted.flatMap((body) => JSON.parse(body) as { record: string }[]);
  assert.equal(lines.length, 10);
  assert.ok(lines[0]!.record.startsWith('0 '));
});

test('a flush sends what is there and resolves when it is taken', async () => {
  const { feed, posted, answer } = feedOf();
  await feed.flush();
  feed.push('1');
  let flushed = false;
  void feed.flush().then(() => {
    flushed = true;
  });
  assert.deepEqual(posted, [[1]]);
  await turn();
  assert.equal(flushed, false);
  await answer();
  assert.equal(flushed, true);
});
