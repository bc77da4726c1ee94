import type { RecordEntry, Records } from '../../../store/index.ts';
import { DAY_BYTES, dayKey, dayOf, readUndoKey, STAMP_BYTES } from './undo.ts';

/** Rows that are read at once, and their bytes. */
const PAGE_ROWS = 500;
const PAGE_BYTES = 1024 * 1024;

/** Items and bytes beyond which a stretch of the table ends: what is remembered of it stays small however much has changed. */
const CHANGED_MAX = 2_000;
const CHANGED_BYTES_MAX = 4 * PAGE_BYTES;

/** Above every stamp of an item. */
const PAST_STAMPS = Buffer.alloc(STAMP_BYTES + 1, 0xff);

/** An item as it was. */
export interface PastItem {
  readonly key: Uint8Array;
  /** As it was stored. */
  readonly value: Uint8Array;
}

export interface Past {
  readonly items: string;
  readonly history: string;
  /** Changes with higher stamps have not been. */
  readonly stamp: number;
  /** The highest stamp of any change, asked for after a page of items has been read. */
  latest(): number;
}

/**
 * A table as it was at a moment, in the order of its rows, while it is being written: the live rows, with the first undo record
 * of each item after the moment laid over them.
 *
 * A stretch of live rows is read first and its undo records second. A change between the two is in both or in the second alone,
 * and either way its undo record says how the item was (H1).
 *
 * @param from  goes on at this row key
 * @yields pages, so that a caller writes one commit for each; a page may be empty
 */
export async function* itemsAt(
  records: Records,
  past: Past,
  from: Uint8Array = Buffer.alloc(0),
): AsyncGenerator<readonly PastItem[]> {
  for (;;) {
    const live = await records.range(past.items, { from, limit: PAGE_ROWS, bytesMax: PAGE_BYTES });
    const last = live.at(-1);
    const changed = await changesIn(records, past, from, last && after(last.key));
    yield merge(live, changed);
    if (changed.to === undefined) return;
    from = changed.to;
  }
}

/** How items of a stretch of a table were. */
interface Stretch {
  /** By row key, hexadecimal; `undefined`: there was none. */
  readonly items: Map<string, { readonly key: Uint8Array; readonly value: Uint8Array | undefined }>;
  /** Bytes of the values. */
  readonly bytes: number;
  /** Where it ends, exclusive; absent at the end of the table. */
  readonly to: Uint8Array | undefined;
}

async function changesIn(records: Records, past: Past, from: Uint8Array, to: Uint8Array | undefined): Promise<Stretch> {
  let stretch: Stretch = { items: new Map(), bytes: 0, to };
  // The earliest day first: its record of an item is the one that counts.
  for (let day = dayOf(past.stamp); day <= dayOf(past.latest()); day++) {
    stretch = await changesOfDay(records, past, day, from, stretch);
  }
  for (const [id, { key }] of stretch.items) {
    if (stretch.to && Buffer.compare(key, stretch.to) >= 0) stretch.items.delete(id);
  }
  return stretch;
}

async function changesOfDay(
  records: Records,
  past: Past,
  day: number,
  start: Uint8Array,
  { items, bytes, to }: Stretch,
): Promise<Stretch> {
  const end = to ? dayKey(day, to) : dayKey(day + 1);
  let from: Uint8Array = dayKey(day, start);
  for (;;) {
    const rows = await records.range(past.history, { from, to: end, limit: PAGE_ROWS, bytesMax: PAGE_BYTES });
    for (const { key, value } of rows) {
      const { item, stamp } = readUndoKey(key);
      const id = Buffer.from(item).toString('hex');
      if (stamp <= past.stamp || items.has(id)) continue;
      items.set(id, { key: item, value: value.length ? value : undefined });
      bytes += value.length;
    }
    if (!isFull(rows)) return { items, bytes, to };
    const last = rows.at(-1)!;
    const { item } = readUndoKey(last.key);
    const known = items.has(Buffer.from(item).toString('hex'));
    // An item that changes all the time has many rows, of which the first is enough.
    from = known ? after(last.key.subarray(0, DAY_BYTES + item.length)) : Buffer.concat([last.key, Buffer.of(0)]);
    if (items.size >= CHANGED_MAX || bytes >= CHANGED_BYTES_MAX)
      return { items, bytes, to: known ? after(item) : item };
  }
}

/** Whether there may be more rows than were read. */
function isFull(rows: readonly RecordEntry[]): boolean {
  return (
    rows.length === PAGE_ROWS || rows.reduce((sum, { key, value }) => sum + key.length + value.length, 0) >= PAGE_BYTES
  );
}

function merge(live: readonly RecordEntry[], { items, to }: Stretch): readonly PastItem[] {
  const within = to ? live.filter(({ key }) => Buffer.compare(key, to) < 0) : live;
  const kept: PastItem[] = within.filter(({ key }) => !items.has(Buffer.from(key).toString('hex')));
  for (const { key, value } of items.values()) if (value) kept.push({ key, value });
  return kept.sort((a, b) => Buffer.compare(a.key, b.key));
}

/** A bound above an item's row and above all of its undo rows, below those of the next item: no row key begins as another ends. */
export const after = (key: Uint8Array) => Buffer.concat([key, PAST_STAMPS]);
