import type { SteadyClock } from '../../base/index.ts';
import type { QueueSettings } from './attributes.ts';
import { Backlog } from './backlog.ts';
import type { Counts } from './counts.ts';
import { Delayed } from './delayed.ts';
import type { Known } from './known.ts';
import { SQS_LIMITS } from './limits.ts';
import { type Entry, type Message, newEntry, type Place } from './message.ts';
import type { Rows } from './rows.ts';

export interface ReadAheadDependencies {
  readonly rows: Rows;
  readonly known: Known;
  readonly counts: Counts;
  readonly steady: SteadyClock;
  readonly settings: () => QueueSettings;
  /** Something is to be done then, by the steady clock: `ReadAhead.nextDue` may have become earlier. */
  readonly wakeAt: (at: number) => void;
}

/**
 * Decides which messages of a queue are known in memory, and reads them.
 *
 * R1. Every message on disk before the backlog's cursor (delayed ones: before what was read of them) is known; what stands behind is
 *     read when the window runs low. So a receive costs the same whatever the backlog.
 * R2. While a page is read, what is deleted is remembered, so that an older snapshot does not bring it back.
 * R3. FIFO queues keep the order: behind a message that is delayed, all wait.
 */
export class ReadAhead {
  readonly #dependencies: ReadAheadDependencies;
  readonly #backlog = new Backlog();
  readonly #delayed: Delayed;
  #reading: Promise<void> | undefined;
  /** Sequences of those that are gone since the page that is being read was asked for. */
  readonly #gone = new Set<number>();
  /** Sequences of messages not known that are being deleted or moved. */
  readonly #leaving = new Set<number>();

  constructor(dependencies: ReadAheadDependencies) {
    this.#dependencies = dependencies;
    this.#delayed = new Delayed(dependencies.counts.stored.delayed);
  }

  /** Reads the first of what was found on disk. */
  async open(): Promise<void> {
    await this.#delayed.open(this.#dependencies.rows, this.#now());
    await this.read();
  }

  /** There may be messages on disk, not delayed ones, that are not known. */
  get behind(): boolean {
    return this.#backlog.behind;
  }

