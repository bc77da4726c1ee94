/**
 * The one way in which items are written: PutItem, transactions, PartiQL, expiry and import all come through here.
 *
 *     lock the rows -> read them, if somebody must know what they hold -> decide -> let followers add their writes -> commit
 *
 * Deciding, following and handing over happen in one turn of the loop, so that the order of commits is that of decisions (W1).
 * What was read is a condition of the commit (W2): another node that writes the same store makes this one decide again.
 */
import { type DomainError, hasCode } from '../../../base/index.ts';
import type { Condition, RecordEntry, RecordKey, Records, Version, Write } from '../../../store/index.ts';
import { DynamodbError, tableNotFound } from '../errors.ts';
import type { Follower, ItemChange } from '../model/follower.ts';
import { decodeItem } from '../model/stored.ts';
import type { StoredItem, Table, TableDirectory } from '../model/table.ts';
import { chargeWrite, type WriteUnits } from './capacity.ts';
import { sameItem } from './equal.ts';
import { ITEM_LIMITS } from './limits.ts';
import { Locks } from './locks.ts';

/** What becomes of an item. */
export type Decision =
  | { readonly kind: 'put'; readonly item: StoredItem }
  | { readonly kind: 'delete' }
  /** It stays as it is: only its state mattered. */
  | { readonly kind: 'keep' };

/** A change of one item that is wanted. */
export interface WantedChange {
  readonly table: Table;
  readonly key: Uint8Array;
  /** Whether {@link decide} must be told what there is. */
  readonly readsOld: boolean;
  readonly by?: ItemChange['by'];
  /** Units are counted: answers tell them, and so what was there must be known. */
  readonly counted?: boolean;
  /** Called once a try. @param old  `undefined`: there is none, or nobody has looked @throws DynamodbError  nothing is written */
  decide(old: StoredItem | undefined): Decision;
}

/** An item before and after a change. */
export interface Outcome {
  readonly old: StoredItem | undefined;
  readonly new: StoredItem | undefined;
}

/** A change as it was made. */
export interface Written extends Outcome {
  readonly units: WriteUnits;
}

/** What makes several changes one. */
export interface Together {
  /** Each unit counts so often. */
  readonly factor: number;
  /** Must hold as well; when one does not, {@link outdated} says why. */
  readonly conditions?: readonly Condition[];
  /** Written in the same commit. */
  readonly writes?: readonly Write[];
  outdated?(): DynamodbError;
  /** What to throw when changes were refused. @param errors  by their places; the others were not */
  refused(errors: readonly (DynamodbError | undefined)[]): DynamodbError;
}

/** A commit, and what is told of it; filled change by change. */
interface Plan {
  readonly conditions: Condition[];
  readonly writes: Write[];
  readonly written: Written[];
  /** Who was told of something. */
  readonly followers: Set<Follower>;
}

/** Rows as they were read; an entry without a version is a row that is not there. */
type Rows = readonly (Row | undefined)[];
interface Row {
  readonly item: StoredItem;
  readonly version: Version;
}

const NO_UNITS: WriteUnits = { table: 0, indexes: new Map() };

/** What AWS says of an item that another request holds. */
const CONFLICT = 'Transaction is ongoing for the item';

export interface WriterDependencies {
  readonly directory: TableDirectory;
  readonly records: Records;
  readonly now: () => number;
  /** Told what each change has cost. */
  readonly wrote?: (table: Table, units: WriteUnits) => void;
}

export class Writer {
  readonly #directory: TableDirectory;
  readonly #records: Records;
  readonly #now: () => number;
  readonly #wrote: WriterDependencies['wrote'];
  readonly #locks = new Locks();

  constructor({ directory, records, now, wrote }: WriterDependencies) {
    this.#wrote = wrote;
    this.#directory = directory;
    this.#records = records;
    this.#now = now;
  }

  /** Makes one change; durable when it resolves. @throws DynamodbError  what `decide` and the table's throughput say */
  async write(change: WantedChange): Promise<Written> {
    const name = lockName(change);
    if (this.#isCrowded(name)) {
      throw new DynamodbError('records-busy', 'Too many writes wait for this item', { remedy: 'retry' });
    }
    const waiting = this.#locks.acquire(name, needsRow(change, change.table) ? 'exclusive' : 'shared');
    if (waiting !== undefined) await waiting;
    try {
      const [written] = await this.#try([change], undefined);
      return written!;
    } finally {
      this.#locks.release(name);
    }
  }

  /** Makes all changes or none. @param changes  of different items */
  async writeAll(changes: readonly WantedChange[], together: Together): Promise<readonly Written[]> {
    const names = changes.map(lockName);
    const crowded = names.findIndex((name) => this.#isCrowded(name));
    if (crowded >= 0) throw together.refused(oneAt(crowded, new DynamodbError('transaction-conflict', CONFLICT)));
    // In an order that all keep, so that no two wait for each other.
    names.sort();
    for (const name of names) await this.#locks.acquire(name, 'exclusive');
    try {
      return await this.#try(changes, together);
    } finally {
      for (const name of names) this.#locks.release(name);
    }
  }

  /**
   * Deletes an item whose time has come, in the name of the service.
   * @param expired  whether what stands there now is to be deleted
   * @returns whether it was deleted
   */
  async deleteExpired(table: Table, key: Uint8Array, expired: (item: StoredItem) => boolean): Promise<boolean> {
    const decide = (old: StoredItem | undefined): Decision => ({ kind: old && expired(old) ? 'delete' : 'keep' });
    const written = await this.write({ table, key, readsOld: true, by: 'ttl', decide });
    return written.old !== undefined && written.new === undefined;
  }

  /** Too many wait for an item already. */
  #isCrowded(name: string): boolean {
    return this.#locks.waiting(name) >= ITEM_LIMITS.waitingPerItemMax;
  }

