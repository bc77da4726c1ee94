import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError } from '../base/index.ts';
import { DeliveryFailure } from './delivery.ts';
import { judgeFailure } from './policy.ts';

const POLICY = { attemptsMax: 3, ageMsMax: 10_000, backoffMsBase: 100, backoffMsMax: 1000 };

test('a failure is tried again after a wait with full jitter that grows up to its maximum', () => {
  const due = (attempt: number, jitter: number) => {
    const verdict = judgeFailure(new Error('no'), { ...POLICY, attemptsMax: 100 }, attempt, 0, 0, jitter);
    return verdict.kind === 'retry' ? verdict.dueAt : undefined;
  };
  assert.equal(due(1, 0.5), 101);
  assert.equal(due(2, 0.5), 201);
  assert.equal(due(50, 0.5), 501);
  assert.equal(due(1, 0), 1);
});

test('attempts and age end it, whichever is first', () => {
  assert.equal(judgeFailure(new Error('no'), POLICY, 3, 0, 0, 0.5).kind, 'give-up');
  assert.equal(judgeFailure(new Error('no'), POLICY, 1, 0, 9_999, 0.5).kind, 'give-up');
});

test('a permanent error is given up at once, with its code', () => {
  const error = new DomainError('queue-not-found', 'no such queue');
  assert.deepEqual(judgeFailure(error, POLICY, 1, 0, 0, 0.5), {
    kind: 'give-up',
    reason: 'permanent',
    errorCode: 'queue-not-found',
    errorMessage: 'no such queue',
  });
  assert.equal(judgeFailure(new DomainError('busy', 'later', { remedy: 'retry' }), POLICY, 1, 0, 0, 0.5).kind, 'retry');
});

test('a target that says what follows is obeyed, whatever attempts and age the policy has left', () => {
  const again = new DeliveryFailure('throttled', 'later', { kind: 'again', afterMs: 60_000, counts: false });
  assert.deepEqual(judgeFailure(again, POLICY, 3, 0, 1_000_000, 0.5), {
    kind: 'retry',
    dueAt: 1_060_000,
    counts: false,
  });
  const over = new DeliveryFailure('function-failed', 'no', { kind: 'given-up', instead: [] });
  assert.deepEqual(judgeFailure(over, POLICY, 1, 0, 0, 0.5), {
    kind: 'give-up',
    reason: 'permanent',
    errorCode: 'function-failed',
    errorMessage: 'no',
    instead: [],
  });
});
