import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fateOf, settingsOf } from './event-fate.ts';

const DEFAULTS = settingsOf(undefined, undefined);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test('two retries, after one minute and after two, and then it is over', () => {
  const fate = (attempt: number) => fateOf('failed', { attempt, uncounted: 0, ageMs: 0 }, DEFAULTS);
  assert.deepEqual(fate(1), { kind: 'again', afterMs: MINUTE, counts: true });
  assert.deepEqual(fate(2), { kind: 'again', afterMs: 2 * MINUTE, counts: true });
  assert.deepEqual(fate(3), { kind: 'over', condition: 'RetriesExhausted' });
});

test('MaximumRetryAttempts of 0 and 1 allow one try and two', () => {
  const fate = (retriesMax: number, attempt: number) =>
    fateOf('failed', { attempt, uncounted: 0, ageMs: 0 }, settingsOf({ retriesMax }, undefined));
  assert.equal(fate(0, 1).kind, 'over');
  assert.equal(fate(1, 1).kind, 'again');
  assert.equal(fate(1, 2).kind, 'over');
});

test('what is held up is tried again from 1 s to 5 min apart, counts for nothing, and goes on up to its age', () => {
  const fate = (uncounted: number, ageMs = 0) => fateOf('held-up', { attempt: 1, uncounted, ageMs }, DEFAULTS);
  const waits = Array.from({ length: 12 }, (_, uncounted) => {
    const verdict = fate(uncounted);
    return verdict.kind === 'again' && !verdict.counts && verdict.afterMs / 1000;
  });
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  assert.deepEqual(fate(100, 6 * HOUR - MINUTE), { kind: 'again', afterMs: MINUTE - 1000, counts: false });
  assert.deepEqual(fate(100, 6 * HOUR - 1000), { kind: 'over', condition: 'EventAgeExceeded' });
});

test('a retry that would come when the event is too old is not waited for', () => {
  const settings = settingsOf({ ageSecondsMax: 90 }, undefined);
  const fate = (attempt: number, ageMs: number) => fateOf('failed', { attempt, uncounted: 0, ageMs }, settings);
  assert.equal(fate(1, 29_999).kind, 'again');
  assert.deepEqual(fate(1, 30_000), { kind: 'over', condition: 'EventAgeExceeded' });
});

test('a success is one however old the event is by then', () => {
  const { kind, ...rest } = fateOf('success', { attempt: 3, uncounted: 9, ageMs: 99 * HOUR }, DEFAULTS);
  assert.deepEqual([kind, rest], ['over', { condition: 'Success' }]);
});
