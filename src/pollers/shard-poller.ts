import { type Clock, hasCode, isAbort, type Random } from '../base/index.ts';
import type { DeliveryService } from '../delivery/index.ts';
import { type Logger, newTrace } from '../telemetry/index.ts';
import { backoffMs, type DiscardCondition, expire, halves, judge, newWork, type Work } from './attempt.ts';
import type { Checkpoint } from './checkpoints.ts';
import { type BatchRules, decide, nextLane, type ShardView } from './decide.ts';
import { discardDocument } from './discard.ts';
import type { Instruments } from './instruments.ts';
import { Intake, type Taking } from './intake.ts';
import { encodeEvent, traceOf } from './payload.ts';
import { POLLER_LIMITS, type StreamSettings } from './settings.ts';
import type { FunctionInvoker, InvocationOutcome, Reservation, SourceRecord, StreamSource } from './source.ts';
import { planWindow, stateAfter, stateIsTooLarge, type TumblingWindow, windowMembers, windowOf } from './tumbling.ts';
import { Wakeup } from './wakeup.ts';

/** What a poller of one shard works with. */
export interface ShardContext {
  readonly settings: StreamSettings;
  readonly source: StreamSource;
  readonly invoker: FunctionInvoker;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly instruments: Instruments;
  /** Takes a checkpoint over; it becomes durable soon. */
  readonly checkpoint: (shard: string, checkpoint: Checkpoint) => void;
  /** Hears how each invocation ended. */
  readonly report: (result: string) => void;
}

/** Records of one lane, ready to be sent. */
interface Batch {
  readonly records: readonly SourceRecord[];
  readonly payload: Buffer;
}

/** Tries of a discarded batch's document before it is a matter for the log. */
const DESTINATION_POLICY = { attemptsMax: 100, ageMsMax: 6 * 3_600_000, backoffMsBase: 1000, backoffMsMax: 300_000 };

/**
 * Reads one shard and invokes the function with its records.
 *
 * The loop asks `decide` what to do and does it:
 *
 *     wait -> (readable) -> reserve an environment -> read what has come meanwhile -> hand the batch to its lane -> wait ...
 *                                          while it runs: read on -> prepare the lane's next batch, if that is full
 *
 * P1. An environment is reserved before records are read, and never held while there are none: waiting for it is the backpressure.
 *     A lane that runs has one batch prepared and no more, none while it retries, and none under a tumbling window, whose state
 *     is not known before.
 * P2. A lane has one batch under way; all its records are done or discarded, in order, before it takes another.
 * P3. The checkpoint passes a record only when it is done, dropped by a filter, or its on-failure document is durable.
 * P4. When `stop` fires nothing new begins; what runs is awaited, and what was not finished is read again by the next poller.
 */
