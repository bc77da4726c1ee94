import type { Random, Timer } from '../base/index.ts';
import type { RecordEntry, Records, Write } from '../store/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Attempts, Registered } from './attempts.ts';
import { type Circuit, CLOSED, isBroken, onAnswer, onFailure, onTry, triesAllowed } from './circuit.ts';
import type { Failure } from './dead-letter.ts';
import { DELIVERY_LIMITS, type Delivery, type EdgeState, type GivenUpReason } from './delivery.ts';
import { type Advance, Groups } from './groups.ts';
import { type Failed, isExpired, judgeFailure, readFailure } from './policy.ts';
import type { DueEntry, Row } from './rows.ts';
import * as rows from './rows.ts';
import type { Settler } from './settler.ts';
import { shownArn } from './shown.ts';
import { type Outcome, Tally } from './tally.ts';
import type { Timeline } from './timeline.ts';
import { Window, type WindowBudget } from './window.ts';

/** What all edges share. */
export interface EdgeContext {
  readonly records: Records;
  readonly settler: Settler;
  readonly attempts: Attempts;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly logger: Logger;
  readonly budget: WindowBudget;
  /** Nothing is to be begun any more. */
  readonly isStopping: () => boolean;
  /** The target of an edge; `undefined` while none is registered. */
  readonly target: (edge: string) => Registered | undefined;
  /**
   * Sends a dead letter (or what the target sends `instead`), or keeps a lost one, in the transaction that removes the delivery
   * by `writes`. @returns what became of it
   */
  readonly bury: (
    row: Row,
    writes: readonly Write[],
    failure: Failure,
    instead: readonly Delivery[] | undefined,
  ) => Promise<'deadLettered' | 'lost'>;
  /** Takes note that a target has it, and sends what follows, in the transaction that removes the delivery by `writes`. */
  readonly follow: (row: Row, followers: readonly Delivery[], writes: readonly Write[]) => Promise<void>;
  /** Takes note of an outcome, for the numbers of the outbox as a whole. */
  readonly count: (edge: string, outcome: Outcome) => void;
  /** So many more, or fewer, wait. */
  readonly pendingChanged: (by: number) => void;
}

/** Rows read at once: few of large ones. */
const PAGE_MIN = 8;
const PAGE_MAX = 64;

/** So many reads go on where the last one ended; then one begins anew, where something has come that may stand before that. */
const READS_ON_MAX = 16;

/** The disk is read again when so few are left in the window. */
const PREFETCH = 32;

/** So many times as many as may be tried at once may wait for what came of them to be durable. */
const SETTLING_FACTOR = 4;

/** How long an edge waits before it reads again what could not be read. */
const READ_AGAIN_MS = 1000;

/**
 * All that is sent to one ARN (or to all of a kind of target): a window in memory, the rest on disk.
 *
 *     send -> row durable -> in the window if nothing waits on disk before it, else left there
 *     window -> target (so many at once) -> row deleted | put again with a later due time | put as a dead or lost letter
 *
 * E1. A row is in memory at most once (`#window`), and is deleted only when the target has it or its letter is durable.
 * E2. What is due on disk is read when the window runs empty; what is due later has the timer.
 * E3. A target that fails whatever it is given is only probed (`#circuit`); what grows too old meanwhile is given up.
 */
export class Edge {
  readonly name: string;
  readonly tally = new Tally();
  readonly #context: EdgeContext;
  readonly #window: Window;
  readonly #groups: Groups;
  readonly #tasks = new Set<Promise<void>>();
  #circuit: Circuit = CLOSED;
  #probeTimer: Timer | undefined;
  /** Entries of the window that are worked on, until what came of them is durable. */
  #working = 0;
  /** Those of them that their target has, or a group: as many as may be at once. */
  #trying = 0;
  /** Deliveries that are handed over without a row. */
  #direct = 0;
  /** Due rows may stand on disk that are not held. */
  #backlog = false;
  #loading = false;
  /** Something came since a read began at the beginning: what was seen on disk may not be all. */
  #stale = false;
  /** Where the last read ended, if there is more: what is held stands before that, and need not be read again. */
  #readTo: rows.DuePlace | undefined;
  #readsOn = 0;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #rowBytes = DELIVERY_LIMITS.windowBytesMax / PAGE_MIN;
  /** How many wait is what an earlier run has noted, not what was counted. */
  #estimated = false;

