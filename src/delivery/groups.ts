import type { Clock } from '../base/index.ts';
import type { RecordEntry, Records } from '../store/index.ts';
import type { Row } from './rows.ts';
import * as rows from './rows.ts';
import type { Settler } from './settler.ts';

/** Rows of a group that are read at once, as many as have so many bytes; they are delivered one after the other. */
const GROUP_PAGE_MIN = 4;
const GROUP_PAGE_MAX = 32;
const GROUP_PAGE_BYTES = 256 * 1024;

/** What became of a row that was tried: it is gone, nothing is known since the outbox stops, or it is to be tried again. */
export type Advance = 'done' | 'stopped' | Row;

/** How a turn ended: the group is empty or waits for its head, or the outbox stops in the middle. */
type TurnEnd = { readonly kind: 'ended'; readonly wakeAt?: number } | { readonly kind: 'stopped' };

/**
 * The ordering groups of one edge. A group is worked on by one chain at a time, in order of sequence. Each row of a group
 * has brought a turn; a turn that finds the chain at work makes it look again before it ends, so that no row is left
 * without one.
 */
export class Groups {
  readonly #edge: string;
  readonly #records: Records;
  readonly #settler: Settler;
  readonly #clock: Clock;
  readonly #chains = new Map<string, { again: boolean }>();

  constructor(edge: string, parts: { readonly records: Records; readonly settler: Settler; readonly clock: Clock }) {
    this.#edge = edge;
    this.#records = parts.records;
    this.#settler = parts.settler;
    this.#clock = parts.clock;
  }

  /** Delivers what the group has, as far as its head lets it. @param advance  tries one row; what is done is gone from disk */
  async takeTurn(group: string, advance: (row: Row) => Promise<Advance>): Promise<TurnEnd> {
    const working = this.#chains.get(group);
    if (working) {
      working.again = true;
      return { kind: 'ended' };
    }
    const chain = { again: false };
    this.#chains.set(group, chain);
    const leave = () => {
      if (this.#chains.get(group) === chain) this.#chains.delete(group);
    };
    try {
      return await this.#run(group, chain, advance, leave);
    } finally {
      leave();
    }
  }

  /** @param leave  called in the moment in which nothing is left to do: a turn that comes a moment later has a chain of its own */
  async #run(
    group: string,
    chain: { again: boolean },
    advance: (row: Row) => Promise<Advance>,
    leave: () => void,
  ): Promise<TurnEnd> {
    for (let limit = GROUP_PAGE_MIN; ; ) {
      chain.again = false;
      const page = await this.#records.range(rows.SPACES.ordered, rows.orderedRange(this.#edge, group, limit));
      if (page.length === 0 && !chain.again) {
        leave();
        return { kind: 'ended' };
      }
      limit = fitting(page, limit);
      for (const record of page) {
        const row = rows.decodeOrdered(record);
        const next = row.dueAt > this.#clock.now() ? row : await advance(row);
        if (next === 'stopped') return { kind: 'stopped' };
        if (next === 'done') continue;
        // The head waits, and the group behind it; the turn brings it back.
        const changed = next === row ? [] : [rows.putOrdered(next, group)];
        await this.#settler.write([...changed, rows.putTurn(this.#edge, group, next)]);
        // A turn that came meanwhile goes from disk, and may have been the head's own, whose time has come: nobody else would look.
        if (chain.again) break;
        leave();
        return { kind: 'ended', wakeAt: next.dueAt };
      }
    }
  }
}

/** How many rows to read next, by the size of those that came. */
function fitting(page: readonly RecordEntry[], limit: number): number {
  if (page.length === 0) return limit;
  const bytes = page.reduce((sum, { value }) => sum + value.length, 0);
  const fit = Math.floor((GROUP_PAGE_BYTES * page.length) / Math.max(1, bytes));
  return Math.min(GROUP_PAGE_MAX, Math.max(GROUP_PAGE_MIN, fit));
}
