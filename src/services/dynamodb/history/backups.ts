import type { Clock, Random } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import type { TableDefinition } from '../tables/definition.ts';
import { discard } from '../tables/garbage.ts';
import { type LiveTable, tableArn } from '../tables/live-table.ts';
import type { Tables } from '../tables/tables.ts';
import { backupSpace, readProgress, writePage } from './backup-pages.ts';
import type { Histories, Moment } from './histories.ts';
import { jobId } from './job-ids.ts';

const SPACE = 'dynamodb/backups';

/** A backup as it is stored. */
export interface Backup {
  readonly id: string;
  readonly arn: string;
  readonly name: string;
  /** The table as it was. */
  readonly definition: TableDefinition;
  readonly createdAt: number;
  /** The moment that it holds, on the table's own undo log. */
  readonly stamp: number;
  readonly status: 'CREATING' | 'AVAILABLE';
  readonly count: number;
  readonly sizeBytes: number;
}

export interface BackupsDependencies {
  readonly records: Records;
  readonly tables: Tables;
  readonly histories: Histories;
  readonly clock: Clock;
  readonly random: Random;
}

/** Copies of tables as they were at a moment, kept in the tables' own store until they are deleted. */
export class Backups {
  readonly #dependencies: BackupsDependencies;
  readonly #registry: Registry<Backup>;
  /** How many read a backup, by its ARN. */
  readonly #readers = new Map<string, number>();
  readonly #deleting = new Set<string>();

  private constructor(dependencies: BackupsDependencies, registry: Registry<Backup>) {
    this.#dependencies = dependencies;
    this.#registry = registry;
  }

  static async open(dependencies: BackupsDependencies): Promise<Backups> {
    return new Backups(dependencies, await Registry.open<Backup>(dependencies.records, SPACE));
  }

  /** Goes on with copies that a stop of the node has cut off. */
  resume(): void {
    const { tables, histories } = this.#dependencies;
    for (const backup of this.#registry.list()) {
      if (backup.status === 'AVAILABLE') continue;
      const table = tables.byId(backup.definition.id)!;
      this.#copy(backup, histories.at(tables, table, backup.stamp));
    }
  }

  /** By the time when they were made, which is the order of their ids. */
  list(region: string): readonly Backup[] {
    return this.#registry
      .list()
      .filter(({ definition }) => definition.region === region)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** @throws DynamodbError `backup-not-found` */
  get(arn: string): Backup {
    const backup = this.#registry.get(arn);
    if (backup && !this.#deleting.has(arn)) return backup;
    backupIdIn(arn);
    throw new DynamodbError('backup-not-found', `Backup not found: ${arn}`);
  }

  /** Begins a backup of this moment. It is durable as an intent when this resolves: a restart goes on with it. */
  async create(table: LiveTable, name: string): Promise<Backup> {
    const { tables, histories, clock, random } = this.#dependencies;
    const moment = await histories.now(tables, table);
    const createdAt = clock.now();
    const id = jobId(createdAt, random);
    const arn = `${tableArn(table.definition)}/backup/${id}`;
    const { definition } = table;
    const backup: Backup = {
      ...{ id, arn, name, definition, createdAt, stamp: moment.stamp, status: 'CREATING', count: 0, sizeBytes: 0 },
    };
    try {
      await this.#registry.create(arn, backup);
    } catch (error) {
      await moment.release();
      throw error;
    }
    this.#copy(backup, moment);
    return backup;
  }

  /** @throws DynamodbError `backup-not-found`, `backup-in-use` */
  async delete(arn: string): Promise<Backup> {
    const backup = this.get(arn);
    if (backup.status === 'CREATING' || this.#readers.has(arn)) {
      throw new DynamodbError('backup-in-use', `Backup is being created or used: ${arn}`);
    }
    // Gone at once: what begins to read it now would outlive it.
    this.#deleting.add(arn);
    try {
      await this.#registry.delete(arn, [discard(backupSpace(backup.id))]);
    } finally {
      this.#deleting.delete(arn);
    }
    this.#dependencies.tables.garbage.collect();
    return backup;
  }

  /** Keeps a backup from being deleted while a table is made of it. */
  hold(arn: string): void {
    this.#readers.set(arn, (this.#readers.get(arn) ?? 0) + 1);
  }

  release(arn: string): void {
    const readers = (this.#readers.get(arn) ?? 0) - 1;
    if (readers > 0) this.#readers.set(arn, readers);
    else this.#readers.delete(arn);
  }

  #copy(backup: Backup, moment: Moment): void {
    const { records, tables } = this.#dependencies;
    tables.chores.start(`backup ${backup.arn}`, async (signal) => {
      // A new try may find it complete, and even deleted.
      if (this.#registry.get(backup.arn)?.status !== 'CREATING') return moment.release();
      let progress = await readProgress(records, backup.id);
      for await (const items of moment.items(progress.next)) {
        if (signal.aborted) return;
        if (items.length === 0) continue;
        const page = await writePage(backup.id, progress, items);
        await records.commit({ writes: [page.write] });
        progress = page.progress;
      }
      const { count, bytes: sizeBytes } = progress;
      await this.#registry.put(backup.arn, { ...backup, status: 'AVAILABLE', count, sizeBytes });
      await moment.release();
    });
  }
}

/** @throws DynamodbError `validation-failed`: it is no ARN of a backup */
export function backupIdIn(arn: string): string {
  const id = /^arn:aws[a-z-]*:dynamodb:[^:]+:\d{12}:table\/[^/]+\/backup\/(.+)$/.exec(arn)?.[1];
  if (id === undefined) throw invalid('Invalid Backup ARN');
  return id;
}
