import { type Clock, onAbort, type Random, type Timer } from '../base/index.ts';
import { encodeKey, keyRange } from '../codec/index.ts';
import type { Records, Write } from '../store/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Failure } from './dead-letter.ts';
import {
  DELIVERY_LIMITS,
  type Delivered,
  type Delivery,
  type EdgeCounts,
  type EdgeState,
  type GivenUp,
  type Target,
} from './delivery.ts';
import { judgeFailure } from './policy.ts';
import type { DueEntry, Row } from './rows.ts';
import * as rows from './rows.ts';
import type { Settler } from './settler.ts';

/** What all edges share. */
export interface EdgeContext {
  readonly records: Records;
  readonly settler: Settler;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Fires when the outbox closes. */
  readonly signal: AbortSignal;
  /** The target and its concurrency; `undefined` while none is registered. */
  readonly target: (arn: string) => { readonly target: Target; readonly concurrencyMax: number } | undefined;
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
  /** Sends what follows from a delivery, in the transaction that removes it by `writes`. */
  readonly follow: (deliveries: readonly Delivery[], writes: readonly Write[]) => Promise<void>;
  readonly givenUp: (givenUp: GivenUp) => void;
  readonly delivered: (delivered: Delivered) => void;
  readonly count: (what: keyof EdgeCounts) => void;
}

const PAGE_MIN = 16;

/** How long an edge waits before it reads again what could not be read. */
const READ_AGAIN_MS = 1000;

/** Rows of a group that are read at once; they are delivered one after the other. */
const GROUP_PAGE = 32;

/**
 * All that is sent to one ARN: a window in memory, the rest on disk.
 *
 *     send -> row durable -> in the window if nothing waits on disk before it, else left there
 *     window -> target (so many at once) -> row deleted | put again with a later due time | put as a dead letter
 *
 * E1. A row is in memory at most once (`held`), and is deleted only when the target has it or its dead letter is durable.
 * E2. What is due on disk is read when the window runs empty; what is due later has the timer.
 * E3. A group is worked on by one chain at a time, in order of sequence. Each row of a group has brought a turn; a turn that
 *     finds the chain at work makes it look again before it ends, so that no row is left without one.
 */
export class Edge {
  readonly arn: string;
  readonly #context: EdgeContext;
  #ready: DueEntry[] = [];
  #readyBytes = 0;
  /** When it was sent, by name. */
  readonly #held = new Map<string, number>();
  /** Names let go of while the disk was read: what was read may still show them. */
  readonly #released = new Set<string>();
  readonly #chains = new Map<string, { again: boolean }>();
  readonly #tasks = new Set<Promise<void>>();
  /** Due rows may stand on disk that are not held. */
  #backlog: boolean;
  #loading = false;
  /** Something came while the disk was read: what was seen there may not be all. */
  #stale = false;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #rowBytes = 1024;
  #pending = 0;
  readonly #counts = { delivered: 0, retried: 0, deadLettered: 0, lost: 0 };

  /** @param backlog  rows of an earlier run stand on disk */
  constructor(context: EdgeContext, arn: string, backlog: boolean) {
    this.#context = context;
    this.arn = arn;
    this.#backlog = backlog;
  }

  get pending(): number {
    return this.#pending;
  }

  /** Nothing waits and nothing runs: the edge may be forgotten. */
  get idle(): boolean {
    return this.#pending === 0 && this.#tasks.size === 0;
  }

