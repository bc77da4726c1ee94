import { type Clock, hasCode, isAbort, type SteadyClock, type Timer } from '../../base/index.ts';
import type { Records, Sequence, Write } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { Attempts } from './attempts.ts';
import type { QueueSettings } from './attributes.ts';
import { Backlog, DELAYED, FIRST } from './backlog.ts';
import { Deduplicator } from './deduplicator.ts';
import { Delayed, LAST } from './delayed.ts';
import { messageNotFound, parameterInvalid, queueNotFound, SqsError } from './errors.ts';
import { Flights } from './flights.ts';
import type { QueueInstruments } from './instruments.ts';
import { Leases, WRITES_MAX } from './leases.ts';
import { SQS_LIMITS } from './limits.ts';
import { type Entry, type Message, newEntry, type Place } from './message.ts';
import { FifoReady, type GroupNumbers, type Ready, StandardReady } from './ready.ts';
import { formatReceipt, type Receipt } from './receipt.ts';
import { Rows, type Tally } from './rows.ts';
import { Waiters } from './waiters.ts';

export interface QueueDependencies {
  readonly records: Records;
  readonly sequence: Sequence;
  readonly clock: Clock;
  readonly steady: SteadyClock;
  readonly logger: Logger;
  readonly instruments: QueueInstruments;
  /** The queue that a redrive policy names; `undefined` while there is none. */
  readonly queueAt: (arn: string) => Queue | undefined;
}

/** A message to be sent, complete but for its place. */
export interface Outgoing {
  readonly message: Omit<Message, 'sequenceNumber'>;
  readonly delayMs: number;
  /** Of body and attributes, bytes. */
  readonly sizeBytes: number;
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

/** The oldest messages looked at for their age at once. */
const SWEEP_PAGE = 20;
const WATCH_MS = 3_600_000;

/**
 * One queue: what stands on disk, and what of it is in memory.
 *
 *     send -> durable -> ready (window in memory, or left on disk) -> received: in flight -> deleted
 *                                     ^------------- visible again -------------'     '-> dead-letter queue
 *
 * U1. A message is answered for when it is durable, and shown to receivers only then.
 * U2. Every message on disk before the backlog's cursor (delayed ones: before what was read of them) is known in memory; what
 *     stands behind is read when the window runs low. So a receive costs the same whatever the backlog.
 * U3. Receive counts and visibility are written soon after, not before the answer: a crash repeats messages, never loses any.
 * U4. While a page is read, what is deleted is remembered, so that an older snapshot does not bring it back.
 * U5. What is being deleted or moved is `leaving`: it is not shown again meanwhile, and stays when the write fails.
 */
export class Queue implements AsyncDisposable {
  readonly arn: string;
  readonly id: string;
  readonly #dependencies: QueueDependencies;
  readonly #deduplicator: Deduplicator;
  readonly #waiters: Waiters;
  readonly #attempts = new Attempts();
  readonly #leases: Leases;
  #settings: QueueSettings;
  #rows: Rows;
  #ready: Ready;
  #flights = new Flights();
  /** By sequence, in the order in which they became known. */
  #known = new Map<number, Entry>();
  #backlog = new Backlog();
  #delayed: Delayed;
  /** What stands on disk once all writes under way are done. */
  #tally: Tally;
  /** Messages that are there, writes under way not included. */
  #messages: number;
  /** Bodies of ready messages held in memory. */
  #readyBytes = 0;
  #filling: Promise<void> | undefined;
  readonly #released = new Set<number>();
  /** Messages not known that are being deleted or moved. */
  readonly #departing = new Set<number>();
  /** Messages on their way out in the background. */
  readonly #working = new Set<Promise<void>>();
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #closed = false;

  private constructor(
    dependencies: QueueDependencies,
    identity: { readonly arn: string; readonly id: string },
    settings: QueueSettings,
    rows: Rows,
    tally: Tally,
  ) {
    this.arn = identity.arn;
    this.id = identity.id;
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#rows = rows;
    this.#tally = tally;
    this.#messages = tally.messages;
    this.#delayed = new Delayed(tally.delayed);
    this.#ready = newReady(settings);
    this.#deduplicator = new Deduplicator(dependencies.steady);
    this.#waiters = new Waiters(dependencies.clock);
    const { records, clock } = dependencies;
    this.#leases = new Leases({ records, clock, onFailure: (error) => this.#warn(error) });
  }

