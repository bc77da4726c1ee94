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

/** Where a mapping stands in all shards. */
export interface MappingCheckpoints {
  /** Of the stream that they are about; empty where it was not kept yet. */
  readonly identity: string;
  readonly shards: ReadonlyMap<string, Checkpoint>;
}

const SPACE = 'poller-checkpoints';

/** The row that says that the starting position was applied to all shards there were; its position is the stream's identity. */
const BEGUN = '';
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

  /** What stands of a mapping; `undefined` when its starting position was not applied yet. */
  async load(mapping: string): Promise<MappingCheckpoints | undefined> {
    await this.flush();
    const shards = await this.#read(mapping);
    const begun = shards.get(BEGUN);
    shards.delete(BEGUN);
    return begun && { identity: begun.position, shards };
  }

  /** Notes a checkpoint; it is written with the next group. */
  set(mapping: string, shard: string, checkpoint: Checkpoint): void {
    this.#dirty.set(`${mapping} ${shard}`, put(mapping, shard, checkpoint));
    this.#timer ??= this.#clock.timer(POLLER_LIMITS.checkpointIntervalMs, () => this.#onTimer());
  }

  /** Writes all checkpoints of a mapping anew, whatever stood there; durable when it resolves, all or none. */
  async replace(mapping: string, { identity, shards }: MappingCheckpoints): Promise<void> {
    await this.flush();
    const gone = [...(await this.#read(mapping)).keys()].filter((shard) => shard !== BEGUN && !shards.has(shard));
    const writes = [...shards].map(([shard, checkpoint]) => put(mapping, shard, checkpoint));
    const begun = put(mapping, BEGUN, { position: identity });
    await this.#records.commit({ writes: [...gone.map((shard) => remove(mapping, shard)), ...writes, begun] });
  }

  /** Forgets shards of a mapping, all that stands of it without `shards`. */
  async forget(mapping: string, shards?: readonly string[]): Promise<void> {
    await this.flush();
    const gone = shards ?? [...(await this.#read(mapping)).keys()];
    if (gone.length > 0) await this.#records.commit({ writes: gone.map((shard) => remove(mapping, shard)) });
  }

  /** Writes what is noted. @throws RecordsErrorCode; it stays noted then. */
  flush(): Promise<void> {
    this.#writing = this.#writing.catch(() => {}).then(() => this.#write());
    return this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.flush();
    } finally {
      this.#timer?.cancel();
      this.#timer = undefined;
    }
  }

  async #read(mapping: string): Promise<Map<string, Checkpoint>> {
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

  #onTimer(): void {
    this.#timer = undefined;
    this.flush().catch((error: unknown) => {
      this.#logger.warn('checkpoints-not-written', { error, waiting: this.#dirty.size });
      this.#timer ??= this.#clock.timer(POLLER_LIMITS.checkpointRetryMs, () => this.#onTimer());
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

function remove(mapping: string, shard: string): Write {
  return { kind: 'delete', space: SPACE, key: encodeKey([mapping, shard]) };
}
