import type { Write } from '../../../store/index.ts';
import type { Follower, ItemChange } from '../model/follower.ts';
import { indexRowKey } from '../model/key.ts';
import { projectTo } from '../model/projection.ts';
import type { Index, KeySchema, StoredItem } from '../model/table.ts';
import { isIndexable } from './index-keys.ts';

/** A row of an index. */
export interface IndexRow {
  readonly key: Uint8Array;
  readonly item: StoredItem;
}

/** Where an item stands in an index; `undefined` when it does not: it lacks a key attribute, or had one of a wrong kind before the index was. */
export function indexRowOf(index: Index, table: KeySchema, item: StoredItem): IndexRow | undefined {
  if (!isIndexable(index.key, item.attributes)) return undefined;
  const key = indexRowKey(index.key, table, item.attributes);
  return key && { key, item: projectTo(index, table, item) };
}

/** Keeps the rows of one index. */
export class IndexFollower implements Follower {
  readonly readsOld = true;
  readonly #index: Index;
  readonly #table: KeySchema;

  constructor(index: Index, table: KeySchema) {
    this.#index = index;
    this.#table = table;
  }

  follow(change: ItemChange, writes: Write[]): void {
    const { space, status } = this.#index;
    const before = change.old && indexRowOf(this.#index, this.#table, change.old);
    const after = change.new && indexRowOf(this.#index, this.#table, change.new);
    const moved = before !== undefined && !(after && Buffer.compare(before.key, after.key) === 0);
    if (moved) writes.push({ kind: 'delete', space, key: before.key });
    if (!after) return;
    // While the index is being built, the row of an item that was there before may still be missing.
    if (status !== 'CREATING' && before && !moved && before.item.json === after.item.json) return;
    writes.push({ kind: 'put', space, key: after.key, value: after.item.encoded });
  }
}
