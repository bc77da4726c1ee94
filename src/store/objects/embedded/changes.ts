import { DomainError, hasCode } from '../../../base/index.ts';
import type { Condition, Write } from '../../records/index.ts';
import type { Blob } from './blobs.ts';
import { garbageBlob } from './catalog.ts';
import type { CatalogRecords } from './catalog-records.ts';
import type { GarbageCollector } from './garbage.ts';

/** A change of the catalog, as it was worked out from what was read. */
export interface Change {
  /** What was read and must still be so. */
  readonly conditions: readonly Condition[];
  readonly writes: readonly Write[];
  /** Blobs that nothing names after it. */
  readonly freed: readonly Blob[];
}

/** How often a change that lost against another one is worked out again; one of those that compete succeeds each time. */
const ATTEMPTS_MAX = 10_000;

/** Commits changes of the catalog by optimistic concurrency, and hands what they free to the collector. */
export class CatalogWriter {
  readonly #records: CatalogRecords;
  readonly #garbage: GarbageCollector;

  constructor(records: CatalogRecords, garbage: GarbageCollector) {
    this.#records = records;
    this.#garbage = garbage;
  }

  /** Reads, decides and commits; from the start again when a condition no longer holds. Durable when it resolves. */
  async apply(decide: () => Promise<Change>): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { conditions, writes, freed } = await decide();
      if (await this.#commit(conditions, [...writes, ...freed.flatMap(garbageBlob)])) {
        return this.#garbage.collect(freed.map(({ id }) => id));
      }
    }
    throw new DomainError('objects-failed', `${ATTEMPTS_MAX} attempts at a commit lost`, { remedy: 'retry' });
  }

  /** False when a condition did not hold. */
  async #commit(conditions: readonly Condition[], writes: readonly Write[]): Promise<boolean> {
    try {
      await this.#records.commit({ conditions, writes });
      return true;
    } catch (error) {
      if (hasCode(error, 'condition-failed')) return false;
      throw error;
    }
  }
}
