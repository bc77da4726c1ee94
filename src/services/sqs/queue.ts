import { type Clock, hasCode, isAbort, type Timer } from '../../base/index.ts';
import type { Records, Sequence, Write } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { QueueSettings } from './attributes.ts';
import { Deduplicator } from './deduplicator.ts';
import { messageNotFound, SqsError } from './errors.ts';
import { Flights } from './flights.ts';
import { SQS_LIMITS } from './limits.ts';
import { type Entry, type Message, newEntry, type Place } from './message.ts';
import { FifoReady, type Ready, StandardReady } from './ready.ts';
import { formatReceipt, type Receipt } from './receipt.ts';
import { Rows } from './rows.ts';
import { Waiters } from './waiters.ts';

export interface QueueDependencies {
  readonly records: Records;
  readonly sequence: Sequence;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The queue that a redrive policy names; `undefined` while there is none. */
  readonly queueAt: (arn: string) => Queue | undefined;
}

/** A message to be sent, complete but for its place. */
export interface Outgoing {
  readonly message: Omit<Message, 'sequenceNumber'>;
  readonly delayMs: number;
}

export interface Sent {
  readonly messageId: string;
  readonly sequenceNumber?: string;
}

/** A message as it was received. */
export interface Received {
  readonly message: Message;
  readonly receiptHandle: string;
  readonly receiveCount: number;
  readonly firstReceivedAt: number;
}

/** A message as it stands in its queue. */
export interface Found {
  readonly place: Place;
  readonly message: Message;
  readonly state: 'visible' | 'in-flight' | 'delayed';
  readonly receiveCount: number;
}

/** Messages beyond this place are delayed: those that may be seen at once have 0. */
const DELAYED: Place = { delayUntil: 1, sequence: 0 };

/** Messages looked at for their age at once; the oldest come first. */
const SWEEP_PAGE = 100;
export const FIRST: Place = { delayUntil: 0, sequence: 0 };
const LAST: Place = { delayUntil: Number.MAX_SAFE_INTEGER, sequence: 0 };

/**
 * One queue: what stands on disk, and what of it is in memory.
 *
 *     send -> durable -> ready (window in memory, or left on disk) -> received: in flight -> deleted
 *                                     ^------------- visible again -------------'     '-> dead-letter queue
 *
 * U1. A message is answered for when it is durable, and shown to receivers only then.
 * U2. Every message on disk before `#cursor` (delayed ones: before `#delayedFrom`) is known in memory; what stands behind is
 *     read when the window runs low. So a receive costs the same whatever the backlog.
 * U3. Receive counts and visibility are written soon after, not before the answer: a crash repeats messages, never loses any.
 * U4. While a page is read, what is deleted is remembered, so that an older snapshot does not bring it back.
 */
export class Queue implements AsyncDisposable {
  readonly arn: string;
  readonly id: string;
  settings: QueueSettings;
  readonly #dependencies: QueueDependencies;
  readonly #deduplicator: Deduplicator;
  readonly #waiters: Waiters;
  #rows: Rows;
  #ready: Ready;
  #flights = new Flights();
  #known = new Map<number, Entry>();
  #cursor = FIRST;
  #behind = true;
  #stale = false;
  #delayedFrom = DELAYED;
  #delayedDue = 0;
  /** Earliest of the delayed messages that came while those on disk were looked at. */
  #delayedSince = Number.POSITIVE_INFINITY;
  #delayed = 0;
  #readyBytes = 0;
  #messages = 0;
  #filling: Promise<void> | undefined;
  readonly #released = new Set<number>();
  #dirtyLeases = new Set<Entry>();
  #leaseTimer: Timer | undefined;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #closed = false;
  #flushing: Promise<void> = Promise.resolve();

  private constructor(
    dependencies: QueueDependencies,
    identity: { readonly arn: string; readonly id: string },
    settings: QueueSettings,
    rows: Rows,
  ) {
    this.arn = identity.arn;
    this.id = identity.id;
    this.settings = settings;
    this.#dependencies = dependencies;
    this.#rows = rows;
    this.#ready = newReady(settings);
    this.#deduplicator = new Deduplicator(dependencies.clock);
    this.#waiters = new Waiters(dependencies.clock);
  }

