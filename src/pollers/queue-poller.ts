import { type Clock, hasCode, isAbort, type Random } from '../base/index.ts';
import type { DeliveryService } from '../delivery/index.ts';
import { type Logger, newTrace } from '../telemetry/index.ts';
import { backoffMs, expireLeases, type GiveUpReason, judgeLeased, type Work } from './attempt.ts';
import { type Carriage, carry, type Settlement } from './carry.ts';
import { DESTINATION_POLICY } from './destination.ts';
import { Lifetime } from './lifetime.ts';
import { encodeEvent } from './payload.ts';
import type { Poller, PollerState } from './poller.ts';
import { dueInMs, onBacklog, onEnough, onFailure, onIdle, onSuccess, type Scale, startScale } from './scaling.ts';
import { POLLER_LIMITS, type QueueSettings } from './settings.ts';
import {
  type FunctionInvoker,
  type LeasedRecord,
  type QueueSource,
  type Reservation,
  SOURCE_REFUSED,
  type SourceRecord,
} from './source.ts';
import type { Tally } from './tally.ts';
import { Wakeup } from './wakeup.ts';

export interface QueuePollerOptions {
  readonly settings: QueueSettings;
  readonly source: QueueSource;
  readonly invoker: FunctionInvoker;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly tally: Tally;
}

/**
 * Hands the messages of a queue to a function.
 *
 *     wait -> let a batch come together -> reserve an environment -> receive -> carry it, while the loop goes on
 *
 * L1. Messages are leased only once there is an environment for them: a batch that comes together is counted, not held.
 * L2. Batches under way grow with the backlog up to their limit, and vanish with it; failures bring the limit down (`scaling.ts`).
 * L3. A message is deleted when the function is through with it, or no filter keeps it; all others come again as the queue's
 *     visibility timeout and redrive policy say. Their visibility is not touched, but for those that no function was given.
 * L4. Order in message groups is the queue's: it holds a group back while messages of it are in flight.
 * L5. A source without a redrive policy of its own is asked to bring failed messages again; those that have used up their tries
 *     are durable in the outbox before they are deleted.
 */
export class QueuePoller implements Poller {
  readonly #options: QueuePollerOptions;
  readonly #lifetime: Lifetime;
  readonly #carriage: Carriage;
  readonly #wakeup = new Wakeup();
  readonly #running = new Set<Promise<void>>();
  #scale: Scale;
  #restsUntil = 0;
  /** The loop waits for messages. */
  #waiting = false;
  #lastResult = 'No records processed';
  #loop: Promise<void> = Promise.resolve();

  private constructor(options: QueuePollerOptions) {
    this.#options = options;
    this.#lifetime = new Lifetime(options.clock);
    this.#scale = startScale(options.settings.scaling);
    this.#carriage = { ...options, report: (result) => this.#report(result) };
  }

  /** Starts polling in the background; what goes wrong shows in `state` and is tried again. */
  static start(options: QueuePollerOptions): QueuePoller {
    const poller = new QueuePoller(options);
    poller.#loop = poller.#run();
    return poller;
  }

