import { ACCOUNT_ID, type Clock, type DomainError, hasCode, type Timer } from '../../../base/index.ts';
import { DELIVERY_LIMITS, type Delivery, type DeliveryService } from '../../../delivery/index.ts';
import type { Records, Write } from '../../../store/index.ts';
import type { Logger, TraceContext } from '../../../telemetry/index.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';
import type { KinesisPort, StreamPort } from '../ports.ts';
import type { RetainedMessages } from './retained.ts';

/** How long what nobody waits for is put off, so that it shares a sync with others. */
const CHORES_MS = 1_000;

/** Told once, when everything that its publishes of one group caused is durable, or has failed. */
export interface CommitListener {
  groupSettled(group: CommitGroup): void;
}

/** A delivery, and what is done where the outbox will never take it: that may belong to a later group. */
export interface QueuedDelivery {
  readonly delivery: Delivery;
  refused(error: unknown): CommitGroup | undefined;
}

/**
 * What the publishes of one turn of the event loop have caused, made durable together (DESIGN §3).
 * `pending` until the group commit is done; after `failed` nothing of it may be acknowledged.
 */
export class CommitGroup {
  state: 'pending' | 'committed' | 'failed' = 'pending';
  readonly listeners: CommitListener[] = [];
  readonly deliveries: QueuedDelivery[] = [];
  /** Commits of the log that carry its appends; mostly one. */
  readonly appends: Promise<void>[] = [];
  retained = false;
  /** What sessions keep of it: written last, so that a message is in a queue only when its other effects are durable. */
  readonly writes: Write[] = [];
  /** It is there for what was put off, too. */
  hasChores = false;
  /** What was put off until it. */
  chores: readonly Write[] = [];
  /** Why it failed. */
  error: unknown;

  /** For those few who wait for one message; the gateway listens instead, without a promise for each. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => (this.state === 'committed' ? resolve() : reject(this.error));
      if (this.state === 'pending') this.listeners.push({ groupSettled: settle });
      else settle();
    });
  }
}

/** Of the groups that one publish belongs to, the one that decides on its acknowledgement: a failed one before any other. */
export function joined(one: CommitGroup | undefined, other: CommitGroup | undefined): CommitGroup | undefined {
  return other === undefined || one?.state === 'failed' ? one : other;
}

/**
 * Gathers what publishes cause into groups: a group takes all of one turn of the event loop and is committed at its end.
 * Groups are committed side by side; each tells its listeners by itself. Only what sessions keep is written in the order of the
 * groups: a session's messages must not overtake each other over a crash.
 */
export class GroupCommit {
  readonly #kinesis: KinesisPort;
  readonly #delivery: DeliveryService;
  readonly #retained: RetainedMessages;
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #open: CommitGroup | undefined;
  readonly #pending = new Set<Promise<void>>();
  /** Resolves when the sessions' writes of all groups before are in the hands of the store; rejects when one of those failed. */
  #lane: Promise<void> = Promise.resolve();
  /** Writes that nobody waits for. */
  #chores: Write[] = [];
  #choreTimer: Timer | undefined;

