import { abortable, type ClockJumps, hasCode, isAbort } from '../base/index.ts';
import { backoffMs, type DiscardCondition, expire, judge, type Parted, type Step, type Work } from './attempt.ts';
import { type Batch, type Carriage, carry, reportOutcome, type Settlement } from './carry.ts';
import type { Checkpoint } from './checkpoints.ts';
import { type BatchRules, decide, nextLane, type ShardView } from './decide.ts';
import type { Destination } from './destination.ts';
import { Intake, type Taking } from './intake.ts';
import { encodeEvent } from './payload.ts';
import { POLLER_LIMITS, type StreamSettings } from './settings.ts';
import type { InvocationOutcome, StreamSource } from './source.ts';
import {
  isOutside,
  planWindow,
  stateAfter,
  stateIsTooLarge,
  type TumblingWindow,
  windowMembers,
  windowOf,
} from './tumbling.ts';
import { Wakeup } from './wakeup.ts';

/** What a poller of one shard works with. */
export interface ShardContext extends Carriage {
  readonly settings: StreamSettings;
  readonly source: StreamSource;
  readonly destination: Destination;
  readonly jumps: ClockJumps;
  /** Takes a checkpoint over; it becomes durable soon. */
  readonly checkpoint: (shard: string, checkpoint: Checkpoint) => void;
}

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
  /** When the last record that was read arrived, whether a filter keeps it or not. */
  #lastArrival = 0;
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
    if (this.#window && (await this.#isOver(this.#window))) {
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
    if (source && this.#intake.buffered === 0 && this.#running.size === 0) this.#context.tally.atTip();
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
      // What was read may be past the window: that ends first.
      lane = this.#failure || this.#isPast() ? undefined : nextLane(this.#view(), this.#rules);
    } finally {
      if (lane === undefined) reservation[Symbol.dispose]();
    }
    if (lane === undefined) return;
    const batch = this.#begin(lane);
    const { batchSize, lingerMs } = this.#context.settings;
    if (batch.records.length < batchSize) this.#intake.rest(lane, this.#context.clock.monotonic() + lingerMs);
    const settlement = this.#settlement(lane, stop);
    this.#launch(lane, carry(batch, reservation, settlement, this.#context, stop, abandon), stop);
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

  /** @returns how many records came; `undefined` where none will come any more */
  async #read(room: number): Promise<number | undefined> {
    const { source, settings, clock, tally } = this.#context;
    const recordsMax = Math.min(room, 10_000);
    const batch = await this.#readFrom(source, recordsMax);
    if (batch === undefined) {
      this.#ended = true;
      return undefined;
    }
    this.#position = batch.next;
    this.#lastArrival = batch.records.at(-1)?.arrivedAt ?? this.#lastArrival;
    // A short read has reached the tip; the source says when there is more.
    this.#readable = batch.records.length >= recordsMax || sizeOf(batch.records) >= POLLER_LIMITS.readBytesMax;
    const { kept, position } = this.#intake.admit(batch, clock.monotonic(), settings.filter);
    if (batch.records.length > 0) tally.polled(batch.records.length, kept);
    if (position !== undefined) this.#save(position);
    return batch.records.length;
  }

  async #readFrom(source: StreamSource, recordsMax: number) {
    try {
      return await source.read(this.#shard, this.#position, recordsMax, POLLER_LIMITS.readBytesMax);
    } catch (error) {
      if (!hasCode(error, 'records-trimmed')) throw error;
      // Retention has overtaken us: what is gone is gone, as on AWS; go on with the oldest that is left.
      this.#context.logger.error('records-lost-to-retention', { shard: this.#shard, position: this.#position });
      this.#position = await source.start(this.#shard, { kind: 'TRIM_HORIZON' });
      return source.read(this.#shard, this.#position, recordsMax, POLLER_LIMITS.readBytesMax);
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
    const window = this.#window;
    const bytesMax = limits.bytesMax - Buffer.byteLength(window.state);
    return { ...limits, bytesMax, until: ({ arrivedAt }) => isOutside(window, arrivedAt), withinRead: true };
  }

  #encode(events: readonly string[]): Buffer {
    const window = this.#window;
    const arn = this.#context.source.streamArn;
    return encodeEvent(events, window ? windowMembers(window, this.#shard, arn, false, false) : '');
  }

  /** How the batches of a lane are settled. */
  #settlement(lane: number, stop: AbortSignal): Settlement {
    return {
      expiry: 'RecordAgeExceeded',
      expire: (work, now) => this.#expire(work, now),
      encode: (records) => this.#encode(records.map((record) => record.toEvent())),
      judge: (work, outcome, jitter) => this.#judge(work, outcome, jitter),
      done: (records) => this.#done(lane, records.length),
      giveUp: (work, reason, last) => this.#discard(lane, work, reason as DiscardCondition, last, stop),
      retrying: () => this.#intake.fail(lane),
      // They are read again: no checkpoint has passed them.
      leave: () => {},
    };
  }

  /** A clock that has just learnt the time must not make everything too old that came before. */
  #expire(work: Work, now: number): Parted {
    const { settings, jumps } = this.#context;
    return expire(work, now, jumps.isSteady() ? settings.recordAgeMsMax : Number.POSITIVE_INFINITY);
  }

  #judge(work: Work, outcome: InvocationOutcome, jitter: number): Step {
    const { settings, clock, tally } = this.#context;
    tally.iterated(Math.max(0, clock.now() - work.records.at(-1)!.arrivedAt));
    if (!this.#window || outcome.kind !== 'success') return judge(work, outcome, settings, jitter);
    const window = stateAfter(this.#window, outcome.payload);
    if (!window) {
      // AWS takes a response without a state for a failure: the window would lose what this batch adds to it.
      const failure = { ...outcome, kind: 'function-error', errorType: 'StateMissing' } as const;
      reportOutcome(failure, this.#context);
      return judge(work, failure, settings, jitter);
    }
    this.#window = window;
    return judge(work, outcome, settings, jitter);
  }

  #done(lane: number, count: number): void {
    this.#context.tally.done(count);
    this.#settle(lane, count);
  }

  #settle(lane: number, count: number): void {
    const position = this.#intake.settle(lane, count);
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
    stop: AbortSignal,
  ): Promise<void> {
    const { settings, destination, tally, logger } = this.#context;
    const event = () => this.#encode(work.records.map((record) => record.toEvent())).toString();
    const delivered = await destination.tell({ work, condition, shardId: this.#shard }, last, event, stop);
    const ids = { first: work.records[0]!.id, last: work.records.at(-1)!.id, count: work.records.length };
    logger.warn('records-discarded', { shard: this.#shard, function: settings.functionName, condition, ...ids });
    tally.dropped(work.records.length, delivered);
    this.#settle(lane, work.records.length);
  }

  /** Ends the shard's own life in the checkpoints, so that its children may begin. */
  #finish(): 'finished' {
    this.#saved = { position: this.#position, ended: true };
    this.#context.checkpoint(this.#shard, this.#saved);
    return 'finished';
  }

  async #isOver(window: TumblingWindow): Promise<boolean> {
    if (this.#intake.view(0).busy) return false;
    // A mapping that has no windows any more ends the one that it has begun.
    if (stateIsTooLarge(window) || this.#context.settings.tumblingWindowMs === 0) return true;
    const next = this.#nextArrival;
    if (planWindow(window, next, this.#context.clock.now()) !== 'final') return false;
    // Time alone ends a window only at the tip: records of it may still stand in the source, after a restart above all.
    return next !== undefined || (!this.#ended && (await this.#read(this.#view().room)) === 0);
  }

  #isPast(): boolean {
    const next = this.#nextArrival;
    return this.#window !== undefined && next !== undefined && isOutside(this.#window, next);
  }

  /** Of the first record that waits. Where none does, one past the window that a filter has dropped tells the time as well. */
  get #nextArrival(): number | undefined {
    const next = this.#intake.peek(0)?.arrivedAt;
    return next ?? (this.#window && this.#lastArrival >= this.#window.end ? this.#lastArrival : undefined);
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

  /** Tells the function that its window is over until it has taken that, as AWS does. @returns false when it was stopped */
  async #endWindow(window: TumblingWindow, early: boolean, stop: AbortSignal, abandon: AbortSignal): Promise<boolean> {
    const { source, clock, random } = this.#context;
    const members = windowMembers(window, this.#shard, source.streamArn, true, early);
    for (let attempt = 1; !stop.aborted; attempt++) {
      const outcome = await this.#invokeFinal(encodeEvent([], members), stop, abandon);
      reportOutcome(outcome, this.#context);
      if (outcome.kind === 'success') return true;
      await clock.sleep(backoffMs(attempt, random.next()), stop);
    }
    return false;
  }

  async #invokeFinal(payload: Buffer, stop: AbortSignal, abandon: AbortSignal): Promise<InvocationOutcome> {
    const { settings, invoker } = this.#context;
    using reservation = await invoker.reserve(settings.functionArn, stop);
    return await abortable(reservation.invoke(payload, abandon), abandon);
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
