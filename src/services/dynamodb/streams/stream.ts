import { assert, DomainError, onAbort } from '../../../base/index.ts';
import type { RecordEntry, Records, Write } from '../../../store/index.ts';
import type { Follower, ItemChange } from '../model/follower.ts';
import type { StoredItem } from '../model/table.ts';
import { keysOf } from './keys.ts';
import { TABLE_STREAM_LIMITS } from './limits.ts';
import { eventOf, RecordWriter } from './record.ts';
import { decodeRow, encodeRow, rowKey, type StreamRow, sequenceOfKey } from './row.ts';
import { type StreamState, shardOfItem, spaceOf, trimmedSpaceOf } from './state.ts';

/** A record as it was read. */
export interface StreamRecord {
  readonly sequence: number;
  readonly row: StreamRow;
}

interface Waiter {
  readonly shard: number;
  readonly from: number;
  readonly wake: () => void;
}

/**
 * A stream of a table: the follower that writes its records, and the ways to read them.
 *
 * T1. A record is in the commit of its change, and its number was taken in the turn in which that commit was handed over: the
 *     numbers of a shard are in the order of its commits, so that a reader who has seen one has seen all that are lower.
 * T2. `#handed` is the highest number given out in a shard. Nobody who waits behind it asks the store again before a commit is
 *     durable; who waits at or before it is woken with each commit, since that may be the one.
 */
export class TableStream implements Follower {
  readonly readsOld = true;
  readonly writer: RecordWriter;
  #state: StreamState;
  readonly #records: Records;
  readonly #take: () => number;
  readonly #space: string;
  readonly #handed: number[];
  /** The highest number that was trimmed, a shard. */
  readonly #trimmed: number[];
  readonly #waiters = new Set<Waiter>();
  /** Changes are not its business any more. */
  #closing = false;

  private constructor(state: StreamState, records: Records, take: () => number, trimmed: number[]) {
    this.#state = state;
    this.#records = records;
    this.#take = take;
    this.#space = spaceOf(state);
    this.writer = new RecordWriter(state);
    // What stood there before is below the number that is next now.
    this.#handed = trimmed.map(() => take());
    this.#trimmed = trimmed;
  }

  /** @param take  the next sequence number */
  static async open(state: StreamState, records: Records, take: () => number): Promise<TableStream> {
    const trimmed = Array.from({ length: TABLE_STREAM_LIMITS.shards }, () => state.firstSequence - 1);
    for (const { key } of await records.range(trimmedSpaceOf(state), { limit: trimmed.length }))
      trimmed[key[0]!] = sequenceOfKey(key);
    return new TableStream(state, records, take, trimmed);
  }

  get state(): StreamState {
    return this.#state;
  }

