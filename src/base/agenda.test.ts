import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Agenda, type Dated } from './agenda.ts';
import { SimulatedClock } from './clock.ts';

const thing = (name: string): Dated & { readonly name: string } => ({ name, tendAt: Number.POSITIVE_INFINITY });

test('each thing is looked at when its date has come, in order, with one timer', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 60, max: 100_000 }), { minLength: 1, maxLength: 30 }),
      async (dates) => {
        const clock = new SimulatedClock();
        const seen: number[] = [];
        const agenda = new Agenda<Dated & { readonly at: number }>(clock, ({ at }) => {
          assert.ok(clock.monotonic() >= at && clock.monotonic() <= at + 50);
          seen.push(at);
          return undefined;
        });
        for (const at of dates) agenda.by({ at, tendAt: Number.POSITIVE_INFINITY }, at);
        assert.equal(clock.pending, 1);
        await clock.advance(100_100);
        assert.deepEqual(
          seen,
          dates.toSorted((a, b) => a - b),
        );
        assert.equal(clock.pending, 0);
      },
    ),
    { numRuns: 20 },
  );
});

test('a date that is moved forward counts, one that is later than the known one does not', async () => {
  const clock = new SimulatedClock();
  const seen: number[] = [];
  const agenda = new Agenda<Dated>(clock, () => void seen.push(clock.monotonic()));
  const one = thing('one');
  agenda.by(one, 10_000);
  agenda.by(one, 1_000);
  agenda.by(one, 5_000);
  await clock.advance(20_000);
  assert.deepEqual(seen, [1_000]);
});

test('a look can ask for the next one; after closing there are none', async () => {
  const clock = new SimulatedClock();
  let looks = 0;
  const agenda = new Agenda<Dated>(clock, () => {
    looks++;
    return clock.monotonic() + 1_000;
  });
  agenda.by(thing('one'), 1_000);
  await clock.advance(3_500);
  assert.equal(looks, 3);
  agenda.close();
  await clock.advance(10_000);
  assert.deepEqual([looks, clock.pending], [3, 0]);
});

test('what is forgotten is not looked at, and does not stay in memory till its date', async () => {
  const clock = new SimulatedClock();
  const seen: Dated[] = [];
  const agenda = new Agenda<Dated>(clock, (one) => void seen.push(one));
  const kept = [thing('one'), thing('two'), thing('three')];
  for (const [index, one] of kept.entries()) agenda.by(one, 900_000 - index * 1_000);
  for (let i = 0; i < 10_000; i++) {
    const gone = thing(`${i}`);
    agenda.by(gone, 600_000 + i);
    agenda.forget(gone);
  }
  assert(agenda.size < 200, `${agenda.size} entries`);
  await clock.advance(1_000_000);
  assert.deepEqual(seen, kept.toReversed());
});
