/**
 * The tables of a node: their definitions, durable in the tables' own store, and the living tables that follow from them.
 *
 * Changes of one table are made one after the other. Each is durable before the living table takes it over, and what it leaves
 * behind (rows of a deleted index) is marked as garbage in the same commit.
 */
import { abortable, type Clock, hasCode, parseArn, Turns } from '../../../base/index.ts';
import { type Records, Registry, type Write } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import type { TableDirectory } from '../model/table.ts';
import { Chores } from './chores.ts';
import type { TableDefinition } from './definition.ts';
import { Garbage } from './garbage.ts';
import { type FollowersOf, LiveTable } from './live-table.ts';

const SPACE = 'dynamodb/tables';

export interface TablesDependencies {
  /** The tables' own store. */
  readonly records: Records;
  /** Who follows changes beside the indexes. */
  readonly followersOf: FollowersOf;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Tables implements TableDirectory, AsyncDisposable {
  readonly records: Records;
  readonly chores: Chores;
  readonly garbage: Garbage;
  readonly #registry: Registry<TableDefinition>;
  readonly #dependencies: TablesDependencies;
  readonly #tables = new Map<string, LiveTable>();
  readonly #turns = new Turns();

  /** Nothing runs yet. @param definitions  as {@link Tables.read} has read them */
  constructor(definitions: Registry<TableDefinition>, dependencies: TablesDependencies) {
    this.records = dependencies.records;
    this.#registry = definitions;
    this.#dependencies = dependencies;
    this.chores = new Chores(dependencies.clock, dependencies.logger);
    this.garbage = new Garbage(this.records, this.chores);
    for (const definition of definitions.list()) this.#bringToLife(definition);
  }

  static read(records: Records): Promise<Registry<TableDefinition>> {
    return Registry.open<TableDefinition>(records, SPACE);
  }

  #bringToLife(definition: TableDefinition): LiveTable {
    const table = new LiveTable(definition, this.#dependencies.clock, this.#dependencies.followersOf);
    this.#tables.set(keyOf(definition.region, definition.name), table);
    return table;
  }

  get size(): number {
    return this.#tables.size;
  }

  all(): IterableIterator<LiveTable> {
    return this.#tables.values();
  }

  /** Tables of a region, sorted by name. */
  list(region: string): readonly LiveTable[] {
    // One that is being deleted may still be stored.
    return this.#registry.list(`${region}/`).flatMap(({ name }) => this.#tables.get(keyOf(region, name)) ?? []);
  }

  get(nameOrArn: string, region: string): LiveTable {
    const table = this.find(nameOrArn, region);
    if (!table || table.definition.filling)
      throw new DynamodbError('resource-not-found', 'Requested resource not found');
    return table;
  }

  /** As {@link get}, for operations on tables themselves: whatever state it is in, and named in the error. */
  resolve(nameOrArn: string, region: string): LiveTable {
    const table = this.find(nameOrArn, region);
    if (table) return table;
    throw notFound(nameOfTable(nameOrArn));
  }

  /** @param nameOrArn  as `TableName` takes them. @throws DynamodbError `validation-failed`: an ARN that is none of a table */
  find(nameOrArn: string, region: string): LiveTable | undefined {
    const known = this.#tables.get(keyOf(region, nameOrArn));
    if (known || !nameOrArn.startsWith('arn:')) return known;
    const arn = parseArn(nameOrArn);
    const name = /^table\/([a-zA-Z0-9_.-]+)$/.exec(arn?.resource ?? '')?.[1];
    if (arn?.service !== 'dynamodb' || name === undefined) {
      throw invalid(`Invalid TableArn: Invalid ResourceArn provided as input ${nameOrArn}`);
    }
    return this.#tables.get(keyOf(arn.region, name));
  }

  byId(id: string): LiveTable | undefined {
    for (const table of this.#tables.values()) if (table.id === id) return table;
    return undefined;
  }

  /**
   * Makes a table; durable when it resolves.
   * @param prepare  gives the definition once the name is known to be free; what it makes outside the store must be found again
   *   should the node stop before the definition is stored
   * @throws DynamodbError `resource-in-use`
   */
  create(region: string, name: string, prepare: () => Promise<TableDefinition>): Promise<LiveTable> {
    const key = keyOf(region, name);
    return this.#turns.run(key, async () => {
      if (this.#tables.has(key)) throw alreadyExists(name);
      const definition = await prepare();
      try {
        await this.#registry.create(key, definition);
      } catch (error) {
        throw hasCode(error, 'already-exists') ? alreadyExists(name) : error;
      }
      return this.#bringToLife(definition);
    });
  }

  /**
   * Stores what `decide` makes of the definition, and lets the living table take it over.
   * @param decide  gives the definition itself to change nothing, and what else is written in the same commit
   * @param signal  of a chore: who has the turn may wait for its end, so it waits for its own no longer
   */
  update(table: LiveTable, decide: Decide, signal?: AbortSignal): Promise<TableDefinition> {
    const turn = this.#turns.run(keyOf(table.region, table.name), async () => {
      signal?.throwIfAborted();
      if (table.isDeleted) throw notFound(table.name);
      const before = table.definition;
      const { definition, beside = [] } = await decide(before);
      if (definition === before) return before;
      await this.#registry.put(keyOf(table.region, table.name), definition, beside);
      table.adopt(definition);
      if (beside.length > 0) this.garbage.collect();
      return definition;
    });
    if (!signal) return turn;
    turn.catch(() => {});
    return abortable(turn, signal);
  }

  /**
   * Takes a table away at once; its rows go in the background.
   * @param decide  refuses, or gives what is written in the same commit
   */
  delete(table: LiveTable, decide: (definition: TableDefinition) => Promise<readonly Write[]>): Promise<void> {
    const key = keyOf(table.region, table.name);
    return this.#turns.run(key, async () => {
      if (table.isDeleted) throw notFound(table.name);
      const beside = await decide(table.definition);
      await this.chores.cancel(choresOf(table.id));
      // Before it is durable: whoever writes from now on could write into spaces that are garbage by then.
      this.#tables.delete(key);
      table.markDeleted();
      try {
        await this.#registry.delete(key, beside);
      } catch (error) {
        this.#bringToLife(table.definition);
        throw error;
      }
      this.garbage.collect();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.chores[Symbol.asyncDispose]();
  }
}

export type Decide = (
  definition: TableDefinition,
) =>
  | { readonly definition: TableDefinition; readonly beside?: readonly Write[] }
  | Promise<{ readonly definition: TableDefinition; readonly beside?: readonly Write[] }>;

/** How the names of a table's chores begin. */
export const choresOf = (tableId: string) => `table ${tableId}: `;

const keyOf = (region: string, name: string) => `${region}/${name}`;

/** The name in what a request calls a table. */
export const nameOfTable = (nameOrArn: string) =>
  nameOrArn.startsWith('arn:') ? nameOrArn.slice(nameOrArn.indexOf('/') + 1) : nameOrArn;

export const notFound = (name: string) =>
  new DynamodbError('resource-not-found', `Requested resource not found: Table: ${name} not found`);

export const alreadyExists = (name: string) => new DynamodbError('resource-in-use', `Table already exists: ${name}`);