  constructor(context: EdgeContext, name: string) {
    this.#context = context;
    this.name = name;
    this.#window = new Window(context.budget);
    this.#groups = new Groups(name, { ...context, clock: context.timeline });
  }

  get pending(): number {
    return this.tally.ages.total;
  }

  /** Nothing waits and nothing runs: the edge may be forgotten. */
  get idle(): boolean {
    const rests = this.#tasks.size === 0 && this.#direct === 0 && this.#window.isEmpty;
    return rests && !this.#backlog && this.#timerAt === Number.POSITIVE_INFINITY && this.pending === 0;
  }

  /** Nothing stands before a delivery that comes now, and the target is well: it may be handed over without a row. */
  get isClear(): boolean {
    const isWell = this.#circuit.kind === 'closed' && this.#circuit.limit === Number.POSITIVE_INFINITY;
    return isWell && this.pending === 0 && this.#working === 0 && !this.#backlog && !this.#loading;
  }

  /** What changes from one moment to the next. */
  get reading(): Pick<EdgeState, 'pending' | 'oldestAgeMs' | 'inFlight'> {
    const now = this.#context.timeline.now();
    const { total: pending, oldest = now } = this.tally.ages;
    return { pending, oldestAgeMs: Math.max(0, now - oldest), inFlight: this.#working + this.#direct };
  }

  get state(): EdgeState {
    const { timeline } = this.#context;
    const { counts, sources, lastError } = this.tally;
    return {
      arn: this.name,
      ...this.reading,
      ...counts,
      isIdle: this.idle,
      isBroken: isBroken(this.#circuit),
      ...(lastError && { lastError: { ...lastError, at: timeline.wallOf(lastError.at) } }),
      sources,
    };
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    this.#timer?.cancel();
    this.#probeTimer?.cancel();
    while (this.#tasks.size > 0) await Promise.allSettled(this.#tasks);
  }

  /** Rows of an earlier run stand on disk; how many and since when is what it has noted. */
  resume(noted: { readonly pending: number; readonly oldest: number } | undefined): void {
    this.#backlog = true;
    this.#estimated = true;
    if (noted) this.#changePending(() => this.tally.ages.add(noted.oldest, noted.pending));
  }

  /** Takes over rows that have just become durable. */
  offer(taken: readonly Row[]): void {
    this.#changePending(() => {
      for (const { sentAt } of taken) this.tally.ages.add(sentAt);
    });
    for (const row of taken) {
      if (row.dueAt > row.sentAt) this.#wakeAt(row.dueAt);
      else if (this.#window.hasRoom && !this.#backlog && !this.#loading) this.#window.push(rows.entryOf(row));
      else this.#leaveOnDisk();
    }
    this.pump();
  }

  /** A turn of a group that had none stands on disk. */
  turnGiven(dueAt: number): void {
    if (dueAt > this.#context.timeline.now()) return this.#wakeAt(dueAt);
    this.#leaveOnDisk();
    this.pump();
  }

  /**
   * Hands a delivery that has no row to a durable target.
   * @returns the row that is to be written since the target has not taken it; `undefined` when it is delivered or given up
   */
  async handOver(row: Row, registered: Registered): Promise<Row | undefined> {
    this.#direct++;
    try {
      const next = await this.#tryAndSettle(row, registered, [], () => {});
      if (next === 'stopped') return row;
      return next === 'done' ? undefined : next;
    } finally {
      this.#direct--;
    }
  }

  /** Starts what may start. */
  pump(): void {
    const registered = this.#context.isStopping() ? undefined : this.#context.target(this.name);
    if (!registered) return;
    while (!this.#window.isEmpty && this.#mayStart(registered)) this.#start(this.#window.take(), registered);
    const isLow = this.#window.waiting <= PREFETCH && this.#window.hasRoom;
    if (isLow && this.#backlog && !this.#loading) this.#load();
    this.#settleNumbers();
  }

  #mayStart(registered: Registered): boolean {
    const { concurrencyMax } = registered;
    if (this.#working >= concurrencyMax * SETTLING_FACTOR) return false;
    if (this.#isExpiredEntry(this.#window.first!, registered)) return true;
    return this.#trying < triesAllowed(this.#circuit, this.#context.timeline.now(), concurrencyMax);
  }

  #start(entry: DueEntry, registered: Registered): void {
    // What is too old is not tried: its letters need not wait for each other.
    let isTried = this.#isExpiredEntry(entry, registered);
    this.#working++;
    if (!isTried) this.#trying++;
    // What came of it need not be written before the next one is tried.
    const tried = () => {
      if (!isTried) this.#trying--;
      isTried = true;
    };
    const work =
      entry.kind === 'group' ? this.#takeTurn(entry, registered) : this.#attempt(entry.row, registered, tried);
    this.#track(
      work.finally(() => {
        tried();
        this.#working--;
      }),
    );
  }

  #track(work: Promise<void>): void {
    const task = work
      .catch((error: unknown) => {
        if (!this.#context.isStopping()) this.#context.logger.error('edge-failed', { arn: shownArn(this.name), error });
      })
      .finally(() => {
        this.#tasks.delete(task);
        this.pump();
      });
    this.#tasks.add(task);
  }

  #leaveOnDisk(): void {
    this.#backlog = true;
    this.#stale = true;
  }

  // --- reading from disk

  #load(): void {
    this.#loading = true;
    if (!this.#readTo) this.#stale = false;
    this.#window.beginRead();
    this.#track(
      this.#readDue()
        .catch((error: unknown) => this.#tryLater(error))
        .finally(() => {
          this.#loading = false;
          this.#window.endRead();
        }),
    );
  }

  /** The store did not answer: the disk is looked at again in a while. */
  #tryLater(error: unknown): void {
    this.#context.logger.warn('outbox-not-read', { arn: shownArn(this.name), error });
    this.#backlog = false;
    this.#readTo = undefined;
    this.#wakeAt(this.#context.timeline.now() + READ_AGAIN_MS);
  }

  async #readDue(): Promise<void> {
    const { records, timeline } = this.#context;
    const now = timeline.now();
    const fitting = Math.floor(DELIVERY_LIMITS.windowBytesMax / this.#rowBytes);
    const rowsMax = Math.min(PAGE_MAX, Math.max(PAGE_MIN, fitting));
    // At the beginning stand those that are worked on, before all others.
    const limit = this.#readTo ? rowsMax : rowsMax + this.#window.size;
    const page = await records.range(rows.SPACES.due, rows.dueRange(this.name, limit, now, this.#readTo));
    const isAll = this.#admit(page) && page.length < limit;
    if (isAll || (this.#stale && this.#readsOn++ >= READS_ON_MAX)) {
      this.#readTo = undefined;
      this.#readsOn = 0;
    }
    this.#backlog = !isAll || this.#stale;
    if (!this.#backlog) await this.#findNext(now);
  }

  /** Takes what was read into the window. @returns false when there was no room for all of it */
  #admit(page: readonly RecordEntry[]): boolean {
    let bytes = 0;
    for (const [index, record] of page.entries()) {
      bytes += record.value.length;
      this.#rowBytes = Math.max(64, bytes / (index + 1));
      const entry = rows.decodeDue(record);
      if (!this.#window.knows(entry)) {
        if (!this.#window.hasRoom) return false;
        this.#window.push(entry);
      }
      this.#readTo = { sequence: entry.sequence, dueAt: entry.dueAt };
    }
    return true;
  }

  async #findNext(now: number): Promise<void> {
    const [next] = await this.#context.records.range(rows.SPACES.due, rows.nextDueRange(this.name, now));
    if (next) this.#wakeAt(rows.dueAtOf(next));
  }

  /** When nothing is left, here or on disk, what an earlier run has noted was not exact. */
  #settleNumbers(): void {
    const rests = this.#window.size === 0 && !this.#loading && !this.#backlog;
    if (!this.#estimated || !rests || this.#timerAt !== Number.POSITIVE_INFINITY) return;
    this.#estimated = false;
    this.#changePending(() => this.tally.ages.clear());
  }

  #wakeAt(at: number): void {
    if (at >= this.#timerAt || this.#context.isStopping()) return;
    const { timeline } = this.#context;
    this.#timer?.cancel();
    this.#timerAt = at;
    const waitMs = Math.min(Math.max(0, at - timeline.now()), DELIVERY_LIMITS.waitMsMax);
    this.#timer = timeline.timer(waitMs, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#leaveOnDisk();
      this.pump();
    });
  }

  // --- one delivery

  async #attempt(row: Row, registered: Registered, tried: () => void): Promise<void> {
    const done = [rows.deleteDue(this.name, row)];
    const next = await this.#advance(row, registered, done, () => {
      tried();
      this.pump();
    });
    if (next === 'stopped') return;
    if (next !== 'done') {
      await this.#context.settler.write([...done, rows.putDue(next)]);
      this.#wakeAt(next.dueAt);
    }
    this.#window.release(row);
  }

