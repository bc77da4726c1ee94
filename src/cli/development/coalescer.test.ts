import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../base/index.ts';
import { Coalescer } from './coalescer.ts';

test('changes in quick succession are one, told when they have been quiet, with the time of the first', async () => {
  const clock = new SimulatedClock();
  const told: unknown[] = [];
  const coalescer = new Coalescer<string>(clock, (items, begun) => told.push({ items, begun }));
  coalescer.add('a');
  await clock.advance(20);
  coalescer.add('b');
  await clock.advance(24);
  assert.deepEqual(told, []);
  await clock.advance(1);
  assert.deepEqual(told, [{ items: ['a', 'b'], begun: 0 }]);
  coalescer.add('c');
  await clock.advance(25);
  assert.deepEqual(told[1], { items: ['c'], begun: 45 });
});

test('changes that do not end are told all the same, every 300 ms', async () => {
  const clock = new SimulatedClock();
  const sizes: number[] = [];
  const coalescer = new Coalescer<number>(clock, (items) => sizes.push(items.length));
  for (let at = 0; at < 650; at += 10) {
    coalescer.add(at);
    await clock.advance(10);
  }
  assert.deepEqual(sizes, [30, 30]);
});

test('what has not been told when it is disposed is never told', async () => {
  const clock = new SimulatedClock();
  const coalescer = new Coalescer<string>(clock, () => assert.fail('told'));
  coalescer.add('a');
  coalescer[Symbol.dispose]();
  await clock.advance(1000);
});