  get state(): PollerState {
    const { records, retries, discarded } = this.#options.tally;
    const concurrency = { running: this.#running.size, limit: Math.floor(this.#scale.limit) };
    const state = { lastResult: this.#lastResult, paused: [], shards: [], records, retries, discarded, concurrency };
    try {
      const { records: depth, ageMs } = this.#options.source.backlog();
      const problem = this.#options.source.problem?.();
      return { ...state, depth, ageMs, ...(problem !== undefined && { lastResult: `PROBLEM: ${problem}` }) };
    } catch {
      // The queue is gone: `lastResult` says so, and what waits in it is not known.
      return state;
    }
  }

  /** Receives no more and waits for the invocations that run, up to a limit; messages not done come again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lifetime.end(async () => {
      await this.#loop;
      await Promise.allSettled(this.#running);
    });
    await this.#options.source[Symbol.asyncDispose]?.();
    this.#options.tally.ended();
  }

  async #run(): Promise<void> {
    const { clock, random, logger, settings } = this.#options;
    const { stop } = this.#lifetime;
    for (let failures = 0; !stop.aborted; ) {
      try {
        if (this.#running.size >= Math.floor(this.#scale.limit)) await this.#waitForPlace(stop);
        else await this.#pollOnce(stop);
        failures = 0;
      } catch (error) {
        if (stop.aborted) return;
        if (!isAbort(error)) logger.warn('queue-poller-failed', { source: settings.sourceArn, error });
        if (!hasCode(error, SOURCE_REFUSED)) {
          this.#lastResult = 'PROBLEM: The event source or the function could not be reached';
        }
        await clock.sleep(backoffMs(++failures, random.next()), stop).catch(() => {});
      }
    }
  }

  /** Until a batch is over, or the backlog has lasted long enough for one more. */
  async #waitForPlace(stop: AbortSignal): Promise<void> {
    const { clock, settings, source } = this.#options;
    const backlog = source.backlog();
    this.#options.tally.backlog(backlog);
    const grows = backlog.records > 0 && this.#scale.limit < settings.scaling.max;
    if (grows) this.#scale = onBacklog(this.#scale, clock.monotonic(), settings.scaling);
    if (this.#running.size < Math.floor(this.#scale.limit)) return;
    await this.#wakeup.wait(clock, stop, grows ? 1000 / settings.scaling.growthPerSecond : undefined);
  }

  async #pollOnce(stop: AbortSignal): Promise<void> {
    const { source, invoker, settings } = this.#options;
    this.#noteBacklog();
    this.#waiting = true;
    await source.wait(stop).finally(() => {
      this.#waiting = false;
    });
    await this.#comeTogether(stop);
    const reservation = await invoker.reserve(settings.functionArn, stop);
    let handedOver = false;
    try {
      const batch = await this.#take();
      if (batch.length === 0) return;
      handedOver = true;
      this.#launch(batch, reservation);
    } finally {
      if (!handedOver) reservation[Symbol.dispose]();
    }
  }

  #noteBacklog(): void {
    const { source, tally, settings } = this.#options;
    const backlog = source.backlog();
    tally.backlog(backlog);
    if (backlog.records > 0) return;
    this.#scale = this.#running.size === 0 ? onIdle(this.#scale, settings.scaling) : onEnough(this.#scale);
  }

  /** Leaves messages in the queue until a batch of them is together or has waited long enough. */
  async #comeTogether(stop: AbortSignal): Promise<void> {
    const { clock, source, settings } = this.#options;
    const { batchSize, windowMs } = settings;
    const since = clock.monotonic();
    for (;;) {
      const { records: waiting } = source.backlog();
      const view = { now: clock.monotonic(), since, waiting, restsUntil: this.#restsUntil };
      const dueMs = dueInMs(view, batchSize, windowMs);
      if (dueMs <= 0) return;
      await clock.sleep(Math.min(dueMs, POLLER_LIMITS.windowLookMs), stop);
    }
  }

