import { DomainError, hasCode } from '../../../base/index.ts';
import type { Condition, Write } from '../../records/index.ts';
import type { PendingChange } from '../objects.ts';
import { type Blob, garbageBlob } from './catalog.ts';
import type { CatalogRecords } from './catalog-records.ts';
import type { ChangeFeed } from './feed.ts';
import type { GarbageCollector } from './garbage.ts';

/** A change of the catalog, as it was worked out from what was read. */
export interface Change<T> {
  /** What was read and must still be so. */
  readonly conditions: readonly Condition[];
  readonly writes: readonly Write[];
  /** Blobs that nothing names after it. */
  readonly freed: readonly Blob[];
  /** What the feed is told of it. */
  readonly told?: PendingChange | undefined;
  readonly result: T;
}

/** How often a change that lost against another one is worked out again; one of those that compete succeeds each time. */
const ATTEMPTS_MAX = 10_000;

/** Commits changes of the catalog by optimistic concurrency, and hands what they free to the collector. */
export class CatalogWriter {
  readonly #records: CatalogRecords;
  readonly #garbage: GarbageCollector;
  readonly #feed: ChangeFeed;

  constructor(records: CatalogRecords, garbage: GarbageCollector, feed: ChangeFeed) {
    this.#records = records;
    this.#garbage = garbage;
    this.#feed = feed;
  }

  /** Reads, decides and commits; from the start again when a condition no longer holds. Durable when it resolves. */
  async apply<T>(decide: () => Promise<Change<T>>): Promise<T> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { conditions, writes, freed, told, result } = await decide();
      if (writes.length === 0) return result;
      // No turn between numbering the row and calling the commit.
      const row = told ? this.#feed.row(told) : [];
      if (!(await this.#commit(conditions, [...writes, ...row, ...freed.flatMap(garbageBlob)]))) continue;
      if (freed.length > 0) this.#garbage.collect(freed.map(({ id }) => id));
      if (row.length > 0) this.#feed.moved();
      return result;
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
