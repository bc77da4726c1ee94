/** Looked at in one turn, when a change may concern all: 20,000 clients at once would hold up everybody's messages. */
const CLIENTS_PER_TURN = 500;

/** Looks at many again, turn by turn. Who waits keeps its place: it is looked at even if changes never cease. */
export class Sweep<T extends { refresh(): void }> {
  /** Those that are to be looked at, the longest waiting first. */
  readonly #waiting = new Set<T>();
  #isRunning = false;

  start(all: Iterable<T>): void {
    for (const one of all) this.#waiting.add(one);
    if (!this.#isRunning) void this.#run();
  }

  forget(one: T): void {
    this.#waiting.delete(one);
  }

  close(): void {
    this.#waiting.clear();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.size > 0) {
      for (const one of this.#waiting.values().take(CLIENTS_PER_TURN)) {
        this.#waiting.delete(one);
        one.refresh();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#isRunning = false;
  }
}
