/**
 * The undo log of a table: what each change has overwritten.
 *
 * | key | bytes |
 * |---|---|
 * | day of the change, days since the epoch | 2 |
 * | row key of the item | its own |
 * | stamp of the change | 8 |
 *
 * The value is the item as it was, as it was stored; empty when there was none. Within a day rows stand in the order of the
 * items' own rows, so that a moment of the past is a merge of the table with a few dozen days (`past.ts`), and whole days are
 * let go of when nobody may ask for them any more.
 *
 * A stamp is the time of a change in microseconds, made to grow with each change: in the order of commits (U1). The highest that
 * may have been given stands in the store, in the commit of the change that passed it (U2), so a clock that is set back gives
 * no stamp twice.
 */
import type { Records, Write } from '../../../store/index.ts';
import type { Follower, ItemChange } from '../model/follower.ts';
import { type History, historySpace, progressSpace } from '../tables/definition.ts';

export const DAY_BYTES = 2;
export const STAMP_BYTES = 8;
const DAY_MICROSECONDS = 86_400_000_000;

/** How far ahead the highest stamp is noted: a second, which is what a restart may be ahead of the time. */
const NOTED_AHEAD = 1_000_000;

const NONE = Buffer.alloc(0);

/** The last stamp that a change in this millisecond may have, if the clock has gone evenly. */
export const stampOf = (at: number) => at * 1000 + 999;

export const dayOf = (stamp: number) => Math.floor(stamp / DAY_MICROSECONDS);

/** Where the rows of a day begin that belong to items at or above `from`. */
export function dayKey(day: number, from: Uint8Array = NONE): Buffer {
  const key = Buffer.allocUnsafe(DAY_BYTES + from.length);
  key.writeUInt16BE(day);
  key.set(from, DAY_BYTES);
  return key;
}

export function undoKey(stamp: number, item: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(DAY_BYTES + item.length + STAMP_BYTES);
  key.writeUInt16BE(dayOf(stamp));
  key.set(item, DAY_BYTES);
  key.writeBigUInt64BE(BigInt(stamp), DAY_BYTES + item.length);
  return key;
}

/** The item and the stamp in the key of an undo row. */
export function readUndoKey(key: Uint8Array): { readonly item: Uint8Array; readonly stamp: number } {
  const end = key.length - STAMP_BYTES;
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return { item: key.subarray(DAY_BYTES, end), stamp: Number(bytes.readBigUInt64BE(end)) };
}

/** Writes the undo log of one spell. */
export class UndoFollower implements Follower {
  readonly readsOld = true;
  readonly #space: string;
  readonly #note: { readonly space: string; readonly key: Uint8Array };
  #last: number;
  #noted: number;
  #noting: number;

  private constructor(tableId: string, history: History, noted: number) {
    this.#space = historySpace(tableId, history);
    this.#note = noteOf(tableId, history);
    this.#last = noted;
    this.#noted = noted;
    this.#noting = noted;
  }

  /** Goes on where the last run of the node has ended. */
  static async open(records: Records, tableId: string, history: History): Promise<UndoFollower> {
    const { space, key } = noteOf(tableId, history);
    const found = await records.get(space, key);
    return new UndoFollower(tableId, history, found ? Number(Buffer.from(found.value).toString()) : 0);
  }

  follow({ key, old, at }: ItemChange, writes: Write[]): void {
    const stamp = this.take(at);
    if (stamp > this.#noted) {
      // Until a commit that carries it has succeeded, each does.
      if (stamp > this.#noting) this.#noting = stamp + NOTED_AHEAD;
      writes.push({ kind: 'put', ...this.#note, value: Buffer.from(String(this.#noting)) });
    }
    writes.push({ kind: 'put', space: this.#space, key: undoKey(stamp, key), value: old ? old.encoded : NONE });
  }

  committed(): void {
    this.#noted = this.#noting;
  }

  /** A stamp above all that were given, which a change after it goes beyond. @param at  epoch milliseconds */
  take(at: number): number {
    this.#last = Math.max(at * 1000, this.#last + 1);
    return this.#last;
  }

  /** The highest stamp that any change has. */
  get last(): number {
    return this.#last;
  }
}

/** Where the highest stamp of a spell stands. */
export function noteOf(tableId: string, { id }: History): { readonly space: string; readonly key: Uint8Array } {
  return { space: progressSpace(tableId), key: Buffer.from(`history ${id}`) };
}
