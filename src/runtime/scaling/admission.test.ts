import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../base/index.ts';
import type { FunctionSpec } from '../runtime.ts';
import type { Launch } from '../starts/launch.ts';
import { Admission } from './admission.ts';
import { areQuick } from './contention.ts';
import { IdleTimes } from './idle-times.ts';
import { SCALING_LIMITS } from './limits.ts';
import { Pool } from './pool.ts';

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:f';

/** A function on a machine that bears so many invocations. */
function machineOf(bearable: number) {
  const clock = new SimulatedClock();
  const admission = new Admission({
    ...{ clock, accountConcurrency: 100, onGrant() {}, onWaiting() {} },
    overloaded: (pool, waits) => (waits || !areQuick(pool)) && pool.running + pool.beginning >= bearable,
  });
  const share = admission.shareOf(ARN);
  const spec = { arn: ARN, environmentConcurrency: 1 } as FunctionSpec;
  const burst = { tokens: 1000, at: 0 };
  const pool = new Pool({ ...{ spec, share, burst, clock }, launch: {} as Launch, idleTimes: new IdleTimes() });
  const begin = () => {
    pool.beginning--;
    pool.began();
  };
  const end = () => {
    pool.ended(false);
    admission.leave(pool);
  };
  return { clock, admission, pool, share, begin, end };
}

test('who waits for processors comes one by one as they become free, and is refused after a second', async () => {
  const { clock, admission, pool, begin, end } = machineOf(1);
  assert.equal(admission.enter(pool, 'processors', undefined), undefined);
  begin();
  const order: string[] = [];
  const wait = (name: string) =>
    admission.enter(pool, 'processors', undefined)!.then(
      () => order.push(name),
      ({ code }) => order.push(`${name}: ${code}`),
    );
  const waiting = [wait('first'), wait('second')];
  assert.throws(() => admission.enter(pool, false, undefined), { code: 'concurrency-limit' });
  end();
  await waiting[0];
  assert.deepEqual(order, ['first'], 'the second would be one too many');
  await clock.advance(SCALING_LIMITS.processorsMs);
  await waiting[1];
  assert.deepEqual(order, ['first', 'second: concurrency-limit']);
  assert.equal(admission.hasWaiting, false);
});

test('of what is over in a moment, who waits gets the next that is free, and after a moment one of its own', async () => {
  const { clock, admission, pool, begin, end } = machineOf(1);
  pool.durationMs = 0.3;
  const enter = () => admission.enter(pool, 'processors', undefined);
  assert.equal(enter(), undefined);
  begin();
  const order: string[] = [];
  const wait = (name: string) => enter()!.then(() => order.push(name));
  const waiting = [wait('first'), wait('second')];
  assert.equal(admission.enter(pool, false, undefined), undefined, 'who does not wait is let in');
  begin();
  end();
  await clock.advance(1);
  assert.deepEqual(order, [], 'one runs still');
  end();
  await waiting[0];
  await clock.advance(SCALING_LIMITS.quickWaitMs - 2);
  assert.deepEqual(order, ['first']);
  await clock.advance(1);
  await waiting[1];
  assert.deepEqual(order, ['first', 'second']);
  assert.equal(admission.hasWaiting, false);
});

test('who waits for processors waits for nothing else', () => {
  const { admission, pool, share } = machineOf(10);
  admission.reserveShare(share, 0);
  assert.throws(() => admission.enter(pool, 'processors', undefined), { code: 'concurrency-limit' });
});
