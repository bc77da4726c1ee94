import type { Version, Write } from '../../../store/index.ts';
import type { StoredItem } from './table.ts';

/** One change of an item on its way into a commit. */
export interface ItemChange {
  /** Row key of the item. */
  readonly key: Uint8Array;
  /** Absent when there was none; also absent in changes of tables of which no follower {@link Follower.readsOld}. */
  readonly old: StoredItem | undefined;
  /** Absent when it is deleted. */
  readonly new: StoredItem | undefined;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Time to live deletes in the service's own name, which stream records show. */
  readonly by: 'caller' | 'ttl';
}

/**
 * Writes more rows into the commit of a change. It is called synchronously, in the order in which commits are handed to the
 * store, and the commit of what it wrote is handed over in the same turn: numbers given here are in the order of commits.
 */
export interface Follower {
  /** Whether it needs the item as it was: a put without conditions reads nothing unless somebody does. */
  readonly readsOld: boolean;
  /** Appends to `writes`. A change whose old and new items are equal is not told. */
  follow(change: ItemChange, writes: Write[]): void;
  /** The commit of what it wrote is durable. */
  committed?(version: Version): void;
}
