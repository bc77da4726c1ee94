import { type Clock, ClockJumps, type Random, type Timer } from '../../../base/index.ts';
import { type Records, Registry, Sequence } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { streamNotFound } from '../errors.ts';
import type { Follower } from '../model/follower.ts';
import { Horizon } from './horizon.ts';
import { TABLE_STREAM_LIMITS } from './limits.ts';
import {
  feedArn,
  labelOf,
  type StreamedTable,
  type StreamState,
  type StreamViewType,
  spaceOf,
  streamArn,
  trimmedSpaceOf,
} from './state.ts';
import { TableStream } from './stream.ts';

export interface TableStreamDependencies {
  /** Where the tables are: a change and its record are in one commit. */
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * The streams of all tables of a node.
 *
 * A stream is open from before its table says so until after it does not any more: a crash in between leaves an open one that no
 * table refers to, which {@link reconcile} closes. A closed one can be read until its last record expires, then it is gone.
 */
export class TableStreams implements AsyncDisposable {
  readonly #dependencies: TableStreamDependencies;
  readonly #registry: Registry<StreamState>;
  readonly #sequence: Sequence;
  readonly #horizon: Horizon;
  /** By ARN. */
  readonly #streams = new Map<string, TableStream>();
  readonly #jumps: ClockJumps;
  #timer: Timer | undefined;
  #trimming: Promise<void> = Promise.resolve();
  /** Not all was trimmed up to the horizon, as far as is known: the last run may have been cut off. */
  #behind = true;
  #closed = false;

  private constructor(
    dependencies: TableStreamDependencies,
    parts: { readonly registry: Registry<StreamState>; readonly sequence: Sequence; readonly horizon: Horizon },
  ) {
    this.#dependencies = dependencies;
    this.#jumps = new ClockJumps(dependencies.clock);
    this.#registry = parts.registry;
    this.#sequence = parts.sequence;
    this.#horizon = parts.horizon;
  }

  static async open(dependencies: TableStreamDependencies): Promise<TableStreams> {
    const { records } = dependencies;
    const [registry, sequence, horizon] = await Promise.all([
      Registry.open<StreamState>(records, 'dynamodb/streams'),
      Sequence.open(records, 'dynamodb/streams/sequence'),
      Horizon.open(records),
    ]);
    const streams = new TableStreams(dependencies, { registry, sequence, horizon });
    for (const state of registry.list()) await streams.#add(state);
    streams.#schedule();
    return streams;
  }

