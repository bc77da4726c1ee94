import type { Entry } from './message.ts';

interface Flight {
  readonly entry: Entry;
  readonly visibleAt: number;
}

/** Messages in flight by when they are seen again: a heap; what was deleted or moved meanwhile is passed over. */
export class Flights {
  readonly #heap: Flight[] = [];
  #count = 0;

  /** Messages in flight. */
  get count(): number {
    return this.#count;
  }

  add(entry: Entry): void {
    this.#count++;
    this.#push({ entry, visibleAt: entry.visibleAt });
  }

  /** The visibility of a message in flight was changed, or it stays after all. */
  moved(entry: Entry): void {
    this.#push({ entry, visibleAt: entry.visibleAt });
  }

  /** It is not in flight any more; its place in the heap goes when it comes up. */
  remove(): void {
    this.#count--;
  }

  /** When the next message is seen again; `undefined` when none is in flight. */
  get next(): number | undefined {
    this.#dropStale();
    return this.#heap[0]?.visibleAt;
  }

  /** Takes a message out whose time has come. */
  due(now: number): Entry | undefined {
    this.#dropStale();
    if (this.#heap.length === 0 || this.#heap[0]!.visibleAt > now) return undefined;
    this.#count--;
    return this.#pop().entry;
  }

  #dropStale(): void {
    while (this.#heap.length > 0) {
      const { entry, visibleAt } = this.#heap[0]!;
      if (entry.state === 'in-flight' && !entry.leaving && entry.visibleAt === visibleAt) return;
      this.#pop();
    }
  }

  #push(flight: Flight): void {
    const heap = this.#heap;
    let index = heap.push(flight) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent]!, flight)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = flight;
  }

  #pop(): Flight {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

/** What is seen again at the same time comes in the order it was sent. */
function isBefore(a: Flight, b: Flight): boolean {
  return a.visibleAt < b.visibleAt || (a.visibleAt === b.visibleAt && a.entry.sequence < b.entry.sequence);
}