  /** @param identity.life  names the space on disk: another one after each purge */
  static async open(
    dependencies: QueueDependencies,
    identity: { readonly arn: string; readonly id: string; readonly life: string },
    settings: QueueSettings,
  ): Promise<Queue> {
    const rows = new Rows(dependencies.records, spaceOf(identity.life));
    const queue = new Queue(dependencies, identity, settings, rows);
    queue.#messages = await rows.readCount();
    queue.#delayed = await rows.countDelayed();
    if (settings.fifo) queue.#deduplicator.load(await rows.readDeduplications());
    await queue.#fill();
    return queue;
  }

  /** Approximate numbers, as the API calls them. */
  get counts(): { readonly visible: number; readonly inFlight: number; readonly delayed: number } {
    const { count: inFlight } = this.#flights;
    return { visible: Math.max(0, this.#messages - inFlight - this.#delayed), inFlight, delayed: this.#delayed };
  }

  /** Milliseconds since the oldest message that is known was sent; 0 when there is none. */
  get oldestAgeMs(): number {
    // In order of arrival, but for those that were delayed or moved here.
    const oldest = this.#known.values().next().value;
    return oldest ? Math.max(0, this.#dependencies.clock.now() - oldest.sentAt) : 0;
  }

  /** Sends messages, all or none; durable when it resolves. One that repeats a deduplication id answers as the first did. */
  async send(outgoing: readonly Outgoing[]): Promise<readonly Sent[]> {
    const { records } = this.#dependencies;
    const group = this.#deduplicator.begin(outgoing, this.settings, (message) => this.#place(message));
    const writes = group.fresh.flatMap(({ place, message, deduplication }) => [
      this.#rows.put(place, message),
      ...(deduplication ? [this.#rows.deduplication(deduplication.key, deduplication.value)] : []),
    ]);
    const rows = this.#rows;
    try {
      if (writes.length > 0) await records.commit({ writes });
    } catch (error) {
      group.fail(error);
      throw error;
    }
    group.succeed();
    // A purge in between has begun a new life: what was sent before it is gone with the old one.
    if (rows === this.#rows) for (const { place, message } of group.fresh) this.#accept(place, message);
    return group.sent;
  }

  /** Takes over a message that stands in another queue, in the transaction that removes it there. */
  async adopt(message: Message, from: Queue, at: Place): Promise<void> {
    const place: Place = { delayUntil: 0, sequence: this.#dependencies.sequence.take() };
    const { sequenceNumber: _, ...rest } = message;
    const adopted = this.settings.fifo ? { ...rest, sequenceNumber: sequenceNumberOf(place) } : rest;
    await from.#removeWith(at, [this.#rows.put(place, adopted)]);
    this.#accept(place, adopted);
  }

  /**
   * Receives up to `max` messages, waiting up to `waitMs` for the first.
   * @throws over-limit: as many are in flight as may be
   */
  async receive(max: number, visibilityMs: number, waitMs: number, signal: AbortSignal): Promise<readonly Received[]> {
    const { clock } = this.#dependencies;
    for (const end = clock.now() + waitMs; ; ) {
      if (!this.#ready.available && this.#mayFill()) await this.#fill();
      const received = await this.#take(max, visibilityMs);
      if (received.length > 0 || this.#closed) return received;
      if (this.#ready.available || this.#mayFill()) continue;
      const restMs = end - clock.now();
      if (restMs <= 0 || signal.aborted || !(await this.#waiters.wait('receiver', restMs, signal))) return [];
    }
  }

  /** Resolves when a receive would find something; rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<void> {
    while (!this.#ready.available) {
      signal.throwIfAborted();
      if (this.#mayFill()) await this.#fill();
      if (this.#ready.available) return;
      await this.#waiters.wait('watcher', 3_600_000, signal);
      if (this.#closed) throw new DOMException('the queue is closed', 'AbortError');
    }
  }

  /** Deletes by receipt; durable when it resolves. An outdated receipt deletes nothing, and that is no error. */
  async delete(receipts: readonly Receipt[]): Promise<void> {
    const gone = receipts.filter((receipt) => this.#deletable(receipt));
    if (gone.length === 0) return;
    // A lease written after the delete would be left over.
    for (const { sequence } of gone) this.#dirtyLeases.delete(this.#known.get(sequence)!);
    const writes = gone.flatMap((receipt) =>
      this.#rows.delete({ ...receipt, leased: this.#known.get(receipt.sequence)?.leased ?? true }),
    );
    await this.#dependencies.records.commit({ writes });
    for (const { sequence } of gone) this.#forget(sequence);
  }

  /** Messages by place, without receiving them: those that may be seen at once come first, then delayed ones. */
  async browse(from: Place, limit: number): Promise<readonly Found[]> {
    const page = await this.#rows.page(from, LAST, limit);
    return page.map((entry) => this.#found(entry, entry.message!));
  }

  /** The message at a place; `undefined` when there is none. */
  async read(place: Place): Promise<Found | undefined> {
    const [message, lease] = await Promise.all([this.#rows.read(place), this.#rows.readLease(place)]);
    return message && this.#found(newEntry(place, message, 0, lease), message);
  }

  /** Deletes a message whoever holds it; durable when it resolves. @throws message-not-found */
  remove(place: Place): Promise<void> {
    return this.#removeWith(place, []);
  }

  async #removeWith(place: Place, more: readonly Write[]): Promise<void> {
    const entry = this.#known.get(place.sequence);
    if (entry) this.#dirtyLeases.delete(entry);
    try {
      await this.#dependencies.records.commit({
        // Whoever comes second finds it gone: a message is moved once.
        conditions: [this.#rows.isPresent(place)],
        writes: [...this.#rows.delete({ ...place, leased: true }), ...more],
      });
    } catch (error) {
      if (!hasCode(error, 'condition-failed')) throw error;
      this.#forget(place.sequence);
      throw messageNotFound();
    }
    this.#forget(place.sequence);
  }

  /** Checks that a receipt of a FIFO queue has not expired. @throws parameter-invalid */
  checkReceipt(handle: string, { sequence, receive }: Receipt): void {
    if (!this.settings.fifo) return;
    const entry = this.#known.get(sequence);
    if (!entry || (entry.state === 'in-flight' && entry.receiveCount === receive)) return;
    const reason = 'The receipt handle has expired.';
    throw new SqsError(
      'parameter-invalid',
      `Value ${handle} for parameter ReceiptHandle is invalid. Reason: ${reason}`,
    );
  }

  /** Sets when a message in flight is seen again; 0 is now. @throws not-in-flight */
  changeVisibility({ sequence, receive }: Receipt, visibilityMs: number): void {
    const entry = this.#known.get(sequence);
    if (entry?.state !== 'in-flight' || entry.receiveCount !== receive) {
      throw new SqsError('not-in-flight', 'Message does not exist or is not available for visibility timeout change.');
    }
    entry.visibleAt = this.#dependencies.clock.now() + visibilityMs;
    this.#flights.moved(entry);
    this.#noteLease(entry);
    this.#onDue();
  }

  /** Begins a new life on disk and in memory. The caller drops the old space. */
  purge(life: string): void {
    for (const entry of this.#known.values()) entry.state = 'gone';
    this.#rows = new Rows(this.#dependencies.records, spaceOf(life));
    this.#ready = newReady(this.settings);
    this.#flights = new Flights();
    this.#known = new Map();
    this.#dirtyLeases = new Set();
    this.#messages = 0;
    this.#delayed = 0;
    this.#readyBytes = 0;
    this.#cursor = FIRST;
    this.#delayedFrom = DELAYED;
    this.#delayedDue = Number.POSITIVE_INFINITY;
    this.#behind = true;
    this.#stale = true;
  }

  /** Deletes messages past their retention. */
  async sweep(): Promise<void> {
    const { clock, records } = this.#dependencies;
    while (!this.#closed) {
      const page = await this.#rows.page(FIRST, DELAYED, SWEEP_PAGE);
      const before = clock.now() - this.settings.retentionMs;
      const expired = page.filter(
        ({ sentAt, sequence }) => sentAt < before && this.#known.get(sequence)?.state !== 'in-flight',
      );
      if (expired.length === 0) return;
      await records.commit({ writes: expired.flatMap((entry) => this.#rows.delete({ ...entry, leased: true })) });
      for (const { sequence } of expired) this.#forget(sequence);
    }
  }

  /** Ends long polls and writes what is not yet written. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#leaseTimer?.cancel();
    this.#waiters.end();
    await this.#filling?.catch(() => {});
    await this.#flushLeases();
  }

  #place({ delayMs }: Outgoing): { readonly place: Place; readonly sequenceNumber?: string } {
    const { clock, sequence } = this.#dependencies;
    // A delayed message must not get a place that was read past already, even if the clock went back.
    const delayUntil = delayMs > 0 ? Math.max(clock.now() + delayMs, this.#delayedFrom.delayUntil + 1) : 0;
    const place = { delayUntil, sequence: sequence.take() };
    return this.settings.fifo ? { place, sequenceNumber: sequenceNumberOf(place) } : { place };
  }

  #accept(place: Place, message: Message): void {
    this.#messages++;
    if (place.delayUntil > 0) {
      this.#delayed++;
      this.#delayedDue = Math.min(this.#delayedDue, place.delayUntil);
      this.#delayedSince = Math.min(this.#delayedSince, place.delayUntil);
      this.#wakeAt(place.delayUntil);
      return;
    }
    if (this.#behind || !this.#hasRoom()) this.#leaveOnDisk(place);
    else this.#hold(newEntry(place, message, message.body.length + 512));
    this.#waiters.notify();
  }

  /** What is known in memory is newer than what stands on disk. */
  #found(stored: Entry, message: Message): Found {
    const { state, visibleAt, receiveCount } = this.#known.get(stored.sequence) ?? stored;
    const now = this.#dependencies.clock.now();
    const { delayUntil, sequence } = stored;
    const shown = state === 'in-flight' || visibleAt > now ? 'in-flight' : delayUntil > now ? 'delayed' : 'visible';
    return { place: { delayUntil, sequence }, message, state: shown, receiveCount };
  }

  #hasRoom(): boolean {
    return this.#ready.size < SQS_LIMITS.windowMax && this.#readyBytes < SQS_LIMITS.windowBytesMax;
  }

  #leaveOnDisk(place: Place): void {
    if (!this.#behind || place.sequence < this.#cursor.sequence)
      this.#cursor = { delayUntil: 0, sequence: place.sequence };
    this.#behind = true;
    this.#stale = true;
  }

  #hold(entry: Entry): void {
    this.#known.set(entry.sequence, entry);
    if (entry.message) this.#readyBytes += entry.sizeBytes;
    this.#ready.add(entry);
  }

  // --- receiving

  async #take(max: number, visibilityMs: number): Promise<readonly Received[]> {
    const { clock } = this.#dependencies;
    const now = clock.now();
    const room = SQS_LIMITS.inFlightMax - this.#flights.count;
    if (room <= 0) {
      if (this.settings.fifo) return [];
      throw new SqsError('over-limit', `There are ${SQS_LIMITS.inFlightMax} messages in flight.`);
    }
    const entries = this.#ready.take(Math.min(max, room));
    const received: Promise<Received | undefined>[] = [];
    for (const entry of entries) {
      if (entry.message) this.#readyBytes -= entry.sizeBytes;
      this.#fly(entry, now + visibilityMs);
      if (now - entry.sentAt > this.settings.retentionMs) this.#drop(entry);
      else if (this.#isExhausted(entry)) this.#redrive(entry);
      else received.push(this.#receive(entry, now));
    }
    return (await Promise.all(received)).filter((one) => one !== undefined);
  }

  #fly(entry: Entry, visibleAt: number): void {
    entry.state = 'in-flight';
    entry.visibleAt = visibleAt;
    this.#flights.add(entry);
    this.#wakeAt(visibleAt);
  }

  async #receive(entry: Entry, now: number): Promise<Received | undefined> {
    entry.receiveCount++;
    entry.firstReceivedAt ??= now;
    this.#noteLease(entry);
    const { receiveCount, firstReceivedAt } = entry;
    const message = entry.message ?? (await this.#rows.read(entry));
    // In flight it is known by its place only: bodies are read again in the rare case that they are needed.
    entry.message = undefined;
    if (!message) {
      this.#forget(entry.sequence);
      return undefined;
    }
    const receiptHandle = formatReceipt({ ...entry, queueId: this.id, receive: receiveCount });
    return { message, receiptHandle, receiveCount, firstReceivedAt };
  }

  #isExhausted({ receiveCount }: Entry): boolean {
    const { redrive } = this.settings;
    if (!redrive || receiveCount < redrive.receivesMax) return false;
    return this.#dependencies.queueAt(redrive.arn) !== undefined;
  }

  /** Moves a message to the dead-letter queue; where that fails, it is seen again later. */
  #redrive(entry: Entry): void {
    const target = this.#dependencies.queueAt(this.settings.redrive!.arn);
    this.#background(async () => {
      const message = entry.message ?? (await this.#rows.read(entry));
      if (!message || !target) return;
      await target.adopt({ ...message, deadLetterSource: this.arn }, this, entry);
    });
  }

  #drop(entry: Entry): void {
    this.#background(async () => {
      await this.#dependencies.records.commit({ writes: this.#rows.delete(entry) });
      this.#forget(entry.sequence);
    });
  }

  #background(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (!isAbort(error)) this.#dependencies.logger.warn('message-not-moved', { queue: this.arn, error });
    });
  }

  // --- leaving

  #deletable({ sequence, receive }: Receipt): boolean {
    const entry = this.#known.get(sequence);
    return !entry || entry.receiveCount === receive;
  }

  /** The message is gone from disk. */
  #forget(sequence: number): void {
    if (this.#filling !== undefined) this.#released.add(sequence);
    const entry = this.#known.get(sequence);
    if (!entry) return;
    this.#known.delete(sequence);
    this.#dirtyLeases.delete(entry);
    this.#messages = Math.max(0, this.#messages - 1);
    if (entry.state === 'in-flight') {
      this.#flights.remove();
      entry.state = 'gone';
      this.#ready.settled(entry);
      if (this.#ready.available) this.#waiters.notify();
    }
    if (entry.state === 'ready' && entry.message) this.#readyBytes -= entry.sizeBytes;
    entry.state = 'gone';
  }

  // --- time

  #wakeAt(at: number): void {
    if (at >= this.#timerAt || this.#closed) return;
    const { clock } = this.#dependencies;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = clock.timer(Math.max(0, at - clock.now()), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#onDue();
    });
  }

  /** Shows again what is due: messages in flight whose time is over, and delayed ones. */
  #onDue(): void {
    const now = this.#dependencies.clock.now();
    for (let entry = this.#flights.due(now); entry; entry = this.#flights.due(now)) this.#showAgain(entry);
    if (this.#ready.available || this.#delayedDue <= now) this.#waiters.notify(Number.POSITIVE_INFINITY);
    const next = Math.min(
      this.#flights.next ?? Number.POSITIVE_INFINITY,
      this.#delayedDue > now ? this.#delayedDue : Infinity,
    );
    if (next !== Number.POSITIVE_INFINITY) this.#wakeAt(next);
  }

  #showAgain(entry: Entry): void {
    entry.state = 'ready';
    this.#ready.settled(entry);
    const crowded = this.#known.size > SQS_LIMITS.knownMax && !this.settings.fifo && entry.delayUntil === 0;
    if (crowded) this.#background(() => this.#shelve(entry));
    else this.#ready.add(entry);
  }

  /** Leaves a message that is visible again to the disk, its receive count with it. */
  async #shelve(entry: Entry): Promise<void> {
    entry.state = 'gone';
    this.#known.delete(entry.sequence);
    this.#dirtyLeases.delete(entry);
    await this.#dependencies.records.commit({ writes: [this.#rows.lease(entry)] });
    this.#leaveOnDisk(entry);
    this.#waiters.notify();
  }

  // --- reading from disk

  #mayFill(): boolean {
    return (
      (this.#behind && this.#known.size < SQS_LIMITS.knownMax) || this.#delayedDue <= this.#dependencies.clock.now()
    );
  }

  #fill(): Promise<void> {
    this.#filling ??= this.#readAhead().finally(() => {
      this.#filling = undefined;
      this.#released.clear();
    });
    return this.#filling;
  }

  async #readAhead(): Promise<void> {
    const rows = this.#rows;
    if (this.#delayedDue <= this.#dependencies.clock.now()) await this.#readDelayed();
    // A group that is held back may fill a page: then it takes more of them to find one that is not.
    while (this.#behind && !this.#ready.available && this.#known.size < SQS_LIMITS.knownMax && rows === this.#rows) {
      this.#stale = false;
      const page = await rows.page(this.#cursor, DELAYED, SQS_LIMITS.pageMax);
      if (rows !== this.#rows) return;
      for (const entry of page) this.#admit(entry);
      const last = page.at(-1);
      if (last) this.#cursor = { delayUntil: 0, sequence: last.sequence + 1 };
      this.#behind = page.length === SQS_LIMITS.pageMax || this.#stale;
      if (!this.#behind) this.#countAnew();
    }
  }

  async #readDelayed(): Promise<void> {
    const rows = this.#rows;
    const now = this.#dependencies.clock.now();
    this.#delayedSince = Number.POSITIVE_INFINITY;
    const page = await rows.page(this.#delayedFrom, { delayUntil: now + 1, sequence: 0 }, SQS_LIMITS.pageMax);
    if (rows !== this.#rows) return;
    for (const entry of page) {
      this.#delayed = Math.max(0, this.#delayed - 1);
      this.#admit(entry);
    }
    const last = page.at(-1);
    this.#delayedFrom = last
      ? { delayUntil: last.delayUntil, sequence: last.sequence + 1 }
      : { delayUntil: now + 1, sequence: 0 };
    if (page.length === SQS_LIMITS.pageMax) return;
    const [next] = await rows.page(this.#delayedFrom, LAST, 1);
    this.#delayedDue = Math.min(next?.delayUntil ?? Number.POSITIVE_INFINITY, this.#delayedSince);
    if (next) this.#wakeAt(next.delayUntil);
  }

  #admit(entry: Entry): void {
    if (this.#known.has(entry.sequence) || this.#released.has(entry.sequence)) return;
    if (entry.visibleAt <= this.#dependencies.clock.now()) return this.#hold(entry);
    entry.message = undefined;
    this.#known.set(entry.sequence, entry);
    if (this.#ready instanceof FifoReady) this.#ready.lock(entry);
    this.#fly(entry, entry.visibleAt);
  }

  /** All there is is known: the count, which a crash may have left wrong, is exact again. */
  #countAnew(): void {
    this.#messages = this.#known.size + this.#delayed;
  }

  // --- leases

  #noteLease(entry: Entry): void {
    this.#dirtyLeases.add(entry);
    this.#leaseTimer ??= this.#dependencies.clock.timer(SQS_LIMITS.leaseIntervalMs, () => {
      this.#leaseTimer = undefined;
      this.#background(() => this.#flushLeases());
    });
  }

  #flushLeases(): Promise<void> {
    this.#flushing = this.#flushing.catch(() => {}).then(() => this.#writeLeases());
    return this.#flushing;
  }

  async #writeLeases(): Promise<void> {
    const leases = [...this.#dirtyLeases].filter(({ state }) => state !== 'gone');
    this.#dirtyLeases.clear();
    const expired = this.#deduplicator.expired().map((key) => this.#rows.forgetDeduplication(key));
    const writes: Write[] = [...expired, this.#rows.count({ messages: this.#messages })];
    for (const entry of leases) {
      // From here on a delete has to remove it, whichever is written first.
      entry.leased = true;
      writes.push(this.#rows.lease(entry));
    }
    for (let at = 0; at < writes.length; at += 5000) {
      await this.#dependencies.records.commit({ writes: writes.slice(at, at + 5000) });
    }
  }
}

function newReady({ fifo }: QueueSettings): Ready {
  return fifo ? new FifoReady() : new StandardReady();
}

export function spaceOf(life: string): string {
  return `sqs/messages/${life}`;
}

/** 20 digits that grow, as those of AWS do. */
function sequenceNumberOf({ sequence }: Place): string {
  return (18_849_000_000_000_000_000n + BigInt(sequence) * 256n).toString();
}
