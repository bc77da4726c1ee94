import { ClockJumps, hasCode, isAbort } from '../base/index.ts';
import type { DeliveryService } from '../delivery/index.ts';
import { backoffMs } from './attempt.ts';
import type { Carriage } from './carry.ts';
import type { Checkpoint, Checkpoints } from './checkpoints.ts';
import { Destination, type PutObject } from './destination.ts';
import { Lifetime } from './lifetime.ts';
import type { Poller, PollerState, ShardState } from './poller.ts';
import { POLLER_LIMITS, type StreamSettings } from './settings.ts';
import { type ShardContext, ShardPoller } from './shard-poller.ts';
import { type Backlog, SOURCE_REFUSED, type SourceShard, type StartingPosition, type StreamSource } from './source.ts';
import { Wakeup } from './wakeup.ts';

export interface StreamPollerOptions extends Omit<Carriage, 'report'> {
  readonly settings: StreamSettings;
  readonly source: StreamSource;
  readonly delivery: Pick<DeliveryService, 'send'>;
  /** For on-failure buckets. */
  readonly putObject: PutObject;
  readonly checkpoints: Checkpoints;
}

type Status = ShardState['status'];

/**
 * Polls all shards of a stream for one event source mapping.
 *
 * Q1. The starting position is resolved and durable before the first record is read: a crash does not move `LATEST`.
 * Q2. Shards that appear later are children of a reshard and are read from their beginning, after their parents.
 * Q3. A shard that fails is begun again from its checkpoint, with backoff that ends with the first progress.
 * Q4. Checkpoints are those of one stream: when it is another one of the same name, it is read from its beginning.
 */
export class StreamPoller implements Poller {
  readonly #options: StreamPollerOptions;
  readonly #lifetime: Lifetime;
  readonly #context: ShardContext;
  readonly #wakeup = new Wakeup();
  readonly #checkpoints = new Map<string, Checkpoint>();
  readonly #statuses = new Map<string, Status>();
  readonly #backlogs = new Map<string, Backlog>();
  readonly #tasks = new Map<string, Promise<void>>();
  /** The stream that the checkpoints are about. */
  #identity: string | undefined;
  /** Ends the shard pollers of one stream. */
  #generation = new AbortController();
  #lastResult = 'No records processed';
  #supervision: Promise<void> = Promise.resolve();

