/*
 * Pages of Query and Scan: rows in order until `Limit` or a megabyte is reached, both counted before the filter.
 */
import type { RecordEntry, RecordKey, Records } from '../../../store/index.ts';
import { itemRowKey } from '../model/key.ts';
import { decodeItem, sizeOfEncoded } from '../model/stored.ts';
import type { StoredItem } from '../model/table.ts';
import { readUnits } from './capacity.ts';
import { ITEM_LIMITS } from './limits.ts';
import type { Readable, RowRange } from './range.ts';
import { rangeAfter } from './range.ts';

export interface PageWish {
  readonly source: Readable;
  readonly range: RowRange;
  readonly reverse: boolean;
  /** Rows looked at. */
  readonly limit: number | undefined;
  readonly consistent: boolean;
  /** Whole items are wanted of an index that has not all of them: they are read from the table. */
  readonly fetches: boolean;
}

export interface Page {
  /** As the filter sees them. */
  readonly items: readonly StoredItem[];
  /** There may be more behind this row. */
  readonly last: StoredItem | undefined;
  /** Of what was read where, by the sizes of all rows that were looked at. */
  readonly units: { readonly source: number; readonly fetched: number };
}

export async function readPage(records: Records, wish: PageWish): Promise<Page> {
  const { rows, sizeBytes, isFull } = await readRows(records, wish);
  const found = rows.map(({ value }) => decodeItem(value));
  if (!wish.fetches) {
    const units = { source: readUnits(sizeBytes, wish.consistent), fetched: 0 };
    return { items: found, last: isFull ? found.at(-1) : undefined, units };
  }
  const { items, units } = await fetchWhole(records, wish, found);
  const read = found.slice(0, items.length);
  const readBytes = read.reduce((sum, row) => sum + row.sizeBytes, 0);
  return {
    items,
    last: isFull || read.length < found.length ? read.at(-1) : undefined,
    units: { source: readUnits(readBytes, wish.consistent), fetched: units },
  };
}

interface Rows {
  readonly rows: readonly RecordEntry[];
  /** As AWS counts the items. */
  readonly sizeBytes: number;
  /** It ended because of its size. */
  readonly isFull: boolean;
}

async function readRows(records: Records, { source, range, reverse, limit }: PageWish): Promise<Rows> {
  const rows: RecordEntry[] = [];
  let sizeBytes = 0;
  let rest = range;
  for (;;) {
    const wanted = Math.min((limit ?? Number.POSITIVE_INFINITY) - rows.length, ITEM_LIMITS.rowsPerReadMax);
    const bytesMax = ITEM_LIMITS.pageBytesMax - sizeBytes;
    const { from, to } = rest;
    const read = await records.range(source.space, {
      ...(from && { from }),
      ...(to && { to }),
      ...{ reverse, limit: wanted, bytesMax },
    });
    let bytes = 0;
    for (const row of read) {
      rows.push(row);
      bytes += row.key.length + row.value.length;
      sizeBytes += sizeOfEncoded(row.value);
      if (rows.length === limit || sizeBytes >= ITEM_LIMITS.pageBytesMax) return { rows, sizeBytes, isFull: true };
    }
    if (read.length < wanted && bytes < bytesMax) return { rows, sizeBytes, isFull: false };
    rest = rangeAfter(rest, read.at(-1)!.key, reverse);
  }
}

/**
 * The whole items of rows of a local index; each costs a read of its own.
 * @returns those of the first rows, up to the size of a page: small rows may stand for items that are large
 */
async function fetchWhole(records: Records, { source: { table }, consistent }: PageWish, found: readonly StoredItem[]) {
  const items: StoredItem[] = [];
  let units = 0;
  let sizeBytes = 0;
  while (items.length < found.length) {
    const rows = found.slice(items.length, items.length + ITEM_LIMITS.itemsPerFetchMax);
    const keys = rows.map(
      ({ attributes }): RecordKey => ({ space: table.space, key: itemRowKey(table.key, attributes) }),
    );
    const read = await records.getAll(keys);
    for (const [at, row] of rows.entries()) {
      const entry = read[at];
      // One that is gone since is shown as the index had it.
      const item = entry ? decodeItem(entry.value) : row;
      items.push(item);
      units += readUnits(item.sizeBytes, consistent);
      sizeBytes += item.sizeBytes;
      if (sizeBytes >= ITEM_LIMITS.pageBytesMax) return { items, units };
    }
  }
  return { items, units };
}
