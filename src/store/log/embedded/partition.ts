import type { NewLogRecord, Offset } from '../log.ts';
import type { Extent } from './segment.ts';
import { PartitionTail } from './tail-cache.ts';

interface Waiter {
  readonly from: Offset;
  readonly wake: () => void;
}

/** One partition in memory: its bounds, what waits to be written, and where its records lie. */
export class Partition {
  readonly id: number;
  readonly name: string;
  first: Offset;
  /** End of the durable records (S1). */
  next: Offset;
  /** Records of the open group, not yet encoded; their offsets follow `enqueued - pending.length`. */
  pending: NewLogRecord[] = [];
  /** Offset that the next enqueued record gets, if all before it are committed. */
  enqueued: Offset;
  /** Offset from which records are lost to damage (S2): no writes, and reads end there with an error. */
  damagedAt: Offset | undefined;
  /** In order of offset, one for each segment that holds some. */
  extents: Extent[] = [];
  readonly tail = new PartitionTail();
  readonly #waiters = new Set<Waiter>();

  constructor(id: number, name: string, first: Offset, next: Offset, damagedAt?: Offset) {
    this.id = id;
    this.name = name;
    this.first = first;
    this.next = next;
    this.enqueued = next;
    this.damagedAt = damagedAt;
  }

  /** Calls `wake` once when a record at `from` is durable; @returns how to stop waiting. */
  onReadable(from: Offset, wake: () => void): () => void {
    const waiter = { from, wake };
    this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  /** Wakes those who wait for what is now readable, or all. */
  wake(all = false): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of this.#waiters) {
      if (!all && waiter.from >= this.next) continue;
      this.#waiters.delete(waiter);
      waiter.wake();
    }
  }

  /** The extent that holds `offset`: the last one that begins at or before it. */
  extentOf(offset: Offset): number {
    let low = 0;
    let high = this.extents.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.extents[middle]!.first <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