export class ShardPoller {
  readonly #context: ShardContext;
  readonly #shard: string;
  readonly #intake: Intake;
  readonly #rules: BatchRules;
  readonly #wakeup = new Wakeup();
  readonly #running = new Set<Promise<void>>();
  /** Batches taken ahead, by lane. */
  readonly #prepared = new Map<number, Batch>();
  #position: string;
  #saved: Checkpoint;
  #window: TumblingWindow | undefined;
  #readable = false;
  #watching = false;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(context: ShardContext, shard: string, checkpoint: Checkpoint) {
    const { batchSize, windowMs, lanes, tumblingWindowMs } = context.settings;
    this.#context = context;
    this.#shard = shard;
    this.#intake = new Intake(lanes);
    this.#rules = { batchSize, windowMs, bytesFull: POLLER_LIMITS.readBytesMax, ahead: tumblingWindowMs === 0 };
    this.#position = checkpoint.position;
    this.#saved = checkpoint;
    this.#window = checkpoint.window;
  }

  /** Where a further poller of this shard would begin. */
  get saved(): Checkpoint {
    return this.#saved;
  }

  /**
   * Polls until the shard is finished or `stop` fires; invocations that run are awaited unless `abandon` fires.
   * @throws what the source, the reservation or the outbox threw: begin again from `saved` after a while
   */
  async run(stop: AbortSignal, abandon: AbortSignal): Promise<'finished' | 'stopped'> {
    const ending = new AbortController();
    const either = AbortSignal.any([stop, ending.signal]);
    try {
      while (!either.aborted) {
        if (this.#failure) throw this.#failure.error;
        if (await this.#step(either, abandon)) return this.#finish();
      }
      return 'stopped';
    } catch (error) {
      if (stop.aborted && isStop(error, stop)) return 'stopped';
      throw error;
    } finally {
      ending.abort(new DOMException('the shard poller ends', 'AbortError'));
      await Promise.allSettled(this.#running);
    }
  }

  /** @returns true when the shard is finished */
  async #step(stop: AbortSignal, abandon: AbortSignal): Promise<boolean> {
    if (this.#windowIsOver()) {
      await this.#dispatchFinal(stop, abandon);
      return false;
    }
    const action = decide(this.#view(), this.#rules);
    if (action.kind === 'finished') return this.#window === undefined || this.#closeLastWindow(stop, abandon);
    if (action.kind === 'reserve') await this.#dispatch(stop, abandon);
    else if (action.kind === 'read') await this.#read(action.recordsMax);
    else if (action.kind === 'prepare') this.#prepared.set(action.lane, this.#take(action.lane));
    else await this.#wait(action.source, this.#earlier(action.until), stop);
    return false;
  }

  #view(): ShardView {
    const { settings, clock } = this.#context;
    const full = this.#intake.waitingBytes >= settings.lanes * POLLER_LIMITS.readBytesMax;
    return {
      lanes: this.#intake.views(),
      room: full ? 0 : settings.lanes * settings.batchSize - this.#intake.buffered,
      roomAhead: full ? 0 : 2 * settings.lanes * settings.batchSize - this.#intake.buffered,
      readable: this.#readable,
      ended: this.#ended,
      now: clock.monotonic(),
    };
  }

  async #wait(source: boolean, until: number | undefined, stop: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    if (source) this.#watch(stop);
    // Nothing is left to read or to do: whoever looks at the gauge must not see the age of the last batch for ever.
    if (source && this.#intake.buffered === 0 && this.#running.size === 0) this.#context.instruments.iteratorAge.set(0);
    await this.#wakeup.wait(clock, stop, until === undefined ? undefined : until - clock.monotonic());
  }

  #watch(stop: AbortSignal): void {
    if (this.#watching) return;
    this.#watching = true;
    this.#context.source
      .wait(this.#shard, this.#position, stop)
      .then(() => {
        this.#readable = true;
      })
      .catch((error: unknown) => this.#fail(error, stop))
      .finally(() => {
        this.#watching = false;
        this.#wakeup.ring();
      });
  }

  #fail(error: unknown, stop: AbortSignal): void {
    if (!isStop(error, stop)) this.#failure ??= { error };
    this.#wakeup.ring();
  }

  async #dispatch(stop: AbortSignal, abandon: AbortSignal): Promise<void> {
    const reservation = await this.#context.invoker.reserve(this.#context.settings.functionArn, stop);
    let lane: number | undefined;
    try {
      const { room } = this.#view();
      if (this.#readable && room > 0 && !this.#ended) await this.#read(room);
      lane = this.#failure ? undefined : nextLane(this.#view(), this.#rules);
    } finally {
      if (lane === undefined) reservation[Symbol.dispose]();
    }
    if (lane === undefined) return;
    const batch = this.#begin(lane);
    const { batchSize, lingerMs } = this.#context.settings;
    if (batch.records.length < batchSize) this.#intake.rest(lane, this.#context.clock.monotonic() + lingerMs);
    this.#launch(lane, this.#carry(lane, batch, reservation, stop, abandon), stop);
  }

  #begin(lane: number): Batch {
    const prepared = this.#prepared.get(lane);
    if (!prepared) return this.#take(lane);
    this.#prepared.delete(lane);
    this.#intake.begin(lane);
    return prepared;
  }

  #launch(lane: number, work: Promise<void>, stop: AbortSignal): void {
    const task = work
      .then(() => this.#intake.free(lane))
      .catch((error: unknown) => this.#fail(error, stop))
      .finally(() => {
        this.#running.delete(task);
        this.#wakeup.ring();
      });
    this.#running.add(task);
  }

  async #read(room: number): Promise<void> {
    const { source, settings, clock, instruments } = this.#context;
    const recordsMax = Math.min(room, 10_000);
    const batch = await this.#readFrom(source, recordsMax);
    if (batch === undefined) {
      this.#ended = true;
      return;
    }
    this.#position = batch.next;
    // A short read has reached the tip; the source says when there is more.
    this.#readable = batch.records.length >= recordsMax || sizeOf(batch.records) >= POLLER_LIMITS.readBytesMax;
    const { kept, position } = this.#intake.admit(batch, clock.monotonic(), settings.filter);
    instruments.filtered.add(batch.records.length - kept);
    if (position !== undefined) this.#save(position);
  }

  async #readFrom(source: StreamSource, recordsMax: number) {
    try {
      return await source.read(this.#shard, this.#position, recordsMax, POLLER_LIMITS.readBytesMax);
    } catch (error) {
      if (!hasCode(error, 'records-trimmed')) throw error;
      // Retention has overtaken us: what is gone is gone, as on AWS; go on with the oldest that is left.
      this.#context.logger.error('records-lost-to-retention', { shard: this.#shard, position: this.#position });
      this.#position = await source.start(this.#shard, { kind: 'TRIM_HORIZON' });
      return { records: [], next: this.#position };
    }
  }

  #take(lane: number): Batch {
    const { records, events } = this.#intake.take(lane, this.#limits(lane));
    return { records, payload: this.#encode(events) };
  }

  #limits(lane: number): Taking {
    const { settings } = this.#context;
    const limits = { recordsMax: settings.batchSize, bytesMax: POLLER_LIMITS.payloadBytesMax - 1024 };
    if (settings.tumblingWindowMs === 0) return limits;
    this.#window ??= windowOf(this.#intake.peek(lane)!.arrivedAt, settings.tumblingWindowMs);
    const { end, state } = this.#window;
    const bytesMax = limits.bytesMax - Buffer.byteLength(state);
    return { ...limits, bytesMax, until: (record) => record.arrivedAt >= end, withinRead: true };
  }

  /** Carries a batch to its end: all its records done or discarded. */
  async #carry(lane: number, batch: Batch, first: Reservation, stop: AbortSignal, abandon: AbortSignal): Promise<void> {
    const { settings, clock, random, invoker } = this.#context;
    const queue: Work[] = [newWork(batch.records)];
    let reservation: Reservation | undefined = first;
    let ready: Buffer | undefined = batch.payload;
    let last: InvocationOutcome | undefined;
    try {
      while (queue.length > 0) {
        const { expired, rest } = expire(queue.shift()!, clock.now(), settings.recordAgeMsMax);
        if (expired.records.length > 0) {
          await this.#discard(lane, expired, 'RecordAgeExceeded', last);
          ready = undefined;
        }
        if (rest.records.length === 0) continue;
        const payload = ready ?? this.#encode(rest.records.map((record) => record.toEvent()));
        ready = undefined;
        if (payload.length > POLLER_LIMITS.payloadBytesMax) {
          queue.unshift(...(await this.#onTooLarge(lane, rest)));
          continue;
        }
        reservation ??= await invoker.reserve(settings.functionArn, stop);
        last = await this.#invoke(reservation, payload, rest, abandon);
        reservation[Symbol.dispose]();
        reservation = undefined;
        const step = judge(rest, last, settings, random.next());
        this.#settle(lane, step.done);
        if (step.discarded) await this.#discard(lane, step.discarded.work, step.discarded.condition, last);
        queue.unshift(...step.next);
        if (queue.length > 0) this.#intake.fail(lane);
        if (queue.length > 0 && step.waitMs > 0) await clock.sleep(step.waitMs, stop);
      }
    } finally {
      reservation?.[Symbol.dispose]();
    }
  }

  #encode(events: readonly string[]): Buffer {
    const window = this.#window;
    const arn = this.#context.settings.sourceArn;
    return encodeEvent(events, window ? windowMembers(window, this.#shard, arn, false, false) : '');
  }

  /** Records whose JSON is not ASCII are larger than they seemed: fewer at a time. One alone that is too large is given up. */
  async #onTooLarge(lane: number, work: Work): Promise<readonly Work[]> {
    if (work.records.length > 1) return halves(work);
    await this.#discard(lane, work, 'RetryAttemptsExhausted', undefined);
    return [];
  }

  async #invoke(
    reservation: Reservation,
    payload: Buffer,
    work: Work,
    abandon: AbortSignal,
  ): Promise<InvocationOutcome> {
    const { clock, instruments } = this.#context;
    const outcome = await reservation.invoke(payload, abandon, traceOf(work.records));
    if (outcome.kind === 'success' && this.#window) this.#window = stateAfter(this.#window, outcome.payload);
    instruments.batches.add();
    instruments.iterated(Math.max(0, clock.now() - work.records.at(-1)!.arrivedAt));
    this.#report(outcome);
    return outcome;
  }

  #report(outcome: InvocationOutcome): void {
    const { instruments, report, logger, settings } = this.#context;
    if (outcome.kind === 'success') return report('OK');
    instruments.failures.add();
    const reason = outcome.kind === 'function-error' ? outcome.errorType : outcome.reason;
    report(outcome.kind === 'function-error' ? 'PROBLEM: Function call failed' : `PROBLEM: ${reason}`);
    logger.debug('batch-failed', { shard: this.#shard, function: settings.functionName, kind: outcome.kind, reason });
  }

  #settle(lane: number, count: number): void {
    if (count === 0) return;
    const position = this.#intake.settle(lane, count);
    this.#context.instruments.records.add(count);
    if (position !== undefined) this.#save(position);
  }

  #save(position: string): void {
    this.#saved = this.#window ? { position, window: this.#window } : { position };
    this.#context.checkpoint(this.#shard, this.#saved);
  }

  async #discard(
    lane: number,
    work: Work,
    condition: DiscardCondition,
    last: InvocationOutcome | undefined,
  ): Promise<void> {
    const { settings, source, clock, random, delivery, instruments, logger } = this.#context;
    const context = { settings, eventSource: source.eventSource, shardId: this.#shard, now: clock.now() };
    if (settings.onFailureArn) {
      await delivery.send([
        {
          arn: settings.onFailureArn,
          payload: Buffer.from(discardDocument(work, condition, last, context)),
          policy: DESTINATION_POLICY,
          source: settings.mappingArn,
          trace: newTrace(random),
        },
      ]);
    }
    const ids = { first: work.records[0]!.id, last: work.records.at(-1)!.id, count: work.records.length };
    logger.warn('records-discarded', { shard: this.#shard, function: settings.functionName, condition, ...ids });
    instruments.discarded.add(work.records.length);
    const position = this.#intake.settle(lane, work.records.length);
    if (position !== undefined) this.#save(position);
  }

  /** Ends the shard's own life in the checkpoints, so that its children may begin. */
  #finish(): 'finished' {
    this.#saved = { position: this.#position, ended: true };
    this.#context.checkpoint(this.#shard, this.#saved);
    return 'finished';
  }

  #windowIsOver(): boolean {
    const lane = this.#intake.view(0);
    if (!this.#window || lane.busy) return false;
    if (stateIsTooLarge(this.#window)) return true;
    const next = this.#intake.peek(0)?.arrivedAt;
    // Time alone ends a window only at the tip: records of it may still stand in the source.
    if (next === undefined && (this.#readable || !this.#watching)) return false;
    return planWindow(this.#window, next, this.#context.clock.now()) === 'final';
  }

  /** A closed shard gets no more records: its window ends with it. */
  async #closeLastWindow(stop: AbortSignal, abandon: AbortSignal): Promise<boolean> {
    await this.#dispatchFinal(stop, abandon);
    await Promise.all(this.#running);
    return this.#window === undefined && !this.#failure;
  }

  #earlier(until: number | undefined): number | undefined {
    const { clock } = this.#context;
    const window = this.#intake.view(0).busy ? undefined : this.#window;
    const end = window && clock.monotonic() + (window.end - clock.now());
    return end === undefined || until === undefined ? (until ?? end) : Math.min(until, end);
  }

  /** Ends the window; one that its state has outgrown ends early and begins again, empty. */
  async #dispatchFinal(stop: AbortSignal, abandon: AbortSignal): Promise<void> {
    const window = this.#window!;
    const early = stateIsTooLarge(window);
    if (!(await this.#endWindow(window, early, stop, abandon))) return;
    this.#window = early ? { ...window, state: '{}' } : undefined;
    if (this.#intake.settled) this.#save(this.#position);
  }

  /** Tells the function that its window is over, with the retries that batches get. @returns false when it was stopped */
  async #endWindow(window: TumblingWindow, early: boolean, stop: AbortSignal, abandon: AbortSignal): Promise<boolean> {
    const { settings, clock, random, invoker, logger } = this.#context;
    const members = windowMembers(window, this.#shard, settings.sourceArn, true, early);
    for (let failures = 0, attempt = 1; !stop.aborted; attempt++) {
      using reservation = await invoker.reserve(settings.functionArn, stop);
      const outcome = await reservation.invoke(encodeEvent([], members), abandon);
      this.#report(outcome);
      if (outcome.kind === 'success') return true;
      if (outcome.kind === 'function-error' && ++failures > settings.retriesMax) {
        logger.warn('window-discarded', { shard: this.#shard, start: window.start, end: window.end });
        return true;
      }
      await clock.sleep(backoffMs(attempt, random.next()), stop);
    }
    return false;
  }
}

function sizeOf(records: readonly { readonly sizeBytes: number }[]): number {
  let bytes = 0;
  for (const record of records) bytes += record.sizeBytes;
  return bytes;
}

function isStop(error: unknown, stop: AbortSignal): boolean {
  return stop.aborted && (error === stop.reason || isAbort(error));
}
