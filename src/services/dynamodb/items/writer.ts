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

interface Plan {
  readonly conditions: readonly Condition[];
  readonly writes: readonly Write[];
  readonly written: readonly Written[];
  /** Who was told of something. */
  readonly followers: ReadonlySet<Follower>;
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
    const [written] = await this.writeAll([change]);
    return written!;
  }

  /** Makes all changes or none. @param changes  of different items */
  async writeAll(changes: readonly WantedChange[], together?: Together): Promise<readonly Written[]> {
    const held = this.#locksOf(changes);
    this.#refuseCrowds(changes, together);
    await this.#acquire(held);
    try {
      return await this.#try(changes, together);
    } finally {
      for (const { name } of held) this.#locks.release(name);
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

  /** @throws DynamodbError  too many wait for an item already */
  #refuseCrowds(changes: readonly WantedChange[], together: Together | undefined): void {
    const at = changes.findIndex((change) => this.#locks.waiting(lockName(change)) >= ITEM_LIMITS.waitingPerItemMax);
    if (at < 0) return;
    if (together) throw together.refused(oneAt(at, new DynamodbError('transaction-conflict', CONFLICT)));
    throw new DynamodbError('records-busy', 'Too many writes wait for this item', { remedy: 'retry' });
  }

  async #try(changes: readonly WantedChange[], together: Together | undefined): Promise<readonly Written[]> {
    for (let attempt = 0; attempt < ITEM_LIMITS.commitTriesMax; attempt++) {
      const rows = mustRead(changes, (change) => this.#current(change)) ? await this.#read(changes) : undefined;
      const plan = this.#plan(changes, rows, together);
      if (!plan) continue;
      const done = await this.#commit(plan, together);
      if (done) return plan.written;
    }
    throw new DynamodbError('records-busy', 'The item is written by too many at once', { remedy: 'retry' });
  }

  /** @returns false when another has written in between what was read */
  async #commit({ conditions, writes, followers }: Plan, together: Together | undefined): Promise<boolean> {
    // What nobody writes is as it was read. What several were read in is one state, but only a commit says so.
    if (writes.length === 0) return true;
    try {
      const version = await this.#records.commit({ conditions, writes });
      for (const follower of followers) follower.committed?.(version);
      return true;
    } catch (error) {
      if (!hasCode(error, 'condition-failed')) throw error;
      const { index } = (error as DomainError).fields as { readonly index: number };
      if (index < (together?.conditions?.length ?? 0)) throw together!.outdated!();
      return false;
    }
  }

  /** @returns `undefined` when rows must be read first after all: a follower has come that needs them */
  #plan(changes: readonly WantedChange[], rows: Rows | undefined, together: Together | undefined): Plan | undefined {
    const tables = changes.map((change) => this.#current(change));
    if (!rows && mustRead(changes, (_, index) => tables[index]!)) return undefined;
    const decisions = decideAll(changes, rows, together);
    const outcomes = decisions.map((decision, index) => outcomeOf(decision, rows?.[index]?.item));
    const plan = { conditions: [...(together?.conditions ?? [])], writes: [...(together?.writes ?? [])] };
    const followers = new Set<Follower>();
    const at = this.#now();
    const written = changes.map((change, index) => {
      const { key, by = 'caller' } = change;
      const table = tables[index]!;
      const row = rows?.[index];
      const { old, new: next } = outcomes[index]!;
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
          followers.add(follower);
        }
      }
      // Expiry deletes at no cost to the table's users.
      const units =
        by === 'ttl' ? NO_UNITS : this.#charge(table, { old, new: next }, plan.writes.slice(first), together, index);
      return { old, new: next, units };
    });
    return { ...plan, written, followers };
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

  /** In an order that all keep, so that no two wait for each other. */
  #locksOf(changes: readonly WantedChange[]): readonly { readonly name: string; readonly change: WantedChange }[] {
    const locks = changes.map((change) => ({ name: lockName(change), change }));
    return locks.length === 1 ? locks : locks.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async #acquire(locks: readonly { readonly name: string; readonly change: WantedChange }[]): Promise<void> {
    for (const { name, change } of locks) {
      const blind = locks.length === 1 && !needsRow(change, change.table);
      const waiting = this.#locks.acquire(name, blind ? 'shared' : 'exclusive');
      if (waiting !== undefined) await waiting;
    }
  }
}

/** Names no two rows have in common. */
function lockName({ table, key }: WantedChange): string {
  return table.id + Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

function needsRow({ readsOld, counted }: WantedChange, { followers }: Table): boolean {
  return readsOld || counted === true || followers.some((follower) => follower.readsOld);
}

function mustRead(changes: readonly WantedChange[], tableOf: (change: WantedChange, index: number) => Table): boolean {
  return changes.some((change, index) => needsRow(change, tableOf(change, index)));
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
