import type { Write } from '../../../store/index.ts';
import { indexRowKey } from '../model/key.ts';
import { projectTo } from '../model/projection.ts';
import { sizeOfEncoded } from '../model/stored.ts';
import { type Index, type StoredItem, type Table, UNLIMITED } from '../model/table.ts';
import { ITEM_LIMITS } from './limits.ts';

/** What a change has cost: write units of the table, and of the indexes that it changed. */
export interface WriteUnits {
  readonly table: number;
  readonly indexes: ReadonlyMap<string, number>;
}

/** What an answer says of the capacity that a request took. */
export type CapacityWish = 'INDEXES' | 'TOTAL' | 'NONE' | undefined;

const NO_INDEXES: ReadonlyMap<string, number> = new Map();

/** Units of a write of so many bytes. */
export function writeUnits(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / ITEM_LIMITS.writeUnitBytes));
}

/** Units of a read: whole ones when it is strongly consistent, else half of them. */
export function readUnits(sizeBytes: number, consistent: boolean): number {
  const units = Math.max(1, Math.ceil(sizeBytes / ITEM_LIMITS.readUnitBytes));
  return consistent ? units : units / 2;
}

/**
 * Takes from table and indexes what a change costs.
 *
 * @param writes  what the change and its followers wrote
 * @param factor  2 in transactions
 * @throws DynamodbError `throughput-exceeded`
 */
export function chargeWrite(
  table: Table,
  change: { readonly old: StoredItem | undefined; readonly new: StoredItem | undefined },
  writes: readonly Write[],
  factor: number,
): WriteUnits {
  const largest = Math.max(change.old?.sizeBytes ?? 0, change.new?.sizeBytes ?? 0);
  const units = writeUnits(largest) * factor;
  table.throughput.write(units);
  if (table.indexes.size === 0) return { table: units, indexes: NO_INDEXES };
  const indexes = new Map<string, number>();
  for (const index of table.indexes.values()) {
    const count = indexUnits(index, table, change.old, writes) * factor;
    if (count === 0) continue;
    indexes.set(index.name, count);
    if (index.throughput !== UNLIMITED) index.throughput.write(count);
  }
  return { table: units, indexes };
}

/** One write for each row that was put or deleted; none for a change that the index does not see. */
function indexUnits(index: Index, table: Table, old: StoredItem | undefined, writes: readonly Write[]): number {
  let units = 0;
  for (const write of writes) {
    if (write.space !== index.space) continue;
    if (write.kind === 'put') units += writeUnits(sizeOfEncoded(write.value));
    else if (write.kind === 'delete') units += old ? writeUnits(oldSize(index, table, old)) : 1;
  }
  return units;
}

function oldSize(index: Index, table: Table, old: StoredItem): number {
  const wasThere = indexRowKey(index.key, table.key, old.attributes) !== undefined;
  return wasThere ? projectTo(index, table.key, old).sizeBytes : 0;
}
