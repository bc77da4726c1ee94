import { Flights } from './flights.ts';
import { SQS_LIMITS } from './limits.ts';
import type { Entry } from './message.ts';
import { FifoReady, type GroupNumbers, type Ready, StandardReady } from './ready.ts';

/**
 * The messages that a queue knows in memory: those in line to be received, and those in flight. Times are the steady clock's.
 *
 *     add -> ready -> take, hide: in flight -> remove: gone
 *              ^----------- showDue -----------'
 */
export class Known {
  /** By sequence, in the order in which they became known. */
  readonly #entries = new Map<number, Entry>();
  readonly #ready: Ready;
  readonly #flights = new Flights();
  /** Bodies of ready messages held in memory. */
  #readyBytes = 0;

  constructor({ fifo }: { readonly fifo: boolean }) {
    this.#ready = fifo ? new FifoReady() : new StandardReady();
  }

  get size(): number {
    return this.#entries.size;
  }

  get(sequence: number): Entry | undefined {
    return this.#entries.get(sequence);
  }

  has(sequence: number): boolean {
    return this.#entries.has(sequence);
  }

  /** In order of arrival, but for those that were delayed or moved here. */
  get oldest(): Entry | undefined {
    return this.#entries.values().next().value;
  }

  get groups(): GroupNumbers {
    return this.#ready.groups;
  }

  /** One could be taken. */
  get available(): boolean {
    return this.#ready.available;
  }

  /** In line, those that a group holds back too. */
  get ready(): number {
    return this.#ready.size;
  }

  get inFlight(): number {
    return this.#flights.count;
  }

  /** When the next one in flight is seen again; infinite when none is in flight. */
  get nextDue(): number {
    return this.#flights.next ?? Number.POSITIVE_INFINITY;
  }

  /** Another message may be held in line. */
  get hasRoom(): boolean {
    return this.#ready.size < SQS_LIMITS.windowMax && this.#readyBytes < SQS_LIMITS.windowBytesMax;
  }

  /** A message of a quiet group need not wait behind a backlog of others: it is known ahead of the cursor. */
  mayOvertake(group: string | undefined): boolean {
    return group !== undefined && this.#ready instanceof StandardReady && this.#ready.isQuiet(group);
  }

  /** One that may be received. */
  add(entry: Entry): void {
    this.#entries.set(entry.sequence, entry);
    this.#queueUp(entry);
  }

  /** One that was found in flight. */
  addInFlight(entry: Entry, now: number, visibleAt: number): void {
    entry.message = undefined;
    this.#entries.set(entry.sequence, entry);
    this.#ready.lock(entry);
    this.hide(entry, now, visibleAt);
  }

  /** Up to `max` out of the line: each is to be hidden next. */
  take(max: number): readonly Entry[] {
    const taken = this.#ready.take(max);
    for (const { message, sizeBytes } of taken) if (message) this.#readyBytes -= sizeBytes;
    return taken;
  }

  /** One that was taken is in flight. */
  hide(entry: Entry, now: number, visibleAt: number): void {
    entry.state = 'in-flight';
    entry.receivedAt = now;
    entry.visibleAt = visibleAt;
    this.#flights.add(entry);
  }

  /** One in flight is seen again at another time. */
  move(entry: Entry, visibleAt: number): void {
    entry.visibleAt = visibleAt;
    this.#flights.moved(entry);
  }

  /** Puts those in flight whose time is over in line again. */
  showDue(now: number): void {
    for (let entry = this.#flights.due(now); entry; entry = this.#flights.due(now)) {
      entry.state = 'ready';
      this.#ready.settled(entry);
      this.#queueUp(entry);
    }
  }

  /** One that was leaving stays. */
  stay(entry: Entry): void {
    entry.leaving = false;
    if (entry.state === 'ready') this.#ready.add(entry);
    if (entry.state === 'in-flight') this.#flights.moved(entry);
  }

  /** It is gone from disk. */
  remove(entry: Entry): void {
    const { state } = entry;
    this.#entries.delete(entry.sequence);
    entry.state = 'gone';
    if (state === 'in-flight') {
      this.#flights.remove();
      this.#ready.settled(entry);
    }
    if (state === 'ready' && entry.message) this.#readyBytes -= entry.sizeBytes;
  }

  /** Drops those that were never received: they are to be read again. */
  dropUnreceived(): void {
    for (const entry of this.#entries.values()) {
      if (entry.state === 'ready' && entry.receiveCount === 0 && !entry.leaving) this.remove(entry);
    }
  }

  /** All are gone: nobody who holds one may do anything with it. */
  end(): void {
    for (const entry of this.#entries.values()) entry.state = 'gone';
  }

  #queueUp(entry: Entry): void {
    // A group that is held back may fill the memory: bodies beyond the window are read again when they are needed.
    if (this.#readyBytes >= SQS_LIMITS.windowBytesMax) entry.message = undefined;
    // One that was to leave and could not comes again with its body.
    if (entry.message) this.#readyBytes += entry.sizeBytes;
    this.#ready.add(entry);
  }
}