  get state(): EdgeState {
    const now = this.#context.clock.now();
    let oldest = now;
    for (const sentAt of this.#held.values()) oldest = Math.min(oldest, sentAt);
    return {
      arn: this.arn,
      pending: this.#pending,
      oldestAgeMs: now - oldest,
      ...this.#counts,
      inFlight: this.#tasks.size,
      isIdle: this.idle,
      isBroken: false,
      sources: [],
    };
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    this.#timer?.cancel();
    while (this.#tasks.size > 0) await Promise.allSettled(this.#tasks);
  }

  /** Counts the rows of an earlier run, then begins with them. @param before  sequence of the first row that is not counted */
  resume(before: number): void {
    this.#loading = true;
    this.#track(
      this.#countRows(before)
        .then((count) => {
          this.#pending += count;
        })
        .finally(() => {
          this.#loading = false;
        }),
    );
  }

  /** Takes over rows that have just become durable. */
  offer(entries: readonly DueEntry[], deliveries: number): void {
    this.#pending += deliveries;
    for (const entry of entries) {
      const fits = this.#ready.length < DELIVERY_LIMITS.windowMax && this.#readyBytes < DELIVERY_LIMITS.windowBytesMax;
      if (fits && !this.#backlog && !this.#loading) this.#hold(entry);
      else this.#leaveOnDisk();
    }
    this.pump();
  }

  /** Starts what may start. */
  pump(): void {
    const { signal, target } = this.#context;
    const found = signal.aborted ? undefined : target(this.arn);
    if (!found) return;
    while (this.#ready.length > 0 && this.#tasks.size < found.concurrencyMax) {
      const entry = this.#ready.shift()!;
      this.#readyBytes -= sizeOf(entry);
      this.#track(
        entry.kind === 'group' ? this.#takeTurn(entry, found.target) : this.#attempt(entry.row, found.target),
      );
    }
    if (this.#ready.length === 0 && this.#backlog && !this.#loading) this.#load();
  }

  #track(work: Promise<void>): void {
    const task = work
      .catch((error: unknown) => {
        if (!this.#context.signal.aborted) this.#context.logger.error('edge-failed', { arn: this.arn, error });
      })
      .finally(() => {
        this.#tasks.delete(task);
        this.pump();
      });
    this.#tasks.add(task);
  }

  #hold(entry: DueEntry): void {
    this.#ready.push(entry);
    this.#readyBytes += sizeOf(entry);
    this.#held.set(nameOf(entry), entry.kind === 'delivery' ? entry.row.sentAt : entry.dueAt);
  }

  #release(entry: Named): void {
    this.#held.delete(nameOf(entry));
    if (this.#loading) this.#released.add(nameOf(entry));
  }

  #leaveOnDisk(): void {
    this.#backlog = true;
    this.#stale = true;
  }

  // --- reading from disk

