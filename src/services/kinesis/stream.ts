import { ACCOUNT_ID, assert, type Clock, formatArn } from '../../base/index.ts';
import type { Log, Offset } from '../../store/index.ts';
import type { TraceContext } from '../../telemetry/index.ts';
import { sealEnvelope } from './envelope.ts';
import { KinesisError, shardNotFound, streamNotFound } from './errors.ts';
import { hashOf } from './hash-key.ts';
import { KINESIS_LIMITS, type Throttles } from './limits.ts';
import { RouteCache } from './route-cache.ts';
import { Shard } from './shard.ts';
import { isOpen, type StreamState, shardIndex } from './state.ts';
import { ShardThrottle } from './throttle.ts';

/** Where a record was put; it is durable once `committed` resolves. */
export interface Placement {
  readonly shard: Shard;
  readonly offset: Offset;
}

export interface StreamDependencies {
  readonly log: Log;
  readonly clock: Clock;
  readonly throttles?: Throttles;
}

interface Range {
  readonly start: bigint;
  readonly shard: Shard;
}

/** A living stream: routes records to shards. What is stored of it changes only through `Streams`. */
export class Stream {
  readonly arn: string;
  /** All retained shards by number, closed ones too. */
  readonly shards = new Map<number, Shard>();
  readonly #dependencies: StreamDependencies;
  readonly #routes = new RouteCache<Shard>(KINESIS_LIMITS.routesRemembered);
  #state: StreamState;
  #ranges: readonly Range[] = [];
  #deleted = false;

  constructor(state: StreamState, dependencies: StreamDependencies) {
    this.#state = state;
    this.#dependencies = dependencies;
    this.arn = formatArn('kinesis', state.region, ACCOUNT_ID, `stream/${state.name}`);
    this.adopt(state);
  }

  get state(): StreamState {
    return this.#state;
  }

  get name(): string {
    return this.#state.name;
  }

  get isDeleted(): boolean {
    return this.#deleted;
  }

  /** Takes over a stored state: new shards open, closed ones drain, expired ones go. */
  adopt(state: StreamState): void {
    this.#state = state;
    const { log, clock, throttles } = this.#dependencies;
    for (const shardState of state.shards) {
      const known = this.shards.get(shardState.index);
      if (!known) {
        const throttle = throttles && new ShardThrottle(throttles, clock);
        this.shards.set(shardState.index, new Shard(state, shardState, log, throttle));
      } else if (!known.isClosed && !isOpen(shardState)) known.close(shardState);
    }
    const kept = new Set(state.shards.map(({ index }) => index));
    for (const index of this.shards.keys()) if (!kept.has(index)) this.shards.delete(index);
    this.#ranges = [...this.shards.values()]
      .filter((shard) => !shard.isClosed)
      .map((shard) => ({ start: BigInt(shard.state.start), shard }))
      .sort((a, b) => (a.start < b.start ? -1 : 1));
    this.#routes.clear();
  }

  markDeleted(): void {
    this.#deleted = true;
  }

  /** @throws shard-not-found */
  shard(id: string): Shard {
    const index = shardIndex(id);
    const found = index === undefined ? undefined : this.shards.get(index);
    if (!found) throw shardNotFound(id, this.name);
    return found;
  }

  /** Shard that takes a partition key's records now. */
  route(partitionKey: string): Shard {
    const known = this.#routes.get(partitionKey);
    if (known) return known;
    const shard = this.routeHash(hashOf(partitionKey));
    this.#routes.set(partitionKey, shard);
    return shard;
  }

  routeHash(hash: bigint): Shard {
    let low = 0;
    let high = this.#ranges.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#ranges[middle]!.start <= hash) low = middle;
      else high = middle - 1;
    }
    const range = this.#ranges[low];
    assert(range, `stream ${this.name} has no open shard`);
    return range.shard;
  }

  /**
   * Takes one record into the log's next group commit, without waiting: call `committed` in the same turn. Copies `data`.
   *
   * @param partitionKey  1 to 256 characters
   * @throws stream-not-found: it was deleted; validation; throughput-exceeded; and what `Log.appendNow` throws
   */
  enqueue(partitionKey: string, data: Uint8Array, trace?: TraceContext, shard = this.route(partitionKey)): Placement {
    if (this.#deleted) throw streamNotFound(this.name);
    checkKey(partitionKey);
    this.checkSize(data, 'data');
    if (shard.throttle?.takeWrite(data.length) === false) this.#throttled(shard);
    const timestamp = this.#dependencies.clock.now();
    const offset = this.#dependencies.log.appendNow(shard.partition, {
      timestamp,
      payload: sealEnvelope(partitionKey, data, trace),
    });
    shard.newestAt = timestamp;
    shard.counts.incomingRecords++;
    shard.counts.incomingBytes += data.length;
    return { shard, offset };
  }

  /** @param member  for the message. @throws validation */
  checkSize(data: Uint8Array, member: string): void {
    const bytesMax = this.#state.recordKiBMax * 1024;
    if (data.length <= bytesMax) return;
    throw new KinesisError(
      'validation',
      `1 validation error detected: Value at '${member}' failed to satisfy constraint: Member must have length less than or equal to ${bytesMax}`,
    );
  }

  #throttled(shard: Shard): never {
    shard.counts.writesThrottled++;
    throw new KinesisError(
      'throughput-exceeded',
      `Rate exceeded for shard ${shard.id} in stream ${this.name} under account ${ACCOUNT_ID}.`,
      { remedy: 'retry' },
    );
  }
}

function checkKey({ length }: string): void {
  if (length > 0 && length <= KINESIS_LIMITS.partitionKeyCharactersMax) return;
  throw new KinesisError(
    'validation',
    `1 validation error detected: Value at 'partitionKey' failed to satisfy constraint: Member must have length between 1 and ${KINESIS_LIMITS.partitionKeyCharactersMax}`,
  );
}
