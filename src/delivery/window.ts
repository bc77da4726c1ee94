import { DELIVERY_LIMITS } from './delivery.ts';
import type { DueEntry } from './rows.ts';

/** Bytes that the windows of all edges hold together. */
export class WindowBudget {
  #bytes = 0;

  get isSpent(): boolean {
    return this.#bytes >= DELIVERY_LIMITS.windowsBytesMax;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }
}

/**
 * Rows of one edge in memory: those that wait for their turn, and the names of those that are being worked on, by which a
 * read of the disk knows what it has seen already.
 */
export class Window {
  readonly #budget: WindowBudget;
  #ready: DueEntry[] = [];
  #bytes = 0;
  /** Waiting and worked on. */
  readonly #held = new Set<string>();
  /** Names let go of while the disk is read: what was read may still show them. */
  readonly #released = new Set<string>();
  #reading = false;

  constructor(budget: WindowBudget) {
    this.#budget = budget;
  }

  get isEmpty(): boolean {
    return this.#ready.length === 0;
  }

  /** Entries that wait for their turn. */
  get waiting(): number {
    return this.#ready.length;
  }

  /** Entries held, those being worked on included. */
  get size(): number {
    return this.#held.size;
  }

  /** Whether one more may come; an edge that has none may always have one. */
  get hasRoom(): boolean {
    if (this.#ready.length === 0) return true;
    const fits = this.#ready.length < DELIVERY_LIMITS.windowMax && this.#bytes < DELIVERY_LIMITS.windowBytesMax;
    return fits && !this.#budget.isSpent;
  }

  get first(): DueEntry | undefined {
    return this.#ready[0];
  }

  push(entry: DueEntry): void {
    this.#ready.push(entry);
    this.#count(sizeOf(entry));
    this.#held.add(nameOf(entry));
  }

  /** The first one; it is held until it is released. */
  take(): DueEntry {
    const entry = this.#ready.shift()!;
    this.#count(-sizeOf(entry));
    return entry;
  }

  release(entry: Named): void {
    this.#held.delete(nameOf(entry));
    if (this.#reading) this.#released.add(nameOf(entry));
  }

  beginRead(): void {
    this.#reading = true;
    this.#released.clear();
  }

  endRead(): void {
    this.#reading = false;
    this.#released.clear();
  }

  /** Whether an entry found on disk is no news. */
  knows(entry: Named): boolean {
    const name = nameOf(entry);
    return this.#held.has(name) || this.#released.has(name);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.add(bytes);
  }
}

interface Named {
  readonly sequence: number;
  readonly dueAt: number;
}

/** What tells entries apart: one put again after a failure has the same sequence and is due later. */
function nameOf({ sequence, dueAt }: Named): string {
  return `${dueAt} ${sequence}`;
}

function sizeOf(entry: DueEntry): number {
  return entry.kind === 'delivery' ? entry.sizeBytes : 64;
}
