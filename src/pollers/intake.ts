import { assert } from '../base/index.ts';
import type { RecordFilter } from './filter.ts';
import type { SourceBatch, SourceRecord } from './source.ts';

/** One read of the source: the checkpoint may move to `next` once none of its records is open. */
interface Chunk {
  readonly next: string;
  open: number;
}

/** Consecutive records of one chunk in one lane. */
interface Run {
  readonly chunk: Chunk;
  readonly records: readonly SourceRecord[];
  /** Records before this index are taken. */
  taken: number;
  /** When it was read, monotonic milliseconds. */
  readonly readAt: number;
}

class Lane {
  readonly waiting: Run[] = [];
  readonly underWay: { readonly chunk: Chunk; count: number }[] = [];
  waitingCount = 0;
  waitingBytes = 0;
  busy = false;
  failing = false;
  /** When the first record of the batch taken ahead was read; `undefined` when none is. */
  preparedSince: number | undefined;
  restsUntil = 0;
}

/** What the poller knows of a lane when it decides what to do. */
export interface LaneView {
  readonly busy: boolean;
  /** The batch under way has failed and is tried again. */
  readonly failing: boolean;
  /** A batch was taken ahead and goes out next. */
  readonly prepared: boolean;
  readonly waitingCount: number;
  /** Payload of the waiting records, bytes: the event will be about 4/3 of it and an envelope each. */
  readonly waitingBytes: number;
  /** When the oldest record that waits or was taken ahead was read, monotonic milliseconds; `undefined` when there is none. */
  readonly waitingSince: number | undefined;
  /** A batch that is not full goes out no earlier; monotonic milliseconds. */
  readonly restsUntil: number;
}

export interface Taking {
  readonly recordsMax: number;
  /** Bytes of the events' JSON, commas included. */
  readonly bytesMax: number;
  /** Ends the batch before a record: tumbling windows do. */
  readonly until?: (record: SourceRecord) => boolean;
  /** Ends the batch where a read ended, so that checkpoint and window state belong together. */
  readonly withinRead?: boolean;
}

export interface Taken {
  readonly records: readonly SourceRecord[];
  /** Their JSON, ready to be joined. */
  readonly events: readonly string[];
}

/**
 * Records of one shard between being read and being done: pure bookkeeping, no waiting.
 *
 * I1. A record goes to the lane of its ordering key, and a lane hands out records in the order they were read.
 * I2. `settle` counts a lane's records off in that same order; a batch taken ahead comes after the one under way.
 * I3. The position for the checkpoint is the end of the last read before which nothing is open, over all lanes.
 */
export class Intake {
  readonly #lanes: readonly Lane[];
  readonly #chunks: Chunk[] = [];
  #buffered = 0;

  constructor(lanes: number) {
    this.#lanes = Array.from({ length: lanes }, () => new Lane());
  }

  /** Records read and not yet settled. */
  get buffered(): number {
    return this.#buffered;
  }

