import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Clock, systemClock } from '../../base/index.ts';
import { openEmbeddedRecords } from '../../store/index.ts';
import { createMetrics, silentLogger } from '../../telemetry/index.ts';
import { UsageCounts, type UsagePlanQuota } from './usage.ts';

const DAY_MS = 86_400_000;
/** A Wednesday. */
const START = Date.UTC(2026, 6, 29, 23, 0);
const DAY = Date.UTC(2026, 6, 29);

async function house() {
  const scope = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-usage-'));
  scope.defer(() => rm(directory, { recursive: true }));
  const ground = { clock: systemClock, logger: silentLogger, metrics: createMetrics() };
  const records = scope.use(await openEmbeddedRecords({ directory, ...ground }));
  const closeRecords = () => records[Symbol.asyncDispose]();
  const time = { now: START };
  // Nothing is written until it is closed: no timer of this clock fires.
  const clock: Clock = { ...systemClock, now: () => time.now, timer: () => ({ cancel() {} }) };
  const open = () => UsageCounts.open({ records, clock, logger: silentLogger });
  return { time, open, closeRecords, [Symbol.asyncDispose]: () => scope.disposeAsync() };
}

const plan = (limit: number, period: 'DAY' | 'WEEK' | 'MONTH', offset = 0): UsagePlanQuota => ({
  id: 'plan',
  quota: { limit, period, offset },
});

test('a quota ends with its period, of a day, a week from Sunday on, or a month', async () => {
  await using at = await house();
  for (const [period, days] of [
    ['DAY', 1],
    ['WEEK', 4],
    ['MONTH', 3],
  ] as const) {
    at.time.now = START;
    await using counts = await at.open();
    const quota = plan(1, period);
    assert.deepEqual([counts.take(quota, period), counts.take(quota, period)], [true, false], period);
    at.time.now = START + (days - 1) * DAY_MS;
    assert.equal(counts.take(quota, period), false, `${period}: the last day`);
    at.time.now = START + days * DAY_MS;
    assert.equal(counts.take(quota, period), true, `${period}: the day after`);
  }
});

test('what a plan takes off is taken off the first period alone', async () => {
  await using at = await house();
  await using counts = await at.open();
  const quota = plan(2, 'DAY', 1);
  assert.deepEqual([counts.take(quota, 'key'), counts.take(quota, 'key')], [true, false]);
  at.time.now += DAY_MS;
  assert.deepEqual(
    [1, 2, 3].map(() => counts.take(quota, 'key')),
    [true, true, false],
  );
});

test('days tell calls and what was left, those without calls what the one before them has left in their period', async () => {
  await using at = await house();
  await using counts = await at.open();
  const quota = plan(10, 'WEEK');
  for (let i = 0; i < 3; i++) counts.take(quota, 'key');
  at.time.now += 2 * DAY_MS;
  counts.take(quota, 'key');
  at.time.now += 3 * DAY_MS;
  counts.take(quota, 'key');
  assert.deepEqual(counts.days(quota, 'key', DAY - DAY_MS, DAY + 5 * DAY_MS), [
    [0, 10],
    [3, 7],
    [0, 7],
    [1, 6],
    [0, 6],
    [0, 10],
    [1, 9],
  ]);
});

test('a plan without a quota counts, and has no end', async () => {
  await using at = await house();
  await using counts = await at.open();
  for (let i = 0; i < 3; i++) assert.ok(counts.take({ id: 'plan' }, 'key'));
  assert.deepEqual(counts.days({ id: 'plan' }, 'key', DAY, DAY), [[3, -1]]);
});

test('what could not be written was not granted', async () => {
  await using at = await house();
  const counts = await at.open();
  const quota = { id: 'plan', quota: { limit: 1, period: 'DAY' } } as const;
  assert.ok(counts.take(quota, 'key'));
  await at.closeRecords();
  await assert.rejects(counts.grant(quota, 'key', 5));
  assert.equal(counts.take(quota, 'key'), false);
});

test('counts and what was granted are there after a start, and are forgotten with plan or key', async () => {
  await using at = await house();
  const quota = { id: 'plan', quota: { limit: 2, period: 'MONTH' } } as const;
  {
    await using counts = await at.open();
    assert.deepEqual(
      [1, 2, 3].map(() => counts.take(quota, 'key')),
      [true, true, false],
    );
    await counts.grant(quota, 'key', 2);
    counts.take(quota, 'other');
  }
  {
    await using counts = await at.open();
    assert.deepEqual(
      [1, 2, 3].map(() => counts.take(quota, 'key')),
      [true, true, false],
    );
    assert.deepEqual(
      [1, 2].map(() => counts.take(quota, 'other')),
      [true, false],
    );
    await counts.forget((_planId, keyId) => keyId === 'other');
  }
  await using counts = await at.open();
  assert.equal(counts.take(quota, 'key'), false);
  assert.deepEqual(
    [1, 2, 3].map(() => counts.take(quota, 'other')),
    [true, true, false],
  );
});
