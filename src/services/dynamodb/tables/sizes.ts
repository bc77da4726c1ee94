import { type Clock, hasCode } from '../../../base/index.ts';
import { RECORDS_LIMITS, type Records, type Write } from '../../../store/index.ts';
import { TABLE_LIMITS } from '../limits.ts';
import type { Follower } from '../model/follower.ts';
import { sizeOfEncoded } from '../model/stored.ts';
import type { Index } from '../model/table.ts';
import type { Chores } from './chores.ts';
import { NO_SIZES, type Size, type TableSizes } from './description.ts';
import type { LiveTable } from './live-table.ts';
import { choresOf } from './tables.ts';

/** What was counted last, by the id of the table: JSON. */
const SPACE = 'dynamodb/sizes';

/** Forgets what was counted, in the commit that deletes a table. */
export const forgetSizes = (tableId: string): Write => ({ kind: 'delete', space: SPACE, key: Buffer.from(tableId) });

/** A count of a large table is read in pages of so many bytes, so that others get their turn. */
const PAGE_BYTES = 1024 * 1024;

/** What is counted while somebody waits. */
const AT_ONCE: Size = { count: TABLE_LIMITS.itemsCountedAtOnce, bytes: TABLE_LIMITS.bytesCountedAtOnce };
const ALL: Size = { count: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

const exceeds = (size: Size, most: Size) => size.count > most.count || size.bytes > most.bytes;

interface Counted {
  readonly at: number;
  readonly table: Size;
  /** By their spaces: an index that is made anew under a name is another one. Only of those that are built. */
  readonly indexes: Readonly<Record<string, Size>>;
}

/**
 * How many items there are, and their bytes.
 *
 * A put without conditions does not know whether it replaces an item, and reading what was there just to count would cost every
 * one of them. So small tables are counted when somebody asks, and large ones in the background, at most every six hours, which
 * is how often AWS does it.
 */
export class Sizes {
  readonly #records: Records;
  readonly #chores: Chores;
  readonly #clock: Clock;
  readonly #counted = new WeakMap<LiveTable, Counted>();
  readonly #marks = new WeakMap<LiveTable, ChangeMark>();
  /** Too large to be counted while somebody waits. */
  readonly #large = new WeakSet<LiveTable>();

  constructor(records: Records, chores: Chores, clock: Clock) {
    this.#records = records;
    this.#chores = chores;
    this.#clock = clock;
  }

  /** Notes that a table was written. */
  follower(table: LiveTable): Follower {
    const known = this.#marks.get(table);
    if (known) return known;
    const mark = new ChangeMark();
    this.#marks.set(table, mark);
    return mark;
  }

  async of(table: LiveTable): Promise<TableSizes> {
    const known = this.#counted.get(table) ?? (await this.#stored(table));
    const mark = this.#marks.get(table);
    if (known && mark?.changed === false && isOfAll(table, known)) return sizesOf(table, known);
    if (mark) mark.changed = false;
    const counted = this.#large.has(table) ? undefined : await this.#count(table, AT_ONCE);
    if (counted) return sizesOf(table, await this.#keep(table, counted));
    this.#large.add(table);
    if (mark) mark.changed = true;
    if (!known || known.at + TABLE_LIMITS.sizeIntervalMs <= this.#clock.now()) this.#countInBackground(table);
    return known ? sizesOf(table, known) : NO_SIZES;
  }

  #countInBackground(table: LiveTable): void {
    this.#chores.start(`${choresOf(table.id)}counting items`, async (signal) => {
      const counted = await this.#count(table, ALL, signal);
      if (!counted) return;
      await this.#keep(table, counted);
      if (!exceeds(counted.table, AT_ONCE)) this.#large.delete(table);
    });
  }

  async #keep(table: LiveTable, sizes: Omit<Counted, 'at'>): Promise<Counted> {
    const counted: Counted = { ...sizes, at: this.#clock.now() };
    this.#counted.set(table, counted);
    const value = Buffer.from(JSON.stringify(counted));
    try {
      await this.#records.commit({ writes: [{ kind: 'put', space: SPACE, key: Buffer.from(table.id), value }] });
    } catch (error) {
      // What is asked for is known; only the next start of the node has to count again.
      if (!hasCode(error, 'records-full') && !hasCode(error, 'records-busy')) throw error;
    }
    return counted;
  }

  async #stored(table: LiveTable): Promise<Counted | undefined> {
    const found = await this.#records.get(SPACE, Buffer.from(table.id));
    return found && (JSON.parse(Buffer.from(found.value).toString()) as Counted);
  }

  /** @returns `undefined` when there is more than `most`, or the signal ended it */
  async #count(table: LiveTable, most: Size, signal?: AbortSignal): Promise<Omit<Counted, 'at'> | undefined> {
    const items = await this.#countSpace(table.space, most, signal);
    if (!items) return undefined;
    const indexes: Record<string, Size> = {};
    for (const { space } of builtIndexes(table)) {
      const size = await this.#countSpace(space, most, signal);
      if (!size) return undefined;
      indexes[space] = size;
    }
    return { table: items, indexes };
  }

  async #countSpace(space: string, most: Size, signal?: AbortSignal): Promise<Size | undefined> {
    let from: Uint8Array = Buffer.alloc(0);
    let [count, bytes] = [0, 0];
    for (;;) {
      const page = await this.#records.range(space, {
        from,
        limit: Math.min(RECORDS_LIMITS.readRecordsMax, most.count + 1),
        bytesMax: PAGE_BYTES,
      });
      if (page.length === 0) return { count, bytes };
      count += page.length;
      for (const { value } of page) bytes += sizeOfEncoded(value);
      if (exceeds({ count, bytes }, most) || signal?.aborted) return undefined;
      from = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
    }
  }
}

/** Costs a put one assignment. */
class ChangeMark implements Follower {
  readonly readsOld = false;
  changed = true;

  follow(): void {
    this.changed = true;
  }
}

/** Building an index writes past those who follow the table. */
function builtIndexes({ indexes }: LiveTable): readonly Index[] {
  return [...indexes.values()].filter(({ status }) => status !== 'CREATING');
}

function isOfAll(table: LiveTable, { indexes }: Counted): boolean {
  return builtIndexes(table).every(({ space }) => Object.hasOwn(indexes, space));
}

function sizesOf({ indexes }: LiveTable, counted: Counted): TableSizes {
  const sized = [...indexes.values()].map(({ name, space }) => [name, counted.indexes[space]] as const);
  return { table: counted.table, indexes: new Map(sized.filter((one): one is [string, Size] => one[1] !== undefined)) };
}
