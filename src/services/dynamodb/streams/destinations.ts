/**
 * Kinesis streaming destinations: a table's changes, put into a Kinesis stream.
 *
 *     change + row of a feed, one commit  -->  forwarder, a loop a shard  -->  Kinesis, durable  -->  cursor, durable
 *
 * A feed is a stream of the table that nobody but its forwarder sees. Delivery is at least once: a crash repeats what was put since
 * the cursor was written. A destination that is turned off is drained first; turned on again it gets another feed, after that.
 */
import { type Clock, hasCode, isAbort, type Random, Turns } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { invalid } from '../errors.ts';
import { kinesisRecord, type Precision, partitionKeyOf } from './kinesis-record.ts';
import { TABLE_STREAM_LIMITS } from './limits.ts';
import type { StreamedTable } from './state.ts';
import type { TableStream } from './stream.ts';
import type { TableStreams } from './streams.ts';

/** Kinesis, as destinations need it. */
export interface KinesisPort {
  /** Whether there is such a stream now. */
  has(streamArn: string): boolean;
  /** Puts records in their order; durable when it resolves. @throws DomainError when the stream is gone or takes nothing now */
  put(
    streamArn: string,
    records: readonly { readonly partitionKey: string; readonly data: Uint8Array }[],
  ): Promise<void>;
}

/** What is stored of a destination. Registry key: `TABLEID/STREAMARN`. */
export interface Destination {
  readonly tableId: string;
  readonly tableName: string;
  readonly region: string;
  readonly streamArn: string;
  readonly active: boolean;
  readonly precision?: Precision;
  /** ARNs of the feeds that are not forwarded whole yet, oldest first; the last is open while the destination is active. */
  readonly feeds: readonly string[];
}

export interface DestinationsDependencies {
  readonly records: Records;
  readonly streams: TableStreams;
  readonly kinesis: KinesisPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const CURSORS = 'dynamodb/destinations/cursors';
const STATE = 'Table is not in a valid state to enable Kinesis Streaming Destination:';

export class Destinations implements AsyncDisposable {
  readonly #dependencies: DestinationsDependencies;
  readonly #registry: Registry<Destination>;
  readonly #stop = new AbortController();
  /** Forwarders by key. */
  readonly #running = new Map<string, Promise<void>>();
  /** What changes a table's destinations goes one after the other: each begins from what the last has stored. */
  readonly #turns = new Turns();

  private constructor(dependencies: DestinationsDependencies, registry: Registry<Destination>) {
    this.#dependencies = dependencies;
    this.#registry = registry;
  }

  static async open(dependencies: DestinationsDependencies): Promise<Destinations> {
    return new Destinations(
      dependencies,
      await Registry.open<Destination>(dependencies.records, 'dynamodb/destinations'),
    );
  }

  /** Goes on with what a stop has cut off. */
  async start(): Promise<void> {
    const live = this.#registry.list().flatMap(({ active, feeds }) => (active ? feeds.slice(-1) : []));
    await this.#dependencies.streams.closeOtherFeeds(new Set(live));
    for (const destination of this.#registry.list()) this.#run(keyOf(destination));
  }

  of(tableId: string): readonly Destination[] {
    return this.#registry.list(`${tableId}/`);
  }

  /** @param followAnew  asks the table's followers anew: the feed is one of them now. @throws validation-failed */
  enable(
    table: StreamedTable,
    streamArn: string,
    precision: Precision | undefined,
    followAnew: () => void,
  ): Promise<void> {
    return this.#turns.run(table.id, () => this.#enable(table, streamArn, precision, followAnew));
  }

  async #enable(
    table: StreamedTable,
    streamArn: string,
    precision: Precision | undefined,
    followAnew: () => void,
  ): Promise<void> {
    const { kinesis, streams } = this.#dependencies;
    const known = this.#registry.get(`${table.id}/${streamArn}`);
    if (known?.active) {
      throw invalid(
        `${STATE} EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE operation.`,
      );
    }
    if (this.of(table.id).filter(({ active }) => active).length >= TABLE_STREAM_LIMITS.destinationsMax) {
      throw invalid(`${STATE} a table has at most ${TABLE_STREAM_LIMITS.destinationsMax} active destinations.`);
    }
    if (!kinesis.has(streamArn)) throw invalid('User does not have a permission to use kinesis stream');
    const { arn: feed } = await streams.openFeed(table);
    const { id: tableId, name: tableName, region } = table;
    const feeds = [...(known?.feeds ?? []), feed];
    const destination: Destination = {
      ...{ tableId, tableName, region, streamArn, active: true, feeds },
      ...(precision && { precision }),
    };
    await this.#registry.put(keyOf(destination), destination);
    followAnew();
    this.#run(keyOf(destination));
  }

  /** What was written before is put still. @throws validation-failed */
  disable(table: StreamedTable, streamArn: string, followAnew: () => void): Promise<Destination> {
    return this.#turns.run(table.id, () => this.#disable(table, streamArn, followAnew));
  }

