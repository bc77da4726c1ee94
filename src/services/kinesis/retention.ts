import { type Clock, ClockJumps, type Timer } from '../../base/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { KINESIS_LIMITS } from './limits.ts';
import type { Shard } from './shard.ts';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';

const HOUR_MS = 3_600_000;

/** Applies retention, now and then: trims what is too old, and forgets closed shards of which nothing is left. */
export class Retention {
  readonly #streams: Streams;
  readonly #trim: (partition: string, before: number) => Promise<void>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #jumps: ClockJumps;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly streams: Streams;
    readonly trim: (partition: string, before: number) => Promise<void>;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#streams = options.streams;
    this.#trim = options.trim;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#jumps = new ClockJumps(options.clock);
  }

  start(): void {
    this.#timer = this.#clock.timer(KINESIS_LIMITS.retentionIntervalMs, () => {
      this.#running = this.apply()
        .catch((cause: unknown) => this.#logger.warn('kinesis.retention-failed', { cause }))
        .then(() => {
          if (this.#timer) this.start();
        });
    });
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#running;
  }

  async apply(): Promise<void> {
    if (!this.#jumps.isSteady()) return;
    const now = this.#clock.now();
    for (const stream of [...this.#streams.all()]) await this.#applyTo(stream, now);
  }

  async #applyTo(stream: Stream, now: number): Promise<void> {
    const horizon = now - stream.state.retentionHours * HOUR_MS;
    const expired = new Set<number>();
    for (const shard of [...stream.shards.values()]) {
      if (stream.isDeleted) return;
      const before = await shard.offsetAt(horizon);
      if (before > shard.first) await this.#trim(shard.partition, before);
      if (isExpired(shard, horizon)) expired.add(shard.state.index);
    }
    if (expired.size === 0) return;
    await this.#streams.update(stream, (state) => ({
      ...state,
      shards: state.shards.filter(({ index }) => !expired.has(index)),
    }));
  }
}

function isExpired(shard: Shard, horizon: number): boolean {
  return shard.isFinishedAt(shard.first) && shard.state.closedAt! < horizon;
}
