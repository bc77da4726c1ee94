import { isAbort } from '../base/index.ts';
import { backoffMs } from './attempt.ts';
import type { Checkpoint, Checkpoints } from './checkpoints.ts';
import type { Poller, PollerState, ShardState } from './poller.ts';
import { POLLER_LIMITS } from './settings.ts';
import { type ShardContext, ShardPoller } from './shard-poller.ts';
import type { SourceShard } from './source.ts';
import { Wakeup } from './wakeup.ts';

export type StreamPollerOptions = Omit<ShardContext, 'checkpoint' | 'report'> & { readonly checkpoints: Checkpoints };

/** Checkpoint that says that the starting position was applied to all shards there were: shards found later are new. */
const BEGUN = '';

type Status = ShardState['status'];

/**
 * Polls all shards of a stream for one event source mapping.
 *
 * Q1. The starting position is resolved and durable before the first record is read: a crash does not move `LATEST`.
 * Q2. Shards that appear later are children of a reshard and are read from their beginning, after their parents.
 * Q3. A shard that fails is begun again from its checkpoint, with backoff that ends with the first progress.
 */
export class StreamPoller implements Poller {
  readonly #options: StreamPollerOptions;
  readonly #wakeup = new Wakeup();
  readonly #abandon = new AbortController();
  readonly #closing = new AbortController();
  readonly #pauses = new Set<string>();
  readonly #checkpoints = new Map<string, Checkpoint>();
  readonly #statuses = new Map<string, Status>();
  readonly #tasks = new Map<string, Promise<void>>();
  #stop = new AbortController();
  #lastResult = 'No records processed';
  #supervision: Promise<void> = Promise.resolve();

  private constructor(options: StreamPollerOptions) {
    this.#options = options;
  }

  /** Starts polling in the background; what goes wrong shows in `state` and is tried again. */
  static start(options: StreamPollerOptions): StreamPoller {
    const poller = new StreamPoller(options);
    poller.#supervision = poller.#supervise();
    return poller;
  }

