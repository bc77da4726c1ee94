import { abortable, type Clock, type Random } from '../base/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { type GiveUpReason, halves, newWork, type Parted, type Step, type Work } from './attempt.ts';
import { tracesOf } from './payload.ts';
import { POLLER_LIMITS, type PollerSettings } from './settings.ts';
import type { FunctionInvoker, InvocationOutcome, Reservation, SourceRecord } from './source.ts';
import type { Tally } from './tally.ts';

/** Records ready to be sent. */
export interface Batch {
  readonly records: readonly SourceRecord[];
  readonly payload: Buffer;
}

/** What a batch's way through the function depends on: one for a shard's lanes, one for a queue. */
export interface Settlement {
  /** Parts what must not be handed over any more. */
  expire(work: Work, now: number): Parted;
  encode(records: readonly SourceRecord[]): Buffer;
  /** Decides; pure but for what it draws from the outcome. */
  judge(work: Work, outcome: InvocationOutcome, jitter: number): Step;
  /** These are through. */
  done(records: readonly SourceRecord[]): void | Promise<void>;
  /** The poller tries these no more. @param last  how their last invocation ended; `undefined` when there was none */
  giveUp(work: Work, reason: GiveUpReason, last: InvocationOutcome | undefined): void | Promise<void>;
  /** Why records that `expire` parts are given up. */
  readonly expiry: GiveUpReason;
  /** Called before what has failed is tried again. */
  retrying(): void;
  /** The poller stops before these were tried (again). */
  leave(records: readonly SourceRecord[]): void | Promise<void>;
}

/** What carrying needs besides. */
export interface Carriage {
  readonly settings: PollerSettings;
  readonly invoker: FunctionInvoker;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly tally: Tally;
  /** Hears how each invocation ended. */
  readonly report: (result: string) => void;
}

/**
 * Carries a batch through the function, to the end of each of its records:
 *
 *     expire -> (reserve -> expire) -> encode -> invoke -> judge -> settle -> wait -> the next piece ...
 *
 * C1. Pieces go one after the other, in the order of their records.
 * C2. Every record ends in exactly one of `done`, `giveUp` and `leave`, unless an invocation was abandoned, or a settling threw:
 *     then its source brings it again.
 * C3. An environment is held for one invocation, and never while the batch waits.
 *
 * @param first  the environment for the first piece; disposed in any case
 * @param stop  nothing new begins: rejects with its reason
 */
export async function carry(
  batch: Batch,
  first: Reservation,
  settlement: Settlement,
  carriage: Carriage,
  stop: AbortSignal,
  abandon: AbortSignal,
): Promise<void> {
  const { settings, invoker, clock, random, tally } = carriage;
  const queue: Work[] = [newWork(batch.records)];
  let reservation: Reservation | undefined = first;
  let ready: Buffer | undefined = batch.payload;
  let last: InvocationOutcome | undefined;
  try {
    while (queue.length > 0) {
      const { expired, rest } = settlement.expire(queue[0]!, clock.now());
      queue[0] = rest;
      if (expired.records.length > 0) {
        await settlement.giveUp(expired, settlement.expiry, last);
        ready = undefined;
      }
      if (rest.records.length === 0) {
        queue.shift();
        continue;
      }
      if (!reservation) {
        // That may take long: what has become too old by then, or somebody else's, is not handed over.
        reservation = await invoker.reserve(settings.functionArn, stop);
        continue;
      }
      const payload = ready ?? settlement.encode(rest.records);
      ready = undefined;
      if (payload.length > POLLER_LIMITS.payloadBytesMax) {
        // Records whose JSON is not ASCII are larger than they seemed: fewer at a time. One alone that is too large is given up.
        if (rest.records.length > 1) queue.splice(0, 1, ...halves(rest));
        else await settlement.giveUp(queue.shift()!, 'RetryAttemptsExhausted', undefined);
        continue;
      }
      queue.shift();
      last = await invoke(reservation, payload, rest, carriage, abandon);
      reservation[Symbol.dispose]();
      reservation = undefined;
      const step = settlement.judge(rest, last, random.next());
      tally.failedRecords(rest.records.length - step.done.length);
      if (step.done.length > 0) await settlement.done(step.done);
      if (step.givenUp) await settlement.giveUp(step.givenUp.work, step.givenUp.reason, last);
      queue.unshift(...step.next);
      if (step.next.length > 0) settlement.retrying();
      if (queue.length > 0 && step.waitMs > 0) await clock.sleep(step.waitMs, stop);
    }
  } finally {
    reservation?.[Symbol.dispose]();
    if (queue.length > 0) await settlement.leave(queue.flatMap(({ records }) => records));
  }
}

async function invoke(
  reservation: Reservation,
  payload: Buffer,
  work: Work,
  carriage: Carriage,
  abandon: AbortSignal,
): Promise<InvocationOutcome> {
  const { records } = work;
  carriage.tally.invoking(records.length, work.invocations > 0);
  const outcome = await abortable(reservation.invoke(payload, abandon, tracesOf(records)), abandon);
  reportOutcome(outcome, carriage);
  return outcome;
}

/** Words an outcome for `LastProcessingResult`, and counts it. */
export function reportOutcome(outcome: InvocationOutcome, { report, tally, logger, settings }: Carriage): void {
  if (outcome.kind === 'success') return report('OK');
  tally.failed();
  const reason = outcome.kind === 'function-error' ? outcome.errorType : outcome.reason;
  report(outcome.kind === 'function-error' ? 'PROBLEM: Function call failed' : `PROBLEM: ${reason}`);
  const { sourceArn: source, functionName } = settings;
  logger.debug('batch-failed', { source, function: functionName, kind: outcome.kind, reason });
}