  #load(): void {
    this.#loading = true;
    this.#stale = false;
    this.#released.clear();
    this.#track(
      this.#readDue()
        .catch((error: unknown) => this.#tryLater(error))
        .finally(() => {
          this.#loading = false;
        }),
    );
  }

  /** The store did not answer: the disk is looked at again in a while. */
  #tryLater(error: unknown): void {
    this.#context.logger.warn('outbox-not-read', { arn: this.arn, error });
    this.#backlog = false;
    this.#wakeAt(this.#context.clock.now() + READ_AGAIN_MS);
  }

  async #readDue(): Promise<void> {
    const { records, clock } = this.#context;
    const now = clock.now();
    const limit = Math.max(PAGE_MIN, Math.floor(DELIVERY_LIMITS.windowBytesMax / this.#rowBytes));
    const pageMax = Math.min(limit, DELIVERY_LIMITS.windowMax) + this.#held.size;
    const page = await records.range(rows.SPACES.due, rows.dueRange(this.arn, pageMax, now));
    let bytes = 0;
    for (const record of page) {
      const entry = rows.decodeDue(record);
      bytes += record.value.length;
      if (!this.#held.has(nameOf(entry)) && !this.#released.has(nameOf(entry))) this.#hold(entry);
    }
    this.#rowBytes = Math.max(64, page.length > 0 ? bytes / page.length : this.#rowBytes);
    this.#backlog = page.length >= pageMax || this.#stale;
    if (!this.#backlog) await this.#findNext(now);
  }

  async #findNext(now: number): Promise<void> {
    const range = { from: encodeKey([this.arn, now + 1]), to: keyRange([this.arn]).to, limit: 1 };
    const [next] = await this.#context.records.range(rows.SPACES.due, range);
    if (next) this.#wakeAt(rows.decodeDue(next).dueAt);
  }

  #wakeAt(at: number): void {
    if (at >= this.#timerAt || this.#context.signal.aborted) return;
    const { clock } = this.#context;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = clock.timer(Math.max(0, at - clock.now()), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#leaveOnDisk();
      this.pump();
    });
  }

  async #countRows(before: number): Promise<number> {
    const { records } = this.#context;
    let count = 0;
    for (const space of [rows.SPACES.due, rows.SPACES.ordered]) {
      const { from, to } = keyRange([this.arn]);
      for (let start = from; ; ) {
        const page = await records.range(space, { from: start, to, limit: 500 });
        for (const record of page) if (rows.isDelivery(record) && rows.sequenceOf(record) < before) count++;
        if (page.length < 500) break;
        start = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
      }
    }
    return count;
  }

  // --- one delivery

  async #attempt(row: Row, target: Target): Promise<void> {
    const done = [rows.deleteDue(this.arn, row)];
    const outcome = await this.#deliver(row, target, done);
    if (outcome === 'stopped') return;
    if (typeof outcome === 'object') {
      await this.#context.settler.write([...done, rows.putDue(outcome.retry)]);
      this.#wakeAt(outcome.retry.dueAt);
    }
    this.#release(row);
  }

  /**
   * Tries once. When it is over, for good or ill, `removal` is written; a retry is left to the caller.
   * @returns `done`, `stopped` (closing: nothing is known), or the row as it is to be tried again
   */
  async #deliver(row: Row, target: Target, removal: readonly Write[]): Promise<'done' | 'stopped' | { retry: Row }> {
    const { signal, follow, count, clock, random } = this.#context;
    const attempt = row.attempts + 1;
    let followers: readonly Delivery[];
    try {
      followers = await deliverOrStop(target, row, signal);
    } catch (error) {
      if (signal.aborted) return 'stopped';
      const verdict = judgeFailure(error, row.delivery.policy, attempt, row.sentAt, clock.now(), random.next());
      if (verdict.kind === 'give-up') {
        const { reason, errorCode, errorMessage, instead } = verdict;
        const failure = { reason, errorCode, errorMessage, attempts: attempt, at: clock.now() };
        return this.#giveUp(row, removal, failure, instead);
      }
      count('retried');
      this.#counts.retried++;
      const { dueAt, counts } = verdict;
      const tries = counts ? { attempts: attempt, uncounted: 0 } : { uncounted: row.uncounted + 1 };
      return { retry: { ...row, ...tries, dueAt } };
    }
    await follow(followers, removal);
    count('delivered');
    this.#context.delivered({ delivery: row.delivery, attempts: attempt });
    this.#counts.delivered++;
    this.#pending--;
    return 'done';
  }

  async #giveUp(
    row: Row,
    removal: readonly Write[],
    failure: Failure,
    instead: readonly Delivery[] | undefined,
  ): Promise<'done'> {
    const { logger, bury, count, givenUp } = this.#context;
    const { source, deadLetterArn } = row.delivery;
    const { reason, errorCode, errorMessage, attempts } = failure;
    logger.warn('delivery-given-up', { arn: this.arn, source, deadLetterArn, attempts, errorCode, errorMessage });
    const what = await bury(row, removal, failure, instead);
    count(what);
    this.#counts[what]++;
    this.#pending--;
    givenUp({ delivery: row.delivery, reason, errorCode, errorMessage, attempts });
    return 'done';
  }

  // --- ordering groups

  async #takeTurn(turn: Extract<DueEntry, { kind: 'group' }>, target: Target): Promise<void> {
    const chain = this.#chains.get(turn.group);
    try {
      if (chain) chain.again = true;
      else await this.#runChain(turn.group, target);
      await this.#context.settler.write([rows.deleteDue(this.arn, turn)]);
    } catch (error) {
      // The turn stays on disk, so that the group is not forgotten.
      if (!this.#context.signal.aborted) this.#tryLater(error);
    }
    this.#release(turn);
  }

  async #runChain(group: string, target: Target): Promise<void> {
    const { records, settler, clock, signal } = this.#context;
    const chain = { again: false };
    this.#chains.set(group, chain);
    try {
      for (;;) {
        chain.again = false;
        const page = await records.range(rows.SPACES.ordered, rows.orderedRange(this.arn, group, GROUP_PAGE));
        if (page.length === 0 && !chain.again) return;
        for (const record of page) {
          const row = rows.decodeOrdered(record);
          const retry = row.dueAt > clock.now() ? row : await this.#attemptOrdered(row, target);
          if (signal.aborted) throw signal.reason;
          if (!retry) continue;
          // The head waits, and the group behind it; the turn brings it back.
          const changed = retry === row ? [] : [rows.putOrdered(retry)];
          await settler.write([...changed, rows.putTurn(this.arn, group, retry)]);
          this.#wakeAt(retry.dueAt);
          return;
        }
      }
    } finally {
      this.#chains.delete(group);
    }
  }

  async #attemptOrdered(row: Row, target: Target): Promise<Row | undefined> {
    const outcome = await this.#deliver(row, target, [rows.deleteOrdered(row)]);
    return typeof outcome === 'object' ? outcome.retry : undefined;
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

/** A target that does not listen to the signal must not hold up closing. */
async function deliverOrStop(
  target: Target,
  { delivery, sequence, attempts, sentAt, uncounted }: Row,
  signal: AbortSignal,
): Promise<readonly Delivery[]> {
  let forget = () => {};
  const stopped = new Promise<never>((_, reject) => {
    forget = onAbort(signal, reject);
  });
  try {
    const own = { ...delivery, id: String(sequence) };
    const delivering = target.deliver(own, attempts + 1, signal, { sentAt, uncounted });
    return (await Promise.race([delivering, stopped])) ?? [];
  } finally {
    forget();
  }
}
