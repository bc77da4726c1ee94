import { POLLER_LIMITS, type StreamSettings } from './settings.ts';
import type { InvocationOutcome, LeasedRecord, SourceRecord } from './source.ts';

/** A run of records on its way through the function. */
export interface Work {
  readonly records: readonly SourceRecord[];
  /** Invocations that ended in an error or a reported failure of its first record; splitting does not add to it. */
  readonly failures: number;
  /** All invocations it took part in. */
  readonly invocations: number;
  /** Tries that never reached the function; they count for backoff only. */
  readonly throttles: number;
}

/** Why records of a stream were given up, as on-failure records spell it. */
export type DiscardCondition = 'RetryAttemptsExhausted' | 'RecordAgeExceeded';

/** Why the poller tries records no more; `ReturnedToQueue` leaves messages to their visibility timeout and redrive policy. */
export type GiveUpReason = DiscardCondition | 'ReturnedToQueue';

/** What follows from an outcome. `done`, `givenUp` and `next` are the work's records, each in one of them, in their order. */
export interface Step {
  readonly done: readonly SourceRecord[];
  readonly givenUp?: { readonly work: Work; readonly reason: GiveUpReason };
  /** What is to be tried next, in order. */
  readonly next: readonly Work[];
  /** Wait before `next`. */
  readonly waitMs: number;
}

type StreamRules = Pick<StreamSettings, 'bisectOnError' | 'retriesMax' | 'partialResponses'>;

const NOTHING: readonly SourceRecord[] = [];

export function newWork(records: readonly SourceRecord[]): Work {
  return { records, failures: 0, invocations: 0, throttles: 0 };
}

/**
 * Decides what comes after one invocation of a stream batch.
 *
 * - Throttles and broken functions are retried without counting: only age ends them.
 * - A reported failure moves past the records before it, and they do not come again.
 * - Splitting a batch does not count as a retry.
 *
 * @param jitter  in [0, 1), draws the backoff
 * @see AWS Lambda developer guide, "Configuring partial batch response with Kinesis Data Streams and Lambda"
 */
export function judge(work: Work, outcome: InvocationOutcome, rules: StreamRules, jitter: number): Step {
  if (outcome.kind === 'not-invoked') return notInvoked(work, jitter);
  const failedAt = firstFailure(work, outcome, rules);
  if (failedAt === undefined) return { done: work.records, next: [], waitMs: 0 };
  // The count belongs to the record at the head: where that is a new one, it begins again.
  const rest = {
    records: work.records.slice(failedAt),
    failures: failedAt > 0 ? 1 : work.failures + 1,
    invocations: work.invocations + 1,
    throttles: 0,
  };
  return { done: work.records.slice(0, failedAt), ...afterFailure(rest, failedAt > 0, rules, jitter) };
}

/**
 * Decides what comes after one invocation of a batch of messages.
 *
 * - What the function was not run for is tried again while it is ours: the queue counts a receive for each lease.
 * - What failed is left to its visibility timeout, as AWS leaves it; a queue has its own retries.
 * - A response deletes every message that it does not report, of FIFO queues too: a function that stops at the first failure
 *   reports those after it.
 *
 * @see AWS Lambda developer guide, "Handling errors for an SQS event source in Lambda"
 */
export function judgeLeased(work: Work, outcome: InvocationOutcome, partialResponses: boolean, jitter: number): Step {
  if (outcome.kind === 'not-invoked') return notInvoked(work, jitter);
  const invoked = { ...work, invocations: work.invocations + 1 };
  if (outcome.kind === 'function-error') return { done: NOTHING, ...returned(invoked) };
  const failed = partialResponses ? reportedFailures(outcome.payload) : NONE;
  if (failed === 'all' || !known(failed, work)) return { done: NOTHING, ...returned(invoked) };
  if (failed.size === 0) return { done: work.records, next: [], waitMs: 0 };
  const { done = [], left = [] } = Object.groupBy(work.records, ({ id }) => (failed.has(id) ? 'left' : 'done'));
  return { done, ...returned({ ...invoked, records: left }) };
}

function returned(work: Work): Omit<Step, 'done'> {
  return { givenUp: { work, reason: 'ReturnedToQueue' }, next: [], waitMs: 0 };
}

function known(ids: ReadonlySet<string>, { records }: Work): boolean {
  const there = new Set(records.map(({ id }) => id));
  return [...ids].every((id) => there.has(id));
}

function notInvoked(work: Work, jitter: number): Step {
  const throttles = work.throttles + 1;
  return { done: NOTHING, next: [{ ...work, throttles }], waitMs: backoffMs(throttles, jitter) };
}

