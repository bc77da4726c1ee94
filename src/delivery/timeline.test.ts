import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../base/index.ts';
import { Timeline } from './timeline.ts';

/** A wall clock that is set while the monotonic one goes on. */
class SetClock extends SimulatedClock {
  offset = 0;
  override now(): number {
    return super.now() + this.offset;
  }
}

test('the wall clock may be set forward and back: time goes on as it went', async () => {
  const clock = new SetClock(1_000_000);
  const timeline = new Timeline(clock, undefined);
  assert.equal(timeline.now(), 1_000_000);
  await clock.advance(500);
  clock.offset = 50 * 365 * 86_400_000;
  assert.equal(timeline.now(), 1_000_500);
  clock.offset = -900_000;
  await clock.advance(500);
  assert.equal(timeline.now(), 1_001_000);
});

test('people are told the time that the wall clock has now', () => {
  const clock = new SetClock(1_000_000);
  const timeline = new Timeline(clock, undefined);
  clock.offset = 7_000;
  assert.equal(timeline.wallOf(999_000), 1_006_000);
});

test('a restart goes on where the last run was, with the time between, and never back', () => {
  const mark = { time: 5_000, wall: 1_000_000 };
  assert.equal(new Timeline(new SetClock(1_060_000), mark).now(), 65_000);
  assert.equal(new Timeline(new SetClock(400_000), mark).now(), 5_000);
});
