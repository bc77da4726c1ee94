import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdleTimes } from './idle-times.ts';
import { planFor, stageOf } from './keep-alive.ts';

const MINUTE = 60_000;
const FALLBACK = 5 * MINUTE;

function planOf(...idleMs: number[]) {
  const times = new IdleTimes();
  for (const ms of idleMs) times.record(ms);
  return planFor(times, FALLBACK);
}
const repeated = (ms: number, count = 20) => Array.from({ length: count }, (_, n) => ms * (1 + 0.01 * (n % 3)));

test('a function that has been called a few times only is kept as all others are', () => {
  assert.deepEqual(planOf(), { prewarmMs: undefined, keepAliveMs: FALLBACK });
  assert.deepEqual(planOf(...repeated(60 * MINUTE, 3)), { prewarmMs: undefined, keepAliveMs: FALLBACK });
});

test('one that is called every hour is loaded some minutes before, and kept some minutes after', () => {
  const { prewarmMs, keepAliveMs } = planOf(...repeated(60 * MINUTE));
  assert.ok(prewarmMs! > 50 * MINUTE && prewarmMs! < 58 * MINUTE, `${prewarmMs}`);
  assert.ok(keepAliveMs > 61 * MINUTE && keepAliveMs < 75 * MINUTE, `${keepAliveMs}`);
});

test('one that is called every five minutes is unloaded in between', () => {
  const { prewarmMs, keepAliveMs } = planOf(...repeated(5 * MINUTE));
  assert.ok(prewarmMs! > 4 * MINUTE && prewarmMs! < 5 * MINUTE, `${prewarmMs}`);
  assert.ok(keepAliveMs > 5 * MINUTE && keepAliveMs < 6.5 * MINUTE, `${keepAliveMs}`);
});

test('one that is called every thirty seconds stays, for a minute after its last call', () => {
  assert.deepEqual(planOf(...repeated(30_000)), { prewarmMs: undefined, keepAliveMs: MINUTE });
});

test('calls in bursts keep it loaded until the next burst would have come', () => {
  const bursts = Array.from({ length: 10 }, () => [500, 700, 900, 20 * MINUTE]).flat();
  const { prewarmMs, keepAliveMs } = planOf(...bursts);
  assert.equal(prewarmMs, undefined);
  assert.ok(keepAliveMs > 20 * MINUTE && keepAliveMs < 25 * MINUTE, `${keepAliveMs}`);
});

test('idle times that are scattered, or mostly beyond four hours, say nothing', () => {
  const scattered = Array.from({ length: 150 }, (_, n) => 2_000 * 1.05 ** n);
  assert.deepEqual(planOf(...scattered), { prewarmMs: undefined, keepAliveMs: FALLBACK });
  assert.deepEqual(planOf(...repeated(24 * 60 * MINUTE, 9), ...repeated(MINUTE, 5)), {
    prewarmMs: undefined,
    keepAliveMs: FALLBACK,
  });
});

test('the stages of a plan follow each other, and each says when the next begins', () => {
  const plan = { prewarmMs: 50 * MINUTE, keepAliveMs: 70 * MINUTE };
  assert.deepEqual(stageOf(plan, 0), { kind: 'kept', untilMs: 5_000 });
  assert.deepEqual(stageOf(plan, 5_000), { kind: 'unloaded', untilMs: 50 * MINUTE });
  assert.deepEqual(stageOf(plan, 50 * MINUTE), { kind: 'pre-warmed', untilMs: 70 * MINUTE });
  assert.deepEqual(stageOf(plan, 70 * MINUTE), { kind: 'unloaded', untilMs: undefined });
  const stays = { prewarmMs: undefined, keepAliveMs: MINUTE };
  assert.deepEqual(stageOf(stays, 59_999), { kind: 'kept', untilMs: MINUTE });
  assert.deepEqual(stageOf(stays, MINUTE), { kind: 'unloaded', untilMs: undefined });
});
