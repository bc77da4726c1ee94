import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../base/index.ts';
import { TimingWheel, type Wheeled } from './wheel.ts';

interface Thing extends Wheeled {
  readonly name: string;
}

const thing = (name: string): Thing => ({ name, dueAt: Number.POSITIVE_INFINITY, dueTick: -1 });

test('things are turned up in the tick in which they are due, each once', () => {
  const wheel = new TimingWheel<Thing>(5, 0);
  const seen: string[] = [];
  const turn = (now: number) => wheel.turn(now, ({ name }) => void seen.push(`${name}@${now}`));
  wheel.add(thing('a'), 12);
  wheel.add(thing('b'), 7);
  for (let now = 0; now <= 30; now += 5) turn(now);
  assert.deepEqual(seen, ['b@10', 'a@15']);
});

test('what is wanted sooner comes sooner and only then; what is wanted later changes nothing', () => {
  const wheel = new TimingWheel<Thing>(5, 0);
  const seen: number[] = [];
  const one = thing('one');
  wheel.add(one, 100);
  wheel.add(one, 20);
  wheel.add(one, 60);
  for (let now = 0; now <= 200; now += 5) wheel.turn(now, () => void seen.push(now));
  assert.deepEqual(seen, [20]);
});

test('the past is the next tick, and what lies beyond the wheel goes round', () => {
  const wheel = new TimingWheel<Thing>(5, 1000);
  const seen: string[] = [];
  wheel.add(thing('past'), 3);
  wheel.add(thing('far'), 1_000_000);
  for (let now = 1000; now <= 1_000_100; now += 5) wheel.turn(now, ({ name }) => void seen.push(`${name}@${now}`));
  assert.deepEqual(seen, ['past@1005', 'far@1000000']);
});

test('looking may add again: a thousand things at their own pace keep it', () => {
  const random = seededRandom(3);
  const wheel = new TimingWheel<Thing>(5, 0);
  const looks = new Map<string, number>();
  const periods = new Map<string, number>();
  for (let n = 0; n < 1000; n++) {
    const one = thing(String(n));
    periods.set(one.name, 10 + random.next() * 490);
    wheel.add(one, 0);
  }
  for (let now = 0; now <= 10_000; now += 5) {
    wheel.turn(now, (one) => {
      looks.set(one.name, (looks.get(one.name) ?? 0) + 1);
      wheel.add(one, now + periods.get(one.name)!);
    });
  }
  for (const [name, count] of looks) {
    const period = Math.ceil(periods.get(name)! / 5) * 5;
    assert.ok(Math.abs(count - 10_000 / period) <= 2, `${name}: ${count} looks at a period of ${period}`);
  }
});
