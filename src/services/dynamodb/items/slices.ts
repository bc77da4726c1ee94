import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StoredItem } from '../model/table.ts';

/** Of what is done with an item: its bytes, and something for the item itself, as often as something is looked up in it. */
const WORK_OF_ITEM = 64;

/** Work of one turn of the loop: some milliseconds. */
const WORK_PER_TURN = 1024 * 1024;

/**
 * Does something with each item, and lets others have their turns in between: a page may hold hundreds of thousands of small items,
 * or a filter may look in 300 ways at large ones.
 * @param lookups  paths that are looked up in each
 */
export async function eachItem(
  items: readonly StoredItem[],
  lookups: number,
  visit: (item: StoredItem) => void,
): Promise<void> {
  let work = 0;
  for (const item of items) {
    visit(item);
    work += (item.sizeBytes + WORK_OF_ITEM) * (1 + lookups);
    if (work < WORK_PER_TURN) continue;
    work = 0;
    await nextTurn();
  }
}

/** Those of the items of which `holds` says so. @param lookups  as {@link eachItem} */
export async function itemsThat(
  items: readonly StoredItem[],
  lookups: number,
  holds: (item: StoredItem) => boolean,
): Promise<readonly StoredItem[]> {
  const found: StoredItem[] = [];
  await eachItem(items, lookups, (item) => {
    if (holds(item)) found.push(item);
  });
  return found;
}