  /** Opens a stream for a table; durable when it resolves, and to be called before the table's own definition names it. */
  async openStream(
    table: StreamedTable,
    viewType: StreamViewType,
  ): Promise<{ readonly arn: string; readonly label: string }> {
    const { clock, random } = this.#dependencies;
    const { id: tableId, name: tableName, region, key } = table;
    const now = clock.now();
    // Two of one table in one millisecond would have one name.
    let createdAt = now;
    while (this.#registry.has(streamArn(region, tableName, labelOf(createdAt)))) createdAt++;
    const label = labelOf(createdAt);
    const arn = streamArn(region, tableName, label);
    const id = random.bytes(8).toString('hex');
    await this.#create({ id, arn, label, tableId, tableName, region, key, viewType, createdAt });
    return { arn, label };
  }

  /** Opens a feed for a table: a stream with both images that no API shows; durable when it resolves. {@link closeStream} ends it. */
  async openFeed({ id: tableId, name: tableName, region, key }: StreamedTable): Promise<{ readonly arn: string }> {
    const { clock, random } = this.#dependencies;
    const id = random.bytes(8).toString('hex');
    const arn = feedArn(region, tableName, id);
    const createdAt = clock.now();
    const viewType: StreamViewType = 'NEW_AND_OLD_IMAGES';
    await this.#create({ id, arn, label: id, tableId, tableName, region, key, viewType, createdAt, feed: true });
    return { arn };
  }

  /** What writes the open feeds of a table. */
  feedsOf(tableId: string): readonly Follower[] {
    return this.#openFeeds(tableId);
  }

  /** Ends the feeds of a table that is gone; what they hold is forwarded still. */
  async closeFeeds(tableId: string): Promise<void> {
    for (const { state } of this.#openFeeds(tableId)) await this.closeStream(state.arn);
  }

  /** Ends the feeds that no destination writes any more: a crash came between. */
  async closeOtherFeeds(inUse: ReadonlySet<string>): Promise<void> {
    for (const { state } of [...this.#streams.values()]) {
      if (state.feed && !inUse.has(state.arn)) await this.closeStream(state.arn);
    }
  }

  #openFeeds(tableId: string): readonly TableStream[] {
    return [...this.#streams.values()].filter(({ state }) => state.feed && state.tableId === tableId && !state.closed);
  }

  async #create(fields: Omit<StreamState, 'firstSequence'>): Promise<void> {
    await this.#registry.create(fields.arn, { ...fields, firstSequence: this.#sequence.take() });
    await this.#add(this.#registry.get(fields.arn)!);
  }

  /** Ends a stream; durable when it resolves, and to be called after its table has let go of it. None is no error. */
  async closeStream(arn: string): Promise<void> {
    const stream = this.#streams.get(arn);
    if (!stream || stream.state.closed) return;
    const closed = { at: this.#dependencies.clock.now(), sequence: stream.stop() };
    try {
      await this.#registry.put(arn, { ...stream.state, closed });
    } catch (error) {
      stream.goOn();
      throw error;
    }
    stream.end(this.#registry.get(arn)!);
  }

  /** Closes what no table refers to: once, when the tables are known. */
  async reconcile(inUse: ReadonlySet<string>): Promise<void> {
    for (const { state } of [...this.#streams.values()]) {
      if (!state.feed && !inUse.has(state.arn)) await this.closeStream(state.arn);
    }
  }

  /** What writes the records of an open stream. @throws resource-not-found */
  follower(arn: string): Follower {
    return this.get(arn);
  }

  /** @throws resource-not-found */
  get(arn: string): TableStream {
    const stream = this.#streams.get(arn);
    if (stream && !stream.state.feed) return stream;
    throw streamNotFound(arn);
  }

  /** A stream or a feed, if it is there still. */
  find(arn: string): TableStream | undefined {
    return this.#streams.get(arn);
  }

  /** Streams of a region in the order of their ARNs. */
  list(region: string, tableName?: string): readonly TableStream[] {
    const prefix =
      tableName === undefined ? streamArn(region, '', '').split('/', 1)[0]! : streamArn(region, tableName, '');
    return this.#registry
      .names(prefix)
      .map((arn) => this.#streams.get(arn)!)
      .filter(({ state }) => !state.feed);
  }

  /** Notes the time and lets go of what has expired. */
  trim(): Promise<void> {
    this.#trimming = this.#trimming.catch(() => {}).then(() => this.#trim());
    return this.#trimming;
  }

  async #trim(): Promise<void> {
    const { clock } = this.#dependencies;
    if (!this.#jumps.isSteady() || this.#streams.size === 0) return;
    const now = clock.now();
    if (await this.#horizon.advance(this.#sequence.take(), now)) this.#behind = true;
    const goesOn = () => !this.#closed;
    for (const stream of [...this.#streams.values()]) {
      const { closed } = stream.state;
      const isOver = closed && closed.at <= now - TABLE_STREAM_LIMITS.retentionMs;
      // What is dropped is emptied before: nobody waits for millions of records that go at once.
      if (isOver || this.#behind) await stream.trim(isOver ? closed.sequence : this.#horizon.sequence, goesOn);
      if (this.#closed) return;
      if (isOver) await this.#forget(stream);
    }
    this.#behind = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#trimming.catch(() => {});
  }

  async #add(state: StreamState): Promise<void> {
    const { records } = this.#dependencies;
    this.#streams.set(state.arn, await TableStream.open(state, records, () => this.#sequence.take()));
  }

  async #forget(stream: TableStream): Promise<void> {
    const { arn } = stream.state;
    const { records } = this.#dependencies;
    await Promise.all([records.dropSpace(spaceOf(stream.state)), records.dropSpace(trimmedSpaceOf(stream.state))]);
    await this.#registry.delete(arn);
    this.#streams.delete(arn);
    stream.wakeAll();
  }

  #schedule(): void {
    const { clock, logger } = this.#dependencies;
    this.#timer = clock.timer(TABLE_STREAM_LIMITS.trimIntervalMs, () => {
      this.trim()
        .catch((error: unknown) => logger.warn('table-streams-not-trimmed', { error }))
        .finally(() => {
          if (this.#timer) this.#schedule();
        });
    });
  }
}
