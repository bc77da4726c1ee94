import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../../base/index.ts';
import { TABLE_LIMITS } from '../limits.ts';
import { LimitedThroughput, TokenBucket } from './throughput.ts';

test('units that are not used are saved for five minutes, and no longer', async () => {
  const clock = new SimulatedClock();
  const bucket = new TokenBucket(clock, 10);
  assert.ok(bucket.take(10));
  assert.equal(bucket.take(1), false);
  await clock.advance(2 * TABLE_LIMITS.burstSeconds * 1000);
  assert.ok(bucket.take(10 * TABLE_LIMITS.burstSeconds));
  assert.equal(bucket.take(1), false);
});

test('a request larger than what is left goes through and leaves a debt', async () => {
  const clock = new SimulatedClock();
  const bucket = new TokenBucket(clock, 1);
  assert.ok(bucket.take(400));
  await clock.advance(399_000);
  assert.equal(bucket.take(1), false);
  await clock.advance(1_001);
  assert.ok(bucket.take(1));
});

test('a changed rate keeps what was saved, and a limit that comes or goes is another throughput', async () => {
  const clock = new SimulatedClock();
  const throughput = new LimitedThroughput(clock, { read: 10, write: 10 }, 'exceeded');
  await clock.advance(10_000);
  assert.ok(throughput.adopt({ read: 5, write: 20 }));
  throughput.read(110);
  assert.throws(() => throughput.read(1), { code: 'throughput-exceeded', message: 'exceeded' });
  throughput.write(1);
  assert.equal(throughput.adopt({ read: 5 }), false);
});
