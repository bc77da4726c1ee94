/** Something that waits until there is room again. */
export interface Waiting {
  /** There may be room: look again. */
  schedule(): void;
}

/**
 * Bytes of all clients together that wait for a commit (S5). When they reach the limit, whoever sends more is read no further
 * until half of it is committed, rather than being refused by the log.
 */
export class CommitBudget {
  readonly #bytesMax: number;
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#waiting.size === 0 || this.#bytes > this.#bytesMax / 2) return;
    for (const one of this.#waiting) one.schedule();
    this.#waiting.clear();
  }

  /** Has it told when half of the budget is free. */
  wait(one: Waiting): void {
    this.#waiting.add(one);
  }

  forget(one: Waiting): void {
    this.#waiting.delete(one);
  }
}
