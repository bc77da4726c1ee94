import { type Clock, hasCode } from '../../base/index.ts';
import { decodeKey, encodeKey, keyRange } from '../../codec/index.ts';
import type { Log, LogRecord, Records, Write } from '../../store/index.ts';
import { type Batch, decodeBatch, encodeBatch, streamOf } from './batches.ts';
import { LogsError, streamNotFound } from './errors.ts';
import {
  type GroupRecord,
  LOGS_LIMITS,
  type LogEvent,
  type Position,
  type StoredEvent,
  type StreamState,
} from './model.ts';

const STREAMS = 'logs.streams';
const CHECKPOINTS = 'logs.checkpoints';
/** How far each subscription filter of a group has come. */
export const SUBSCRIPTIONS = 'logs.subscriptions';
const PAGE = 10_000;
/** Batches read at once while scanning. */
const SCAN_BATCHES = 256;
const SCAN_BYTES = 4 * 1024 * 1024;

/** What one reading may return, and which events count. */
export interface ReadLimits {
  readonly eventsMax: number;
  /** Epoch milliseconds: inclusive, exclusive. */
  readonly startTime?: number;
  readonly endTime?: number;
}

/** Events that were found, and where to go on. */
export interface Page {
  readonly events: readonly StoredEvent[];
  /** After the last event returned, or after all that was looked at. */
  readonly after: Position;
  /** Whether there may be more. */
  readonly more: boolean;
}

/** What is appended: events of one stream. */
export interface StreamEvents {
  readonly stream: string;
  readonly events: readonly LogEvent[];
}

/**
 * The events of one log group: one partition of the log for all its streams, so that thousands of streams cost no more than
 * one. The states of the streams follow within {@link LOGS_LIMITS}.stateDelayMs; after a crash they are made up from the end of
 * the partition.
 */
export class LogGroup {
  readonly partition: string;
  readonly streams = new Map<string, StreamState>();
  readonly #record: GroupRecord;
  readonly #log: Log;
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #dirty = new Set<string>();
  readonly #appended: (parts: readonly StreamEvents[]) => void;
  /** Appends run one after the other: a batch names the offset of the one before it. */
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(
    record: GroupRecord,
    log: Log,
    records: Records,
    clock: Clock,
    appended: (parts: readonly StreamEvents[]) => void,
  ) {
    this.#appended = appended;
    this.#record = record;
    this.#log = log;
    this.#records = records;
    this.#clock = clock;
    this.partition = partitionOf(record);
  }

  /**
   * Makes what a new group needs, or loads the states of an existing one.
   *
   * @param appended  told of all that is durable from now on
   */
  static async open(
    record: GroupRecord,
    log: Log,
    records: Records,
    clock: Clock,
    appended: (parts: readonly StreamEvents[]) => void,
  ): Promise<LogGroup> {
    const group = new LogGroup(record, log, records, clock, appended);
    await log.createPartition(group.partition);
    await group.#load();
    return group;
  }

  /** Removes the events and states of a group. */
  static async remove(record: GroupRecord, log: Log, records: Records): Promise<void> {
    await log.dropPartition(partitionOf(record));
    for (const space of [STREAMS, SUBSCRIPTIONS]) {
      for (;;) {
        const entries = await records.range(space, { ...keyRange([record.id]), limit: 1000 });
        if (entries.length === 0) break;
        await records.commit({ writes: entries.map(({ key }) => ({ kind: 'delete', space, key })) });
      }
    }
    await records.commit({ writes: [{ kind: 'delete', space: CHECKPOINTS, key: encodeKey([record.id]) }] });
  }

  /** Where the next event will stand. */
  get end(): number {
    return this.#log.state(this.partition).next;
  }

  /** Whether states wait to be stored. */
  get dirty(): boolean {
    return this.#dirty.size > 0;
  }

