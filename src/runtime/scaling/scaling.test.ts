import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Burst, type Demand, decide, isFairer, refill } from './scaling.ts';

const demand = (more: Partial<Demand> = {}): Demand => ({
  granted: 0,
  room: 0,
  provisioned: 0,
  reserved: undefined,
  shared: { held: 0, limit: 1000 },
  expected: 0,
  held: 0,
  requests: undefined,
  burst: 1000,
  overloaded: false,
  ...more,
});
const refused = (more: Partial<Demand>) => {
  const verdict = decide(demand(more));
  return verdict.kind === 'refuse' ? verdict.why : undefined;
};

test('a place is granted as long as every limit has room', () => {
  assert.deepEqual(decide(demand()), { kind: 'grant' });
  assert.deepEqual(decide(demand({ granted: 1, room: 2 })), { kind: 'grant' });
});

test('reserved concurrency limits the function, and sets it free from the account', () => {
  const shared = { held: 1000, limit: 1000 };
  assert.equal(refused({ reserved: { held: 0, limit: 1 }, shared }), undefined);
  assert.equal(refused({ reserved: { held: 1, limit: 1 } }), 'reserved-concurrency');
  assert.equal(refused({ shared }), 'account-concurrency');
  assert.equal(refused({ reserved: { held: 0, limit: 0 } }), 'reserved-concurrency');
});

test('provisioned places are held already, and are there when nothing else is', () => {
  const full = { shared: { held: 1000, limit: 1000 }, held: 5, provisioned: 5, room: 5 };
  assert.equal(refused({ ...full, granted: 4 }), undefined);
  assert.equal(refused({ ...full, granted: 5 }), 'account-concurrency');
  assert.equal(refused({ ...full, granted: 4, reserved: { held: 5, limit: 5 } }), undefined);
});

test('environments start at the scaling rate only; those that are there serve on', () => {
  assert.equal(refused({ burst: 0.5 }), 'scaling-rate');
  assert.equal(refused({ burst: 0, room: 1 }), undefined);
});

test('requests beyond ten a second for each place are refused by the limit that they belong to', () => {
  assert.equal(refused({ requests: 0.9 }), 'request-rate');
  assert.equal(refused({ requests: 0.9, reserved: { held: 0, limit: 1 } }), 'reserved-request-rate');
  assert.equal(refused({ requests: 1 }), undefined);
});

test('a function that takes all it gets leaves a place for each that was called a moment ago, up to a tenth', () => {
  const noisy = { held: 90, granted: 90, room: 100, shared: { held: 95, limit: 100 } };
  assert.equal(refused({ ...noisy, expected: 4 }), undefined);
  assert.equal(refused({ ...noisy, expected: 5 }), 'account-concurrency');
  assert.equal(
    refused({ ...noisy, shared: { held: 89, limit: 100 }, expected: 500 }),
    undefined,
    'never more than a tenth',
  );
  assert.equal(refused({ shared: { held: 99, limit: 100 }, expected: 5 }), undefined, 'who holds none may take it');
});

test('an overloaded machine refuses, whatever the limits say', () => {
  assert.equal(refused({ overloaded: true, room: 5 }), 'machine');
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
  assert.deepEqual([isFairer(quiet, noisy), isFairer(noisy, quiet)], [true, false]);
  assert.deepEqual([isFairer(older, quiet), isFairer(quiet, older)], [true, false]);
});
