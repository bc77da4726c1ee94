import { assert, type Clock, DomainError, hasCode, parseArn, type Random, type Timer } from '../base/index.ts';
import { type Records, Sequence, type Write } from '../store/index.ts';
import type { Logger, Metrics, Spans } from '../telemetry/index.ts';
import { Attempts, type Registered } from './attempts.ts';
import { Checkpoints, type EdgeNote, putLetterCount, readNotes } from './checkpoints.ts';
import type { Connections, EgressGuard, SmtpOptions } from './connection.ts';
import { deadLetterOf, type Failure } from './dead-letter.ts';
import {
  DELIVERY_LIMITS,
  type Delivered,
  type Delivery,
  type EdgeState,
  type GivenUp,
  type Letter,
  type LetterFilter,
  type LetterSummary,
  type Outbox,
  type Target,
  type TargetOptions,
} from './delivery.ts';
import { Edge, type EdgeContext } from './edge.ts';
import { EdgeMetrics } from './edge-metrics.ts';
import { HttpTarget } from './http.ts';
import { type Candidate, IdempotencyKeys } from './idempotency.ts';
import { letterSequence } from './letter-rows.ts';
import { Letters } from './letters.ts';
import type { Row } from './rows.ts';
import * as rows from './rows.ts';
import { Settler, sizeOf } from './settler.ts';
import { shownArn } from './shown.ts';
import { SmtpTarget } from './smtp.ts';
import { Timeline } from './timeline.ts';
import { restoreTurns } from './turns.ts';
import { WindowBudget } from './window.ts';

export interface DeliveryDependencies {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Gets a span for every attempt of a sampled trace; none unless given. */
  readonly spans?: Spans;
  /** Which addresses HTTP targets may be at; any unless given. */
  readonly egress?: EgressGuard;
  /** Authorities in PEM that are trusted for HTTPS targets besides the well-known ones. */
  readonly ca?: string;
  /** How HTTP targets are called that deliveries name a connection for; there are none unless given. */
  readonly connections?: Connections;
  /** Where mail goes; without it deliveries to `mailto:` fail with `smtp-not-configured` and are tried again. */
  readonly smtp?: SmtpOptions;
}

/** Edges in memory beyond which those without work are forgotten, with their numbers. */
const EDGES_MAX = 10_000;
/** How often numbers are noted and shown. */
const TICK_MS = 5_000;
/** Every so many ticks what has expired is thrown away. */
const SWEEP_TICKS = 12;

/** Opens the outbox and goes on with what an earlier run has left in it, as soon as the targets are registered. */
export async function openDelivery(dependencies: DeliveryDependencies): Promise<Outbox> {
  const { records } = dependencies;
  const [sequence, notes] = await Promise.all([Sequence.open(records, rows.SPACES.sequence), readNotes(records)]);
  const outbox = new RecordsOutbox(dependencies, sequence, notes);
  await outbox.resume(notes.edges);
  await outbox.note();
  return outbox;
}

