import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/index.ts';
import { Ages } from './ages.ts';

test('the oldest is known to a second, and none when all are gone', () => {
  const ages = new Ages();
  assert.equal(ages.oldest, undefined);
  ages.add(1000);
  ages.add(1500);
  ages.add(9000);
  ages.remove(1000);
  assert.equal(ages.oldest, 1000);
  ages.remove(1500);
  assert.equal(ages.oldest, 9000);
  ages.remove(9000);
  assert.deepEqual([ages.total, ages.oldest], [0, undefined]);
});

test('a million over two weeks take bounded memory, and the oldest is known to a sixtieth of the span', () => {
  const ages = new Ages();
  const random = seededRandom(3);
  const waiting: number[] = [];
  const span = 14 * 86_400_000;
  for (let i = 0; i < 1_000_000; i++) {
    const at = Math.floor((span * i) / 1_000_000);
    ages.add(at);
    waiting.push(at);
  }
  assert.equal(ages.total, 1_000_000);
  // Anything may leave first; the oldest half goes for sure.
  for (const at of waiting.slice(0, 500_000)) ages.remove(at);
  for (let i = 0; i < 100_000; i++) ages.remove(waiting[900_000 - Math.floor(random.next() * 10_000)]!);
  assert.equal(ages.total, 400_000);
  assert.ok(Math.abs(ages.oldest! - waiting[500_000]!) <= span / 60, `${ages.oldest} for ${waiting[500_000]}`);
});

test('more may be taken out than was put in', () => {
  const ages = new Ages();
  ages.add(5, 2);
  for (let i = 0; i < 5; i++) ages.remove(7);
  assert.equal(ages.total, 0);
});
