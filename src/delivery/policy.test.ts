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

test('a schedule waits by its phases, the sample policy of the developer guide', () => {
  const schedule = {
    ...{ noDelay: 3, minDelay: 2, backoff: 10, maxDelay: 35, minDelayMs: 1000, maxDelayMs: 60_000 },
    backoffFunction: 'exponential' as const,
  };
  const waits = Array.from({ length: 51 }, (_, i) => {
    const policy = { attemptsMax: 51, ageMsMax: 3_600_000, backoffMsBase: 0, backoffMsMax: 0, schedule };
    const verdict = judgeFailure(new Error('no'), policy, i + 1, 0, 0, 0);
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
      const verdict = judgeFailure(new Error('no'), policy, attempt, 0, 0, jitter);
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
