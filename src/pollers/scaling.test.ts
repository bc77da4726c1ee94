import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dueInMs, onBacklog, onEnough, onFailure, onIdle, onSuccess, type Scale, startScale } from './scaling.ts';

const RULES = { start: 5, min: 2, max: 1000, growthPerSecond: 5 };

test('it grows by the time for which messages wait, and not by how often it is looked at', () => {
  let often = startScale(RULES);
  for (let now = 0; now <= 1000; now += 10) often = onBacklog(often, now, RULES);
  const seldom = onBacklog(onBacklog(startScale(RULES), 0, RULES), 1000, RULES);
  assert.ok(Math.abs(often.limit - 10) < 1e-9);
  assert.equal(seldom.limit, 10);
});

test('time without a backlog does not count', () => {
  let scale = onBacklog(startScale(RULES), 0, RULES);
  scale = onEnough(scale);
  scale = onBacklog(scale, 60_000, RULES);
  assert.equal(scale.limit, 5);
});

test('an empty queue begins anew, but does not forget failures', () => {
  const grown = onBacklog(onBacklog(startScale(RULES), 0, RULES), 60_000, RULES);
  assert.equal(grown.limit, 305);
  assert.equal(onIdle(grown, RULES).limit, 5);
  const failed = onFailure(onFailure(startScale(RULES), RULES), RULES);
  assert.equal(failed.limit, 2);
  assert.equal(onIdle(failed, RULES).limit, 2);
  assert.equal(onSuccess(failed, RULES).limit, 3);
  assert.equal(onSuccess(grown, RULES).limit, 305);
});

test('whatever happens the limit stays between its bounds', () => {
  const rules = fc.record({
    start: fc.integer({ min: 1, max: 50 }),
    min: fc.integer({ min: 1, max: 5 }),
    max: fc.integer({ min: 1, max: 40 }),
    growthPerSecond: fc.integer({ min: 1, max: 100 }),
  });
  fc.assert(
    fc.property(rules, fc.array(fc.tuple(fc.constantFrom(0, 1, 2, 3, 4), fc.nat(5000))), (of, events) => {
      let now = 0;
      let scale: Scale = startScale(of);
      for (const [kind, elapsed] of events) {
        now += elapsed;
        scale = [
          () => onBacklog(scale, now, of),
          () => onEnough(scale),
          () => onIdle(scale, of),
          () => onFailure(scale, of),
          () => onSuccess(scale, of),
        ][kind]!();
        assert.ok(scale.limit >= Math.min(of.min, of.max, of.start) && scale.limit <= of.max);
      }
    }),
  );
});

test('a full batch goes out at once, others when window and rest are over', () => {
  const view = { now: 100, since: 90, waiting: 3, restsUntil: 0 };
  assert.equal(dueInMs(view, 10, 0), 0);
  assert.equal(dueInMs(view, 10, 50), 40);
  assert.equal(dueInMs(view, 3, 50), 0);
  assert.equal(dueInMs({ ...view, restsUntil: 105 }, 10, 0), 5);
  assert.equal(dueInMs({ ...view, waiting: 10, restsUntil: 105 }, 10, 0), 0);
});