  constructor(ports: {
    readonly kinesis: KinesisPort;
    readonly delivery: DeliveryService;
    readonly retained: RetainedMessages;
    readonly records: Records;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#kinesis = ports.kinesis;
    this.#delivery = ports.delivery;
    this.#retained = ports.retained;
    this.#records = ports.records;
    this.#clock = ports.clock;
    this.#logger = ports.logger;
  }

  /** @throws DomainError  the stream refuses the record */
  append(stream: StreamPort, partitionKey: string, data: Uint8Array, trace: TraceContext | undefined): CommitGroup {
    stream.enqueue(partitionKey, data, trace);
    const group = this.#group();
    // Asked for at once: the log may have begun another commit by the end of the turn.
    const committed = this.#kinesis.committed();
    if (group.appends.at(-1) !== committed) {
      group.appends.push(committed);
      // Awaited at the end of the turn; until then a failure has its listener here.
      committed.catch(() => {});
    }
    return group;
  }

  /** @throws IotError stream-not-found */
  stream(name: string, region: string): StreamPort {
    const stream = this.#kinesis.stream(name, region);
    if (stream) return stream;
    throw new IotError('stream-not-found', `Stream ${name} under account ${ACCOUNT_ID} not found.`);
  }

  /** A group that has failed already: what belongs to it must not be acknowledged. */
  failed(error: unknown): CommitGroup {
    const group = new CommitGroup();
    group.state = 'failed';
    group.error = error;
    // The store has logged what is wrong with it; this comes once for every message.
    this.#logger.debug('publish refused by the store', { error });
    return group;
  }

  send(queued: QueuedDelivery): CommitGroup {
    const group = this.#group();
    group.deliveries.push(queued);
    return group;
  }

  retain(): CommitGroup {
    const group = this.#group();
    group.retained = true;
    return group;
  }

  /** Takes writes of sessions for the next commit; those of one publish go in one transaction. */
  write(...writes: readonly Write[]): CommitGroup {
    const group = this.#group();
    for (const write of writes) group.writes.push(write);
    return group;
  }

  /**
   * Takes a write that nobody waits for and that a crash may undo (a delivered message leaves its queue): it goes with the next
   * writes, before those of its turn, or by itself after a while.
   */
  later(write: Write): void {
    this.#chores.push(write);
    if (this.#chores.length >= IOT_LIMITS.sessionWritesMax / 2) this.#group().hasChores = true;
    else this.#choreTimer ??= this.#clock.timer(CHORES_MS, () => this.#doChores());
  }

  /** Resolves when everything that was begun before is done, well or not. */
  async settled(): Promise<void> {
    if (this.#open) this.#close();
    await Promise.all(this.#pending);
  }

  /** Resolves when no group is open or under way, and nothing is put off. */
  async drain(): Promise<void> {
    this.#doChores();
    while (this.#open || this.#pending.size > 0) await this.settled();
  }

  #doChores(): void {
    if (this.#chores.length > 0) this.#group().hasChores = true;
  }

  #group(): CommitGroup {
    if (!this.#open) {
      this.#open = new CommitGroup();
      // After the sockets of this turn have been read, before the next turn: what came together is synced together.
      setImmediate(() => this.#close());
    }
    return this.#open;
  }

  #close(): void {
    const group = this.#open;
    if (!group) return;
    this.#open = undefined;
    if (group.writes.length > 0 || group.hasChores) this.#takeChores(group);
    const done = this.#commit(group).finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }

  #takeChores(group: CommitGroup): void {
    this.#choreTimer?.cancel();
    this.#choreTimer = undefined;
    group.chores = this.#chores;
    group.writes.unshift(...this.#chores);
    this.#chores = [];
  }

  async #commit(group: CommitGroup): Promise<void> {
    try {
      if (group.writes.length > 0) await this.#writeInOrder(group);
      else await this.#effects(group);
      group.state = 'committed';
    } catch (error) {
      group.state = 'failed';
      group.error = error;
      this.#logger.error('group commit failed', { error });
      if ((error as Partial<DomainError>).remedy === 'retry') this.#putOff(group.chores);
    }
    for (const listener of group.listeners) listener.groupSettled(group);
  }

  /** A full disk must not keep what was to be deleted: it is tried again, before what has come since. */
  #putOff(chores: readonly Write[]): void {
    const room = IOT_LIMITS.sessionWritesMax - this.#chores.length;
    this.#chores.unshift(...chores.slice(0, Math.max(0, room)));
    if (this.#chores.length > 0) this.#choreTimer ??= this.#clock.timer(CHORES_MS, () => this.#doChores());
  }

  async #effects(group: CommitGroup): Promise<void> {
    await Promise.all([
      ...group.appends,
      group.deliveries.length > 0 ? this.#sendAll(group.deliveries) : undefined,
      group.retained ? this.#retained.committed() : undefined,
    ]);
  }

  /**
   * The sessions' part comes last: it holds which messages of QoS 2 are done, and one that is must have had all its effects. A
   * group whose predecessor fails fails too, since what a client sends again would then come behind what it has sent later.
   */
  async #writeInOrder(group: CommitGroup): Promise<void> {
    const before = this.#lane;
    const lane = Promise.withResolvers<void>();
    lane.promise.catch(() => {});
    this.#lane = lane.promise;
    try {
      await Promise.all([this.#effects(group), before]);
      const written = this.#writeAll(group.writes);
      lane.resolve();
      await written;
    } catch (error) {
      lane.reject(error);
      throw error;
    } finally {
      // Only those that were under way fail with it.
      if (this.#lane === lane.promise) this.#lane = Promise.resolve();
    }
  }

  async #writeAll(writes: readonly Write[]): Promise<void> {
    const parts: Promise<unknown>[] = [];
    for (let at = 0; at < writes.length; at += IOT_LIMITS.sessionWritesMax) {
      parts.push(this.#records.commit({ writes: writes.slice(at, at + IOT_LIMITS.sessionWritesMax) }));
    }
    await Promise.all(parts);
  }

  async #sendAll(queued: readonly QueuedDelivery[]): Promise<void> {
    for (let at = 0; at < queued.length; at += DELIVERY_LIMITS.sendMax) {
      await this.#sendSome(queued.slice(at, at + DELIVERY_LIMITS.sendMax));
    }
  }

  /** All at once; if the outbox refuses one for good, each by itself, so that it stands for nobody but its rule. */
  async #sendSome(queued: readonly QueuedDelivery[]): Promise<void> {
    try {
      await this.#delivery.send(queued.map(({ delivery }) => delivery));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (queued.length > 1) for (const one of queued) await this.#sendSome([one]);
      else await queued[0]!.refused(error)?.settled();
    }
  }
}

/** True when the same delivery would be refused again and again; anything else is about the outbox. */
function isRefusal(error: unknown): boolean {
  return hasCode(error, 'target-unknown') || hasCode(error, 'delivery-too-large');
}