  async #takeTurn(turn: Extract<DueEntry, { kind: 'group' }>, registered: Registered): Promise<void> {
    try {
      const end = await this.#groups.takeTurn(turn.group, (row) =>
        this.#advance(row, registered, [rows.deleteOrdered(row, turn.group)]),
      );
      if (end.kind === 'stopped') return;
      if (end.wakeAt !== undefined) this.#wakeAt(end.wakeAt);
      await this.#context.settler.write([rows.deleteDue(this.name, turn)]);
    } catch (error) {
      // The turn stays on disk, so that the group is not forgotten.
      if (!this.#context.isStopping()) this.#tryLater(error);
    }
    this.#window.release(turn);
  }

  /** Tries a row once. When it is over with it, for good or ill, `removal` is written; a retry is left to the caller. */
  async #advance(
    row: Row,
    registered: Registered,
    removal: readonly Write[],
    tried: () => void = () => {},
  ): Promise<Advance> {
    const next = this.#isExpired(row, registered)
      ? await this.#giveUp(row, removal, this.#expiry(row))
      : await this.#tryAndSettle(row, registered, removal, tried);
    if (next === 'done') this.#gone(row);
    return next;
  }

  async #tryAndSettle(
    row: Row,
    registered: Registered,
    removal: readonly Write[],
    tried: () => void,
  ): Promise<Advance> {
    const outcome = await this.#try(row, registered);
    tried();
    if (outcome === 'stopped') return 'stopped';
    if ('errorCode' in outcome) return this.#afterFailure(row, outcome, removal);
    await this.#context.follow(row, outcome, removal);
    this.#count('delivered', row);
    return 'done';
  }

  /** @returns what follows, or why it failed */
  async #try(row: Row, registered: Registered): Promise<readonly Delivery[] | Failed | 'stopped'> {
    const { attempts, timeline, random } = this.#context;
    const { concurrencyMax } = registered;
    this.#circuit = onTry(this.#circuit);
    try {
      const followers = await attempts.run(registered, row);
      this.#circuit = onAnswer(this.#circuit, concurrencyMax);
      return followers;
    } catch (error) {
      if (attempts.isStopped) return 'stopped';
      const failed = readFailure(error);
      const now = timeline.now();
      this.tally.failed(failed, now);
      const before = this.#circuit;
      this.#circuit = onFailure(before, failed, now, random.next(), concurrencyMax);
      if (this.#circuit.kind === 'open' && this.#circuit !== before) this.#probeAt(this.#circuit.probeAt, failed);
      return failed;
    }
  }

  #probeAt(at: number, { errorCode, errorMessage }: Failed): void {
    const { timeline, logger } = this.#context;
    const waitMs = at - timeline.now();
    const fields = { arn: shownArn(this.name), pending: this.pending, errorCode, errorMessage, probeInMs: waitMs };
    if (isBroken(this.#circuit)) logger.warn('edge-broken', fields);
    else logger.debug('edge-paused', fields);
    this.#probeTimer?.cancel();
    if (this.#context.isStopping()) return;
    // Timers of the system may fire a little early, and nobody else would look again.
    this.#probeTimer = timeline.timer(waitMs + 1, () => this.pump());
  }

  async #afterFailure(row: Row, failed: Failed, removal: readonly Write[]): Promise<'done' | Row> {
    const { timeline, random } = this.#context;
    const now = timeline.now();
    const verdict = judgeFailure(failed, triesOf(row), now, random.next());
    if (verdict.kind === 'retry') {
      this.#count('retried', row);
      const tries = verdict.counts
        ? { attempts: row.attempts + 1, uncounted: 0 }
        : { attempts: row.attempts, uncounted: row.uncounted + 1 };
      return { ...row, ...tries, dueAt: verdict.dueAt };
    }
    const { errorCode, errorMessage, counts } = failed;
    const attempts = row.attempts + (counts ? 1 : 0);
    const failure = { reason: verdict.reason, errorCode, errorMessage, attempts, at: now };
    return this.#giveUp(row, removal, failure, verdict.instead);
  }

  async #giveUp(row: Row, removal: readonly Write[], failure: Failure, instead?: readonly Delivery[]): Promise<'done'> {
    const { logger, bury } = this.#context;
    const { arn, source, deadLetterArn } = row.delivery;
    const { reason, errorCode, errorMessage, attempts } = failure;
    const fields = { arn: shownArn(arn), source, deadLetterArn, reason, attempts, errorCode, errorMessage };
    logger.warn('delivery-given-up', fields);
    this.#count(await bury(row, removal, failure, instead), row);
    return 'done';
  }

  #isExpiredEntry(entry: DueEntry, registered: Registered): boolean {
    return entry.kind === 'delivery' && this.#isExpired(entry.row, registered);
  }

  #isExpired(row: Row, { target }: Registered): boolean {
    return !target.judgesAge && isExpired(triesOf(row), this.#context.timeline.now());
  }

  #expiry(row: Row): Failure {
    const { lastError } = this.tally;
    const reason: GivenUpReason = 'age';
    const seconds = Math.round(row.delivery.policy.ageMsMax / 1000);
    const errorMessage = `not delivered within ${seconds} s${lastError ? `; last: ${lastError.message}` : ''}`;
    const { attempts } = row;
    const at = this.#context.timeline.now();
    return { reason, errorCode: 'delivery-expired', errorMessage: errorMessage.slice(0, 1024), attempts, at };
  }

  // --- numbers

  #count(outcome: Outcome, { delivery }: Row): void {
    this.tally.count(outcome, delivery.source);
    this.#context.count(this.name, outcome);
  }

  #gone({ sentAt }: Row): void {
    this.#changePending(() => this.tally.ages.remove(sentAt));
  }

  #changePending(change: () => void): void {
    const before = this.pending;
    change();
    this.#context.pendingChanged(this.pending - before);
  }
}

function triesOf({ delivery: { policy }, sentAt, attempts }: Row) {
  return { policy, sentAt, attempts };
}