  /** Receives until the batch is full or the queue has no more; messages that no filter keeps are deleted, as AWS does. */
  async #take(): Promise<readonly LeasedRecord[]> {
    const { source, settings, clock } = this.#options;
    const batch: LeasedRecord[] = [];
    try {
      await this.#fill(batch);
    } catch (error) {
      await source.release(batch);
      throw error;
    }
    const full = batch.length >= settings.batchSize;
    this.#restsUntil = full ? 0 : clock.monotonic() + settings.lingerMs;
    return batch;
  }

  async #fill(batch: LeasedRecord[]): Promise<void> {
    const { source, settings } = this.#options;
    let bytes = 0;
    for (let room: number = POLLER_LIMITS.receiveFirst; ; ) {
      room = Math.min(room, settings.batchSize - batch.length);
      const received = await source.receive(room, batch);
      for (const { sizeBytes } of received) bytes += sizeBytes;
      batch.push(...(await this.#filter(received)));
      if (received.length < room || batch.length >= settings.batchSize || bytes >= POLLER_LIMITS.readBytesMax) return;
      room = roomFor(batch.length, bytes);
    }
  }

  async #filter(received: readonly LeasedRecord[]): Promise<readonly LeasedRecord[]> {
    const { settings, source, tally } = this.#options;
    const { filter } = settings;
    const { kept = [], dropped = [] } = filter
      ? Object.groupBy(received, (record) => (filter.keeps(record) ? 'kept' : 'dropped'))
      : { kept: received };
    if (received.length > 0) tally.polled(received.length, kept.length);
    if (dropped.length > 0) await source.delete(dropped);
    return kept;
  }

  #launch(records: readonly LeasedRecord[], reservation: Reservation): void {
    const { tally, logger, settings } = this.#options;
    const { stop, abandon } = this.#lifetime;
    const settlement = this.#settlement();
    const batch = { records, payload: settlement.encode(records) };
    const task = carry(batch, reservation, settlement, this.#carriage, stop, abandon)
      .catch((error: unknown) => {
        if (!isAbort(error)) logger.warn('batch-not-settled', { error });
      })
      .finally(() => {
        this.#running.delete(task);
        tally.running(this.#running.size);
        // The loop waits for messages, if the queue is empty: else it takes the next batch at once, and grows on.
        if (this.#running.size === 0 && this.#waiting) this.#scale = onIdle(this.#scale, settings.scaling);
        this.#wakeup.ring();
      });
    this.#running.add(task);
    tally.running(this.#running.size);
  }

  #report(result: string): void {
    const { scaling } = this.#options.settings;
    this.#lastResult = result;
    this.#scale = result === 'OK' ? onSuccess(this.#scale, scaling) : onFailure(this.#scale, scaling);
  }

  /** Most queues bring by themselves what is given up; the others are told. */
  async #giveUp({ records, invocations }: Work, reason: GiveUpReason): Promise<void> {
    const { source, settings, tally } = this.#options;
    if (!source.retryLater) return;
    const leased = records as readonly LeasedRecord[];
    const isHopeless = reason !== 'ReturnedToQueue';
    if (invocations === 0 && !isHopeless) return source.release(leased);
    const triesMax = (settings.retriesMax ?? 0) + 1;
    const { spent = [], left = [] } = Object.groupBy(leased, ({ receives = 1 }) =>
      isHopeless || receives >= triesMax ? 'spent' : 'left',
    );
    if (left.length > 0) source.retryLater(left);
    if (spent.length === 0) return;
    await this.#destine(spent);
    await source.delete(spent);
    tally.dropped(spent.length, true);
  }

  /** Each as an event of its own, to the on-failure destination; without one to the function itself, asynchronously. */
  async #destine(records: readonly LeasedRecord[]): Promise<void> {
    const { delivery, settings, random, logger } = this.#options;
    const { onFailureArn: arn = settings.functionArn, mappingArn: source, functionName } = settings;
    logger.warn('messages-given-up', { source: settings.sourceArn, function: functionName, count: records.length });
    await delivery.send(
      records.map((record) => ({
        arn,
        payload: encodeEvent([record.toEvent()]),
        policy: DESTINATION_POLICY,
        source,
        orderingGroup: record.orderingKey,
        trace: record.trace ?? newTrace(random),
      })),
    );
  }

  /** How one batch is settled. */
  #settlement(): Settlement {
    const { source, tally, settings, clock } = this.#options;
    const leased = (records: readonly SourceRecord[]) => records as readonly LeasedRecord[];
    // A batch too large for one event goes in pieces: what comes after a failure in its group must not overtake it.
    const held = new Set<string>();
    return {
      expiry: 'ReturnedToQueue',
      expire: (work) => expireLeases(work, clock.monotonic(), held),
      encode: (records) => encodeEvent(records.map((record) => record.toEvent())),
      judge: (work, outcome, jitter) => judgeLeased(work, outcome, settings.partialResponses, jitter),
      done: async (records) => {
        await source.delete(leased(records));
        tally.done(records.length);
        tally.deleted(records.length);
      },
      giveUp: async (work, reason) => {
        for (const { orderingKey } of work.records) if (orderingKey !== '') held.add(orderingKey);
        await this.#giveUp(work, reason);
      },
      retrying: () => {},
      leave: (records) => source.release(leased(records)),
    };
  }
}

/** How many messages to ask for, going by the size of those that came. */
function roomFor(count: number, bytes: number): number {
  const fit = Math.floor((POLLER_LIMITS.readBytesMax - bytes) / Math.max(1, bytes / Math.max(1, count)));
  return Math.min(POLLER_LIMITS.receiveMax, Math.max(1, fit));
}