  follow({ key, old, new: item, at, by }: ItemChange, writes: Write[]): void {
    if (this.#closing) return;
    const { viewType, key: schema } = this.#state;
    const keys = keysOf(schema, (item ?? old)!.attributes);
    const newItem = viewType === 'NEW_IMAGE' || viewType === 'NEW_AND_OLD_IMAGES' ? item : undefined;
    const oldItem = viewType === 'OLD_IMAGE' || viewType === 'NEW_AND_OLD_IMAGES' ? old : undefined;
    const shard = shardOfItem(key);
    const sequence = this.#take();
    this.#handed[shard] = sequence;
    const value = encodeRow({
      event: eventOf(old !== undefined, item !== undefined),
      by,
      at,
      sizeBytes: keys.sizeBytes + sizeOf(newItem) + sizeOf(oldItem),
      keys: keys.json,
      newImage: newItem?.json,
      oldImage: oldItem?.json,
    });
    writes.push({ kind: 'put', space: this.#space, key: rowKey(shard, sequence), value });
  }

  committed(): void {
    for (const waiter of this.#waiters) if (waiter.from <= this.#handed[waiter.shard]!) waiter.wake();
  }

  /** Takes no changes from now on. @returns the sequence number that ends it */
  stop(): number {
    this.#closing = true;
    return this.#take();
  }

  /** Its end could not be written: it goes on. */
  goOn(): void {
    this.#closing = false;
  }

  /** Its end is durable: all that was taken before is too. */
  end(state: StreamState): void {
    assert(state.closed, 'a stream that ends is closed');
    this.#state = state;
    this.wakeAll();
  }

  /** Whoever waits looks again. */
  wakeAll(): void {
    for (const waiter of this.#waiters) waiter.wake();
  }

  /** The number that the next record gets, or one below it: of records that are not there yet. */
  get next(): number {
    return this.#state.closed?.sequence ?? this.#take();
  }

  /** The lowest number that a record of a shard can have that was not trimmed. */
  first(shard: number): number {
    return this.#trimmed[shard]! + 1;
  }

  /** Durable records of a shard from a sequence number on, oldest first; a read ends with the record that reaches `bytesMax`. @throws records-trimmed */
  async read(shard: number, from: number, recordsMax: number, bytesMax: number): Promise<readonly StreamRecord[]> {
    if (from > this.#handed[shard]!) return [];
    const limit = Math.min(recordsMax, READ_MAX);
    const entries = await this.#range(shard, from, { limit, bytesMax });
    // Asked after: what was trimmed meanwhile is missed.
    if (from < this.first(shard)) throw trimmedAt(from);
    return entries.map(({ key, value }) => ({ sequence: sequenceOfKey(key), row: decodeRow(value) }));
  }

  /** Resolves when there is a record at or after `from`, or the stream has ended. @throws the signal's reason */
  async wait(shard: number, from: number, signal: AbortSignal): Promise<void> {
    while (this.#state.closed === undefined) {
      signal.throwIfAborted();
      // Listen first, ask second: a commit between the two must not be missed.
      const woken = this.#next(shard, from, signal);
      woken.catch(() => {});
      if (from <= this.#handed[shard]! && (await this.#range(shard, from, { limit: 1 })).length > 0) return;
      await woken;
    }
  }

  /** How many records stand in a shard from `from` on, up to a limit, and the time of the oldest. */
  async backlog(
    shard: number,
    from: number,
  ): Promise<{ readonly records: number; readonly oldestAt: number | undefined }> {
    if (from > this.#handed[shard]!) return { records: 0, oldestAt: undefined };
    const entries = await this.#range(shard, from, { limit: BACKLOG_MAX });
    return { records: entries.length, oldestAt: entries[0] && decodeRow(entries[0].value).at };
  }

  /** Deletes what stands below a sequence number, in steps: between two of them other commits go on. */
  async trim(horizon: number, goesOn: () => boolean): Promise<void> {
    for (let shard = 0; shard < this.#trimmed.length; shard++) {
      const end = rowKey(shard, horizon);
      while (goesOn()) {
        const [first] = await this.#records.range(this.#space, { from: rowKey(shard, 0), to: end, limit: 1 });
        if (!first) break;
        await this.#trimStep(shard, sequenceOfKey(first.key), horizon);
      }
    }
  }

  async #trimStep(shard: number, from: number, horizon: number): Promise<void> {
    const space = this.#space;
    const to = rowKey(shard, Math.min(from + TABLE_STREAM_LIMITS.trimStep, horizon));
    const [last] = await this.#records.range(space, { from: rowKey(shard, from), to, reverse: true, limit: 1 });
    const through = sequenceOfKey(last!.key);
    // Before the records go: who reads them now must not take them for ones that never were.
    this.#trimmed[shard] = through;
    const stored = trimmedSpaceOf(this.#state);
    await this.#records.commit({
      writes: [
        { kind: 'deleteRange', space, from: rowKey(shard, from), to },
        { kind: 'deleteRange', space: stored, from: Buffer.of(shard), to: Buffer.of(shard + 1) },
        { kind: 'put', space: stored, key: rowKey(shard, through), value: NOTHING },
      ],
    });
  }

  /** The first record at or after a time: a stream's times are in its order as far as the clock went forward. */
  async sequenceAt(shard: number, at: number): Promise<number> {
    for (let from = 0; ; ) {
      const page = await this.#range(shard, from, { limit: READ_MAX });
      const found = page.find(({ value }) => decodeRow(value).at >= at);
      if (found) return sequenceOfKey(found.key);
      if (page.length < READ_MAX) return this.next;
      from = sequenceOfKey(page.at(-1)!.key) + 1;
    }
  }

  #range(shard: number, from: number, bounds: { limit: number; bytesMax?: number }): Promise<readonly RecordEntry[]> {
    return this.#records.range(this.#space, { from: rowKey(shard, from), to: rowKey(shard + 1, 0), ...bounds });
  }

  #next(shard: number, from: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        this.#waiters.delete(waiter);
        forget();
        act();
      };
      const waiter: Waiter = { shard, from, wake: () => settle(resolve) };
      this.#waiters.add(waiter);
      let forget = () => {};
      forget = onAbort(signal, (reason) => settle(() => reject(reason)));
    });
  }
}

const NOTHING = new Uint8Array(0);

function trimmedAt(sequence: number): DomainError {
  return new DomainError('records-trimmed', `Records from ${sequence} on have expired.`);
}

/** Records of one read of the store. */
const READ_MAX = 1000;

/** Records that a backlog counts to: beyond it "many" is all that anyone needs to know. */
const BACKLOG_MAX = 1000;

function sizeOf(item: StoredItem | undefined): number {
  return item?.sizeBytes ?? 0;
}