  async #disable(table: StreamedTable, streamArn: string, followAnew: () => void): Promise<Destination> {
    const destination = this.#active(
      table,
      streamArn,
      'KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.',
    );
    await this.#registry.put(keyOf(destination), { ...destination, active: false });
    await this.#dependencies.streams.closeStream(destination.feeds.at(-1)!);
    followAnew();
    return destination;
  }

  /** @throws validation-failed */
  update(table: StreamedTable, streamArn: string, precision: Precision): Promise<void> {
    return this.#turns.run(table.id, () => this.#update(table, streamArn, precision));
  }

  async #update(table: StreamedTable, streamArn: string, precision: Precision): Promise<void> {
    const destination = this.#active(
      table,
      streamArn,
      `Kinesis streaming is not in ACTIVE state. Updates are only allowed in ACTIVE state. TableName: ${table.name}, kdsArn: ${streamArn}`,
    );
    if ((destination.precision ?? 'MILLISECOND') === precision) {
      throw invalid(
        `Invalid Request: Precision is already set to the desired value of ${precision} for tableId: ${table.id}, kdsArn: ${streamArn}`,
      );
    }
    await this.#registry.put(keyOf(destination), { ...destination, precision });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new DOMException('the destinations close', 'AbortError'));
    await Promise.all(this.#running.values());
  }

  #active({ id }: StreamedTable, streamArn: string, otherwise: string): Destination {
    const destination = this.#registry.get(`${id}/${streamArn}`);
    if (!destination?.active) throw invalid(`${STATE} ${otherwise}`);
    return destination;
  }

  #run(key: string): void {
    if (this.#running.has(key) || this.#stop.signal.aborted) return;
    const running = this.#forwardAll(key)
      .catch((error: unknown) => {
        if (!isAbort(error)) this.#dependencies.logger.error('destination-failed', { destination: key, error });
      })
      .finally(() => this.#running.delete(key));
    this.#running.set(key, running);
  }

  /** Feed after feed, until none is left. */
  async #forwardAll(key: string): Promise<void> {
    for (;;) {
      const feed = this.#registry.get(key)?.feeds[0];
      if (feed === undefined) return;
      const shards = Array.from({ length: TABLE_STREAM_LIMITS.shards }, (_, shard) => this.#forward(key, feed, shard));
      await Promise.all(shards);
      await this.#done(key, feed);
    }
  }

  /** Forwards a shard of a feed until that has ended. */
  async #forward(key: string, feed: string, shard: number): Promise<void> {
    const stop = this.#stop.signal;
    const stream = this.#dependencies.streams.find(feed);
    if (!stream) return;
    const cursor = Buffer.from(`${stream.state.id}/${shard}`);
    let from = (await this.#cursor(cursor)) ?? stream.first(shard);
    for (let failures = 0; ; ) {
      stop.throwIfAborted();
      try {
        const next = await this.#forwardOnce(key, stream, shard, from, cursor);
        if (next === undefined) return;
        from = next;
        failures = 0;
      } catch (error) {
        if (isAbort(error)) throw error;
        if (hasCode(error, 'records-trimmed')) {
          this.#dependencies.logger.error('destination-lost-records', { destination: key, shard });
          from = stream.first(shard);
          continue;
        }
        await this.#backOff(key, ++failures, error, stop);
      }
    }
  }

  /** @returns where to go on; `undefined` at the end of the feed */
  async #forwardOnce(
    key: string,
    stream: TableStream,
    shard: number,
    from: number,
    cursor: Buffer,
  ): Promise<number | undefined> {
    const { records: store, kinesis } = this.#dependencies;
    const { forwardMax, getRecordsBytesMax } = TABLE_STREAM_LIMITS;
    const { closed } = stream.state;
    const records = await stream.read(shard, from, forwardMax, getRecordsBytesMax);
    if (records.length === 0) {
      if (closed) return undefined;
      await stream.wait(shard, from, this.#stop.signal);
      return from;
    }
    const destination = this.#registry.get(key)!;
    const data = records.map(({ sequence, row }) => ({
      partitionKey: partitionKeyOf(row),
      data: Buffer.from(kinesisRecord(stream.state, sequence, row, destination.precision)),
    }));
    await kinesis.put(destination.streamArn, data);
    const next = records.at(-1)!.sequence + 1;
    await store.commit({ writes: [{ kind: 'put', space: CURSORS, key: cursor, value: Buffer.from(String(next)) }] });
    return next;
  }

  async #cursor(key: Buffer): Promise<number | undefined> {
    const found = await this.#dependencies.records.get(CURSORS, key);
    return found && Number(Buffer.from(found.value).toString());
  }

  async #backOff(key: string, failures: number, error: unknown, stop: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#dependencies;
    const { forwardBackoffMs, forwardBackoffMsMax } = TABLE_STREAM_LIMITS;
    logger.warn('destination-not-reached', { destination: key, failures, error });
    const ms = Math.min(forwardBackoffMs * 2 ** Math.min(failures, 20), forwardBackoffMsMax);
    await clock.sleep(ms * (0.5 + random.next() / 2), stop);
  }

  /** A feed is forwarded whole. A destination that is off, and one of a table that is gone, goes with the last one. */
  async #done(key: string, feed: string): Promise<void> {
    const { records, streams } = this.#dependencies;
    const id = streams.find(feed)?.state.id;
    if (id !== undefined) {
      const keys = Array.from({ length: TABLE_STREAM_LIMITS.shards }, (_, shard) => Buffer.from(`${id}/${shard}`));
      await records.commit({ writes: keys.map((cursor) => ({ kind: 'delete', space: CURSORS, key: cursor })) });
    }
    await this.#turns.run(key.slice(0, key.indexOf('/')), async () => {
      const destination = this.#registry.get(key)!;
      const feeds = destination.feeds.filter((other) => other !== feed);
      await this.#registry.put(key, { ...destination, feeds });
    });
  }
}

function keyOf({ tableId, streamArn }: Pick<Destination, 'tableId' | 'streamArn'>): string {
  return `${tableId}/${streamArn}`;
}
