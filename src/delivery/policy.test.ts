import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError } from '../base/index.ts';
import { DeliveryFailure } from './delivery.ts';
import { isExpired, judgeFailure, readFailure } from './policy.ts';

const POLICY = { attemptsMax: 3, ageMsMax: 10_000, backoffMsBase: 100, backoffMsMax: 1000 };

function judge(error: unknown, attempts: number, more: { now?: number; jitter?: number; policy?: object } = {}) {
  const { now = 0, jitter = 0.5, policy = {} } = more;
  return judgeFailure(readFailure(error), { policy: { ...POLICY, ...policy }, sentAt: 0, attempts }, now, jitter);
}

const retryable = (fields: object) => new DomainError('busy', 'later', { remedy: 'retry', fields: { ...fields } });

test('a failure is tried again after a wait with full jitter that grows up to its maximum', () => {
  const due = (attempts: number, jitter: number) => {
    const verdict = judge(new Error('no'), attempts, { jitter, policy: { attemptsMax: 100 } });
    return verdict.kind === 'retry' ? verdict.dueAt : undefined;
  };
  assert.equal(due(0, 0.5), 101);
  assert.equal(due(1, 0.5), 201);
  assert.equal(due(49, 0.5), 501);
  assert.equal(due(0, 0), 1);
});

test('attempts and age end it, whichever is first', () => {
  assert.deepEqual(judge(new Error('no'), 2), { kind: 'give-up', reason: 'attempts' });
  assert.deepEqual(judge(new Error('no'), 0, { now: 9_999 }), { kind: 'give-up', reason: 'age' });
});

test('a permanent error is given up at once, with its code', () => {
  const error = new DomainError('queue-not-found', 'no such queue');
  assert.deepEqual(judge(error, 0), { kind: 'give-up', reason: 'permanent' });
  const { errorCode, errorMessage } = readFailure(error);
  assert.deepEqual([errorCode, errorMessage], ['queue-not-found', 'no such queue']);
  assert.equal(judge(retryable({}), 0).kind, 'retry');
});

test('a failure that does not count uses up no attempt, and waits about as long again as it has waited', () => {
  const throttled = retryable({ uncounted: true });
  assert.deepEqual(judge(throttled, 2, { now: 600 }), { kind: 'retry', dueAt: 901, counts: false });
  assert.deepEqual(judge(throttled, 2, { now: 9_999 }), { kind: 'give-up', reason: 'age' });
});

test('a target is not tried before it has asked to be, but an hour is the most', () => {
  assert.deepEqual(judge(retryable({ retryAfterMs: 3000 }), 0), { kind: 'retry', dueAt: 3001, counts: true });
  const days = judge(retryable({ retryAfterMs: 1e9 }), 0, { policy: { ageMsMax: 1e9 } });
  assert.deepEqual(days, { kind: 'retry', dueAt: 3_600_001, counts: true });
});

test('what has waited longer than it may is not tried any more', () => {
  const tried = { policy: POLICY, sentAt: 1000, attempts: 0 };
  assert.equal(isExpired(tried, 11_000), false);
  assert.equal(isExpired(tried, 11_001), true);
});

test('a target that says what follows is obeyed, whatever attempts and age the policy has left', () => {
  const again = new DeliveryFailure('throttled', 'later', { kind: 'again', afterMs: 60_000, counts: false });
  assert.deepEqual(judge(again, 2, { now: 1_000_000 }), {
    kind: 'retry',
    dueAt: 1_060_000,
    counts: false,
  });
  const over = new DeliveryFailure('function-failed', 'no', { kind: 'given-up', instead: [] });
  assert.deepEqual(judge(over, 0), {
    kind: 'give-up',
    reason: 'permanent',
    instead: [],
  });
});

test('a schedule waits by its phases, the sample policy of the developer guide', () => {
  const schedule = {
    ...{ noDelay: 3, minDelay: 2, backoff: 10, maxDelay: 35, minDelayMs: 1000, maxDelayMs: 60_000 },
    backoffFunction: 'exponential' as const,
  };
  const waits = Array.from({ length: 51 }, (_, i) => {
    const policy = { attemptsMax: 51, ageMsMax: 3_600_000, backoffMsBase: 0, backoffMsMax: 0, schedule };
    const verdict = judge(new Error('no'), i, { jitter: 0, policy });
    return verdict.kind === 'retry' ? verdict.dueAt - 1 : undefined;
  });
  assert.deepEqual(waits.slice(0, 5), [0, 0, 0, 1000, 1000]);
  assert.equal(waits[5], 1000);
  assert.equal(waits[14], 60_000);
  const growing = waits.slice(5, 15) as number[];
  for (let i = 1; i < growing.length; i++) assert.ok(growing[i]! > growing[i - 1]!);
  assert.deepEqual(new Set(waits.slice(15, 50)), new Set([60_000]));
  assert.equal(waits[50], undefined);
});

test('backoff functions begin and end at the same waits and differ in between', () => {
  const middle = (['linear', 'arithmetic', 'exponential', 'geometric'] as const).map((backoffFunction) => {
    const schedule = {
      ...{ noDelay: 0, minDelay: 0, backoff: 10, maxDelay: 0, minDelayMs: 5000, maxDelayMs: 260_000 },
      backoffFunction,
    };
    const policy = { attemptsMax: 11, ageMsMax: 1e9, backoffMsBase: 0, backoffMsMax: 0, schedule };
    const at = (attempt: number, jitter = 0) => {
      const verdict = judge(new Error('no'), attempt - 1, { jitter, policy });
      return verdict.kind === 'retry' ? verdict.dueAt - 1 : Number.NaN;
    };
    assert.deepEqual([at(1), at(10)], [5000, 260_000], backoffFunction);
    assert.equal(at(1, 0.5), 5250);
    return at(5);
  });
  assert.deepEqual(
    middle,
    middle.toSorted((a, b) => b - a),
  );
  assert.equal(new Set(middle).size, 4);
});
