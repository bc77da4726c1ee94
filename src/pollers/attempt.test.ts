import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  backoffMs,
  expire,
  expireLeases,
  judge,
  judgeLeased,
  newWork,
  reportedFailures,
  type Work,
} from './attempt.ts';
import type { InvocationOutcome, LeasedRecord, SourceRecord } from './source.ts';

const RULES = { bisectOnError: false, retriesMax: 2, partialResponses: false };

function record(id: number, arrivedAt = 0): SourceRecord {
  const body = Buffer.from(String(id));
  return { id: String(id), orderingKey: '', arrivedAt, sizeBytes: body.length, body, toEvent: () => `{"id":"${id}"}` };
}

const records = (count: number) => Array.from({ length: count }, (_, index) => record(index));
const success = (response: unknown = null): InvocationOutcome => ({
  kind: 'success',
  payload: Buffer.from(JSON.stringify(response)),
});
const error: InvocationOutcome = { kind: 'function-error', payload: Buffer.from('{}'), errorType: 'Error' };
const throttled: InvocationOutcome = { kind: 'not-invoked', reason: 'throttled' };
const failures = (...ids: readonly unknown[]) =>
  success({ batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) });
const WORK = newWork(records(3));
const idsOf = (work: Work | undefined) => work?.records.map(({ id }) => id).join(',');

test('a batch that succeeds is done', () => {
  assert.deepEqual(judge(WORK, success(), RULES, 0.5), { done: WORK.records, next: [], waitMs: 0 });
});

test('an error is retried until the retries are used up, then the batch is discarded', () => {
  let work = newWork(records(3));
  for (let attempt = 1; attempt <= 2; attempt++) {
    const step = judge(work, error, RULES, 0.5);
    assert.equal(step.givenUp, undefined);
    work = step.next[0]!;
    assert.equal(work.failures, attempt);
  }
  const last = judge(work, error, RULES, 0.5);
  assert.equal(last.givenUp?.reason, 'RetryAttemptsExhausted');
  assert.equal(last.givenUp?.work.invocations, 3);
  assert.deepEqual(last.next, []);
});

test('infinite retries never discard', () => {
  let work = newWork(records(1));
  for (let i = 0; i < 1000; i++)
    work = judge(work, error, { ...RULES, retriesMax: Number.POSITIVE_INFINITY }, 0.5).next[0]!;
  assert.equal(work.failures, 1000);
});

test('throttles do NOT count as retries', () => {
  let work = newWork(records(1));
  for (let i = 0; i < 50; i++) work = judge(work, throttled, RULES, 0.5).next[0]!;
  assert.equal(work.failures, 0);
  assert.equal(work.invocations, 0);
});

test('bisecting halves a batch without using a retry, down to the poison record', () => {
  const rules = { ...RULES, bisectOnError: true, retriesMax: 0 };
  const queue = [newWork(records(8))];
  const done: string[] = [];
  const discarded: string[] = [];
  let invocations = 0;
  while (queue.length > 0) {
    const work = queue.shift()!;
    invocations++;
    const poison = work.records.some(({ id }) => id === '5');
    const step = judge(work, poison ? error : success(), rules, 0.5);
    done.push(...step.done.map(({ id }) => id));
    discarded.push(...(step.givenUp?.work.records.map(({ id }) => id) ?? []));
    queue.unshift(...step.next);
  }
  assert.deepEqual(discarded, ['5']);
  assert.deepEqual(done, ['0', '1', '2', '3', '4', '6', '7']);
  assert.equal(invocations, 7);
});

test('a partial response moves past the records before the first failure', () => {
  const rules = { ...RULES, partialResponses: true };
  const step = judge(newWork(records(5)), failures('3', '2'), rules, 0.5);
  assert.equal(step.done.length, 2);
  assert.equal(idsOf(step.next[0]), '2,3,4');
  assert.equal(step.next[0]?.failures, 1);
});

test('a partial response with bisection splits at the failed record and does NOT use a retry', () => {
  const rules = { ...RULES, partialResponses: true, bisectOnError: true, retriesMax: 0 };
  const step = judge(newWork(records(5)), failures('2'), rules, 0.5);
  assert.equal(step.givenUp, undefined);
  assert.equal(idsOf(step.next[0]), '2,3,4');
  const again = judge(step.next[0]!, failures('2'), rules, 0.5);
  assert.deepEqual(again.next.map(idsOf), ['2,3', '4']);
});

