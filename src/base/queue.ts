import { onAbort } from './abort.ts';
import { DomainError } from './errors.ts';

/** Why an element was not taken into a {@link BoundedQueue}. */
export class QueueFull extends DomainError<'queue-full'> {
  constructor(limit: number) {
    super('queue-full', `the queue holds its limit of ${limit}`, { remedy: 'retry' });
  }
}

/**
 * A first-in first-out queue with a limit (S5): a full queue refuses, an empty one makes its reader wait.
 * Grows as a ring, so that `push` and `shift` cost the same at any length.
 */
export class BoundedQueue<T> {
  readonly limit: number;
  #items: (T | undefined)[] = new Array(16);
  #head = 0;
  #size = 0;
  readonly #readers: ((item: T) => void)[] = [];

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds `item`; @throws QueueFull at the limit, and the item is not in the queue. */
  push(item: T): void {
    const reader = this.#readers.shift();
    if (reader) return reader(item);
    if (this.#size >= this.limit) throw new QueueFull(this.limit);
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size++) & (this.#items.length - 1)] = item;
  }

  /** Takes the oldest item; `undefined` when empty. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#size--;
    return item;
  }

  /** Takes the oldest item, waiting for one; rejects with `signal.reason` when it fires first. */
  next(signal: AbortSignal): Promise<T> {
    if (this.#size > 0) return Promise.resolve(this.shift() as T);
    return new Promise((resolve, reject) => {
      const reader = (item: T) => {
        forget();
        resolve(item);
      };
      this.#readers.push(reader);
      const forget = onAbort(signal, (reason) => {
        const index = this.#readers.indexOf(reader);
        if (index >= 0) this.#readers.splice(index, 1);
        reject(reason);
      });
    });
  }

  #grow(): void {
    const larger = new Array<T | undefined>(this.#items.length * 2);
    for (let i = 0; i < this.#size; i++) larger[i] = this.#items[(this.#head + i) & (this.#items.length - 1)];
    this.#items = larger;
    this.#head = 0;
  }
}
