import type { RecordEntry, Write } from '../../../store/index.ts';
import { decodeItem } from '../model/stored.ts';
import type { Index } from '../model/table.ts';
import { backfill, forgetProgress } from './backfill.ts';
import { indexRowOf } from './index-follower.ts';
import type { LiveTable } from './live-table.ts';
import { choresOf, type Decide, type Tables } from './tables.ts';

/** Builds indexes of tables that have items already, while these are written. */
export class IndexBuilds {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Goes on with what is not complete: to be called when an index was defined, and once at the start. */
  start(table: LiveTable): void {
    for (const index of table.indexes.values()) {
      if (index.status !== 'CREATING') continue;
      this.#tables.chores.start(buildOf(table, index.name), (signal) => this.#build(table, index, signal));
    }
  }

  /** Ends the build of an index, which is about to be deleted. */
  async cancel(table: LiveTable, name: string): Promise<void> {
    await this.#tables.chores.cancel(buildOf(table, name));
  }

  async #build(table: LiveTable, index: Index, signal: AbortSignal): Promise<void> {
    const rowOf = ({ value }: RecordEntry): Write | undefined => {
      const row = indexRowOf(index, table.key, decodeItem(value));
      return row && { kind: 'put', space: index.space, key: row.key, value: row.item.encoded };
    };
    if (!(await backfill(this.#tables.records, table, index.space, rowOf, signal))) return;
    const decide: Decide = (definition) => ({
      definition: {
        ...definition,
        indexes: definition.indexes.map((one) => (one.name === index.name ? { ...one, status: 'ACTIVE' } : one)),
      },
      beside: [forgetProgress(table, index.space)],
    });
    await this.#tables.update(table, decide, signal);
  }
}

const buildOf = (table: LiveTable, index: string) => `${choresOf(table.id)}building index ${index};`;
