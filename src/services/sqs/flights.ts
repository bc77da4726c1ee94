import type { Entry } from './message.ts';

interface Flight {
  readonly entry: Entry;
  readonly visibleAt: number;
}

/** Stale flights beyond those of messages in flight that are kept before the heap is tidied. */
const SLACK = 1000;

/**
 * Messages in flight by when they are seen again: a heap; what was deleted or moved meanwhile is passed over. It holds no more
 * than twice as much as is in flight: one message that is worked on for hours must not keep all that were deleted behind it.
 */
export class Flights {
  #heap: Flight[] = [];
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
    while (this.#heap.length > 0 && !isCurrent(this.#heap[0]!)) this.#pop();
  }

  #tidy(): void {
    const current = new Map(this.#heap.filter(isCurrent).map((flight) => [flight.entry, flight]));
    // What is sorted is a heap.
    this.#heap = [...current.values()].sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  #push(flight: Flight): void {
    if (this.#heap.length > 2 * this.#count + SLACK) this.#tidy();
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

function isCurrent({ entry, visibleAt }: Flight): boolean {
  return entry.state === 'in-flight' && !entry.leaving && entry.visibleAt === visibleAt;
}

/** What is seen again at the same time comes in the order it was sent. */
function isBefore(a: Flight, b: Flight): boolean {
  return a.visibleAt < b.visibleAt || (a.visibleAt === b.visibleAt && a.entry.sequence < b.entry.sequence);
}