class RecordsOutbox implements Outbox {
  readonly #dependencies: DeliveryDependencies;
  readonly #sequence: Sequence;
  readonly #timeline: Timeline;
  readonly #settler: Settler;
  readonly #attempts: Attempts;
  readonly #keys: IdempotencyKeys;
  readonly #letters: Letters;
  readonly #checkpoints: Checkpoints;
  readonly #numbers: EdgeMetrics;
  readonly #context: EdgeContext;
  readonly #edges = new Map<string, Edge>();
  #edgesMax = EDGES_MAX;
  readonly #targets = new Map<string, Registered>();
  readonly #listeners = new Set<(givenUp: GivenUp) => void>();
  readonly #deliveredListeners = new Set<(delivered: Delivered) => void>();
  readonly #http: HttpTarget;
  readonly #smtp: SmtpTarget;
  #pending = 0;
  /** Fires when nothing is to be begun any more. */
  readonly #closing = new AbortController();
  /** Fires when closing has waited long enough. */
  readonly #stopping = new AbortController();
  #ticks = 0;
  #tickTimer: Timer | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #trimming: Promise<void> = Promise.resolve();
  #restoring: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(dependencies: DeliveryDependencies, sequence: Sequence, notes: Awaited<ReturnType<typeof readNotes>>) {
    const { records, clock, random, logger, metrics, spans } = dependencies;
    this.#dependencies = dependencies;
    this.#sequence = sequence;
    this.#timeline = new Timeline(clock, notes.mark);
    this.#settler = new Settler(records, clock, random, logger, this.#stopping.signal);
    this.#attempts = new Attempts({ clock, timeline: this.#timeline, random, spans });
    this.#keys = new IdempotencyKeys(records, this.#timeline);
    const [timeline, settler] = [this.#timeline, this.#settler];
    this.#letters = new Letters({ records, settler, timeline, logger, putCount: putLetterCount }, notes.letters);
    this.#checkpoints = new Checkpoints(records, notes.edges, notes.mark);
    this.#numbers = new EdgeMetrics(metrics);
    this.#context = {
      ...{ records, settler, timeline, random, logger, attempts: this.#attempts, budget: new WindowBudget() },
      isStopping: () => this.#closing.signal.aborted,
      target: (edge) => this.#targets.get(kindOf(edge) ?? ''),
      bury: (row, writes, failure, instead) => this.#bury(row, writes, failure, instead),
      follow: (row, followers, writes) => this.#follow(row, followers, writes),
      count: (edge, outcome) => this.#numbers.count(edge, outcome),
      pendingChanged: (by) => {
        this.#pending += by;
      },
    };
    this.#http = new HttpTarget({ ...dependencies, clock });
    this.#smtp = new SmtpTarget(dependencies.smtp);
    this.register('http', this.#http);
    this.register('https', this.#http);
    this.register('mailto', this.#smtp, SmtpTarget.options);
  }

  /** Finds the edges that have rows, without reading the rows. */
  async resume(notes: ReadonlyMap<string, EdgeNote>): Promise<void> {
    for (const space of [rows.SPACES.due, rows.SPACES.ordered]) {
      for (let name: string | undefined; ; ) {
        const [entry] = await this.#dependencies.records.range(space, rows.nextEdgeRange(name));
        if (!entry) break;
        name = rows.edgeOf(entry);
        if (this.#edges.has(name)) continue;
        const edge = new Edge(this.#context, name);
        this.#edges.set(name, edge);
        edge.resume(notes.get(name));
        edge.pump();
      }
    }
    this.#restoring = this.#restoreTurns();
    this.#tickLater();
  }

  /** Notes what a start need not count then; that it cannot be is no reason to stop. */
  async note(): Promise<void> {
    await this.#note().catch((error: unknown) => this.#dependencies.logger.warn('outbox-not-noted', { error }));
  }

  register(service: string, target: Target, options: TargetOptions = {}): void {
    const { concurrencyMax = DELIVERY_LIMITS.concurrencyMax, edge } = options;
    const { attemptMsMax = DELIVERY_LIMITS.attemptMsMax } = target;
    this.#targets.set(service, {
      ...{ target, concurrencyMax, attemptMsMax, kind: service },
      ...(edge !== undefined && { edge }),
    });
    for (const one of this.#edges.values()) if (kindOf(one.name) === service) one.pump();
  }

  async send(deliveries: readonly Delivery[]): Promise<void> {
    this.#admit(deliveries.length);
    const direct: { readonly row: Row; readonly registered: Registered }[] = [];
    const queued: Candidate[] = [];
    for (const delivery of deliveries) {
      const registered = this.#check(delivery);
      const row = this.#newRow(delivery, registered);
      if (this.#isDirect(row, registered)) direct.push({ row, registered });
      else queued.push({ row, writes: rows.insert(row, DELIVERY_LIMITS.attributesBytesMax) });
    }
    if (direct.length === 0) return this.#takeAll(queued);
    // All begin in this turn of the loop, so that the store makes one group of them.
    const ends = await Promise.allSettled([
      ...(queued.length > 0 ? [this.#takeAll(queued)] : []),
      ...direct.map(({ row, registered }) => this.#handOver(row, registered)),
    ]);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  edges(): readonly EdgeState[] {
    return [...this.#edges.values()].map((edge) => edge.state);
  }

  onGivenUp(listener: (givenUp: GivenUp) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onDelivered(listener: (delivered: Delivered) => void): () => void {
    this.#deliveredListeners.add(listener);
    return () => this.#deliveredListeners.delete(listener);
  }

  get letterCount(): number {
    return this.#letters.count;
  }

  letters(query: LetterFilter & { readonly after?: string; readonly limit: number }): Promise<{
    readonly letters: readonly LetterSummary[];
    readonly next?: string;
  }> {
    return this.#letters.list(query);
  }

  async letter(id: string): Promise<Letter | undefined> {
    return (await this.#letters.get(id))?.letter;
  }

  async redrive(id: string, { payload }: { readonly payload?: Uint8Array } = {}): Promise<void> {
    let sent: Row | undefined;
    await this.#letters.remove(id, ({ idempotencyKey: _, ...delivery }) => {
      const again = payload ? { ...delivery, payload } : delivery;
      this.#admit(1);
      sent = this.#newRow(again, this.#check(again));
      return rows.insert(sent);
    });
    this.#offer([sent!]);
  }

  async redriveAll(filter: LetterFilter): Promise<number> {
    // What is given up again meanwhile stays a letter; when one was given up says nothing, as the clock may have been ahead then.
    const newest = this.#sequence.take();
    const limit = DELIVERY_LIMITS.letterPageMax;
    let count = 0;
    for (let after: string | undefined; ; ) {
      const page = await this.letters({ ...filter, limit, ...(after !== undefined && { after }) });
      const older = page.letters.filter(({ id }) => letterSequence(id) < newest);
      const sent = await Promise.all(older.map(({ id }) => this.#redriveIfThere(id)));
      count += sent.filter(Boolean).length;
      if (page.next === undefined) return count;
      after = page.next;
    }
  }

  discard(id: string): Promise<void> {
    return this.#letters.remove(id);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Lets what is under way end, for a while; then what is not done is left for the next run. */
  async #stop(): Promise<void> {
    this.#closing.abort(new DOMException('the outbox closes', 'AbortError'));
    this.#tickTimer?.cancel();
    const deadline = this.#dependencies.clock.timer(DELIVERY_LIMITS.drainMsMax, () => {
      this.#attempts.stop(this.#closing.signal.reason);
      this.#stopping.abort(this.#closing.signal.reason);
    });
    await Promise.all([...this.#edges.values()].map((edge) => edge.settled()));
    await Promise.all([this.#ticking, this.#trimming, this.#restoring]);
    deadline.cancel();
    this.#attempts.stop(this.#closing.signal.reason);
  }

  async #close(): Promise<void> {
    await this.stop();
    await this.note();
    this.#http[Symbol.dispose]();
    this.#smtp[Symbol.dispose]();
  }

  #admit(count: number): void {
    assert(count <= DELIVERY_LIMITS.sendMax, 'so many deliveries are sent in several calls');
    if (this.#pending + count <= DELIVERY_LIMITS.pendingMax) return;
    throw new DomainError('delivery-full', 'too many deliveries wait', { remedy: 'retry' });
  }

  #check({ arn, payload }: Delivery): Registered {
    const registered = this.#targets.get(kindOf(arn) ?? '');
    if (!registered) throw new DomainError('target-unknown', `no target for ${arn}`);
    if (payload.length > DELIVERY_LIMITS.payloadBytesMax) {
      throw new DomainError('delivery-too-large', `a payload has ${payload.length} bytes`);
    }
    return registered;
  }

  #newRow(delivery: Delivery, { edge = delivery.arn }: Registered): Row {
    const now = this.#timeline.now();
    return { edge, sequence: this.#sequence.take(), dueAt: now, sentAt: now, attempts: 0, uncounted: 0, delivery };
  }

  /** Whether it needs no row as long as all goes well. */
  #isDirect({ edge, delivery }: Row, { target }: Registered): boolean {
    if (!target.durable || delivery.orderingGroup !== undefined || delivery.idempotencyKey !== undefined) return false;
    return !this.#closing.signal.aborted && this.#edgeOf(edge).isClear;
  }

  /** Durable when it resolves: with the target, or as a row if that has failed. */
  async #handOver(row: Row, registered: Registered): Promise<void> {
    const rest = await this.#edgeOf(row.edge).handOver(row, registered);
    if (rest) await this.#take([{ row: rest, writes: rows.insert(rest, DELIVERY_LIMITS.attributesBytesMax) }]);
  }

  /** What must keep its order is in the first transaction, so that nothing that is sent later is there before. */
  async #takeAll(candidates: readonly Candidate[]): Promise<void> {
    for (const part of inParts(candidates)) await this.#take(part);
  }

  async #take(candidates: readonly Candidate[]): Promise<void> {
    this.#offer(await this.#keys.commit(candidates));
  }

  #offer(taken: readonly Row[]): void {
    if (taken.length === 1) return this.#edgeOf(taken[0]!.edge).offer(taken);
    for (const [edge, ofEdge] of Map.groupBy(taken, (row) => row.edge)) this.#edgeOf(edge).offer(ofEdge);
  }

  #edgeOf(name: string): Edge {
    const found = this.#edges.get(name);
    if (found) return found;
    if (this.#edges.size >= this.#edgesMax) this.#forgetIdle();
    const edge = new Edge(this.#context, name);
    this.#edges.set(name, edge);
    return edge;
  }

  #forgetIdle(): void {
    for (const [name, edge] of this.#edges) if (edge.idle) this.#edges.delete(name);
    // Where all of them work, they are looked at again only when there are many more.
    this.#edgesMax = Math.max(EDGES_MAX, this.#edges.size * 2);
  }

  async #follow(row: Row, followers: readonly Delivery[], writes: readonly Write[]): Promise<void> {
    if (writes.length > 0 || followers.length > 0) await this.#replace(writes, this.#rowsFor(followers));
    const delivered: Delivered = { delivery: row.delivery, attempts: row.attempts + 1 };
    for (const listener of this.#deliveredListeners) listener(delivered);
  }

  async #bury(
    row: Row,
    writes: readonly Write[],
    failure: Failure,
    instead: readonly Delivery[] | undefined,
  ): Promise<'deadLettered' | 'lost'> {
    const { delivery } = row;
    const { reason, errorCode, errorMessage, attempts } = failure;
    const ownLetter = delivery.deadLetterArn === undefined ? [] : [deadLetterOf(row, failure, this.#timeline)];
    const sent = this.#rowsFor(instead ?? ownLetter);
    const isLost = sent.length === 0;
    await this.#replace(isLost ? [...writes, ...this.#letters.add(row, failure)] : writes, sent);
    if (this.#letters.isFull) this.#trimLetters();
    const givenUp: GivenUp = { delivery, reason, errorCode, errorMessage, attempts };
    for (const listener of this.#listeners) listener(givenUp);
    return isLost ? 'lost' : 'deadLettered';
  }

  /** No keys are looked up: the row that is removed in the same transaction is what makes it happen once. */
  async #replace(writes: readonly Write[], sent: readonly Row[]): Promise<void> {
    await this.#settler.write(sent.length === 0 ? writes : [...writes, ...sent.flatMap((one) => rows.insert(one))]);
    if (sent.length > 0) this.#offer(sent);
  }

  /** A dead letter to nobody that is known must not hold up what it is about. */
  #rowsFor(deliveries: readonly Delivery[]): readonly Row[] {
    return deliveries.flatMap((delivery) => {
      const registered = this.#targets.get(kindOf(delivery.arn) ?? '');
      if (registered) return [this.#newRow(delivery, registered)];
      this.#dependencies.logger.error('dead-letter-not-sent', { arn: shownArn(delivery.arn), source: delivery.source });
      return [];
    });
  }

  async #redriveIfThere(id: string): Promise<boolean> {
    try {
      await this.redrive(id);
      return true;
    } catch (error) {
      if (!hasCode(error, 'letter-not-found')) throw error;
      return false;
    }
  }

  /** No start waits for it, since groups may be many. */
  async #restoreTurns(): Promise<void> {
    const given = (edge: string, dueAt: number) => this.#edgeOf(edge).turnGiven(dueAt);
    try {
      await restoreTurns({ records: this.#dependencies.records, settler: this.#settler }, given, this.#closing.signal);
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#dependencies.logger.warn('turns-not-restored', { error });
    }
  }

  // --- every few seconds

  #tickLater(): void {
    this.#tickTimer = this.#dependencies.clock.timer(TICK_MS, () => {
      this.#ticking = this.#tick()
        .catch((error: unknown) => this.#dependencies.logger.warn('outbox-not-noted', { error }))
        .finally(() => {
          if (!this.#closing.signal.aborted) this.#tickLater();
        });
    });
  }

  async #tick(): Promise<void> {
    this.#numbers.refresh(this.#edges.values(), this.#letters.count, this.#timeline.now());
    await this.#note();
    if (++this.#ticks % SWEEP_TICKS !== 0) return;
    await this.#keys.sweep(this.#closing.signal);
    await this.#letters.trim(this.#closing.signal);
  }

  async #note(): Promise<void> {
    const waiting = new Map<string, EdgeNote>();
    for (const { name, tally } of this.#edges.values()) {
      const { total: pending, oldest } = tally.ages;
      if (pending > 0) waiting.set(name, { pending, oldest: oldest! });
    }
    await this.#checkpoints.write(waiting, this.#timeline.mark());
  }

  #trimLetters(): void {
    this.#trimming = this.#letters.trim(this.#closing.signal).catch((error: unknown) => {
      this.#dependencies.logger.warn('letters-not-trimmed', { error });
    });
  }
}

/** As much at a time as one transaction is to have. */
function* inParts(candidates: readonly Candidate[]): Iterable<readonly Candidate[]> {
  const most = DELIVERY_LIMITS.transactionBytesMax;
  if (candidates.length === 1 || sizeOfAll(candidates) <= most) return yield candidates;
  const isOrdered = ({ row }: Candidate) => row.delivery.orderingGroup !== undefined;
  let part = candidates.filter(isOrdered);
  let bytes = sizeOfAll(part);
  for (const candidate of candidates) {
    if (isOrdered(candidate)) continue;
    const size = sizeOf(candidate.writes);
    if (part.length > 0 && bytes + size > most) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(candidate);
    bytes += size;
  }
  yield part;
}

function sizeOfAll(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { writes }) => sum + sizeOf(writes), 0);
}

/** The service in an ARN, or the scheme of a URL. */
function kindOf(arn: string): string | undefined {
  return parseArn(arn)?.service ?? /^([a-z][a-z0-9+.-]*):/.exec(arn)?.[1];
}
