import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IdleTimes } from './idle-times.ts';
import { SCALING_LIMITS } from './limits.ts';

const HOUR = 3_600_000;

function timesOf(...idleMs: number[]): IdleTimes {
  const times = new IdleTimes();
  for (const ms of idleMs) times.record(ms);
  return times;
}

test('a time lies within the bin that its quantile names, and bins are 5 % wide', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_000, max: 4 * HOUR - 1 }), (ms) => {
      const { fromMs, toMs } = timesOf(ms).quantile(0.5);
      assert.ok(fromMs <= ms * 1.000001 && ms <= toMs * 1.000001, `${ms} in ${fromMs}..${toMs}`);
      assert.ok(toMs / fromMs < 1.051);
    }),
  );
});

test('quantiles pass over the given part of the times', () => {
  const times = timesOf(...Array.from({ length: 95 }, () => 60_000), ...Array.from({ length: 5 }, () => HOUR));
  assert.ok(times.quantile(0.05).fromMs < 60_001);
  assert.ok(times.quantile(0.95).toMs < 66_000);
  assert.ok(times.quantile(0.99).toMs > HOUR);
});

test('times beyond the range are counted, and only counted', () => {
  const times = timesOf(4 * HOUR, 100 * HOUR, 60_000);
  assert.equal(times.size, 1);
  assert.ok(Math.abs(times.outside - 2 / 3) < 1e-9);
  assert.ok(times.quantile(0.99).toMs < 66_000);
});

test('what repeats varies much from bin to bin, what comes at random little', () => {
  assert.equal(timesOf().variation, 0);
  assert.ok(timesOf(60_000, 60_000, 60_000).variation > 13);
  let seed = 7;
  const draw = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return -Math.log(seed / 2_147_483_647) * 300_000;
  };
  assert.ok(timesOf(...Array.from({ length: 190 }, draw)).variation < SCALING_LIMITS.variationMin);
});

test('a function that changes its ways is believed after two hundred calls', () => {
  const times = timesOf(...Array.from({ length: 190 }, () => HOUR));
  for (let i = 0; i < 1_500; i++) times.record(30_000);
  assert.ok(times.quantile(0.99).toMs < 33_000, 'the hours are forgotten');
  assert.ok(times.size <= SCALING_LIMITS.idleTimesMax);
});

test('the time until the next call is the mean of what is left of the longer times', () => {
  const times = timesOf(60_000, 60_000, HOUR);
  assert.ok(Math.abs(times.expectedMs(0)! - (120_000 + HOUR) / 3) < 80_000);
  assert.ok(Math.abs(times.expectedMs(10 * 60_000)! - 50 * 60_000) < 200_000);
  assert.equal(times.expectedMs(2 * HOUR), undefined);
  assert.equal(times.expectedMs(9 * HOUR), undefined);
});