  async #try(changes: readonly WantedChange[], together: Together | undefined): Promise<readonly Written[]> {
    for (let attempt = 0; attempt < ITEM_LIMITS.commitTriesMax; attempt++) {
      const rows = mustRead(changes, this.#currents(changes)) ? await this.#read(changes) : undefined;
      const plan = this.#plan(changes, rows, together);
      if (!plan) continue;
      const { conditions, writes, written, followers } = plan;
      // What nobody writes is as it was read. What several were read in is one state, but only a commit says so.
      if (writes.length === 0) return written;
      try {
        const version = await this.#records.commit({ conditions, writes });
        for (const follower of followers) follower.committed?.(version);
        return written;
      } catch (error) {
        if (!hasCode(error, 'condition-failed')) throw error;
        const { index } = (error as DomainError).fields as { readonly index: number };
        // Else another has written in between what was read.
        if (index < (together?.conditions?.length ?? 0)) throw together!.outdated!();
      }
    }
    throw new DynamodbError('records-busy', 'The item is written by too many at once', { remedy: 'retry' });
  }

  /** @returns `undefined` when rows must be read first after all: a follower has come that needs them */
  #plan(changes: readonly WantedChange[], rows: Rows | undefined, together: Together | undefined): Plan | undefined {
    const tables = this.#currents(changes);
    if (!rows && mustRead(changes, tables)) return undefined;
    const decisions = decideAll(changes, rows, together);
    const plan: Plan = {
      conditions: [...(together?.conditions ?? [])],
      writes: [...(together?.writes ?? [])],
      written: [],
      followers: new Set(),
    };
    const at = this.#now();
    for (let index = 0; index < changes.length; index++) {
      const [{ key, by = 'caller' }, table, row] = [changes[index]!, tables[index]!, rows?.[index]];
      const { old, new: next } = outcomeOf(decisions[index]!, row?.item);
      if (rows) plan.conditions.push({ space: table.space, key, is: row?.version ?? 'absent' });
      const first = plan.writes.length;
      if (decisions[index]!.kind !== 'keep' && !(rows && sameItem(old, next))) {
        plan.writes.push(
          next
            ? { kind: 'put', space: table.space, key, value: next.encoded }
            : { kind: 'delete', space: table.space, key },
        );
        for (const follower of table.followers) {
          follower.follow({ key, old, new: next, at, by }, plan.writes);
          plan.followers.add(follower);
        }
      }
      // Expiry deletes at no cost to the table's users.
      const units =
        by === 'ttl' ? NO_UNITS : this.#charge(table, { old, new: next }, plan.writes.slice(first), together, index);
      plan.written.push({ old, new: next, units });
    }
    return plan;
  }

  /** @throws DynamodbError `throughput-exceeded`, or what all together make of that */
  #charge(
    table: Table,
    change: Outcome,
    writes: readonly Write[],
    together: Together | undefined,
    at: number,
  ): WriteUnits {
    try {
      const units = chargeWrite(table, change, writes, together?.factor ?? 1);
      this.#wrote?.(table, units);
      return units;
    } catch (error) {
      if (together && error instanceof DynamodbError) throw together.refused(oneAt(at, error));
      throw error;
    }
  }

  #currents(changes: readonly WantedChange[]): readonly Table[] {
    return changes.map((change) => this.#current(change));
  }

  #current({ table: { name, region, id } }: WantedChange): Table {
    const table = this.#directory.get(name, region);
    // Deleted and made again under its name while the change waited.
    if (table.id !== id) throw tableNotFound();
    return table;
  }

  async #read(changes: readonly WantedChange[]): Promise<Rows> {
    const read = await this.#rowsAt(changes.map(({ table, key }) => ({ space: table.space, key })));
    return read.map((entry) => entry && { item: decodeItem(entry.value), version: entry.version });
  }

  async #rowsAt(keys: readonly RecordKey[]): Promise<readonly (RecordEntry | undefined)[]> {
    if (keys.length > 1) return this.#records.getAll(keys);
    return [await this.#records.get(keys[0]!.space, keys[0]!.key)];
  }
}

/** Names no two rows have in common. */
function lockName({ table, key }: WantedChange): string {
  return table.id + Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

function needsRow({ readsOld, counted }: WantedChange, { followers }: Table): boolean {
  return readsOld || counted === true || followers.some((follower) => follower.readsOld);
}

function mustRead(changes: readonly WantedChange[], tables: readonly Table[]): boolean {
  return changes.some((change, index) => needsRow(change, tables[index]!));
}

/** @throws DynamodbError  the refusal of one change, or of all together */
function decideAll(
  changes: readonly WantedChange[],
  rows: Rows | undefined,
  together: Together | undefined,
): readonly Decision[] {
  if (!together) return changes.map((change, index) => change.decide(rows?.[index]?.item));
  const errors: (DynamodbError | undefined)[] = [];
  const decisions = changes.map((change, index) => {
    try {
      return change.decide(rows?.[index]?.item);
    } catch (error) {
      if (!(error instanceof DynamodbError)) throw error;
      errors[index] = error;
      return { kind: 'keep' } as const;
    }
  });
  if (errors.length === 0) return decisions;
  throw together.refused(errors);
}

function outcomeOf(decision: Decision, old: StoredItem | undefined): Outcome {
  return { old, new: decision.kind === 'put' ? decision.item : decision.kind === 'keep' ? old : undefined };
}

function oneAt(index: number, error: DynamodbError): readonly (DynamodbError | undefined)[] {
  const errors: (DynamodbError | undefined)[] = [];
  errors[index] = error;
  return errors;
}
