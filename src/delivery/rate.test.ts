import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/index.ts';
import { newBucket, takeToken } from './rate.ts';

test('over any second no more calls begin than the rate and a tenth', () => {
  const random = seededRandom(5);
  const perSecond = 50;
  let bucket = newBucket(perSecond, 0);
  const begun: number[] = [];
  for (let now = 0; now < 20_000; now += random.next() * 10) {
    const { bucket: after, waitMs, taken } = takeToken(bucket, perSecond, now, 1000);
    bucket = after;
    if (taken) begun.push(now + waitMs);
  }
  begun.sort((a, b) => a - b);
  for (let first = 0, last = 0; last < begun.length; last++) {
    while (begun[last]! - begun[first]! >= 1000) first++;
    assert.ok(last - first + 1 <= perSecond * 1.1 + 1, `${last - first + 1} calls within a second`);
  }
  assert.ok(begun.length > perSecond * 19, `${begun.length} calls in 20 s`);
});

test('who would wait too long takes nothing and is told how long it would have been', () => {
  let bucket = newBucket(1, 0);
  for (let i = 0; i < 6; i++) bucket = takeToken(bucket, 1, 0, 5000).bucket;
  const refused = takeToken(bucket, 1, 0, 5000);
  assert.deepEqual([refused.taken, refused.waitMs, refused.bucket], [false, 6000, bucket]);
});

test('a slow rate lets one call through at once', () => {
  assert.equal(takeToken(newBucket(0.1, 0), 0.1, 0, 0).waitMs, 0);
});
