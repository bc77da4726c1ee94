import type { RecordEntry, Records } from '../store/index.ts';
import type { Row } from './rows.ts';
import * as rows from './rows.ts';
import type { Settler } from './settler.ts';

/** Rows of one read, and their bytes. */
const PAGE = 64;
const PAGE_BYTES = 256 * 1024;

/** A head of a group, and the group. */
interface Head {
  readonly row: Row;
  readonly group: string;
}

/**
 * Gives a turn to each group that stands on disk without one: nothing but the next message to it would bring it one. Reads the head of
 * every group, and may go on while they are worked on: a turn that was not needed finds nothing to do.
 *
 * @param given  told of each turn when it is durable
 * @param signal  ends it after the read that is under way
 */
export async function restoreTurns(
  { records, settler }: { readonly records: Records; readonly settler: Settler },
  given: (edge: string, dueAt: number) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let after: rows.GroupName | undefined; !signal.aborted; ) {
    const page = await records.range(rows.SPACES.ordered, rows.groupsRange(after, PAGE, PAGE_BYTES));
    const last = page.at(-1);
    if (!last) return;
    after = rows.groupNameOf(last);
    const without = await withoutTurn(records, headsOf(page));
    if (without.length === 0) continue;
    await settler.write(without.map(({ row, group }) => rows.putTurn(row.edge, group, row)));
    for (const { row } of without) given(row.edge, row.dueAt);
  }
}

/** The first row of each group; a page begins with the first of one. */
function headsOf(page: readonly RecordEntry[]): readonly Head[] {
  const heads: Head[] = [];
  for (const entry of page) {
    const { edge, group } = rows.groupNameOf(entry);
    const last = heads.at(-1);
    if (last?.group !== group || last.row.edge !== edge) heads.push({ row: rows.decodeOrdered(entry), group });
  }
  return heads;
}

/** A turn that an earlier row of the group has brought may still be there; one more does no harm. */
async function withoutTurn(records: Records, heads: readonly Head[]): Promise<readonly Head[]> {
  const turns = await records.getAll(heads.map(({ row }) => rows.turnKey(row.edge, row)));
  return heads.filter((_, index) => turns[index] === undefined);
}