  get state(): PollerState {
    const shards = [...this.#checkpoints].filter(([id]) => id !== BEGUN);
    return {
      lastResult: this.#lastResult,
      paused: [...this.#pauses],
      shards: shards.map(([id, { position }]) => ({ id, position, status: this.#statuses.get(id) ?? 'ended' })),
    };
  }

  pause(reason: string): void {
    this.#pauses.add(reason);
    this.#stop.abort(new DOMException('paused', 'AbortError'));
  }

  resume(reason: string): void {
    this.#pauses.delete(reason);
    this.#wakeup.ring();
  }

  /** Stops reading, waits for invocations that run (up to a limit), and makes the checkpoints durable. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { clock, checkpoints } = this.#options;
    this.#closing.abort(new DOMException('the poller closes', 'AbortError'));
    this.#stop.abort(this.#closing.signal.reason);
    const deadline = clock.timer(POLLER_LIMITS.drainMsMax, () =>
      this.#abandon.abort(new DOMException('draining took too long', 'AbortError')),
    );
    await this.#supervision;
    deadline.cancel();
    await checkpoints.flush();
  }

  async #supervise(): Promise<void> {
    const { clock, random, logger, settings } = this.#options;
    const closing = this.#closing.signal;
    for (let failures = 0; !closing.aborted; ) {
      try {
        await this.#refresh();
        failures = 0;
        await this.#wakeup.wait(clock, closing, POLLER_LIMITS.shardRefreshMs);
      } catch (error) {
        if (closing.aborted) break;
        logger.warn('source-not-readable', { source: settings.sourceArn, error });
        this.#lastResult = 'PROBLEM: The event source could not be read';
        await clock.sleep(backoffMs(++failures, random.next()), closing).catch(() => {});
      }
    }
    await Promise.all(this.#tasks.values());
  }

  async #refresh(): Promise<void> {
    if (this.#pauses.size > 0) return;
    // While a stopped generation of shard pollers still drains, the next one must not begin.
    if (this.#stop.signal.aborted && this.#tasks.size > 0) return;
    const shards = await this.#options.source.shards();
    if (this.#checkpoints.size === 0) await this.#begin(shards);
    if (this.#pauses.size > 0 || this.#closing.signal.aborted) return;
    if (this.#stop.signal.aborted) this.#stop = new AbortController();
    for (const shard of shards) await this.#consider(shard, shards);
    await this.#forgetGone(shards);
  }

  /** Loads the checkpoints; where there are none yet, makes the starting position durable. */
  async #begin(shards: readonly SourceShard[]): Promise<void> {
    const { checkpoints, settings, source } = this.#options;
    const found = await checkpoints.load(settings.id);
    if (!found.has(BEGUN)) {
      for (const { id } of shards) found.set(id, { position: await source.start(id, settings.start) });
      found.set(BEGUN, { position: '' });
      await checkpoints.commit(settings.id, found);
    }
    for (const [id, checkpoint] of found) this.#checkpoints.set(id, checkpoint);
  }

  async #consider(shard: SourceShard, shards: readonly SourceShard[]): Promise<void> {
    const { source } = this.#options;
    if (this.#tasks.has(shard.id)) return;
    const checkpoint = this.#checkpoints.get(shard.id) ?? {
      position: await source.start(shard.id, { kind: 'TRIM_HORIZON' }),
    };
    this.#checkpoints.set(shard.id, checkpoint);
    if (checkpoint.ended) return void this.#statuses.delete(shard.id);
    if (!this.#parentsEnded(shard, shards)) return void this.#statuses.set(shard.id, 'waiting-for-parents');
    const task = this.#poll(shard.id).finally(() => {
      this.#tasks.delete(shard.id);
      this.#wakeup.ring();
    });
    this.#tasks.set(shard.id, task);
  }

  /** A parent that retention has removed is as good as read. */
  #parentsEnded(shard: SourceShard, shards: readonly SourceShard[]): boolean {
    const present = new Set(shards.map(({ id }) => id));
    return shard.parents.every((parent) => !present.has(parent) || this.#checkpoints.get(parent)?.ended === true);
  }

  async #forgetGone(shards: readonly SourceShard[]): Promise<void> {
    const present = new Set(shards.map(({ id }) => id));
    const gone = [...this.#checkpoints.keys()].filter((id) => id !== BEGUN && !present.has(id) && !this.#tasks.has(id));
    if (gone.length === 0) return;
    await this.#options.checkpoints.forget(this.#options.settings.id, gone);
    for (const id of gone) this.#checkpoints.delete(id);
  }

  /** Polls a shard until it ends or the poller is stopped. */
  async #poll(shard: string): Promise<void> {
    const { clock, random, logger, settings } = this.#options;
    const stop = this.#stop.signal;
    for (let failures = 0; !stop.aborted; ) {
      const before = this.#checkpoints.get(shard)!;
      this.#statuses.set(shard, 'polling');
      try {
        const end = await new ShardPoller(this.#context(), shard, before).run(stop, this.#abandon.signal);
        if (end === 'finished') return;
      } catch (error) {
        failures = this.#checkpoints.get(shard) === before ? failures + 1 : 1;
        if (!isAbort(error)) logger.warn('shard-poller-failed', { source: settings.sourceArn, shard, error });
        this.#lastResult = 'PROBLEM: The event source or the function could not be reached';
        this.#statuses.set(shard, 'backing-off');
        await clock.sleep(backoffMs(failures, random.next()), stop).catch(() => {});
      }
    }
  }

  #context(): ShardContext {
    const { checkpoints, ...rest } = this.#options;
    return {
      ...rest,
      checkpoint: (shard, checkpoint) => {
        this.#checkpoints.set(shard, checkpoint);
        checkpoints.set(rest.settings.id, shard, checkpoint);
      },
      report: (result) => {
        this.#lastResult = result;
      },
    };
  }
}
