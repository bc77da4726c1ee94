import { hasCode } from '../../../base/index.ts';
import type { Condition, RecordEntry, Records, Write } from '../../../store/index.ts';
import { progressSpace } from './definition.ts';
import type { LiveTable } from './live-table.ts';

/** Items that are read at once, and their bytes: a page is one commit, and others wait as long. */
const PAGE_ROWS = 500;
const PAGE_BYTES = 1024 * 1024;

const START = Buffer.alloc(0);

/**
 * Writes a row for each item that a table held when a follower began to keep such rows.
 *
 * The follower is there first, so an item that changes meanwhile is its business: each row is written under the condition that
 * its item is still as it was read (B1). How far it is stands in the commit of the rows, so a restart goes on from there (B2).
 * @param space  where the rows are: tells this backfill from others of the table
 * @param rowOf  `undefined`: this item has none
 * @returns whether it is complete: false when the signal or the end of the table ended it before
 */
export async function backfill(
  records: Records,
  table: LiveTable,
  space: string,
  rowOf: (item: RecordEntry) => Write | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const progress = { space: progressSpace(table.id), key: Buffer.from(space) };
  const found = await records.get(progress.space, progress.key);
  let from: Uint8Array = found?.value ?? START;
  // Commits take effect in the order in which they are handed over: once this one has, all from before the follower have.
  await records.commit({ writes: [{ kind: 'put', ...progress, value: from }] });
  for (;;) {
    const page = await records.range(table.space, { from, limit: PAGE_ROWS, bytesMax: PAGE_BYTES });
    if (signal.aborted || table.isDeleted) return false;
    if (page.length === 0) return true;
    from = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
    await writeRows(records, table, page, rowOf, { kind: 'put', ...progress, value: from });
  }
}

/** Forgets how far a backfill is. */
export function forgetProgress(table: LiveTable, space: string): Write {
  return { kind: 'delete', space: progressSpace(table.id), key: Buffer.from(space) };
}

async function writeRows(
  records: Records,
  table: LiveTable,
  page: readonly RecordEntry[],
  rowOf: (item: RecordEntry) => Write | undefined,
  progress: Write,
): Promise<void> {
  const conditions: Condition[] = [];
  const writes: Write[] = [];
  for (const item of page) {
    const row = rowOf(item);
    if (!row) continue;
    conditions.push({ space: table.space, key: item.key, is: item.version });
    writes.push(row);
  }
  for (;;) {
    try {
      await records.commit({ conditions, writes: [...writes, progress] });
      return;
    } catch (error) {
      if (!hasCode(error, 'condition-failed')) throw error;
      // Somebody has written this item since, and the follower its row.
      const { index } = (error as { readonly fields: { readonly index: number } }).fields;
      conditions.splice(index, 1);
      writes.splice(index, 1);
    }
  }
}
