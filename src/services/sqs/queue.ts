import { type Clock, type ClockJumps, hasCode, isAbort, type SteadyClock, type Timer } from '../../base/index.ts';
import type { Records, Sequence, Write } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { Attempts } from './attempts.ts';
import type { QueueSettings } from './attributes.ts';
import { DELAYED, FIRST } from './backlog.ts';
import { Counts } from './counts.ts';
import { Deduplicator } from './deduplicator.ts';
import { LAST } from './delayed.ts';
import { Departures } from './departures.ts';
import { parameterInvalid, queueNotFound, SqsError } from './errors.ts';
import type { QueueInstruments } from './instruments.ts';
import { Known } from './known.ts';
import { Leases, WRITES_MAX } from './leases.ts';
import type { Life } from './life.ts';
import { SQS_LIMITS } from './limits.ts';
import {
  type Entry,
  type Found,
  type Message,
  newEntry,
  type Outgoing,
  type Place,
  type Received,
  type Sent,
} from './message.ts';
import { ReadAhead } from './read-ahead.ts';
import type { GroupNumbers } from './ready.ts';
import { formatReceipt, type Receipt } from './receipt.ts';
import { Rows } from './rows.ts';
import { Waiters } from './waiters.ts';

export interface QueueDependencies {
  readonly records: Records;
  readonly sequence: Sequence;
  readonly clock: Clock;
  readonly steady: SteadyClock;
  readonly jumps: ClockJumps;
  readonly logger: Logger;
  readonly instruments: QueueInstruments;
  /** The queue that a redrive policy names; `undefined` while there is none. */
  readonly queueAt: (arn: string) => Queue | undefined;
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
 * U2. Receive counts and visibility are written soon after, not before the answer: a crash repeats messages, never loses any.
 */
export class Queue implements AsyncDisposable {
  readonly arn: string;
  readonly id: string;
  readonly #dependencies: QueueDependencies;
  readonly #deduplicator: Deduplicator;
  readonly #waiters: Waiters;
  readonly #attempts = new Attempts();
  readonly #leases: Leases;
  readonly #departures: Departures;
  #settings: QueueSettings;
  #life: Life;
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
    counts: Counts,
  ) {
    this.arn = identity.arn;
    this.id = identity.id;
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#deduplicator = new Deduplicator(dependencies.steady);
    this.#waiters = new Waiters(dependencies.clock);
    const { records, clock } = dependencies;
    this.#leases = new Leases({ records, clock, onFailure: (error) => this.#warn(error) });
    this.#departures = new Departures({
      ...{ records, leases: this.#leases },
      onAvailable: () => this.#waiters.notify(),
      onStay: (entry) => this.#stayed(entry),
    });
    this.#life = this.#newLife(rows, counts);
  }

  /** @param identity.life  names the space on disk: another one after each purge */
  static async open(
    dependencies: QueueDependencies,
    identity: { readonly arn: string; readonly id: string; readonly life: string },
    settings: QueueSettings,
  ): Promise<Queue> {
    const rows = new Rows(dependencies.records, spaceOf(identity.life));
    const queue = new Queue(dependencies, identity, settings, rows, new Counts(await rows.readCount()));
    if (settings.fifo) queue.#deduplicator.load(await rows.readDeduplications());
    await queue.#life.ahead.open();
    return queue;
  }

  get settings(): QueueSettings {
    return this.#settings;
  }

  /** Approximate numbers, as the API calls them. */
  get counts(): { readonly visible: number; readonly inFlight: number; readonly delayed: number } {
    const { known, counts, ahead } = this.#life;
    const { inFlight } = known;
    const delayed = ahead.waiting;
    return { visible: Math.max(0, counts.present - inFlight - delayed), inFlight, delayed };
  }

  /** Milliseconds since the oldest message that is known was sent; 0 when there is none. */
  get oldestAgeMs(): number {
    const { oldest } = this.#life.known;
    return oldest ? Math.max(0, this.#dependencies.clock.now() - oldest.arrivedAt) : 0;
  }

  get groups(): GroupNumbers {
    return this.#life.known.groups;
  }

  /** Changes what the queue goes by: of messages that are there too, as AWS has it (all but the delay of standard queues). */
  configure(settings: QueueSettings): void {
    const delayChanged = settings.delayMs !== this.#settings.delayMs;
    this.#settings = settings;
    if (!settings.fifo || !delayChanged) return;
    this.#life.ahead.lookAgain();
    this.#waiters.notify(Number.POSITIVE_INFINITY);
  }

  /** Sends messages, all or none; durable when it resolves. One that repeats a deduplication id answers as the first did. */
  async send(outgoing: readonly Outgoing[]): Promise<readonly Sent[]> {
    const { records, instruments } = this.#dependencies;
    const group = this.#deduplicator.begin(outgoing, this.#settings, (message) => this.#place(message));
    const { rows, counts, ahead } = this.#life;
    if (group.fresh.length > 0) {
      const writes: Write[] = [];
      for (const { place, message, deduplication } of group.fresh) {
        writes.push(rows.put(place, message));
        if (deduplication) writes.push(rows.deduplication(deduplication.key, deduplication.value));
      }
      const places = group.fresh.map(({ place }) => place);
      counts.writing(places, 1);
      writes.push(rows.count(counts.stored));
      try {
        await records.commit({ writes });
      } catch (error) {
        counts.writing(places, -1);
        group.fail(error);
        throw error;
      }
    }
    group.succeed();
    for (const { place, message } of group.fresh) if (ahead.accept(place, message)) this.#waiters.notify();
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
    const { rows, counts, ahead } = this.#life;
    counts.writing([place], 1);
    try {
      await from.#remove(at, [rows.put(place, adopted), rows.count(counts.stored)]);
    } catch (error) {
      counts.writing([place], -1);
      throw error;
    }
    if (ahead.accept(place, adopted)) this.#waiters.notify();
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
      if (this.#life.known.nextDue <= this.#now()) this.#onDue();
      const { known, ahead } = this.#life;
      // Before the last few are handed out alone.
      if ((known.ready < max || !known.available) && ahead.mayRead) await ahead.read();
      const received = await this.#take(max, visibilityMs, waitMs, attemptId);
      if (received.length > 0) instruments.received(received.length);
      if (received.length > 0 || this.#closed) return received;
      if (!this.#isFull && this.#mayFind) continue;
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
      const { known, ahead } = this.#life;
      // What was read may have been of another life, or gone by then: nobody wakes it for what there is to read already.
      if (!known.available && ahead.mayRead) await ahead.read();
      else await this.#waiters.wait('watcher', WATCH_MS, signal);
      if (this.#closed) throw new DOMException('the queue is closed', 'AbortError');
    }
  }

  /** Where as many are in flight as may be, nothing can be received until one of them is settled. */
  get #isReceivable(): boolean {
    return this.#life.known.available && !this.#isFull;
  }

  get #isFull(): boolean {
    return this.#life.known.inFlight >= SQS_LIMITS.inFlightMax;
  }

  /** There is something to be received, or to be read that may be. */
  get #mayFind(): boolean {
    return this.#life.known.available || this.#life.ahead.mayRead;
  }

  /** Deletes by receipt; durable when it resolves. An outdated receipt deletes nothing, and that is no error. */
  async delete(receipts: readonly Receipt[]): Promise<void> {
    const entries = new Set<Entry>();
    const unknown: Receipt[] = [];
    for (const receipt of receipts) {
      const entry = this.#life.known.get(receipt.sequence);
      if (!entry) unknown.push(receipt);
      // A crash may have forgotten the last receives (U2): a receipt of theirs is newer than what is known.
      else if (receipt.receive >= entry.receiveCount) entries.add(entry);
    }
    this.#dependencies.instruments.deleted(entries.size + unknown.length);
    await Promise.all([
      entries.size > 0 && this.#departures.delete(this.#life, [...entries]),
      ...unknown.map((receipt) => this.remove(receipt).catch(ignoreNotFound)),
    ]);
  }

  /** Messages by place, without receiving them: those that may be seen at once come first, then delayed ones. */
  async browse(from: Place, limit: number): Promise<readonly Found[]> {
    const page = await this.#life.rows.page(from, LAST, limit);
    return page.map((entry) => this.#found(entry, entry.message!));
  }

  /** The message at a place; `undefined` when there is none. */
  async read(place: Place): Promise<Found | undefined> {
    const { rows } = this.#life;
    const [message, lease] = await Promise.all([rows.read(place), rows.readLease(place)]);
    return message && this.#found(newEntry(place, message, lease), message);
  }

  /** Somebody has received it, and it is hidden from others. */
  isInFlight({ sequence }: Place): boolean {
    return this.#life.known.get(sequence)?.state === 'in-flight';
  }

  /** Deletes a message whoever holds it; durable when it resolves. @throws message-not-found */
  remove(place: Place): Promise<void> {
    return this.#remove(place, []);
  }

  /** Checks that a receipt of a FIFO queue has not expired. @throws parameter-invalid */
  checkReceipt(handle: string, { sequence, receive }: Receipt): void {
    if (!this.#settings.fifo) return;
    const entry = this.#life.known.get(sequence);
    if (!entry || (entry.state === 'in-flight' && entry.receiveCount === receive)) return;
    const reason = 'The receipt handle has expired.';
    throw new SqsError(
      'parameter-invalid',
      `Value ${handle} for parameter ReceiptHandle is invalid. Reason: ${reason}`,
    );
  }

  /** Sets when a message in flight is seen again; 0 is now. @throws not-in-flight */
  changeVisibility({ sequence, receive }: Receipt, visibilityMs: number): void {
    const entry = this.#life.known.get(sequence);
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
    this.#life.known.end();
    this.#leases.clear();
    this.#life = this.#newLife(new Rows(this.#dependencies.records, spaceOf(life)), new Counts());
  }

  /** Deletes messages past their retention, and forgets deduplication ids past theirs. */
  async sweep(signal: AbortSignal): Promise<void> {
    await this.#sweepDeduplications();
    await this.#sweepExpired(FIRST, DELAYED, () => !signal.aborted && this.#mayBeExpired());
    // Those that were sent with a delay stand apart, and stay there when they are due.
    await this.#sweepExpired(DELAYED, LAST, () => !signal.aborted && this.#life.counts.stored.delayed > 0);
  }

  async #sweepExpired(from: Place, to: Place, goesOn: () => boolean): Promise<void> {
    while (!this.#closed && goesOn()) {
      const page = await this.#life.rows.page(from, to, SWEEP_PAGE);
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
    await this.#life.ahead.settled();
    await Promise.all(this.#working);
    await this.#flushLeases();
  }

  #newLife(rows: Rows, counts: Counts): Life {
    const known = new Known(this.#settings);
    const { steady } = this.#dependencies;
    const settings = () => this.#settings;
    const wakeAt = (at: number) => this.#wakeAt(at);
    return { rows, known, counts, ahead: new ReadAhead({ rows, known, counts, steady, settings, wakeAt }) };
  }

  // --- arriving

  #place({ delayMs }: Outgoing): { readonly place: Place; readonly sequenceNumber?: string } {
    const { steady, sequence } = this.#dependencies;
    if (this.#settings.fifo) {
      const place = { delayUntil: 0, sequence: sequence.take() };
      return { place, sequenceNumber: sequenceNumberOf(place) };
    }
    const delayUntil = delayMs > 0 ? this.#life.ahead.placeFor(steady.now() + delayMs) : 0;
    return { place: { delayUntil, sequence: sequence.take() } };
  }

  // --- receiving

  async #take(
    max: number,
    visibilityMs: number,
    waitMs: number,
    attemptId: string | undefined,
  ): Promise<readonly Received[]> {
    const { known } = this.#life;
    const room = SQS_LIMITS.inFlightMax - known.inFlight;
    if (room <= 0) {
      if (this.#settings.fifo || waitMs > 0) return [];
      throw new SqsError('over-limit', `There are ${SQS_LIMITS.inFlightMax} messages in flight.`);
    }
    const now = this.#now();
    const taken: Entry[] = [];
    for (const entry of known.take(Math.min(max, room))) {
      const isExpired = this.#isExpired(entry);
      const goes = isExpired || this.#isExhausted(entry);
      // What goes is hidden until it is gone, whatever the caller asked for.
      this.#hide(entry, now, goes ? Math.max(visibilityMs, SQS_LIMITS.leavingMs) : visibilityMs);
      if (isExpired) this.#background(() => this.remove(entry));
      else if (goes) this.#redrive(entry);
      else taken.push(entry);
    }
    const received = await Promise.all(taken.map((entry) => this.#receive(entry)));
    const given = received.filter((one) => one !== undefined);
    if (attemptId !== undefined && given.length > 0) this.#attempts.note(attemptId, now, taken);
    return given;
  }

  #hide(entry: Entry, now: number, visibilityMs: number): void {
    this.#life.known.hide(entry, now, now + visibilityMs);
    this.#wakeAt(entry.visibleAt);
  }

  #moveFlight(entry: Entry, visibilityMs: number): void {
    this.#life.known.move(entry, this.#now() + visibilityMs);
    this.#wakeAt(entry.visibleAt);
    this.#noteLease(entry);
  }

  async #receive(entry: Entry): Promise<Received | undefined> {
    entry.receiveCount++;
    entry.firstReceivedAt ??= this.#dependencies.clock.now();
    this.#noteLease(entry);
    const given = { ...entry };
    const life = this.#life;
    const message = entry.message ?? (await life.rows.read(entry));
    // In flight it is known by its place only: bodies are read again in the rare case that they are needed.
    entry.message = undefined;
    if (!message) this.#departures.forget(life, entry);
    return this.#receivedOf(given, message);
  }

  /** The same messages and receipts as an earlier attempt got, their visibility begun anew. */
  async #repeat(attemptId: string, visibilityMs: number): Promise<readonly Received[] | undefined> {
    const now = this.#now();
    const entries = this.#attempts.find(attemptId, now);
    if (!entries) return undefined;
    for (const entry of entries) this.#moveFlight(entry, visibilityMs);
    this.#attempts.note(attemptId, now, entries);
    const { rows } = this.#life;
    const received = await Promise.all(entries.map(async (entry) => this.#receivedOf(entry, await rows.read(entry))));
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
      const message = entry.message ?? (await this.#life.rows.read(entry));
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

  #remove(place: Place, more: readonly Write[]): Promise<void> {
    return this.#departures.remove(this.#life, place, more);
  }

  /** A message that was to leave stays, with the lease that it had. */
  #stayed(entry: Entry): void {
    if (entry.state === 'ready') this.#waiters.notify();
    if (entry.state !== 'in-flight') return;
    this.#noteLease(entry);
    this.#onDue();
  }

  #mayBeExpired(): boolean {
    const { known, ahead } = this.#life;
    return known.oldest ? this.#isExpired(known.oldest) : ahead.behind;
  }

  /** By the steady clock and by the wall clock, which has stamped it: where that was set back, new messages are not old ones. */
  #isExpired({ sentAt }: Entry): boolean {
    const { clock, jumps } = this.#dependencies;
    const { retentionMs } = this.#settings;
    if (clock.now() - sentAt <= retentionMs) return false;
    const steadyMs = this.#now() - sentAt;
    // What was sent once the clock had been set ahead is in the steady one's future for good.
    return steadyMs > retentionMs || (steadyMs < 0 && jumps.isSteady());
  }

  #isWorkedOn({ sequence }: Entry): boolean {
    const entry = this.#life.known.get(sequence);
    return entry !== undefined && (entry.state === 'in-flight' || entry.leaving);
  }

  async #sweepDeduplications(): Promise<void> {
    const writes = this.#forgottenDeduplications();
    for (let at = 0; at < writes.length; at += WRITES_MAX) {
      await this.#dependencies.records.commit({ writes: writes.slice(at, at + WRITES_MAX) });
    }
  }

  #forgottenDeduplications(): Write[] {
    return this.#deduplicator.expired().map((key) => this.#life.rows.forgetDeduplication(key));
  }

  // --- time

  #now(): number {
    return this.#dependencies.steady.now();
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
    const { known, ahead } = this.#life;
    known.showDue(now);
    if (this.#mayFind) this.#waiters.notify(Number.POSITIVE_INFINITY);
    const next = Math.min(known.nextDue, ahead.nextDue(now));
    if (next !== Number.POSITIVE_INFINITY) this.#wakeAt(next);
  }

  #found(stored: Entry, message: Message): Found {
    const { known, ahead } = this.#life;
    // What is known in memory is newer than what stands on disk.
    const { state, visibleAt, receiveCount } = known.get(stored.sequence) ?? stored;
    const now = this.#now();
    const { delayUntil, sequence } = stored;
    const delayed = delayUntil > now || ahead.dueAt({ ...stored, receiveCount }) > now;
    const shown = state === 'in-flight' || visibleAt > now ? 'in-flight' : delayed ? 'delayed' : 'visible';
    return { place: { delayUntil, sequence }, message, state: shown, receiveCount };
  }

  // --- leases

  #noteLease(entry: Entry): void {
    this.#leases.note(entry, () => this.#flushLeases());
  }

  #flushLeases(): Promise<void> {
    return this.#leases.flush(
      () => this.#life.rows,
      () => this.#forgottenDeduplications(),
    );
  }
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