function afterFailure(rest: Work, progressed: boolean, rules: StreamRules, jitter: number): Omit<Step, 'done'> {
  const waitMs = backoffMs(rest.failures, jitter);
  // A response that names the failed record splits the batch there; halving begins when that record fails as the head.
  if (rules.bisectOnError && progressed) return { next: [{ ...rest, failures: 0 }], waitMs };
  if (rules.bisectOnError && rest.records.length > 1) {
    return { next: halves({ ...rest, failures: rest.failures - 1 }), waitMs };
  }
  if (rest.failures > rules.retriesMax) {
    return { givenUp: { work: rest, reason: 'RetryAttemptsExhausted' }, next: [], waitMs: 0 };
  }
  return { next: [rest], waitMs };
}

/** The same work in two, each with the count of the whole. */
export function halves(work: Work): Work[] {
  const middle = Math.ceil(work.records.length / 2);
  return [
    { ...work, records: work.records.slice(0, middle) },
    { ...work, records: work.records.slice(middle) },
  ];
}

/** Work parted in what must not be handed over any more and what may be. */
export interface Parted {
  readonly expired: Work;
  readonly rest: Work;
}

/** Splits off the records that are too old; within a shard they come first. */
export function expire(work: Work, now: number, ageMsMax: number): Parted {
  let count = 0;
  while (count < work.records.length && now - work.records[count]!.arrivedAt > ageMsMax) count++;
  return {
    expired: { ...work, records: work.records.slice(0, count) },
    rest: count === 0 ? work : { ...newWork(work.records.slice(count)), invocations: work.invocations },
  };
}

/**
 * Splits off the messages whose lease has ended, since somebody else may have them by now, and those of groups that are held.
 * @param now  monotonic milliseconds
 * @param held  ordering keys of which an earlier message is still to come
 */
export function expireLeases(work: Work, now: number, held: ReadonlySet<string>): Parted {
  const records = work.records as readonly LeasedRecord[];
  const isOurs = ({ leasedUntil, orderingKey }: LeasedRecord) => leasedUntil > now && !held.has(orderingKey);
  if (records.every(isOurs)) return { expired: { ...work, records: NOTHING }, rest: work };
  const { gone = [], ours = [] } = Object.groupBy(records, (one) => (isOurs(one) ? 'ours' : 'gone'));
  return { expired: { ...work, records: gone }, rest: { ...work, records: ours } };
}

/** Full jitter: from 0 to base * 2^(attempt - 1), bounded. */
export function backoffMs(attempt: number, jitter: number): number {
  const ceiling = Math.min(POLLER_LIMITS.backoffMsMax, POLLER_LIMITS.backoffMsBase * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceiling * jitter);
}

/** Index of the first record that failed; `undefined` when all are through. */
function firstFailure(work: Work, outcome: InvocationOutcome, rules: StreamRules): number | undefined {
  if (outcome.kind !== 'success') return 0;
  if (!rules.partialResponses) return undefined;
  const failed = reportedFailures(outcome.payload);
  if (failed === 'all') return 0;
  if (failed.size === 0) return undefined;
  const first = work.records.findIndex((record) => failed.has(record.id));
  // An identifier that was not in the batch: nothing the response says can be trusted.
  return Math.max(first, 0);
}

/**
 * Reads `{"batchItemFailures":[{"itemIdentifier":"..."}]}`.
 *
 * Nothing, `null`, `{}`, and an empty or null list are complete success; anything else that is not of this form is complete
 * failure, as AWS documents it.
 */
export function reportedFailures(payload: Uint8Array): ReadonlySet<string> | 'all' {
  const response = parseJson(payload);
  if (response === 'malformed') return 'all';
  if (typeof response !== 'object' || response === null) return response === null || response === '' ? NONE : 'all';
  const items = (response as { batchItemFailures?: unknown }).batchItemFailures;
  if (items === undefined || items === null) return NONE;
  if (!Array.isArray(items)) return 'all';
  const ids = items.map((item: unknown) => (item as { itemIdentifier?: unknown } | null)?.itemIdentifier);
  return ids.every((id): id is string => typeof id === 'string' && id !== '') ? new Set(ids) : 'all';
}

const NONE: ReadonlySet<string> = new Set();

/** The response's JSON; an empty one is `null`. */
export function parseJson(payload: Uint8Array): unknown {
  if (payload.length === 0) return null;
  try {
    return JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString());
  } catch {
    return 'malformed';
  }
}
