import { type Clock, isAbort, type Random } from '../base/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { backoffMs, reportedFailures } from './attempt.ts';
import type { Instruments } from './instruments.ts';
import { encodeEvent, traceOf } from './payload.ts';
import type { Poller, PollerState } from './poller.ts';
import { POLLER_LIMITS, type QueueSettings } from './settings.ts';
import type { FunctionInvoker, InvocationOutcome, QueueSource, Reservation, SourceRecord } from './source.ts';
import { Wakeup } from './wakeup.ts';

export interface QueuePollerOptions {
  readonly settings: QueueSettings;
  readonly source: QueueSource;
  readonly invoker: FunctionInvoker;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly instruments: Instruments;
}

/**
 * Hands the messages of a queue to a function.
 *
 * One loop waits for messages, reserves an environment, receives a batch and lets it run on its own: so the number of
 * batches under way grows with the backlog up to the limit, and vanishes with it. Messages of a batch that went well are
 * deleted; the others come again as the queue's visibility timeout and redrive policy say.
 */
export class QueuePoller implements Poller {
  readonly #options: QueuePollerOptions;
  readonly #wakeup = new Wakeup();
  readonly #closing = new AbortController();
  readonly #abandon = new AbortController();
  readonly #pauses = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  /** Fires when it is paused or closed. */
  #stop = new AbortController();
  #lastResult = 'No records processed';
  #loop: Promise<void> = Promise.resolve();

  private constructor(options: QueuePollerOptions) {
    this.#options = options;
  }

  /** Starts polling in the background; what goes wrong shows in `state` and is tried again. */
  static start(options: QueuePollerOptions): QueuePoller {
    const poller = new QueuePoller(options);
    poller.#loop = poller.#run();
    return poller;
  }

  get state(): PollerState {
    return { lastResult: this.#lastResult, paused: [...this.#pauses], shards: [] };
  }

  pause(reason: string): void {
    this.#pauses.add(reason);
    this.#stop.abort(new DOMException('paused', 'AbortError'));
  }

  resume(reason: string): void {
    this.#pauses.delete(reason);
    const stopped = this.#stop.signal.aborted && !this.#closing.signal.aborted;
    if (this.#pauses.size === 0 && stopped) this.#stop = new AbortController();
    this.#wakeup.ring();
  }

  /** Receives no more and waits for the invocations that run, up to a limit; messages not done come again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new DOMException('the poller closes', 'AbortError'));
    this.#stop.abort(this.#closing.signal.reason);
    const deadline = this.#options.clock.timer(POLLER_LIMITS.drainMsMax, () =>
      this.#abandon.abort(new DOMException('draining took too long', 'AbortError')),
    );
    await this.#loop;
    await Promise.allSettled(this.#running);
    deadline.cancel();
  }

  async #run(): Promise<void> {
    const { clock, random, logger, settings } = this.#options;
    const closing = this.#closing.signal;
    for (let failures = 0; !closing.aborted; ) {
      const stop = this.#stop.signal;
      try {
        if (stop.aborted || this.#running.size >= settings.concurrencyMax) await this.#wakeup.wait(clock, closing);
        else await this.#pollOnce(stop);
        failures = 0;
      } catch (error) {
        if (stop.aborted) continue;
        if (!isAbort(error)) logger.warn('queue-poller-failed', { source: settings.sourceArn, error });
        this.#lastResult = 'PROBLEM: The event source or the function could not be reached';
        await clock.sleep(backoffMs(++failures, random.next()), closing).catch(() => {});
      }
    }
  }

  async #pollOnce(stop: AbortSignal): Promise<void> {
    const { source, invoker, settings } = this.#options;
    await source.wait(stop);
    const gathered = settings.windowMs > 0 ? await this.#gather(stop) : [];
    if (settings.windowMs > 0 && gathered.length === 0) return;
    const reservation = await this.#reserve(invoker, gathered, stop);
    let handedOver = false;
    try {
      const batch =
        settings.windowMs > 0 ? gathered : await this.#filter(await this.#receive(settings.batchSize, 0, stop));
      if (batch.length === 0) return;
      handedOver = true;
      this.#launch(batch, reservation);
    } finally {
      if (!handedOver) reservation[Symbol.dispose]();
    }
  }

  /** Messages that wait for an environment go back to the queue when none is to be had. */
  async #reserve(invoker: FunctionInvoker, gathered: readonly SourceRecord[], stop: AbortSignal): Promise<Reservation> {
    try {
      return await invoker.reserve(this.#options.settings.functionArn, stop);
    } catch (error) {
      if (gathered.length > 0) await this.#options.source.release(gathered.map(({ id }) => id));
      throw error;
    }
  }

  /** Fills a batch until it is full or its window is over. */
  async #gather(stop: AbortSignal): Promise<readonly SourceRecord[]> {
    const { clock, settings } = this.#options;
    const batch: SourceRecord[] = [];
    let bytes = 0;
    for (
      let end = Number.POSITIVE_INFINITY;
      batch.length < settings.batchSize && bytes < POLLER_LIMITS.readBytesMax;
    ) {
      const waitMs = Math.min(end - clock.now(), 20_000);
      if (batch.length > 0 && waitMs <= 0) break;
      const received = await this.#receive(settings.batchSize - batch.length, batch.length > 0 ? waitMs : 0, stop);
      if (received.length === 0 && batch.length === 0) break;
      for (const record of received) bytes += record.sizeBytes;
      batch.push(...(await this.#filter(received)));
      if (batch.length > 0 && end === Number.POSITIVE_INFINITY) end = clock.now() + settings.windowMs;
    }
    return batch;
  }

  #receive(recordsMax: number, waitMs: number, stop: AbortSignal): Promise<readonly SourceRecord[]> {
    return this.#options.source.receive(recordsMax, waitMs, 0, stop);
  }

  /** Messages that no filter keeps are deleted: that is what AWS does with them. */
  async #filter(received: readonly SourceRecord[]): Promise<readonly SourceRecord[]> {
    const { settings, source, instruments } = this.#options;
    const { filter } = settings;
    if (!filter) return received;
    const { kept = [], dropped = [] } = Object.groupBy(received, (record) =>
      filter.keeps(record) ? 'kept' : 'dropped',
    );
    if (dropped.length > 0) await source.delete(dropped.map(({ id }) => id));
    instruments.filtered.add(dropped.length);
    return kept;
  }

  #launch(batch: readonly SourceRecord[], reservation: Reservation): void {
    const task = this.#carry(batch, reservation)
      .catch((error: unknown) => {
        if (!isAbort(error)) this.#options.logger.warn('batch-not-settled', { error });
      })
      .finally(() => {
        reservation[Symbol.dispose]();
        this.#running.delete(task);
        this.#wakeup.ring();
      });
    this.#running.add(task);
  }

