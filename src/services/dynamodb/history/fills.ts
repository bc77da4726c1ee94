import type { Clock } from '../../../base/index.ts';
import type { Records, Write } from '../../../store/index.ts';
import { decodeItem } from '../model/stored.ts';
import type { LiveTable } from '../tables/live-table.ts';
import { choresOf, type Tables } from '../tables/tables.ts';
import type { PastItem } from './past.ts';

/** Rows of one commit: with twenty indexes still far below what a transaction may hold. */
const ROWS_AT_ONCE = 500;

export interface FillParts {
  readonly records: Records;
  readonly tables: Tables;
  readonly clock: Clock;
}

/**
 * Fills a new table, which nobody reads or writes until it is full.
 *
 * A restart begins again: rows are put where they were put before, and the same item gives the same rows.
 * @param items  asked for anew with each try
 * @param done  called once all is durable, before the table opens
 */
export function fill(
  { records, tables, clock }: FillParts,
  table: LiveTable,
  items: () => AsyncIterable<readonly PastItem[]>,
  done: () => Promise<void>,
): void {
  tables.chores.start(`${choresOf(table.id)}filling`, async (signal) => {
    // A new try may find it open: what it holds is its users' business by then.
    if (table.definition.filling) {
      for await (const page of items()) {
        for (let at = 0; at < page.length; at += ROWS_AT_ONCE) {
          if (signal.aborted || table.isDeleted) return;
          await records.commit({ writes: rowsOf(table, page.slice(at, at + ROWS_AT_ONCE), clock.now()) });
        }
      }
      await open(tables, table, signal);
    }
    await done();
  });
}

/** The table holds what it was made from: from now on it is ACTIVE. */
export async function open(tables: Tables, table: LiveTable, signal: AbortSignal): Promise<void> {
  await tables.update(table, ({ filling: _, ...definition }) => ({ definition }), signal);
}

function rowsOf(table: LiveTable, items: readonly PastItem[], at: number): Write[] {
  const writes: Write[] = [];
  for (const { key, value } of items) {
    writes.push({ kind: 'put', space: table.space, key, value });
    const change = { key, old: undefined, new: decodeItem(value), at, by: 'caller' } as const;
    for (const follower of table.followers) follower.follow(change, writes);
  }
  return writes;
}
