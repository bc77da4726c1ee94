import type { Clock, Timer } from '../base/index.ts';
import { decodeKey, encodeKey, keyRange } from '../codec/index.ts';
import type { Records, Write } from '../store/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { POLLER_LIMITS } from './settings.ts';
import type { TumblingWindow } from './tumbling.ts';

/** Where a mapping stands in a shard: all before `position` is done. */
export interface Checkpoint {
  readonly position: string;
  /** The shard is closed and read to its end: its children may be read. */
  readonly ended?: boolean;
  readonly window?: TumblingWindow;
}

const SPACE = 'poller-checkpoints';
const PAGE = 1000;

/**
 * Checkpoints of all pollers, in one space of the records store, keyed by mapping and shard.
 *
 * `set` is write-behind: at most every {@link POLLER_LIMITS}.checkpointIntervalMs all that changed is written in one
 * transaction. Delivery is at least once, so that a crash repeats at most what was done since; closing writes the rest.
 */
export class Checkpoints implements AsyncDisposable {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #dirty = new Map<string, Write>();
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(records: Records, clock: Clock, logger: Logger) {
    this.#records = records;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** All checkpoints of a mapping, by shard. */
  async load(mapping: string): Promise<Map<string, Checkpoint>> {
    await this.flush();
    const found = new Map<string, Checkpoint>();
    const range = keyRange([mapping]);
    for (let from = range.from; ; ) {
      const page = await this.#records.range(SPACE, { from, to: range.to, limit: PAGE });
      for (const { key, value } of page)
        found.set(decodeKey(key)[1] as string, JSON.parse(Buffer.from(value).toString()));
      if (page.length < PAGE) return found;
      from = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
    }
  }

  /** Notes a checkpoint; it is written with the next group. */
  set(mapping: string, shard: string, checkpoint: Checkpoint): void {
    this.#dirty.set(`${mapping} ${shard}`, put(mapping, shard, checkpoint));
    this.#timer ??= this.#clock.timer(POLLER_LIMITS.checkpointIntervalMs, () => this.#onTimer());
  }

  /** Writes checkpoints now; durable when it resolves. */
  async commit(mapping: string, checkpoints: ReadonlyMap<string, Checkpoint>): Promise<void> {
    const writes = [...checkpoints].map(([shard, checkpoint]) => put(mapping, shard, checkpoint));
    if (writes.length > 0) await this.#records.commit({ writes });
  }

  /** Forgets shards of a mapping, all of them without `shards`. */
  async forget(mapping: string, shards?: readonly string[]): Promise<void> {
    await this.flush();
    const gone = shards ?? [...(await this.load(mapping)).keys()];
    const writes = gone.map((shard): Write => ({ kind: 'delete', space: SPACE, key: encodeKey([mapping, shard]) }));
    if (writes.length > 0) await this.#records.commit({ writes });
  }

  /** Writes what is noted. @throws RecordsErrorCode; it stays noted then. */
  flush(): Promise<void> {
    this.#writing = this.#writing.catch(() => {}).then(() => this.#write());
    return this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.flush().catch((error: unknown) => {
      this.#logger.warn('checkpoints-not-written', { error, waiting: this.#dirty.size });
      this.#timer ??= this.#clock.timer(POLLER_LIMITS.backoffMsBase * 10, () => this.#onTimer());
    });
  }

  async #write(): Promise<void> {
    if (this.#dirty.size === 0) return;
    const group = [...this.#dirty];
    this.#dirty.clear();
    try {
      await this.#records.commit({ writes: group.map(([, write]) => write) });
    } catch (error) {
      for (const [name, write] of group) if (!this.#dirty.has(name)) this.#dirty.set(name, write);
      throw error;
    }
  }
}

function put(mapping: string, shard: string, checkpoint: Checkpoint): Write {
  return {
    kind: 'put',
    space: SPACE,
    key: encodeKey([mapping, shard]),
    value: Buffer.from(JSON.stringify(checkpoint)),
  };
}