  /** Payload of the records that wait in lanes. */
  get waitingBytes(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.waitingBytes, 0);
  }

  /** Nothing that was read is open: the last position given out is where the source stands. */
  get settled(): boolean {
    return this.#chunks.length === 0;
  }

  views(): readonly LaneView[] {
    return this.#lanes.map((_, index) => this.view(index));
  }

  view(index: number): LaneView {
    const { busy, failing, waitingCount, waitingBytes, waiting, preparedSince, restsUntil } = this.#lanes[index]!;
    const waitingSince = preparedSince ?? waiting[0]?.readAt;
    const prepared = preparedSince !== undefined;
    return { busy, failing, prepared, waitingCount, waitingBytes, waitingSince, restsUntil };
  }

  /**
   * Takes a read over, without the records that the filter drops.
   *
   * @returns how many were kept, and where the checkpoint may move at once (all of it was dropped)
   */
  admit(batch: SourceBatch, now: number, filter?: RecordFilter): { kept: number; position: string | undefined } {
    const kept = filter ? batch.records.filter((record) => filter.keeps(record)) : batch.records;
    const chunk: Chunk = { next: batch.next, open: kept.length };
    this.#chunks.push(chunk);
    this.#buffered += kept.length;
    for (const [index, records] of this.#spread(kept))
      enqueue(this.#lanes[index]!, { chunk, records, taken: 0, readAt: now });
    return { kept: kept.length, position: this.#advance() };
  }

  /** First record that waits in a lane. */
  peek(index: number): SourceRecord | undefined {
    const run = this.#lanes[index]!.waiting[0];
    return run?.records[run.taken];
  }

  /**
   * Takes the next batch out of a lane; at least one record, whatever its size. A free lane becomes busy with it; for a busy
   * one it is taken ahead, and `begin` makes the lane busy with it once it is free.
   */
  take(index: number, { recordsMax, bytesMax, until, withinRead }: Taking): Taken {
    const lane = this.#lanes[index]!;
    assert(lane.preparedSince === undefined && lane.waitingCount > 0, 'one batch is taken, and one ahead, of records');
    if (lane.busy) lane.preparedSince = lane.waiting[0]!.readAt;
    lane.busy = true;
    const records: SourceRecord[] = [];
    const events: string[] = [];
    let bytes = 0;
    let full = false;
    while (!full && lane.waiting.length > 0) {
      const run = lane.waiting[0]!;
      const begin = run.taken;
      while (run.taken < run.records.length) {
        const record = run.records[run.taken]!;
        full = records.length > 0 && (records.length >= recordsMax || until?.(record) === true);
        if (full) break;
        const event = record.toEvent();
        // One comma each. UTF-16 length is the byte length of ASCII; the caller checks the whole.
        bytes += event.length + 1;
        full = records.length > 0 && bytes > bytesMax;
        if (full) break;
        records.push(record);
        events.push(event);
        run.taken++;
        lane.waitingBytes -= record.sizeBytes;
      }
      if (run.taken > begin) lane.underWay.push({ chunk: run.chunk, count: run.taken - begin });
      if (run.taken === run.records.length) lane.waiting.shift();
      if (withinRead) break;
    }
    lane.waitingCount -= records.length;
    return { records, events };
  }

  /** Holds small batches of a lane back for a while, so that more come together. */
  rest(index: number, until: number): void {
    this.#lanes[index]!.restsUntil = until;
  }

  /** Makes a free lane busy with the batch that was taken ahead. */
  begin(index: number): void {
    const lane = this.#lanes[index]!;
    assert(!lane.busy && lane.preparedSince !== undefined, 'a free lane begins what was taken ahead');
    lane.preparedSince = undefined;
    lane.busy = true;
  }

  /** The batch of a lane has failed: nothing is taken ahead until it is over. */
  fail(index: number): void {
    this.#lanes[index]!.failing = true;
  }

  /** The batch of a lane is over: another may be taken. */
  free(index: number): void {
    const lane = this.#lanes[index]!;
    lane.busy = false;
    lane.failing = false;
  }

  /** Counts off the oldest `count` records under way in a lane. @returns where the checkpoint may move, if it may */
  settle(index: number, count: number): string | undefined {
    const { underWay } = this.#lanes[index]!;
    this.#buffered -= count;
    while (count > 0) {
      const run = underWay[0];
      assert(run, 'no more records are settled than were taken');
      const part = Math.min(count, run.count);
      run.count -= part;
      run.chunk.open -= part;
      count -= part;
      if (run.count === 0) underWay.shift();
    }
    return this.#advance();
  }

  #advance(): string | undefined {
    let position: string | undefined;
    while (this.#chunks[0]?.open === 0) position = this.#chunks.shift()!.next;
    return position;
  }

  #spread(records: readonly SourceRecord[]): Iterable<readonly [number, readonly SourceRecord[]]> {
    if (records.length === 0) return [];
    if (this.#lanes.length === 1) return [[0, records]];
    return Map.groupBy(records, (record) => laneOf(record.orderingKey, this.#lanes.length));
  }
}

function enqueue(lane: Lane, run: Run): void {
  lane.waiting.push(run);
  lane.waitingCount += run.records.length;
  for (const record of run.records) lane.waitingBytes += record.sizeBytes;
}

/** FNV-1a over the key: the same key is always in the same lane, across restarts too. */
export function laneOf(key: string, lanes: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % lanes;
}
