import { ACCOUNT_ID, parseArn, type Random, uuid } from '../../base/index.ts';
import type { Registry } from '../../store/index.ts';
import { invalidArgument, KinesisError, streamNotFound } from './errors.ts';
import { KINESIS_LIMITS } from './limits.ts';
import { initialShards, openShards } from './reshard.ts';
import { partitionName, type StreamMode, type StreamState, streamIdOf } from './state.ts';
import { Stream, type StreamDependencies } from './stream.ts';

export interface NewStream {
  readonly name: string;
  readonly region: string;
  readonly mode: StreamMode;
  readonly shardCount: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly recordKiBMax: number;
  readonly warmThroughputMiBps?: number;
}

/** How requests name a stream. */
export interface StreamReference {
  readonly StreamName?: string | undefined;
  readonly StreamARN?: string | undefined;
  readonly StreamId?: string | undefined;
}

/**
 * All streams of the node, by region and name. Changes of one stream are made one after the other; each is durable in the
 * registry before the living stream takes it over, and partitions are made before and dropped after it.
 */
export class Streams {
  readonly #registry: Registry<StreamState>;
  readonly #dependencies: StreamDependencies & { readonly random: Random };
  readonly #streams = new Map<string, Stream>();
  readonly #changing = new Map<string, Promise<unknown>>();

  constructor(registry: Registry<StreamState>, dependencies: StreamDependencies & { readonly random: Random }) {
    this.#registry = registry;
    this.#dependencies = dependencies;
  }

  /** Brings the stored streams to life, and finishes what a crash has interrupted. */
  async load(): Promise<void> {
    const { log } = this.#dependencies;
    const known = new Set<string>();
    for (const state of this.#registry.list()) {
      const partitions = state.shards.map(({ index }) => partitionName(state, index));
      for (const partition of partitions) known.add(partition);
      if (state.deleting) {
        await this.#finishDelete(state);
        continue;
      }
      // Made before the stream was stored: only a log that was lost or exchanged lacks them.
      await Promise.all(partitions.map((partition) => log.createPartition(partition)));
      this.#streams.set(key(state.region, state.name), new Stream(state, this.#dependencies));
    }
    await this.#dropLeftovers(known);
  }

