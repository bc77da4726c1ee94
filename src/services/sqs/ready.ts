import type { Entry } from './message.ts';

/** Messages that may be received, in memory. Entries whose state is no longer `ready` are passed over. */
export interface Ready {
  add(entry: Entry): void;
  /** Takes up to `max`, oldest first as far as the kind of queue promises. */
  take(max: number): readonly Entry[];
  /** A message that was taken is deleted or comes again: its group may go on. */
  settled(entry: Entry): void;
  /** Something could be taken. */
  readonly available: boolean;
  /** Waiting entries, those that a group holds back too. */
  readonly size: number;
}

/** First in, first out: what becomes visible again queues up anew. */
export class StandardReady implements Ready {
  #entries: Entry[] = [];
  #head = 0;

  get size(): number {
    return this.#entries.length - this.#head;
  }

  get available(): boolean {
    this.#skipGone();
    return this.size > 0;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
  }

  take(max: number): readonly Entry[] {
    const taken: Entry[] = [];
    while (taken.length < max && this.available) taken.push(this.#entries[this.#head++]!);
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }

  settled(): void {}

  #skipGone(): void {
    while (this.#head < this.#entries.length && this.#entries[this.#head]!.state !== 'ready') this.#head++;
  }
}

interface Group {
  readonly name: string;
  /** In order of sequence. */
  readonly entries: Entry[];
  inFlight: number;
}

/**
 * Message groups: order within each, none among them. While a message of a group is in flight, no other of the group is
 * handed out; so what fails comes again before what stands behind it.
 */
export class FifoReady implements Ready {
  readonly #groups = new Map<string, Group>();
  /** Groups that may be taken from, each once. */
  readonly #open = new Set<Group>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get available(): boolean {
    for (const group of this.#open) {
      this.#skipGone(group);
      if (group.entries.length > 0) return true;
      this.#open.delete(group);
      if (group.inFlight === 0) this.#groups.delete(group.name);
    }
    return false;
  }

  add(entry: Entry): void {
    const group = this.#groupOf(entry);
    // Nearly always at one end: newly sent, or come again.
    let index = group.entries.length;
    while (index > 0 && group.entries[index - 1]!.sequence > entry.sequence) index--;
    group.entries.splice(index, 0, entry);
    this.#size++;
    if (group.inFlight === 0) this.#open.add(group);
  }

  take(max: number): readonly Entry[] {
    const taken: Entry[] = [];
    while (taken.length < max && this.available) {
      const group: Group = this.#open.values().next().value!;
      for (this.#skipGone(group); taken.length < max && group.entries.length > 0; this.#skipGone(group)) {
        taken.push(group.entries.shift()!);
        this.#size--;
        group.inFlight++;
      }
      this.#open.delete(group);
    }
    return taken;
  }

  settled(entry: Entry): void {
    const group = this.#groupOf(entry);
    group.inFlight = Math.max(0, group.inFlight - 1);
    if (group.inFlight > 0) return;
    if (group.entries.length > 0) this.#open.add(group);
    else if (!this.#open.has(group)) this.#groups.delete(group.name);
  }

  /** A message found in flight on disk locks its group. */
  lock(entry: Entry): void {
    const group = this.#groupOf(entry);
    group.inFlight++;
    this.#open.delete(group);
  }

  #groupOf({ group: name = '' }: Entry): Group {
    const found = this.#groups.get(name) ?? { name, entries: [], inFlight: 0 };
    this.#groups.set(name, found);
    return found;
  }

  #skipGone(group: Group): void {
    while (group.entries.length > 0 && group.entries[0]!.state !== 'ready') {
      group.entries.shift();
      this.#size--;
    }
  }
}