  private constructor(options: StreamPollerOptions) {
    const { settings, checkpoints } = options;
    this.#options = options;
    this.#lifetime = new Lifetime(options.clock);
    this.#context = {
      ...options,
      destination: new Destination(options),
      jumps: new ClockJumps(options.clock),
      checkpoint: (shard, checkpoint) => {
        this.#checkpoints.set(shard, checkpoint);
        checkpoints.set(settings.id, shard, checkpoint);
      },
      report: (result) => {
        this.#lastResult = result;
      },
    };
  }

  /** Starts polling in the background; what goes wrong shows in `state` and is tried again. */
  static start(options: StreamPollerOptions): StreamPoller {
    const poller = new StreamPoller(options);
    poller.#supervision = poller.#supervise();
    return poller;
  }

  get state(): PollerState {
    const { records, retries, discarded } = this.#options.tally;
    const shards = [...this.#checkpoints].map(([id, { position }]): ShardState => {
      const backlog = this.#backlogs.get(id);
      const status = this.#statuses.get(id) ?? 'ended';
      return { id, position, status, ...(backlog && { depth: backlog.records, ageMs: backlog.ageMs }) };
    });
    const known = this.#backlogs.size > 0 ? total(this.#backlogs.values()) : undefined;
    const problem = this.#options.source.problem?.();
    return {
      lastResult: problem === undefined ? this.#lastResult : `PROBLEM: ${problem}`,
      paused: [],
      shards,
      ...(known && { depth: known.records, ageMs: known.ageMs }),
      records,
      retries,
      discarded,
    };
  }

  /** Stops reading, waits for invocations that run (up to a limit), and makes the checkpoints durable. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lifetime.end(async () => {
      this.#generation.abort(this.#lifetime.stop.reason);
      await this.#supervision;
    });
    this.#options.tally.ended();
    await this.#options.checkpoints.flush();
  }

  async #supervise(): Promise<void> {
    const { clock, random, logger, settings } = this.#options;
    const { stop } = this.#lifetime;
    for (let failures = 0; !stop.aborted; ) {
      try {
        await this.#refresh();
        await this.#measure();
        failures = 0;
        await this.#wakeup.wait(clock, stop, POLLER_LIMITS.shardRefreshMs);
      } catch (error) {
        if (stop.aborted) break;
        logger.warn('source-not-readable', { source: settings.sourceArn, error });
        if (!hasCode(error, SOURCE_REFUSED)) this.#lastResult = 'PROBLEM: The event source could not be read';
        await clock.sleep(backoffMs(++failures, random.next()), stop).catch(() => {});
      }
    }
    await Promise.all(this.#tasks.values());
  }

  async #refresh(): Promise<void> {
    const { source } = this.#options;
    const identity = source.identity();
    if (identity !== this.#identity) await this.#begin(identity);
    const shards = await source.shards();
    if (this.#lifetime.stop.aborted) return;
    for (const shard of shards) await this.#consider(shard, shards);
    await this.#forgetGone(shards);
  }

  /** Loads the checkpoints; where there are none of this stream yet, makes the starting position durable. */
  async #begin(identity: string): Promise<void> {
    const { checkpoints, settings, source, logger } = this.#options;
    this.#generation.abort(new DOMException('the stream is another one', 'AbortError'));
    await Promise.all(this.#tasks.values());
    this.#generation = new AbortController();
    if (this.#lifetime.stop.aborted) this.#generation.abort(this.#lifetime.stop.reason);
    this.#checkpoints.clear();
    this.#backlogs.clear();
    const found = await checkpoints.load(settings.id);
    if (found === undefined) await beginAt(checkpoints, settings.id, source, settings.start);
    else if (found.identity === '') await checkpoints.replace(settings.id, { ...found, identity });
    else if (found.identity !== identity) {
      logger.warn('stream-is-another-one', { source: settings.sourceArn, mapping: settings.id });
      await beginAt(checkpoints, settings.id, source, { kind: 'TRIM_HORIZON' });
    }
    const { shards } = (await checkpoints.load(settings.id))!;
    for (const [id, checkpoint] of shards) this.#checkpoints.set(id, checkpoint);
    this.#identity = identity;
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
    const gone = [...this.#checkpoints.keys()].filter((id) => !present.has(id) && !this.#tasks.has(id));
    if (gone.length === 0) return;
    await this.#options.checkpoints.forget(this.#options.settings.id, gone);
    for (const id of gone) {
      this.#checkpoints.delete(id);
      this.#backlogs.delete(id);
    }
  }

  /** Looks at what waits in each shard. */
  async #measure(): Promise<void> {
    const { source, tally } = this.#options;
    for (const [id, { position, ended }] of this.#checkpoints) {
      this.#backlogs.set(id, ended ? { records: 0, ageMs: 0 } : await source.backlog(id, position));
    }
    tally.backlog(total(this.#backlogs.values()));
  }

  /** Polls a shard until it ends or the poller is stopped. */
  async #poll(shard: string): Promise<void> {
    const { clock, random, logger, settings } = this.#options;
    const stop = this.#generation.signal;
    for (let failures = 0; !stop.aborted; ) {
      const before = this.#checkpoints.get(shard)!;
      this.#statuses.set(shard, 'polling');
      try {
        const end = await new ShardPoller(this.#context, shard, before).run(stop, this.#lifetime.abandon);
        if (end === 'finished') return;
      } catch (error) {
        failures = this.#checkpoints.get(shard) === before ? failures + 1 : 1;
        if (!isAbort(error)) logger.warn('shard-poller-failed', { source: settings.sourceArn, shard, error });
        if (!hasCode(error, SOURCE_REFUSED)) {
          this.#lastResult = 'PROBLEM: The event source or the function could not be reached';
        }
        this.#statuses.set(shard, 'backing-off');
        await clock.sleep(backoffMs(failures, random.next()), stop).catch(() => {});
      }
    }
  }
}

/**
 * Sets all shards of a stream to a position, in one transaction: durable when it resolves. What stood there is replaced: positions,
 * ended shards and tumbling windows. No poller of the mapping may run.
 */
export async function beginAt(
  checkpoints: Checkpoints,
  mapping: string,
  source: StreamSource,
  position: StartingPosition,
): Promise<void> {
  const identity = source.identity();
  const shards = new Map<string, Checkpoint>();
  for (const { id } of await source.shards()) shards.set(id, { position: await source.start(id, position) });
  await checkpoints.replace(mapping, { identity, shards });
}

function total(backlogs: Iterable<Backlog>): Backlog {
  let sum: Backlog = { records: 0, ageMs: 0 };
  for (const { records, ageMs } of backlogs) {
    sum = { records: sum.records + records, ageMs: Math.max(sum.ageMs, ageMs) };
  }
  return sum;
}