  /**
   * Partitions that were made for a stream or shard that was never stored. Those with records in them stay: they can only be there
   * because the records store is older than the log, and what restores it will want them.
   */
  async #dropLeftovers(known: ReadonlySet<string>): Promise<void> {
    const { log } = this.#dependencies;
    const unknown = log.partitions().filter((name) => name.startsWith('kinesis/') && !known.has(name));
    const empty = unknown.filter((name) => log.state(name).next === 0);
    await Promise.all(empty.map((name) => log.dropPartition(name)));
  }

  all(): IterableIterator<Stream> {
    return this.#streams.values();
  }

  /** Streams of a region, sorted by name. */
  list(region: string): Stream[] {
    return this.#registry
      .list(`${region}/`)
      .map(({ name }) => this.#streams.get(key(region, name)))
      .filter((stream) => stream !== undefined);
  }

  find(region: string, name: string): Stream | undefined {
    return this.#streams.get(key(region, name));
  }

  byArn(arn: string): Stream | undefined {
    const parsed = parseArn(arn);
    const name = /^stream\/([^/]+)/.exec(parsed?.resource ?? '')?.[1];
    return parsed && name !== undefined ? this.find(parsed.region, name) : undefined;
  }

  /** @throws stream-not-found, invalid-argument */
  resolve(region: string, { StreamARN, StreamName, StreamId }: StreamReference): Stream {
    if (StreamARN === undefined && StreamName === undefined && StreamId === undefined) {
      throw invalidArgument('Either StreamName or StreamARN should be provided.');
    }
    const name = StreamARN === undefined ? StreamName : /stream\/([^/]+)/.exec(StreamARN)?.[1];
    if (StreamName !== undefined && name !== StreamName) {
      throw invalidArgument('StreamARN and StreamName are provided, but they name different streams.');
    }
    const found =
      StreamARN !== undefined
        ? this.byArn(StreamARN)
        : name !== undefined
          ? this.find(region, name)
          : this.list(region).find(({ state }) => streamIdOf(state) === StreamId);
    if (found) return found;
    throw streamNotFound(name ?? StreamId ?? StreamARN ?? '');
  }

  /** @throws in-use, limit-exceeded */
  create(stream: NewStream): Promise<Stream> {
    const id = key(stream.region, stream.name);
    return this.#serially(id, async () => {
      if (this.#streams.has(id)) {
        throw new KinesisError('in-use', `Stream ${stream.name} under account ${ACCOUNT_ID} already exists.`);
      }
      this.checkShardLimit(stream.region, stream.shardCount);
      const { clock, random } = this.#dependencies;
      const now = clock.now();
      const { shardCount, ...rest } = stream;
      const state: StreamState = {
        ...rest,
        id: uuid(random).replaceAll('-', '').slice(0, 16),
        createdAt: now,
        retentionHours: KINESIS_LIMITS.retentionHoursMin,
        shards: initialShards(shardCount, now),
        consumers: [],
        monitoring: [],
        policies: {},
      };
      await this.#createPartitions(state);
      await this.#registry.create(id, state);
      const living = new Stream(state, this.#dependencies);
      this.#streams.set(id, living);
      return living;
    });
  }

  /** Stores what `decide` makes of the stream's state, and lets the living stream take it over. */
  update(stream: Stream, decide: (state: StreamState) => StreamState): Promise<StreamState> {
    const id = key(stream.state.region, stream.name);
    return this.#serially(id, async () => {
      if (stream.isDeleted) throw streamNotFound(stream.name);
      const before = stream.state;
      const state = decide(before);
      if (state === before) return state;
      await this.#createPartitions(state);
      await this.#registry.put(id, state);
      stream.adopt(state);
      await this.#dropPartitions(before, state);
      return state;
    });
  }

  delete(stream: Stream): Promise<void> {
    const id = key(stream.state.region, stream.name);
    return this.#serially(id, async () => {
      if (stream.isDeleted) throw streamNotFound(stream.name);
      const state = { ...stream.state, deleting: true };
      await this.#registry.put(id, state);
      this.#streams.delete(id);
      stream.markDeleted();
      await this.#finishDelete(state);
    });
  }

  /** Records first, then the stream: a crash in between leaves a stream that says what is left to do. */
  async #finishDelete(state: StreamState): Promise<void> {
    const { log } = this.#dependencies;
    await Promise.all(state.shards.map(({ index }) => log.dropPartition(partitionName(state, index))));
    await this.#registry.delete(key(state.region, state.name));
  }

  openShardCount(region: string): number {
    return this.list(region).reduce((sum, { state }) => sum + openShards(state.shards).length, 0);
  }

  /** @throws limit-exceeded when `more` open shards would exceed the account's limit */
  checkShardLimit(region: string, more: number): void {
    const open = this.openShardCount(region);
    if (open + more <= KINESIS_LIMITS.openShardsMax) return;
    throw new KinesisError(
      'limit-exceeded',
      `This request would exceed the shard limit for the account ${ACCOUNT_ID} in ${region}. ` +
        `Current shard count for the account: ${open}. Limit: ${KINESIS_LIMITS.openShardsMax}. Number of additional shards that would have ` +
        `resulted from this request: ${more}. Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) ` +
        'for current limits and how to request higher limits.',
    );
  }

  async #createPartitions(state: StreamState): Promise<void> {
    await Promise.all(
      state.shards.map(({ index }) => this.#dependencies.log.createPartition(partitionName(state, index))),
    );
  }

  async #dropPartitions(before: StreamState, after: StreamState): Promise<void> {
    const kept = new Set(after.shards.map(({ index }) => index));
    const gone = before.shards.filter(({ index }) => !kept.has(index));
    await Promise.all(gone.map(({ index }) => this.#dependencies.log.dropPartition(partitionName(before, index))));
  }

  /** Runs changes of one stream one after the other. */
  async #serially<T>(id: string, change: () => Promise<T>): Promise<T> {
    const before = this.#changing.get(id);
    const running = (async () => {
      await before?.catch(() => {});
      return change();
    })();
    this.#changing.set(id, running);
    try {
      return await running;
    } finally {
      if (this.#changing.get(id) === running) this.#changing.delete(id);
    }
  }
}

const key = (region: string, name: string) => `${region}/${name}`;