  /** @throws resource-exists */
  async createStream(name: string): Promise<void> {
    if (this.streams.has(name)) throw new LogsError('resource-exists', 'The specified log stream already exists');
    const state: StreamState = { name, createdAt: this.#clock.now() };
    this.streams.set(name, state);
    await this.#records.commit({ writes: [this.#write(state)] });
  }

  /** Its events stay in the partition until retention takes them, and are shown no more. @throws resource-not-found */
  async deleteStream(name: string): Promise<void> {
    if (!this.streams.delete(name)) throw streamNotFound();
    this.#dirty.delete(name);
    await this.#records.commit({ writes: [{ kind: 'delete', space: STREAMS, key: this.#key(name) }] });
    // Else a start after a crash would find the stream again in what it reads.
    await this.#save();
  }

  /** Appends events, making streams that are not there; durable when it resolves. */
  append(parts: readonly StreamEvents[]): Promise<void> {
    const appended = this.#tail.then(() => this.#append(parts));
    this.#tail = appended.catch(() => {});
    return appended;
  }

  /** Events of one stream from `from` on, oldest first. */
  async readStream(name: string, from: Position | undefined, limits: ReadLimits): Promise<Page> {
    const { firstOffset, lastOffset: last = -1 } = this.#state(name);
    const first: Position = { offset: firstOffset ?? this.#log.state(this.partition).next, index: 0 };
    // A token from before the stream was deleted and made again leads to nothing old.
    const start = from && from.offset >= first.offset ? from : first;
    return this.#scan(start, last + 1, (stream) => stream === name, new Finds(limits));
  }

  /** Events of one stream before `before` (its end when absent), the newest ones, oldest first. */
  async readStreamBack(
    name: string,
    before: Position | undefined,
    limits: ReadLimits,
  ): Promise<readonly StoredEvent[]> {
    const { lastOffset } = this.#state(name);
    const found: StoredEvent[] = [];
    let bytes = 0;
    let offset: number | undefined = before && before.offset <= (lastOffset ?? -1) ? before.offset : lastOffset;
    while (offset !== undefined) {
      const batch = await this.#batchAt(offset, name);
      if (!batch) break;
      const limit = before && offset === before.offset ? before.index : batch.events.length;
      for (let index = Math.min(limit, batch.events.length) - 1; index >= 0; index--) {
        const event = batch.events[index]!;
        if (!within(event, limits)) continue;
        bytes += event.message.length + LOGS_LIMITS.eventOverheadBytes;
        if (found.length >= limits.eventsMax || bytes > LOGS_LIMITS.answerBytesMax) return found.reverse();
        found.push({ ...event, stream: name, ingestedAt: batch.ingestedAt, position: { offset, index } });
      }
      offset = batch.previous;
    }
    return found.reverse();
  }

  /** Events of the whole group from `from` on that `streams` and `matches` let through, in order of arrival. */
  async filter(
    from: Position | undefined,
    streams: (name: string) => boolean,
    matches: (message: string) => boolean,
    limits: ReadLimits,
  ): Promise<Page> {
    const { startTime } = limits;
    // An event may be stamped ahead of its arrival, so what arrived a little before the start counts too.
    const start = from ?? {
      offset:
        startTime === undefined ? 0 : await this.#log.offsetAt(this.partition, startTime - LOGS_LIMITS.futureMsMax),
      index: 0,
    };
    const { next } = this.#log.state(this.partition);
    // A stream that was deleted and made again does not show what it held before.
    const shown = (name: string, offset: number) =>
      offset >= (this.streams.get(name)?.firstOffset ?? Number.POSITIVE_INFINITY) && streams(name);
    return this.#scan(start, next, shown, new Finds(limits, matches));
  }

  /** All events from `from` on that `matches` lets through, in order of arrival: those of streams that are deleted since, too. */
  since(from: Position, matches: (message: string) => boolean, limits: ReadLimits): Promise<Page> {
    return this.#scan(from, this.end, () => true, new Finds(limits, matches));
  }

  /** Lets go of what arrived before `time`, and of the streams that have nothing left. */
  async trim(time: number): Promise<void> {
    const before = await this.#log.offsetAt(this.partition, time);
    if (before <= this.#log.state(this.partition).first) return;
    await this.#log.trim(this.partition, before);
    const gone = [...this.streams.values()].filter(({ lastOffset }) => lastOffset !== undefined && lastOffset < before);
    for (const { name } of gone) await this.deleteStream(name);
  }

  /** Stores the states of streams that have changed. */
  async saveStates(): Promise<void> {
    if (this.#dirty.size > 0) await this.#save();
  }

  async #save(): Promise<void> {
    const names = [...this.#dirty].slice(0, PAGE - 1);
    const whole = names.length === this.#dirty.size;
    const writes = names.flatMap((name) => this.streams.get(name) ?? []).map((state) => this.#write(state));
    if (whole) {
      const value = Buffer.from(JSON.stringify(this.#log.state(this.partition).next));
      writes.push({ kind: 'put', space: CHECKPOINTS, key: encodeKey([this.#record.id]), value });
    }
    for (const name of names) this.#dirty.delete(name);
    await this.#records.commit({ writes });
  }

  async #append(parts: readonly StreamEvents[]): Promise<void> {
    const ingestedAt = this.#clock.now();
    const { next } = this.#log.state(this.partition);
    // Offsets are given out without gaps, and nobody else appends here: the batches' own offsets are known ahead.
    const lasts = new Map<string, number>();
    const records = parts.map(({ stream, events }, index) => {
      const previous = lasts.get(stream) ?? this.streams.get(stream)?.lastOffset;
      lasts.set(stream, next + index);
      return { timestamp: ingestedAt, payload: encodeBatch({ stream, previous, ingestedAt, events }) };
    });
    const first = await this.#log.append(this.partition, records);
    for (const [index, { stream, events }] of parts.entries()) this.#note(stream, first + index, ingestedAt, events);
    this.#appended(parts);
  }

  #note(name: string, offset: number, ingestedAt: number, events: readonly LogEvent[]): void {
    const before = this.streams.get(name) ?? { name, createdAt: ingestedAt };
    const times = events.map(({ timestamp }) => timestamp);
    this.streams.set(name, {
      ...before,
      firstOffset: before.firstOffset ?? offset,
      lastOffset: Math.max(before.lastOffset ?? 0, offset),
      firstEventAt: Math.min(before.firstEventAt ?? Number.POSITIVE_INFINITY, ...times),
      lastEventAt: Math.max(before.lastEventAt ?? 0, ...times),
      lastIngestionAt: ingestedAt,
    });
    this.#dirty.add(name);
  }

  /** Looks through the batches from `start` to before `end`, until `found` is full or much has been looked at. */
  async #scan(
    start: Position,
    end: number,
    wanted: (stream: string, offset: number) => boolean,
    found: Finds,
  ): Promise<Page> {
    const first = this.#log.state(this.partition).first;
    let at: Position = start.offset >= first ? start : { offset: first, index: 0 };
    let scannedBytes = 0;
    while (at.offset < end) {
      const records = await this.#read(at.offset);
      if (records.length === 0) break;
      for (const { offset, payload } of records) {
        if (offset >= end) return found.page(at, false);
        const index = offset === at.offset ? at.index : 0;
        const full = wanted(streamOf(payload), offset) ? found.take(decodeBatch(payload), offset, index) : undefined;
        if (full) return found.page(full, true);
        at = { offset: offset + 1, index: 0 };
        scannedBytes += payload.length;
      }
      if (scannedBytes >= LOGS_LIMITS.scanBytesMax) return found.page(at, at.offset < end);
    }
    return found.page(at, false);
  }

  async #read(offset: number): Promise<readonly LogRecord[]> {
    try {
      return await this.#log.read(this.partition, offset, SCAN_BATCHES, SCAN_BYTES);
    } catch (error) {
      // Retention was quicker than this reader: go on where the rest begins.
      if (!hasCode(error, 'records-trimmed')) throw error;
      return this.#log.read(this.partition, this.#log.state(this.partition).first, SCAN_BATCHES, SCAN_BYTES);
    }
  }

  async #batchAt(offset: number, stream: string): Promise<Batch | undefined> {
    if (offset < this.#log.state(this.partition).first) return undefined;
    const [record] = await this.#log.read(this.partition, offset, 1, 1);
    return record && streamOf(record.payload) === stream ? decodeBatch(record.payload) : undefined;
  }

  async #load(): Promise<void> {
    const { from, to } = keyRange([this.#record.id]);
    let start: Uint8Array = from;
    for (;;) {
      const page = await this.#records.range(STREAMS, { from: start, to, limit: PAGE });
      for (const { key, value } of page) {
        this.streams.set(decodeKey(key)[1] as string, JSON.parse(Buffer.from(value).toString()) as StreamState);
      }
      if (page.length < PAGE) break;
      start = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
    }
    await this.#catchUp();
  }

  /** Reads what was appended after the states were stored for the last time. */
  async #catchUp(): Promise<void> {
    const stored = await this.#records.get(CHECKPOINTS, encodeKey([this.#record.id]));
    const { first, next } = this.#log.state(this.partition);
    let offset = Math.max(first, stored ? (JSON.parse(Buffer.from(stored.value).toString()) as number) : 0);
    while (offset < next) {
      const records = await this.#read(offset);
      if (records.length === 0) break;
      for (const record of records) {
        const { stream, ingestedAt, events } = decodeBatch(record.payload);
        this.#note(stream, record.offset, ingestedAt, events);
        offset = record.offset + 1;
      }
    }
  }

  #state(name: string): StreamState {
    const state = this.streams.get(name);
    if (!state) throw streamNotFound();
    return state;
  }

  #key(stream: string): Buffer {
    return encodeKey([this.#record.id, stream]);
  }

  #write(state: StreamState): Write {
    return { kind: 'put', space: STREAMS, key: this.#key(state.name), value: Buffer.from(JSON.stringify(state)) };
  }
}

/** Events that a reading has found, up to its limits. */
class Finds {
  readonly #events: StoredEvent[] = [];
  readonly #limits: ReadLimits;
  readonly #matches: (message: string) => boolean;
  #bytes = 0;

  constructor(limits: ReadLimits, matches: (message: string) => boolean = () => true) {
    this.#limits = limits;
    this.#matches = matches;
  }

  /** Takes the events of a batch from `index` on. @returns where the first one stands that had no room */
  take({ stream, ingestedAt, events }: Batch, offset: number, index: number): Position | undefined {
    for (let i = index; i < events.length; i++) {
      const event = events[i]!;
      if (!within(event, this.#limits) || !this.#matches(event.message)) continue;
      const position = { offset, index: i };
      this.#bytes += event.message.length + LOGS_LIMITS.eventOverheadBytes;
      if (this.#isFull()) return position;
      this.#events.push({ ...event, stream, ingestedAt, position });
    }
    return undefined;
  }

  page(after: Position, more: boolean): Page {
    return { events: this.#events, after, more };
  }

  #isFull(): boolean {
    const count = this.#events.length;
    return count >= this.#limits.eventsMax || (count > 0 && this.#bytes > LOGS_LIMITS.answerBytesMax);
  }
}

function partitionOf({ id }: GroupRecord): string {
  return `logs/${id}`;
}

function within({ timestamp }: LogEvent, { startTime, endTime }: ReadLimits): boolean {
  return (startTime === undefined || timestamp >= startTime) && (endTime === undefined || timestamp < endTime);
}
