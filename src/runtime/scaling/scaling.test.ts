import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Burst, type Demand, decide, expired, fairest, refill } from './scaling.ts';

const demand = (more: Partial<Demand> = {}): Demand => ({
  granted: 0,
  environments: 0,
  reserved: undefined,
  burst: 1000,
  shared: { granted: 0, limit: 1000 },
  ...more,
});

test('a place is granted as long as every limit has room, and says whether an environment must start', () => {
  assert.deepEqual(decide(demand()), { kind: 'grant', starts: true });
  assert.deepEqual(decide(demand({ granted: 1, environments: 2 })), { kind: 'grant', starts: false });
});

test('reserved concurrency limits the function, and sets it free from the account', () => {
  const shared = { granted: 1000, limit: 1000 };
  assert.deepEqual(decide(demand({ reserved: { granted: 0, limit: 1 }, shared })).kind, 'grant');
  assert.deepEqual(decide(demand({ reserved: { granted: 1, limit: 1 } })), {
    kind: 'refuse',
    why: 'reserved-concurrency',
  });
  assert.deepEqual(decide(demand({ shared })), { kind: 'refuse', why: 'account-concurrency' });
  assert.deepEqual(decide(demand({ reserved: { granted: 0, limit: 0 } })).kind, 'refuse');
});

test('environments start at the scaling rate only; those that are there serve on', () => {
  assert.deepEqual(decide(demand({ burst: 0.5 })), { kind: 'refuse', why: 'scaling-rate' });
  assert.deepEqual(decide(demand({ burst: 0, environments: 1 })), { kind: 'grant', starts: false });
});

test('1,000 environments in 10 s: never more in any window, all of them in a burst', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3000), fc.nat(400)), { maxLength: 60 }), (steps) => {
      let burst: Burst = { tokens: 1000, at: 0 };
      const starts: number[] = [];
      let now = 0;
      for (const [waitMs, wanted] of steps) {
        now += waitMs;
        burst = refill(burst, now, 1000, 10_000);
        assert.ok(burst.tokens <= 1000);
        const started = Math.min(wanted, Math.floor(burst.tokens));
        burst = { ...burst, tokens: burst.tokens - started };
        for (let i = 0; i < started; i++) starts.push(now);
      }
      // A burst and what refills within the window: twice the size is the bound of any bucket.
      for (const [index, at] of starts.entries()) {
        const within = starts.slice(index).filter((other) => other - at < 10_000).length;
        assert.ok(within <= 2000);
      }
    }),
  );
  assert.equal(refill({ tokens: 0, at: 0 }, 10_000, 1000, 10_000).tokens, 1000);
  assert.equal(refill({ tokens: 0, at: 0 }, 1_000, 1000, 10_000).tokens, 100);
});

test('the function with the fewest places is next, then the one that waits longest', () => {
  const noisy = { granted: 50, since: 1 };
  const quiet = { granted: 0, since: 9 };
  const older = { granted: 0, since: 8 };
  assert.equal(fairest([noisy, quiet]), quiet);
  assert.equal(fairest([noisy, quiet, older]), older);
  assert.equal(fairest([]), undefined);
});

test('only what has been idle for the keep-alive time goes', () => {
  const idle = [{ idleSince: 0 }, { idleSince: 500 }, { idleSince: 1000 }];
  assert.deepEqual(expired(idle, 1000, 500), [{ idleSince: 0 }, { idleSince: 500 }]);
});