  /** @param identity.life  names the space on disk: another one after each purge */
  static async open(
    dependencies: QueueDependencies,
    identity: { readonly arn: string; readonly id: string; readonly life: string },
    settings: QueueSettings,
  ): Promise<Queue> {
    const rows = new Rows(dependencies.records, spaceOf(identity.life));
    const queue = new Queue(dependencies, identity, settings, rows, await rows.readCount());
    if (settings.fifo) queue.#deduplicator.load(await rows.readDeduplications());
    await queue.#delayed.open(rows, dependencies.steady.now());
    await queue.#fill();
    return queue;
  }

  get settings(): QueueSettings {
    return this.#settings;
  }

  /** Approximate numbers, as the API calls them. */
  get counts(): { readonly visible: number; readonly inFlight: number; readonly delayed: number } {
    const { count: inFlight } = this.#flights;
    const delayed = Math.max(0, this.#settings.fifo ? this.#heldBack() : this.#delayed.waiting);
    return { visible: Math.max(0, this.#messages - inFlight - delayed), inFlight, delayed };
  }

  /** Milliseconds since the oldest message that is known was sent; 0 when there is none. */
  get oldestAgeMs(): number {
    // In order of arrival, but for those that were delayed or moved here.
    const oldest = this.#known.values().next().value;
    return oldest ? Math.max(0, this.#dependencies.clock.now() - oldest.arrivedAt) : 0;
  }

  get groups(): GroupNumbers {
    return this.#ready.groups;
  }

  /** Changes what the queue goes by: of messages that are there too, as AWS has it (all but the delay of standard queues). */
  configure(settings: QueueSettings): void {
    const delayChanged = settings.delayMs !== this.#settings.delayMs;
    this.#settings = settings;
    if (settings.fifo && delayChanged) this.#lookAgain();
  }

  /** Sends messages, all or none; durable when it resolves. One that repeats a deduplication id answers as the first did. */
  async send(outgoing: readonly Outgoing[]): Promise<readonly Sent[]> {
    const { records, instruments } = this.#dependencies;
    const group = this.#deduplicator.begin(outgoing, this.#settings, (message) => this.#place(message));
    const rows = this.#rows;
    if (group.fresh.length > 0) {
      const writes: Write[] = [];
      for (const { place, message, deduplication } of group.fresh) {
        writes.push(rows.put(place, message));
        if (deduplication) writes.push(rows.deduplication(deduplication.key, deduplication.value));
      }
      const places = group.fresh.map(({ place }) => place);
      this.#count(places, 1);
      writes.push(rows.count(this.#tally));
      try {
        await records.commit({ writes });
      } catch (error) {
        if (rows === this.#rows) this.#count(places, -1);
        group.fail(error);
        throw error;
      }
    }
    group.succeed();
    // A purge in between has begun a new life: what was sent before it is gone with the old one.
    if (rows === this.#rows) for (const { place, message } of group.fresh) this.#accept(place, message);
    instruments.sent(outgoing, outgoing.length - group.fresh.length);
    return group.sent;
  }

  /**
   * Takes over a message that stands in another queue, in the transaction that removes it there.
   * @throws message-not-found; queue-not-found: this queue was deleted meanwhile, and the message stays where it is
   */
  async adopt(message: Message, from: Queue, at: Place): Promise<void> {
    if (this.#closed) throw queueNotFound();
    const place: Place = { delayUntil: 0, sequence: this.#dependencies.sequence.take() };
    const { sequenceNumber: _, ...rest } = message;
    const adopted = this.#settings.fifo ? { ...rest, sequenceNumber: sequenceNumberOf(place) } : rest;
    const rows = this.#rows;
    this.#count([place], 1);
    try {
      await from.#remove(at, [rows.put(place, adopted), rows.count(this.#tally)]);
    } catch (error) {
      if (rows === this.#rows) this.#count([place], -1);
      throw error;
    }
    if (rows === this.#rows) this.#accept(place, adopted);
  }

  /**
   * Receives up to `max` messages, waiting up to `waitMs` for the first.
   *
   * @param attemptId  FIFO queues: the same again within five minutes gets the same messages
   * @throws over-limit: as many are in flight as may be, and the caller does not wait
   */
  async receive(
    max: number,
    visibilityMs: number,
    waitMs: number,
    signal: AbortSignal,
    attemptId?: string,
  ): Promise<readonly Received[]> {
    const { clock, instruments } = this.#dependencies;
    const repeated = attemptId === undefined ? undefined : await this.#repeat(attemptId, visibilityMs);
    if (repeated) return repeated;
    for (const end = clock.monotonic() + waitMs; ; ) {
      // A visibility timeout of nothing is over at once, whenever its timer comes.
      if ((this.#flights.next ?? Number.POSITIVE_INFINITY) <= this.#now()) this.#onDue();
      // Before the last few are handed out alone.
      if ((this.#ready.size < max || !this.#ready.available) && this.#mayFill()) await this.#fill();
      const received = await this.#take(max, visibilityMs, waitMs, attemptId);
      if (received.length > 0) instruments.received(received.length);
      if (received.length > 0 || this.#closed) return received;
      const full = this.#flights.count >= SQS_LIMITS.inFlightMax;
      if (!full && (this.#ready.available || this.#mayFill())) continue;
      const restMs = end - clock.monotonic();
      if (restMs <= 0 || signal.aborted || !(await this.#waiters.wait('receiver', restMs, signal))) {
        instruments.receivedNothing();
        return [];
      }
    }
  }

  /** Resolves when a receive would find something; rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<void> {
    while (!this.#isReceivable) {
      signal.throwIfAborted();
      // What was read may have been of another life, or gone by then: nobody wakes it for what there is to read already.
      if (!this.#ready.available && this.#mayFill()) await this.#fill();
      else await this.#waiters.wait('watcher', WATCH_MS, signal);
      if (this.#closed) throw new DOMException('the queue is closed', 'AbortError');
    }
  }

  /** Where as many are in flight as may be, nothing can be received until one of them is settled. */
  get #isReceivable(): boolean {
    return this.#ready.available && this.#flights.count < SQS_LIMITS.inFlightMax;
  }

  /** Deletes by receipt; durable when it resolves. An outdated receipt deletes nothing, and that is no error. */
  async delete(receipts: readonly Receipt[]): Promise<void> {
    const entries = new Set<Entry>();
    const unknown: Receipt[] = [];
    for (const receipt of receipts) {
      const entry = this.#known.get(receipt.sequence);
      if (!entry) unknown.push(receipt);
      // A crash may have forgotten the last receives (U3): a receipt of theirs is newer than what is known.
      else if (receipt.receive >= entry.receiveCount) entries.add(entry);
    }
    this.#dependencies.instruments.deleted(entries.size + unknown.length);
    await Promise.all([
      entries.size > 0 && this.#deleteKnown([...entries]),
      ...unknown.map((receipt) => this.remove(receipt).catch(ignoreNotFound)),
    ]);
  }

  /** Messages by place, without receiving them: those that may be seen at once come first, then delayed ones. */
  async browse(from: Place, limit: number): Promise<readonly Found[]> {
    const page = await this.#rows.page(from, LAST, limit);
    return page.map((entry) => this.#found(entry, entry.message!));
  }

  /** The message at a place; `undefined` when there is none. */
  async read(place: Place): Promise<Found | undefined> {
    const [message, lease] = await Promise.all([this.#rows.read(place), this.#rows.readLease(place)]);
    return message && this.#found(newEntry(place, message, lease), message);
  }

  /** Somebody has received it, and it is hidden from others. */
  isInFlight({ sequence }: Place): boolean {
    return this.#known.get(sequence)?.state === 'in-flight';
  }

  /** Deletes a message whoever holds it; durable when it resolves. @throws message-not-found */
  remove(place: Place): Promise<void> {
    return this.#remove(place, []);
  }

  /** Checks that a receipt of a FIFO queue has not expired. @throws parameter-invalid */
  checkReceipt(handle: string, { sequence, receive }: Receipt): void {
    if (!this.#settings.fifo) return;
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
    if (entry?.state !== 'in-flight' || entry.leaving || entry.receiveCount !== receive) throw notInFlight();
    const limitSeconds = SQS_LIMITS.visibilitySecondsMax;
    if (this.#now() + visibilityMs - entry.receivedAt > limitSeconds * 1000) {
      const reason = `Total VisibilityTimeout for the message is beyond the limit [${limitSeconds} seconds]`;
      throw parameterInvalid(visibilityMs / 1000, 'VisibilityTimeout', reason);
    }
    this.#moveFlight(entry, visibilityMs);
    this.#onDue();
  }

  /** Begins a new life on disk and in memory. The caller drops the old space. */
  purge(life: string): void {
    for (const entry of this.#known.values()) entry.state = 'gone';
    this.#rows = new Rows(this.#dependencies.records, spaceOf(life));
    this.#ready = newReady(this.#settings);
    this.#flights = new Flights();
    this.#known = new Map();
    this.#leases.clear();
    this.#tally = { messages: 0, delayed: 0 };
    this.#messages = 0;
    this.#readyBytes = 0;
    this.#backlog = new Backlog();
    this.#delayed = new Delayed(0);
  }

  /** Deletes messages past their retention, and forgets deduplication ids past theirs. */
  async sweep(signal: AbortSignal): Promise<void> {
    await this.#sweepDeduplications();
    await this.#sweepExpired(FIRST, DELAYED, () => !signal.aborted && this.#mayBeExpired());
    // Those that were sent with a delay stand apart, and stay there when they are due.
    await this.#sweepExpired(DELAYED, LAST, () => !signal.aborted && this.#tally.delayed > 0);
  }

  async #sweepExpired(from: Place, to: Place, goesOn: () => boolean): Promise<void> {
    while (!this.#closed && goesOn()) {
      const page = await this.#rows.page(from, to, SWEEP_PAGE);
      const expired = page.filter((entry) => this.#isExpired(entry) && !this.#isWorkedOn(entry));
      if (expired.length === 0) return;
      await Promise.all(expired.map((entry) => this.remove(entry).catch(ignoreNotFound)));
    }
  }

  /** Ends long polls and writes what is not yet written. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#leases.stop();
    this.#waiters.end();
    await this.#filling?.catch(() => {});
    await Promise.all(this.#working);
    await this.#flushLeases();
  }

  // --- arriving

  #place({ delayMs }: Outgoing): { readonly place: Place; readonly sequenceNumber?: string } {
    const { steady, sequence } = this.#dependencies;
    if (this.#settings.fifo) {
      const place = { delayUntil: 0, sequence: sequence.take() };
      return { place, sequenceNumber: sequenceNumberOf(place) };
    }
    const delayUntil = delayMs > 0 ? this.#delayed.placeFor(steady.now() + delayMs) : 0;
    return { place: { delayUntil, sequence: sequence.take() } };
  }

  #count(places: readonly Place[], by: 1 | -1): void {
    for (const { delayUntil } of places) {
      this.#tally.messages += by;
      if (delayUntil > 0) this.#tally.delayed += by;
    }
  }

  #accept(place: Place, message: Message): void {
    this.#messages++;
    if (place.delayUntil > 0) return this.#acceptDelayed(place, message);
    // It was read from disk before its sender was told, and may have been counted then.
    if (this.#known.has(place.sequence)) return this.#recount();
    const entry = newEntry(place, message);
    const { fifo, delayMs } = this.#settings;
    const dueAt = fifo && delayMs > 0 ? this.#now() + delayMs : 0;
    if (dueAt > 0 && !this.#backlog.behind) this.#backlog.leave(place, dueAt);
    else if (this.#hasRoom() && (!this.#backlog.behind || this.#mayOvertake(message.group))) this.#hold(entry);
    else this.#backlog.leave(place);
    const { heldUntil } = this.#backlog;
    this.#wakeAt(heldUntil > this.#now() ? Math.max(dueAt, heldUntil) : dueAt);
    if (dueAt === 0) this.#waiters.notify();
  }

  #acceptDelayed(place: Place, message: Message): void {
    // Writing it took as long as its delay: it may be seen, and is not waited for.
    if (this.#known.has(place.sequence)) this.#delayed.waiting++;
    else if (this.#delayed.isPassed(place)) {
      this.#hold(newEntry(place, message));
      this.#waiters.notify();
    } else {
      this.#delayed.add(place.delayUntil);
      this.#wakeAt(place.delayUntil);
    }
  }

  #hasRoom(): boolean {
    return this.#ready.size < SQS_LIMITS.windowMax && this.#readyBytes < SQS_LIMITS.windowBytesMax;
  }

  /** A message of a quiet group need not wait behind a backlog of others: it is known ahead of the cursor. */
  #mayOvertake(group: string | undefined): boolean {
    return group !== undefined && this.#ready instanceof StandardReady && this.#ready.isQuiet(group);
  }

  #hold(entry: Entry): void {
    this.#known.set(entry.sequence, entry);
    // A group that is held back may fill the memory: bodies beyond the window are read again when they are needed.
    if (this.#readyBytes >= SQS_LIMITS.windowBytesMax) entry.message = undefined;
    if (entry.message) this.#readyBytes += entry.sizeBytes;
    this.#ready.add(entry);
  }

  // --- receiving

  async #take(
    max: number,
    visibilityMs: number,
    waitMs: number,
    attemptId: string | undefined,
  ): Promise<readonly Received[]> {
    const room = SQS_LIMITS.inFlightMax - this.#flights.count;
    if (room <= 0) {
      if (this.#settings.fifo || waitMs > 0) return [];
      throw new SqsError('over-limit', `There are ${SQS_LIMITS.inFlightMax} messages in flight.`);
    }
    const now = this.#now();
    const taken: Entry[] = [];
    for (const entry of this.#ready.take(Math.min(max, room))) {
      if (entry.message) this.#readyBytes -= entry.sizeBytes;
      const isExpired = this.#isExpired(entry);
      const goes = isExpired || this.#isExhausted(entry);
      // What goes is hidden until it is gone, whatever the caller asked for.
      this.#fly(entry, now + (goes ? Math.max(visibilityMs, SQS_LIMITS.leavingMs) : visibilityMs));
      if (isExpired) this.#background(() => this.remove(entry));
      else if (goes) this.#redrive(entry);
      else taken.push(entry);
    }
    const received = await Promise.all(taken.map((entry) => this.#receive(entry)));
    const given = received.filter((one) => one !== undefined);
    if (attemptId !== undefined && given.length > 0) this.#attempts.note(attemptId, now, taken);
    return given;
  }

  #fly(entry: Entry, visibleAt: number): void {
    entry.state = 'in-flight';
    entry.receivedAt = this.#now();
    entry.visibleAt = visibleAt;
    this.#flights.add(entry);
    this.#wakeAt(visibleAt);
  }

  #moveFlight(entry: Entry, visibilityMs: number): void {
    entry.visibleAt = this.#now() + visibilityMs;
    this.#flights.moved(entry);
    this.#wakeAt(entry.visibleAt);
    this.#noteLease(entry);
  }

  async #receive(entry: Entry): Promise<Received | undefined> {
    entry.receiveCount++;
    entry.firstReceivedAt ??= this.#dependencies.clock.now();
    this.#noteLease(entry);
    const given = { ...entry };
    const message = entry.message ?? (await this.#rows.read(entry));
    // In flight it is known by its place only: bodies are read again in the rare case that they are needed.
    entry.message = undefined;
    if (!message) this.#forget(entry.sequence);
    return this.#receivedOf(given, message);
  }

  /** The same messages and receipts as an earlier attempt got, their visibility begun anew. */
  async #repeat(attemptId: string, visibilityMs: number): Promise<readonly Received[] | undefined> {
    const now = this.#now();
    const entries = this.#attempts.find(attemptId, now);
    if (!entries) return undefined;
    for (const entry of entries) this.#moveFlight(entry, visibilityMs);
    this.#attempts.note(attemptId, now, entries);
    const received = await Promise.all(
      entries.map(async (entry) => this.#receivedOf(entry, await this.#rows.read(entry))),
    );
    return received.filter((one) => one !== undefined);
  }

  #receivedOf(entry: Entry, message: Message | undefined): Received | undefined {
    const { receiveCount, firstReceivedAt } = entry;
    if (!message) return undefined;
    const receiptHandle = formatReceipt({ ...entry, queueId: this.id, receive: receiveCount });
    return { message, receiptHandle, receiveCount, firstReceivedAt: firstReceivedAt! };
  }

  #isExhausted({ receiveCount }: Entry): boolean {
    const { redrive } = this.#settings;
    if (!redrive || receiveCount < redrive.receivesMax) return false;
    return this.#dependencies.queueAt(redrive.arn) !== undefined;
  }

  /** Moves a message to the dead-letter queue; where that fails, it is seen again later. */
  #redrive(entry: Entry): void {
    const target = this.#dependencies.queueAt(this.#settings.redrive!.arn);
    this.#background(async () => {
      const message = entry.message ?? (await this.#rows.read(entry));
      if (!message || !target) return;
      await target.adopt(this.#deadLetter(message), this, entry);
    });
  }

  /** @see Amazon SQS developer guide, "Setting-up dead-letter queue retention", "... dead-letter queue redrive" */
  #deadLetter(message: Message): Message {
    const movedAt = this.#dependencies.clock.now();
    const moved = { ...message, movedAt, deadLetterSource: this.arn };
    // A FIFO queue counts the retention anew, and two messages that share a deduplication id stay two.
    return this.#settings.fifo ? { ...moved, sentAt: movedAt, deduplicationId: message.id } : moved;
  }

  #background(work: () => Promise<void>): void {
    const done = work()
      .catch(ignoreNotFound)
      .catch((error: unknown) => {
        // Where the queue that it should go to is closed, it is seen again later.
        if (!isAbort(error) && !hasCode(error, 'queue-not-found')) this.#warn(error);
      })
      .finally(() => this.#working.delete(done));
    this.#working.add(done);
  }

  #warn(error: unknown): void {
    this.#dependencies.logger.warn('message-not-moved', { queue: this.arn, error });
  }

  // --- leaving

  async #deleteKnown(entries: readonly Entry[]): Promise<void> {
    const rows = this.#rows;
    const counted = entries.filter(({ leaving }) => !leaving);
    this.#count(counted, -1);
    const writes = entries.flatMap((entry) => rows.delete(entry));
    for (const entry of entries) this.#depart(entry);
    writes.push(rows.count(this.#tally));
    try {
      await this.#dependencies.records.commit({ writes });
    } catch (error) {
      if (rows === this.#rows) this.#count(counted, 1);
      for (const entry of entries) this.#stay(entry);
      throw error;
    }
    this.#forgetAll(rows, entries, counted.length);
  }

  async #remove(place: Place, more: readonly Write[]): Promise<void> {
    const rows = this.#rows;
    const entry = this.#known.get(place.sequence);
    const counted = entry?.leaving ? [] : [place];
    this.#count(counted, -1);
    if (entry) this.#depart(entry);
    else this.#departing.add(place.sequence);
    const writes = [...rows.delete({ ...place, leased: true }), rows.count(this.#tally), ...more];
    try {
      // Whoever comes second finds it gone: a message is moved once.
      await this.#dependencies.records.commit({ conditions: [rows.isPresent(place)], writes });
    } catch (error) {
      if (rows === this.#rows) this.#count(counted, 1);
      if (hasCode(error, 'condition-failed')) {
        this.#forget(place.sequence);
        throw messageNotFound();
      }
      if (entry) this.#stay(entry);
      // It may have been passed over while it was leaving.
      else if (rows === this.#rows && place.delayUntil === 0) {
        this.#backlog.leave(place);
        this.#waiters.notify();
      }
      throw error;
    } finally {
      this.#departing.delete(place.sequence);
    }
    this.#forgetAll(rows, [place], counted.length);
  }

  #forgetAll(rows: Rows, places: readonly Place[], counted: number): void {
    const isSameLife = rows === this.#rows;
    if (isSameLife) this.#messages -= counted;
    for (const place of places) {
      if (isSameLife && place.delayUntil > 0 && !this.#known.has(place.sequence)) this.#delayed.removed(place);
      this.#forget(place.sequence);
    }
  }

  #depart(entry: Entry): void {
    entry.leaving = true;
    this.#leases.forget(entry);
  }

  #stay(entry: Entry): void {
    entry.leaving = false;
    if (entry.state === 'ready') {
      this.#ready.add(entry);
      this.#waiters.notify();
    }
    if (entry.state !== 'in-flight') return;
    this.#flights.moved(entry);
    this.#noteLease(entry);
    this.#onDue();
  }

  /** The message is gone from disk. */
  #forget(sequence: number): void {
    if (this.#filling !== undefined) this.#released.add(sequence);
    const entry = this.#known.get(sequence);
    if (!entry) return;
    this.#known.delete(sequence);
    this.#leases.forget(entry);
    const { state } = entry;
    entry.state = 'gone';
    if (state === 'in-flight') {
      this.#flights.remove();
      this.#ready.settled(entry);
      if (this.#ready.available) this.#waiters.notify();
    }
    if (state === 'ready' && entry.message) this.#readyBytes -= entry.sizeBytes;
  }

  #mayBeExpired(): boolean {
    const oldest = this.#known.values().next().value;
    return oldest ? this.#isExpired(oldest) : this.#backlog.behind;
  }

  /** By the steady clock and by the wall clock, which has stamped it: where that was set back, new messages are not old ones. */
  #isExpired({ sentAt }: Entry): boolean {
    return Math.min(this.#now(), this.#dependencies.clock.now()) - sentAt > this.#settings.retentionMs;
  }

  #isWorkedOn({ sequence }: Entry): boolean {
    const entry = this.#known.get(sequence);
    return entry !== undefined && (entry.state === 'in-flight' || entry.leaving);
  }

  async #sweepDeduplications(): Promise<void> {
    const writes = this.#forgottenDeduplications();
    for (let at = 0; at < writes.length; at += WRITES_MAX) {
      await this.#dependencies.records.commit({ writes: writes.slice(at, at + WRITES_MAX) });
    }
  }

  #forgottenDeduplications(): Write[] {
    return this.#deduplicator.expired().map((key) => this.#rows.forgetDeduplication(key));
  }

  // --- time

  #now(): number {
    return this.#dependencies.steady.now();
  }

  /** FIFO queues: when a message that was never received may be seen, by the delay as it is now. Standard ones: at once. */
  #dueAt({ sentAt, receiveCount }: Entry): number {
    const { fifo, delayMs } = this.#settings;
    if (!fifo || delayMs === 0 || receiveCount > 0) return 0;
    // What a clock that was ahead has stamped must not wait for that time.
    return sentAt - this.#now() > SQS_LIMITS.delaySecondsMax * 1000 ? 0 : sentAt + delayMs;
  }

  #wakeAt(at: number): void {
    if (at >= this.#timerAt || at === 0 || this.#closed) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#dependencies.clock.timer(Math.max(0, at - this.#now()), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#onDue();
    });
  }

  /** Shows again what is due: messages in flight whose time is over, and delayed ones. */
  #onDue(): void {
    const now = this.#now();
    for (let entry = this.#flights.due(now); entry; entry = this.#flights.due(now)) {
      entry.state = 'ready';
      this.#ready.settled(entry);
      this.#ready.add(entry);
    }
    if (this.#ready.available || this.#mayFill()) this.#waiters.notify(Number.POSITIVE_INFINITY);
    const next = Math.min(
      this.#flights.next ?? Number.POSITIVE_INFINITY,
      this.#delayed.due > now ? this.#delayed.due : Number.POSITIVE_INFINITY,
      this.#backlog.heldUntil > now ? this.#backlog.heldUntil : Number.POSITIVE_INFINITY,
    );
    if (next !== Number.POSITIVE_INFINITY) this.#wakeAt(next);
  }

  // --- reading from disk

  #mayFill(): boolean {
    const now = this.#now();
    return (this.#backlog.mayRead(now) && this.#known.size < SQS_LIMITS.knownMax) || this.#delayed.due <= now;
  }

  #fill(): Promise<void> {
    this.#filling ??= this.#readAhead()
      .then(() => this.#recount())
      .finally(() => {
        this.#filling = undefined;
        this.#released.clear();
      });
    return this.#filling;
  }

  /**
   * Where all is known there is no need to believe a count. The one on disk may be wrong: a transaction had counted one before it that
   * failed in the end, and then the node died.
   */
  #recount(): void {
    if (this.#backlog.behind) return;
    const surplus = this.#messages - this.#known.size - this.#delayed.waiting;
    this.#messages -= surplus;
    this.#tally.messages -= surplus;
  }

  async #readAhead(): Promise<void> {
    const rows = this.#rows;
    const [backlog, delayed] = [this.#backlog, this.#delayed];
    if (delayed.due <= this.#now()) {
      const { page, surplus } = await delayed.next(rows, this.#now());
      if (rows !== this.#rows) return;
      this.#tally.delayed -= surplus;
      for (const entry of page) this.#admit(entry);
      this.#wakeAt(delayed.due);
    }
    // A group that is held back may fill a page: then it takes more of them to find one that is not.
    while (backlog.mayRead(this.#now()) && this.#known.size < SQS_LIMITS.knownMax) {
      const page = await backlog.next(rows);
      if (rows !== this.#rows) return;
      this.#admitUntilHeld(page);
      if (this.#ready.available) return;
    }
  }

  /** FIFO queues keep the order: behind one that is delayed, all wait. */
  #admitUntilHeld(page: readonly Entry[]): void {
    for (const entry of page) {
      const dueAt = this.#known.has(entry.sequence) ? 0 : this.#dueAt(entry);
      if (dueAt > this.#now()) {
        this.#backlog.leave(entry, dueAt);
        this.#wakeAt(dueAt);
        return;
      }
      this.#admit(entry);
    }
  }

  #admit(entry: Entry): void {
    const { sequence } = entry;
    if (this.#known.has(sequence) || this.#released.has(sequence) || this.#departing.has(sequence)) return;
    const now = this.#now();
    if (entry.visibleAt <= now) return this.#hold(entry);
    entry.message = undefined;
    this.#known.set(entry.sequence, entry);
    this.#ready.lock(entry);
    this.#fly(entry, Math.min(entry.visibleAt, now + this.#hiddenMsMax(entry)));
  }

  /** What a clock that was ahead has written hides nothing until then: such a message was received in what is the future now. */
  #hiddenMsMax({ firstReceivedAt = 0 }: Entry): number {
    return firstReceivedAt > this.#now() ? this.#settings.visibilityMs : SQS_LIMITS.visibilitySecondsMax * 1000;
  }

  /** FIFO queues: forgets what was not received yet, and reads it again under the delay as it is now. */
  #lookAgain(): void {
    for (const [sequence, entry] of this.#known) {
      if (entry.state !== 'ready' || entry.receiveCount > 0 || entry.leaving) continue;
      this.#known.delete(sequence);
      entry.state = 'gone';
      if (entry.message) this.#readyBytes -= entry.sizeBytes;
    }
    this.#backlog.rewind();
    this.#waiters.notify(Number.POSITIVE_INFINITY);
  }

  /** FIFO queues: what waits behind a message that is delayed. */
  #heldBack(): number {
    return this.#backlog.behind && this.#backlog.heldUntil > this.#now()
      ? this.#messages - this.#known.size
      : this.#delayed.waiting;
  }

  #found(stored: Entry, message: Message): Found {
    // What is known in memory is newer than what stands on disk.
    const { state, visibleAt, receiveCount } = this.#known.get(stored.sequence) ?? stored;
    const now = this.#now();
    const { delayUntil, sequence } = stored;
    const delayed = delayUntil > now || this.#dueAt({ ...stored, receiveCount }) > now;
    const shown = state === 'in-flight' || visibleAt > now ? 'in-flight' : delayed ? 'delayed' : 'visible';
    return { place: { delayUntil, sequence }, message, state: shown, receiveCount };
  }

  // --- leases

  #noteLease(entry: Entry): void {
    this.#leases.note(entry, () => this.#flushLeases());
  }

  #flushLeases(): Promise<void> {
    return this.#leases.flush(
      () => this.#rows,
      () => this.#forgottenDeduplications(),
    );
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

function notInFlight(): SqsError {
  return new SqsError('not-in-flight', 'Message does not exist or is not available for visibility timeout change.');
}

function ignoreNotFound(error: unknown): void {
  if (!hasCode(error, 'message-not-found')) throw error;
}
