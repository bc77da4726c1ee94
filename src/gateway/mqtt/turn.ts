/** Something that is to be done once at the end of the turn of the event loop, however often it was asked for. */
export interface Flushable {
  flush(): void;
  /** Set while it waits for the end of the turn. */
  isScheduled: boolean;
}

/** Gathers what a turn of the event loop makes necessary and does it at its end: one write per socket. */
export class Turn {
  #waiting: Flushable[] = [];
  #isScheduled = false;

  schedule(item: Flushable): void {
    if (item.isScheduled) return;
    item.isScheduled = true;
    this.#waiting.push(item);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    const items = this.#waiting;
    this.#waiting = [];
    this.#isScheduled = false;
    for (const item of items) {
      item.isScheduled = false;
      item.flush();
    }
  }
}
