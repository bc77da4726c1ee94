import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../base/index.ts';
import { Absences } from './absences.ts';
import { type Fleet, type Outage, parseFleet } from './fleet.ts';

const outage = (more: Partial<Outage>): Outage => ({
  kind: 'power',
  atSeconds: 10,
  durationSeconds: 5,
  share: 1,
  burst: 0,
  ...more,
});

const absencesOf = (more: Partial<Pick<Fleet, 'outages' | 'spells'>>, index = 0) =>
  new Absences({ seed: 1, outages: [], ...more } as unknown as Fleet, index, seededRandom(index));

test('an outage happens once, or again and again', () => {
  const once = absencesOf({ outages: [outage({})] });
  assert.deepEqual(once.next(0), { from: 10_000, to: 15_000, kind: 'power', burst: 0 });
  assert.equal(once.next(15_000), undefined);
  const again = absencesOf({ outages: [outage({ everySeconds: 60, jitterSeconds: 2 })] });
  assert.deepEqual(
    [again.next(0), again.next(15_000), again.next(1_000_000)].map((one) => [one!.from, one!.jitterMs]),
    [
      [10_000, 2000],
      [70_000, 2000],
      [1_030_000, 2000],
    ],
  );
});

test('one that has begun already begins now, and the sooner of two comes first', () => {
  const two = absencesOf({ outages: [outage({ durationSeconds: 100 }), outage({ kind: 'network', atSeconds: 20 })] });
  assert.equal(two.next(0)!.kind, 'power');
  assert.deepEqual([two.next(22_000)!.from, two.next(22_000)!.kind], [22_000, 'power']);
});

test('a share of the fleet is hit: the same devices under the same seed, others the next time', () => {
  const hit = (at: number) =>
    Array.from({ length: 1000 }, (_, index) => index).filter(
      (index) =>
        absencesOf({ outages: [outage({ share: 0.3, everySeconds: 60 })] }, index).next(at)!.from === at + 10_000,
    );
  const [first, second] = [hit(0), hit(60_000)];
  assert.ok(Math.abs(first.length - 300) < 60, `${first.length} of 1000`);
  assert.deepEqual(hit(0), first);
  assert.notDeepEqual(second, first);
});

test('spells come about as often and last about as long as they are told to', () => {
  let away = 0;
  let count = 0;
  for (let index = 0; index < 200; index++) {
    const absences = absencesOf({ spells: { everySeconds: 90, durationSeconds: 10 } }, index);
    for (let at = 0; at < 1_000_000; ) {
      const one = absences.next(at)!;
      assert.ok(one.from >= at && one.to > one.from && one.kind === 'sleep');
      if (one.from < 1_000_000) {
        away += one.to - one.from;
        count++;
      }
      at = one.to;
    }
  }
  assert.ok(Math.abs(count / 200 - 10) < 0.5, `${count / 200} spells in 1000 s`);
  assert.ok(Math.abs(away / count - 10_000) < 500, `${away / count} ms each`);
});

test('outages and the rest of the script are checked with their lines', () => {
  const base = 'devices: {count: 1, topic: a}\nrate: 1\n';
  assert.throws(
    () => parseFleet(`${base}outages:\n  - {kind: flood, atSeconds: 1, durationSeconds: 1}\n`, 'f'),
    /f:4: outages\.0\.kind/,
  );
  assert.throws(() => parseFleet(`${base}outages:\n  - {kind: power, atSeconds: 1}\n`, 'f'), /durationSeconds/);
  assert.throws(() => parseFleet(`${base}tls: {certFile: a}\n`, 'f'), /keyFile/);
  assert.doesNotThrow(() => parseFleet(`${base}spells: {everySeconds: 60, durationSeconds: 5}\n`, 'f'));
});
