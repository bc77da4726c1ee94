import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError } from '../base/index.ts';
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
  assert.deepEqual(judge(throttled, 2, { now: 600 }), { kind: 'retry', dueAt: 901, attempts: 2 });
  assert.deepEqual(judge(throttled, 2, { now: 9_999 }), { kind: 'give-up', reason: 'age' });
});

test('a target is not tried before it has asked to be, but an hour is the most', () => {
  assert.deepEqual(judge(retryable({ retryAfterMs: 3000 }), 0), { kind: 'retry', dueAt: 3001, attempts: 1 });
  const days = judge(retryable({ retryAfterMs: 1e9 }), 0, { policy: { ageMsMax: 1e9 } });
  assert.deepEqual(days, { kind: 'retry', dueAt: 3_600_001, attempts: 1 });
});

test('what has waited longer than it may is not tried any more', () => {
  const tried = { policy: POLICY, sentAt: 1000, attempts: 0 };
  assert.equal(isExpired(tried, 11_000), false);
  assert.equal(isExpired(tried, 11_001), true);
});