  async #carry(batch: readonly SourceRecord[], reservation: Reservation): Promise<void> {
    const { source, instruments } = this.#options;
    const { fitting, rest } = splitBySize(batch);
    if (rest.length > 0) await source.release(rest.map(({ id }) => id));
    const payload = encodeEvent(fitting.map((record) => record.toEvent()));
    const outcome = await reservation.invoke(payload, this.#abandon.signal, traceOf(fitting));
    const failed = this.#failedOf(fitting, outcome);
    instruments.batches.add();
    instruments.records.add(fitting.length - failed.length);
    if (failed.length > 0) instruments.failures.add();
    this.#lastResult = outcome.kind === 'success' ? 'OK' : 'PROBLEM: Function call failed';
    const failedIds = new Set(failed);
    const done = fitting.map(({ id }) => id).filter((id) => !failedIds.has(id));
    if (done.length > 0) await source.delete(done);
    if (failed.length > 0) await source.release(failed);
  }

  #failedOf(batch: readonly SourceRecord[], outcome: InvocationOutcome): readonly string[] {
    const ids = batch.map(({ id }) => id);
    if (outcome.kind !== 'success') return ids;
    if (!this.#options.settings.partialResponses) return [];
    const reported = reportedFailures(outcome.payload);
    if (reported === 'all') return ids;
    const known = new Set(ids);
    // An identifier that was not in the batch makes the whole response void.
    return [...reported].every((id) => known.has(id)) ? [...reported] : ids;
  }
}

/** Messages that fit into one invocation, and those that have to come again. */
function splitBySize(batch: readonly SourceRecord[]): {
  fitting: readonly SourceRecord[];
  rest: readonly SourceRecord[];
} {
  let bytes = 0;
  let count = 0;
  for (const record of batch) {
    bytes += record.sizeBytes;
    if (count > 0 && bytes > POLLER_LIMITS.readBytesMax) break;
    count++;
  }
  return { fitting: batch.slice(0, count), rest: batch.slice(count) };
}