test('an identifier that was not in the batch fails the batch whole', () => {
  const step = judge(newWork(records(3)), failures('99'), { ...RULES, partialResponses: true }, 0.5);
  assert.equal(step.done.length, 0);
});

test('without ReportBatchItemFailures a response means nothing', () => {
  assert.equal(judge(newWork(records(3)), failures('1'), RULES, 0.5).done.length, 3);
});

test('responses are read as AWS documents: nothing is success, nonsense is failure', () => {
  const read = (text: string) => reportedFailures(Buffer.from(text));
  for (const text of [
    '',
    'null',
    '""',
    '{}',
    '{"batchItemFailures":[]}',
    '{"batchItemFailures":null}',
    '{"other":1}',
  ]) {
    assert.deepEqual(read(text), new Set(), text);
  }
  for (const text of ['{', '"text"', '7', '{"batchItemFailures":7}', '{"batchItemFailures":[{"itemIdentifier":""}]}']) {
    assert.equal(read(text), 'all', text);
  }
  for (const item of ['{"itemIdentifier":null}', '{"bad":"1"}', 'null', '"1"']) {
    assert.equal(read(`{"batchItemFailures":[${item}]}`), 'all', item);
  }
  assert.deepEqual(read('{"batchItemFailures":[{"itemIdentifier":"a"}]}'), new Set(['a']));
});

test('records that are too old are split off, and the count begins again for the others', () => {
  const work = { ...newWork([record(0, 0), record(1, 50), record(2, 100)]), failures: 2 };
  const { expired, rest } = expire(work, 151, 100);
  assert.equal(idsOf(expired), '0,1');
  assert.equal(idsOf(rest), '2');
  assert.equal(rest.failures, 0);
  assert.equal(expire(work, 100, 100).rest, work);
});

test('backoff is drawn from a growing, bounded range', () => {
  assert.equal(backoffMs(1, 0.5), 50);
  assert.equal(backoffMs(3, 1), 400);
  assert.equal(backoffMs(10_000, 1), 60_000);
  assert.equal(backoffMs(5, 0), 0);
});

const judged = (outcome: InvocationOutcome, partialResponses = true) => {
  const step = judgeLeased(newWork(records(3)), outcome, partialResponses, 0.5);
  const ids = (of: readonly SourceRecord[] = []) => of.map(({ id }) => id).join('');
  return { done: ids(step.done), left: ids(step.givenUp?.work.records), again: step.next.length };
};

test('messages that a response does not report are done, the others are left to the queue', () => {
  assert.deepEqual(judged(failures('1')), { done: '02', left: '1', again: 0 });
  assert.deepEqual(judged(failures('2', '0')), { done: '1', left: '02', again: 0 });
});

test('for a queue a response means what AWS documents', () => {
  for (const nothing of [
    success(),
    success({}),
    success({ batchItemFailures: [] }),
    success({ batchItemFailures: null }),
  ]) {
    assert.deepEqual(judged(nothing), { done: '012', left: '', again: 0 });
  }
  const nonsense: InvocationOutcome = { kind: 'success', payload: Buffer.from('{"batchItem') };
  for (const all of [
    nonsense,
    failures(''),
    failures(null),
    success({ batchItemFailures: [{ id: '1' }] }),
    failures('1', '99'),
  ]) {
    assert.deepEqual(judged(all), { done: '', left: '012', again: 0 });
  }
  assert.deepEqual(judged(failures('1'), false), { done: '012', left: '', again: 0 });
});

test('a failed batch is left to its visibility timeout, one that was not run is tried again while it is leased', () => {
  assert.deepEqual(judged(error), { done: '', left: '012', again: 0 });
  assert.deepEqual(judged(throttled), { done: '', left: '', again: 1 });
});

test('messages whose lease has ended are not handed over', () => {
  const leased = (id: number, leasedUntil: number): LeasedRecord => ({ ...record(id), leasedUntil });
  const work = newWork([leased(0, 10), leased(1, 30), leased(2, 20)]);
  assert.equal(expireLeases(work, 9, new Set()).rest, work);
  const { expired, rest } = expireLeases(work, 20, new Set());
  assert.equal(idsOf(expired), '0,2');
  assert.equal(idsOf(rest), '1');
});