  /** Messages that may not be seen yet; FIFO queues: and what waits behind one. */
  get waiting(): number {
    const { known, counts, settings } = this.#dependencies;
    const isHeld = settings().fifo && this.#backlog.behind && this.#backlog.heldUntil > this.#now();
    return Math.max(0, isHeld ? counts.present - known.size : this.#delayed.waiting);
  }

  /** Reading would find something, and there is room for it. */
  get mayRead(): boolean {
    const now = this.#now();
    return this.#mayReadBacklog(now) || this.#delayed.due <= now;
  }

  /** When reading will find something that is not due at `now`; infinite when nothing waits for its time. */
  nextDue(now: number): number {
    const { due } = this.#delayed;
    const { heldUntil } = this.#backlog;
    return Math.min(due > now ? due : Number.POSITIVE_INFINITY, heldUntil > now ? heldUntil : Number.POSITIVE_INFINITY);
  }

  /** Reads on until something can be received, or there is no more; once for all who ask meanwhile. */
  read(): Promise<void> {
    this.#reading ??= this.#read()
      .then(() => this.#correctCounts())
      .finally(() => {
        this.#reading = undefined;
        this.#gone.clear();
      });
    return this.#reading;
  }

  /** Resolves when nothing is being read; never rejects. */
  async settled(): Promise<void> {
    await this.#reading?.catch(() => {});
  }

  /** What is read later is looked at under the settings as they are then. */
  lookAgain(): void {
    this.#dependencies.known.dropUnreceived();
    this.#backlog.rewind();
  }

  /** Where a message with a delay is to be put. @param until  when it may be seen */
  placeFor(until: number): number {
    return this.#delayed.placeFor(until);
  }

  /**
   * A message has become durable: it is known from now on, or left for later.
   * @returns whether a receive may find it at once
   */
  accept(place: Place, message: Message): boolean {
    const { known, counts } = this.#dependencies;
    counts.written(1);
    if (place.delayUntil > 0) return this.#acceptDelayed(place, message);
    // It was read from disk before its sender was told, and may have been counted then.
    if (known.has(place.sequence)) {
      this.#correctCounts();
      return false;
    }
    const now = this.#now();
    const { fifo, delayMs } = this.#dependencies.settings();
    const dueAt = fifo && delayMs > 0 ? now + delayMs : 0;
    const { behind } = this.#backlog;
    if (dueAt > 0 && !behind) this.#backlog.leave(place, dueAt);
    else if (known.hasRoom && (!behind || known.mayOvertake(message.group))) known.add(newEntry(place, message));
    else this.#backlog.leave(place);
    const { heldUntil } = this.#backlog;
    this.#dependencies.wakeAt(heldUntil > now ? Math.max(dueAt, heldUntil) : dueAt);
    return dueAt === 0;
  }

  /** A message that is not known is being deleted or moved: it is not to become known until that has ended. */
  leave({ sequence }: Place): void {
    this.#leaving.add(sequence);
  }

  /** That has ended, well or not. */
  left({ sequence }: Place): void {
    this.#leaving.delete(sequence);
  }

  /** It is there still, and may have been passed over meanwhile; one with a delay is found again when the node starts. */
  stay(place: Place): void {
    if (place.delayUntil === 0) this.#backlog.leave(place);
  }

  /** A message was deleted or moved: where it was not read yet, it does not wait any more. To be told before `known` is. */
  removed(place: Place): void {
    if (place.delayUntil > 0 && !this.#dependencies.known.has(place.sequence)) this.#delayed.removed(place);
  }

  /** A message is gone from disk. */
  forget({ sequence }: Place): void {
    if (this.#reading !== undefined) this.#gone.add(sequence);
  }

  /** When a message that was never received may be seen: FIFO queues, by the delay as it is now. Standard ones: at once. */
  dueAt({ sentAt, receiveCount }: Entry): number {
    const { fifo, delayMs } = this.#dependencies.settings();
    if (!fifo || delayMs === 0 || receiveCount > 0) return 0;
    // What a clock that was ahead has stamped must not wait for that time.
    return sentAt - this.#now() > SQS_LIMITS.delaySecondsMax * 1000 ? 0 : sentAt + delayMs;
  }

  #acceptDelayed(place: Place, message: Message): boolean {
    const { known, wakeAt } = this.#dependencies;
    // Writing it took as long as its delay: it may be seen, and is not waited for.
    if (known.has(place.sequence)) this.#delayed.waiting++;
    else if (this.#delayed.isPassed(place)) {
      known.add(newEntry(place, message));
      return true;
    } else {
      this.#delayed.add(place.delayUntil);
      wakeAt(place.delayUntil);
    }
    return false;
  }

  #mayReadBacklog(now: number): boolean {
    return this.#backlog.mayRead(now) && this.#dependencies.known.size < SQS_LIMITS.knownMax;
  }

  async #read(): Promise<void> {
    const { rows, known, counts, wakeAt } = this.#dependencies;
    if (this.#delayed.due <= this.#now()) {
      const { page, surplus } = await this.#delayed.next(rows, this.#now());
      counts.delayedMissing(surplus);
      for (const entry of page) this.#admit(entry);
      wakeAt(this.#delayed.due);
    }
    // A group that is held back may fill a page: then it takes more of them to find one that is not.
    while (this.#mayReadBacklog(this.#now())) {
      this.#admitUntilHeld(await this.#backlog.next(rows));
      if (known.available) return;
    }
  }

  #admitUntilHeld(page: readonly Entry[]): void {
    for (const entry of page) {
      const dueAt = this.#dependencies.known.has(entry.sequence) ? 0 : this.dueAt(entry);
      if (dueAt > this.#now()) {
        this.#backlog.leave(entry, dueAt);
        this.#dependencies.wakeAt(dueAt);
        return;
      }
      this.#admit(entry);
    }
  }

  #admit(entry: Entry): void {
    const { known, wakeAt } = this.#dependencies;
    const { sequence } = entry;
    if (known.has(sequence) || this.#gone.has(sequence) || this.#leaving.has(sequence)) return;
    const now = this.#now();
    if (entry.visibleAt <= now) return known.add(entry);
    const visibleAt = Math.min(entry.visibleAt, now + this.#hiddenMsMax(entry));
    known.addInFlight(entry, now, visibleAt);
    wakeAt(visibleAt);
  }

  /** What a clock that was ahead has written hides nothing until then: such a message was received in what is the future now. */
  #hiddenMsMax({ firstReceivedAt = 0 }: Entry): number {
    const { visibilityMs } = this.#dependencies.settings();
    return firstReceivedAt > this.#now() ? visibilityMs : SQS_LIMITS.visibilitySecondsMax * 1000;
  }

  #correctCounts(): void {
    const { known, counts } = this.#dependencies;
    if (!this.#backlog.behind) counts.correct(known.size + this.#delayed.waiting);
  }

  #now(): number {
    return this.#dependencies.steady.now();
  }
}
