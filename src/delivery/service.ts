import { assert, type Clock, DomainError, hasCode, parseArn, type Random, type Timer } from '../base/index.ts';
import { encodeKey } from '../codec/index.ts';
import { type Condition, type Records, Sequence, type Write } from '../store/index.ts';
import type { Counter, Logger, Metrics, Spans } from '../telemetry/index.ts';
import type { Connections, EgressGuard, SmtpOptions } from './connection.ts';
import { deadLetterOf, type Failure } from './dead-letter.ts';
import {
  DELIVERY_LIMITS,
  type Delivered,
  type Delivery,
  type EdgeCounts,
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
import { HttpTarget } from './http.ts';
import { Letters } from './letters.ts';
import type { DueEntry, Row } from './rows.ts';
import * as rows from './rows.ts';
import { Settler } from './settler.ts';

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

/** Edges without work that are remembered for their numbers. */
const IDLE_EDGES_MAX = 10_000;
const SWEEP_MS = 60_000;
const SWEEP_PAGE = 5000;

type Counted = keyof EdgeCounts;

/** Opens the outbox and goes on with what an earlier run has left in it, as soon as the targets are registered. */
export async function openDelivery(dependencies: DeliveryDependencies): Promise<Outbox> {
  const { records, clock, random, logger } = dependencies;
  const sequence = await Sequence.open(records, rows.SPACES.sequence);
  const stopping = new AbortController();
  const settler = new Settler(records, clock, random, logger, stopping.signal);
  const letters = await Letters.open({ records, settler, clock, logger });
  const outbox = new RecordsOutbox(dependencies, { sequence, settler, letters, stopping });
  await outbox.resume();
  return outbox;
}

interface Parts {
  readonly sequence: Sequence;
  readonly settler: Settler;
  readonly letters: Letters;
  /** Fires when closing has waited long enough. */
  readonly stopping: AbortController;
}

class RecordsOutbox implements Outbox {
  readonly #dependencies: DeliveryDependencies;
  readonly #sequence: Sequence;
  readonly #context: EdgeContext;
  readonly #settler: Settler;
  readonly #letters: Letters;
  readonly #edges = new Map<string, Edge>();
  readonly #targets = new Map<string, { readonly target: Target; readonly concurrencyMax: number }>();
  readonly #listeners = new Set<(givenUp: GivenUp) => void>();
  readonly #deliveredListeners = new Set<(delivered: Delivered) => void>();
  readonly #http: HttpTarget;
  readonly #closing = new AbortController();
  readonly #stopping: AbortController;
  readonly #counters: Readonly<Record<Counted, Counter>>;
  #sweeping: Promise<void> = Promise.resolve();
  #sweepTimer: Timer | undefined;
  #closed: Promise<void> | undefined;

  constructor(dependencies: DeliveryDependencies, { sequence, settler, letters, stopping }: Parts) {
    const { records, clock, random, logger, metrics } = dependencies;
    this.#dependencies = dependencies;
    this.#sequence = sequence;
    this.#settler = settler;
    this.#letters = letters;
    this.#stopping = stopping;
    this.#http = new HttpTarget(clock);
    const counter = (outcome: string) =>
      metrics.counter('millrace_deliveries_total', 'Deliveries by outcome', { outcome });
    this.#counters = {
      delivered: counter('delivered'),
      retried: counter('retried'),
      deadLettered: counter('dead-lettered'),
      lost: counter('lost'),
    };
    this.#context = {
      ...{ records, settler: this.#settler, clock, random, logger, signal: this.#closing.signal },
      target: (arn) => this.#targets.get(kindOf(arn) ?? ''),
      bury: (row, writes, failure, instead) => this.#bury(row, writes, failure, instead),
      follow: (deliveries, writes) => this.#follow(deliveries, writes),
      givenUp: (givenUp) => {
        for (const listener of this.#listeners) listener(givenUp);
      },
      delivered: (delivered) => {
        for (const listener of this.#deliveredListeners) listener(delivered);
      },
      count: (what) => this.#counters[what].add(),
    };
    this.register('http', this.#http);
    this.register('https', this.#http);
  }

  /** Finds the ARNs that have rows, without reading the rows. */
  async resume(): Promise<void> {
    const before = this.#sequence.take();
    for (const space of [rows.SPACES.due, rows.SPACES.ordered]) {
      for (let arn: string | undefined; ; ) {
        const [entry] = await this.#dependencies.records.range(space, rows.nextArnRange(arn));
        if (!entry) break;
        arn = rows.arnOf(entry);
        if (this.#edges.has(arn)) continue;
        const edge = new Edge(this.#context, arn, true);
        this.#edges.set(arn, edge);
        edge.resume(before);
      }
    }
    this.#sweepLater();
  }

  register(service: string, target: Target, options: TargetOptions = {}): void {
    const { concurrencyMax = DELIVERY_LIMITS.concurrencyMax } = options;
    this.#targets.set(service, { target, concurrencyMax });
    for (const edge of this.#edges.values()) if (kindOf(edge.arn) === service) edge.pump();
  }

  async send(deliveries: readonly Delivery[]): Promise<void> {
    this.#check(deliveries);
    const fresh = deliveries.map((delivery) => this.#newRow(delivery));
    const taken = await this.#commit(fresh);
    this.#offer(taken);
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
      this.#check([again]);
      sent = this.#newRow(again);
      return insert(sent);
    });
    this.#offer([sent!]);
  }

  async redriveAll(filter: LetterFilter): Promise<number> {
    let count = 0;
    // What is given up again meanwhile stays a letter.
    const to = Math.min(filter.to ?? Number.POSITIVE_INFINITY, this.#dependencies.clock.now());
    for (let after: string | undefined; ; ) {
      const page = await this.letters({
        ...filter,
        to,
        limit: DELIVERY_LIMITS.letterPageMax,
        ...(after !== undefined && { after }),
      });
      for (const { id } of page.letters) {
        const gone = await this.redrive(id).catch((error: unknown) => {
          // Someone else was faster.
          if (!hasCode(error, 'letter-not-found')) throw error;
          return 'gone';
        });
        if (gone === undefined) count++;
      }
      if (page.next === undefined) return count;
      after = page.next;
    }
  }

  discard(id: string): Promise<void> {
    return this.#letters.remove(id);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Lets what is under way end, for a while; then what is not done is left for the next run. */
  async #close(): Promise<void> {
    const { clock } = this.#dependencies;
    this.#sweepTimer?.cancel();
    this.#closing.abort(new DOMException('the outbox closes', 'AbortError'));
    const deadline = clock.timer(DELIVERY_LIMITS.drainMsMax, () => this.#stopping.abort(this.#closing.signal.reason));
    await Promise.all([...this.#edges.values()].map((edge) => edge.settled()));
    await this.#sweeping;
    deadline.cancel();
    this.#http[Symbol.dispose]();
  }

  #check(deliveries: readonly Delivery[]): void {
    assert(deliveries.length <= DELIVERY_LIMITS.sendMax, 'so many deliveries are sent in several calls');
    let pending = deliveries.length;
    for (const edge of this.#edges.values()) pending += edge.pending;
    if (pending > DELIVERY_LIMITS.pendingMax) {
      throw new DomainError('delivery-full', 'too many deliveries wait', { remedy: 'retry' });
    }
    for (const { arn, payload, attributes } of deliveries) {
      if (!this.#targets.has(kindOf(arn) ?? '')) throw new DomainError('target-unknown', `no target for ${arn}`);
      if (payload.length > DELIVERY_LIMITS.payloadBytesMax) {
        throw new DomainError('delivery-too-large', `a payload has ${payload.length} bytes`);
      }
      if (attributes && JSON.stringify(attributes).length > DELIVERY_LIMITS.attributesBytesMax) {
        throw new DomainError('delivery-too-large', 'the attributes of a delivery are too large');
      }
    }
  }

  #newRow(delivery: Delivery): Row {
    const now = this.#dependencies.clock.now();
    return { sequence: this.#sequence.take(), dueAt: now, sentAt: now, attempts: 0, uncounted: 0, delivery };
  }

  /** Makes rows durable, without those whose idempotency key is known. @returns the rows taken */
  async #commit(candidates: readonly Row[]): Promise<readonly Row[]> {
    for (let rest = candidates; ; ) {
      if (rest.length === 0) return rest;
      const keyed = rest.filter(({ delivery }) => delivery.idempotencyKey !== undefined);
      const unique = new Map(keyed.toReversed().map((row) => [keyText(row), row]));
      rest = rest.filter((row) => row.delivery.idempotencyKey === undefined || unique.get(keyText(row)) === row);
      const conditions = await Promise.all([...unique.values()].map((row) => this.#keyCondition(row)));
      // A key that is known and has not expired drops its row.
      rest = rest.filter((row) => conditions.every((one) => one.row !== row || one.condition));
      const holding = conditions.flatMap(({ condition }) => condition ?? []);
      const kept = conditions.flatMap(({ row, condition }) => (condition ? [row] : []));
      try {
        if (rest.length === 0) return rest;
        const writes = [...rest.flatMap(insert), ...kept.flatMap((row) => this.#keyWrites(row))];
        await this.#dependencies.records.commit({ conditions: holding, writes });
        return rest;
      } catch (error) {
        // Another send has just used one of the keys: look again.
        if (!hasCode(error, 'condition-failed')) throw error;
      }
    }
  }

  async #keyCondition(row: Row): Promise<{ readonly row: Row; readonly condition?: Condition }> {
    const key = encodeKey([row.delivery.arn, row.delivery.idempotencyKey!]);
    const found = await this.#dependencies.records.get(rows.SPACES.keys, key);
    if (!found) return { row, condition: { space: rows.SPACES.keys, key, is: 'absent' } };
    const expiresAt = Number(Buffer.from(found.value).toString());
    if (expiresAt > this.#dependencies.clock.now()) return { row };
    return { row, condition: { space: rows.SPACES.keys, key, is: found.version } };
  }

  #keyWrites({ delivery: { arn, idempotencyKey } }: Row): Write[] {
    const expiresAt = this.#dependencies.clock.now() + DELIVERY_LIMITS.idempotencyMs;
    const value = Buffer.from(String(expiresAt));
    const dueKey = encodeKey([expiresAt, arn, idempotencyKey!]);
    return [
      { kind: 'put', space: rows.SPACES.keys, key: encodeKey([arn, idempotencyKey!]), value },
      { kind: 'put', space: rows.SPACES.keysDue, key: dueKey, value: Buffer.alloc(0) },
    ];
  }

  #offer(taken: readonly Row[]): void {
    for (const [arn, ofArn] of Map.groupBy(taken, ({ delivery }) => delivery.arn)) {
      this.#edgeOf(arn).offer(ofArn.map(entryOf), ofArn.length);
    }
  }

  #edgeOf(arn: string): Edge {
    const found = this.#edges.get(arn);
    if (found) return found;
    if (this.#edges.size >= IDLE_EDGES_MAX) this.#forgetIdle();
    const edge = new Edge(this.#context, arn, false);
    this.#edges.set(arn, edge);
    return edge;
  }

  #forgetIdle(): void {
    for (const [arn, edge] of this.#edges) if (edge.idle) this.#edges.delete(arn);
  }

  /** No keys are looked up: the row that is removed in the same transaction is what makes it happen once. */
  async #follow(deliveries: readonly Delivery[], writes: readonly Write[]): Promise<void> {
    const followers = deliveries.map((delivery) => this.#newRow(delivery));
    await this.#settler.write([...writes, ...followers.flatMap(insert)]);
    if (followers.length > 0) this.#offer(followers);
  }

  async #bury(
    row: Row,
    writes: readonly Write[],
    failure: Failure,
    instead?: readonly Delivery[],
  ): Promise<'deadLettered' | 'lost'> {
    const sent = instead ?? (row.delivery.deadLetterArn === undefined ? [] : [deadLetterOf(row, failure)]);
    const lost = sent.length === 0;
    await this.#follow(sent, lost ? [...writes, ...this.#letters.add(row, failure)] : writes);
    return lost ? 'lost' : 'deadLettered';
  }

  #sweepLater(): void {
    this.#sweepTimer = this.#dependencies.clock.timer(SWEEP_MS, () => {
      this.#sweeping = Promise.all([this.#sweep(), this.#letters.sweep(this.#closing.signal)])
        .then(() => {})
        .catch((error: unknown) => this.#dependencies.logger.warn('outbox-not-swept', { error }))
        .finally(() => {
          if (!this.#closing.signal.aborted) this.#sweepLater();
        });
    });
  }

  /** Forgets idempotency keys that have expired; one that was used again since has a newer entry. */
  async #sweep(): Promise<void> {
    const { records, clock } = this.#dependencies;
    const to = encodeKey([clock.now()]);
    while (!this.#closing.signal.aborted) {
      const page = await records.range(rows.SPACES.keysDue, { to, limit: SWEEP_PAGE });
      if (page.length === 0) return;
      const writes: Write[] = [];
      for (const { key } of page) writes.push(...(await this.#sweepOne(key)));
      await records.commit({ writes });
    }
  }

  async #sweepOne(dueKey: Uint8Array): Promise<Write[]> {
    const [expiresAt, arn, idempotencyKey] = rows.decodeKeyDue(dueKey);
    const key = encodeKey([arn, idempotencyKey]);
    const found = await this.#dependencies.records.get(rows.SPACES.keys, key);
    const current = found && Number(Buffer.from(found.value).toString()) === expiresAt;
    const forget: Write = { kind: 'delete', space: rows.SPACES.keysDue, key: dueKey };
    return current ? [forget, { kind: 'delete', space: rows.SPACES.keys, key }] : [forget];
  }
}

function insert(row: Row): Write[] {
  const { arn, orderingGroup } = row.delivery;
  if (orderingGroup === undefined) return [rows.putDue(row)];
  return [rows.putOrdered(row), rows.putTurn(arn, orderingGroup, row)];
}

function entryOf(row: Row): DueEntry {
  const { orderingGroup: group } = row.delivery;
  if (group === undefined) return rows.deliveryEntry(row);
  return { kind: 'group', group, sequence: row.sequence, dueAt: row.dueAt };
}

function keyText({ delivery: { arn, idempotencyKey } }: Row): string {
  return `${arn} ${idempotencyKey}`;
}

/** The service in an ARN, or the scheme of a URL. */
function kindOf(arn: string): string | undefined {
  return parseArn(arn)?.service ?? /^([a-z][a-z0-9+.-]*):/.exec(arn)?.[1];
}
