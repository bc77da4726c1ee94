/**
 * The durable sessions of all clients (record 0057).
 *
 *     (none) --CONNECT with expiry--> connected <--CONNECT / end of connection--> offline --expiry--> (none)
 *
 * - S1 a session and what changes it at CONNECT is on disk before CONNACK.
 * - S2 a client has one session; one that is over leaves a grave, and its rows are deleted in the background.
 * - S3 a will is published once: in the commit that takes it out of its session.
 * - S4 a will that was delayed is published only if its client may still publish it then.
 */
import { Agenda, type Clock, SteadyClock, type Timer } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import { type Records, Sequence } from '../../../store/index.ts';
import type { Logger, Metrics } from '../../../telemetry/index.ts';
import type { LastingProof } from '../access/access.ts';
import type { CommitGroup, GroupCommit } from '../broker/commit-group.ts';
import type { Publisher } from '../broker/message.ts';
import type { Subscriptions } from '../broker/subscriptions.ts';
import { IOT_LIMITS } from '../limits.ts';
import { Shares } from '../shares.ts';
import { handOver } from './hand-over.ts';
import { type SessionInstruments, sessionInstruments } from './instruments.ts';
import type { SessionLink } from './link.ts';
import { QueueBytes } from './queue-bytes.ts';
import {
  burySession,
  deleteRemains,
  digGrave,
  type Grave,
  packetOf,
  putSession,
  readFilters,
  readGraves,
  readInbound,
  readQueues,
  readSessions,
  type WillRow,
} from './rows.ts';
import { DurableSession, type SessionHost, type SessionState, type WillPermissions } from './session.ts';

/** What a CONNECT asks of a session. */
export interface SessionRequest {
  readonly clientId: string;
  /** Whatever there was is over [MQTT-3.1.2-4]. */
  readonly clean: boolean;
  /** Seconds; 0 ends the session with its connection. */
  readonly expirySeconds: number;
  readonly will: mqtt.Will | undefined;
  readonly permissions: WillPermissions;
}

export type Opening =
  /** There is nothing to remember; `group` is waited for when it ends a session that was. */
  | { readonly kind: 'transient'; readonly group: CommitGroup | undefined }
  | {
      readonly kind: 'durable';
      readonly session: DurableSession;
      /** The client goes on with what it had: how that stood before. Absent for a new session. */
      readonly before: SessionState | undefined;
      /** CONNACK goes out when it is committed, and the session is attached then. */
      readonly group: CommitGroup;
    }
  /** The node, or the client's principal, has as many sessions as it may. */
  | { readonly kind: 'refused'; readonly reason: string };

/** How a connection has ended. */
export interface Leaving {
  /**
   * `delete` when the client has said good-bye; `defer` when this server goes: it is published after the restart, unless the client
   * comes back before its delay has passed.
   */
  readonly will: 'publish' | 'defer' | 'delete';
  /** As DISCONNECT has changed it. */
  readonly expirySeconds?: number;
}

/** What clients may do whose connections a restart has ended. */
export interface WillAccess {
  /** @returns `undefined` when there is no such principal any more */
  recall(proof: LastingProof): Promise<WillPermissions | undefined>;
  /** At once, from what is in memory: less may be allowed so, never more. */
  recallNow(proof: LastingProof): WillPermissions | undefined;
}

type Publish = (packet: mqtt.PublishPacket, publisher: Publisher) => CommitGroup | undefined;

export class Sessions {
  readonly #records: Records;
  readonly #subscriptions: Subscriptions;
  readonly #commit: GroupCommit;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #time: SteadyClock;
  readonly #numbers: Sequence;
  readonly #instruments: SessionInstruments;
  readonly #host: SessionHost;
  readonly #agenda: Agenda<DurableSession>;
  readonly #byClientId = new Map<string, DurableSession>();
  readonly #shares = new Shares(IOT_LIMITS.sessionsMax);
  #publish: Publish | undefined;
  #access: WillAccess | undefined;
  /** Sessions that are over, and the store has not taken it yet: by client. */
  readonly #unburied = new Map<string, Set<Grave>>();
  #burialTimer: Timer | undefined;
  #isClosed = false;
  /** The deletion of what sessions have left, one after the other. */
  #burials: Promise<void> = Promise.resolve();

  private constructor(parts: SessionParts, numbers: Sequence) {
    this.#records = parts.records;
    this.#subscriptions = parts.subscriptions;
    this.#commit = parts.commit;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#time = new SteadyClock(parts.clock);
    this.#numbers = numbers;
    this.#instruments = sessionInstruments(parts.metrics);
    this.#agenda = new Agenda(parts.clock, (session) => this.#look(session));
    const { records, commit, logger } = parts;
    const now = () => this.#time.now();
    const queueBytes = new QueueBytes(IOT_LIMITS.sessionsBytesMax, this.#instruments.queuedBytes);
    this.#host = { records, commit, logger, instruments: this.#instruments, queueBytes, now };
  }

  /** Reads all sessions, with their subscriptions. @throws IotError unavailable  a row is damaged or of a newer release */
  static async open(parts: SessionParts): Promise<Sessions> {
    const sessions = new Sessions(parts, await Sequence.open(parts.records, 'iot.session-numbers'));
    await sessions.#load();
    return sessions;
  }

  get size(): number {
    return this.#byClientId.size;
  }

  get(clientId: string): DurableSession | undefined {
    return this.#byClientId.get(clientId);
  }

  /** Begins to publish wills and to end sessions that are due. */
  start(publish: Publish, access: WillAccess): void {
    this.#publish = publish;
    this.#access = access;
    for (const session of this.#byClientId.values()) this.#schedule(session);
  }

  /**
   * Finds or makes the session of a CONNECT; the connection that had the client id has been told to leave. Synchronous, so that
   * of two connections with one client id the later one has it.
   */
  connect(request: SessionRequest): Opening {
    const { clientId, clean, permissions } = request;
    const expirySeconds = Math.min(request.expirySeconds, IOT_LIMITS.sessionExpirySecondsMax);
    const found = this.#byClientId.get(clientId);
    const { principal } = permissions;
    const isResumed = found !== undefined && !clean;
    const isDurable = isResumed || expirySeconds > 0;
    const will = isDurable ? willOf(request) : undefined;
    // What goes on with another, or begins in its place, takes no more room.
    const refusal = isDurable ? this.#refusal(principal, placesOf(will) - (found?.places ?? 0)) : undefined;
    if (refusal !== undefined) return { kind: 'refused', reason: refusal };
    if (isResumed) {
      const before = found.state;
      return { kind: 'durable', session: found, before, group: this.#resume(found, request, will) };
    }
    const ended = found && this.#end(found);
    if (!isDurable) return { kind: 'transient', group: ended };
    const session = new DurableSession(this.#host, clientId, {
      ...{ number: this.#numbers.take(), expirySeconds },
      ...(will && { will }),
      ...(principal !== undefined && { principal }),
    });
    this.#take(session, permissions);
    this.#add(session);
    // With the graves that the store has not taken yet: the new row stands in the place of the old one.
    const graves = [...(this.#unburied.get(clientId) ?? [])].map(digGrave);
    const group = this.#commit.write(putSession(clientId, session.row), ...graves);
    return { kind: 'durable', session, before: undefined, group };
  }

  /**
   * The client was not told that it is connected: a session that was there is left as it was, with the will that waits in it.
   *
   * @param why  `unstored` when the store has not taken the CONNECT: a new session is none then
   */
  abandon({ session, before }: Opening & { kind: 'durable' }, why: 'unstored' | 'gone'): void {
    if (session.isOver || session.isConnected) return;
    if (!before) {
      if (why === 'unstored') this.#forget(session);
      else this.leave(session, undefined, { will: 'delete' });
      return;
    }
    this.#entrust(session, before.principal, before.will);
    session.state = { ...before, disconnectedAt: before.disconnectedAt ?? this.#time.now() };
    this.#write(session);
    this.#schedule(session);
  }

  /** Ends the session of a client that is not connected; false when there is none. */
  end(clientId: string, publishesWill: boolean): boolean {
    const session = this.#byClientId.get(clientId);
    if (!session || session.disconnectedAt === undefined) return false;
    if (!publishesWill) session.will = undefined;
    this.#end(session);
    return true;
  }

  /** The connection that carried the session is over. @param link  that it was attached by, if it was */
  leave(session: DurableSession, link: SessionLink | undefined, { will, expirySeconds }: Leaving): void {
    if (link) session.detach(link);
    // Another connection has it now.
    if (session.isOver || session.isConnected) return;
    session.disconnectedAt = this.#time.now();
    if (expirySeconds !== undefined) {
      session.expirySeconds = Math.min(expirySeconds, IOT_LIMITS.sessionExpirySecondsMax);
    }
    if (will === 'delete') session.will = undefined;
    if (will !== 'defer') {
      // Whether it may be was asked as the connection ended.
      const isDue = session.expirySeconds === 0 || session.will?.delaySeconds === 0;
      if (isDue) this.#publishWill(session);
      if (session.expirySeconds === 0) return void this.#end(session);
    }
    if (!session.will) session.permissions = undefined;
    this.#write(session);
    this.#schedule(session);
  }

  /** Stops, once what is being deleted is. What is queued is in the hands of the commit. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#agenda.close();
    this.#burialTimer?.cancel();
    await this.#burials;
  }

  #resume(session: DurableSession, request: SessionRequest, will: WillRow | undefined): CommitGroup {
    session.disconnectedAt = undefined;
    session.expirySeconds = Math.min(request.expirySeconds, IOT_LIMITS.sessionExpirySecondsMax);
    // The will of the connection before is not sent: the client has come back before its delay has passed [MQTT-3.1.3-9].
    session.will = will;
    this.#entrust(session, request.permissions.principal, will);
    this.#take(session, request.permissions);
    return this.#write(session);
  }

  /** Why a principal may not have so many places more; `undefined` where it may. */
  #refusal(principal: string | undefined, places: number): string | undefined {
    if (places <= 0 || this.#shares.mayTake(principal, places)) return undefined;
    if (this.#shares.free < places) return 'this server has as many sessions as it may';
    return 'this principal has its share of the sessions that this server may have';
  }

  /** The session counts as one of whoever has connected last, with the will that came then. */
  #entrust(session: DurableSession, principal: string | undefined, will: WillRow | undefined): void {
    this.#shares.remove(session.principal, session.places);
    session.principal = principal;
    session.places = placesOf(will);
    this.#shares.add(principal, session.places);
  }

  /** Remembers who may be asked about the will. */
  #take(session: DurableSession, permissions: WillPermissions): void {
    session.permissions = session.will && permissions;
    session.proof = session.will && permissions.lasting;
  }

  #write(session: DurableSession): CommitGroup {
    return this.#commit.write(putSession(session.clientId, session.row));
  }

  /** Ends the session: its will is due now (3.1.3.2.2). */
  #end(session: DurableSession): CommitGroup {
    this.#settleWill(session);
    this.#forget(session);
    const grave = { session: session.number, sentTo: session.sentTo };
    const group = this.#commit.write(...burySession(session.clientId, grave));
    this.#buried(group, session.clientId, [grave]);
    return group;
  }

  /**
   * Deletes what sessions have left when it is on disk that they are over. Where the store has not taken that it is tried again: a
   * restart would else find a session without its subscriptions and messages.
   */
  #buried(group: CommitGroup, clientId: string, graves: readonly Grave[]): void {
    const groupSettled = () => {
      if (group.state === 'failed') return this.#buryLater(clientId, graves);
      for (const grave of graves) {
        this.#unburied.get(clientId)?.delete(grave);
        this.#clear(grave);
      }
      if (this.#unburied.get(clientId)?.size === 0) this.#unburied.delete(clientId);
    };
    group.listeners.push({ groupSettled });
  }

  #buryLater(clientId: string, graves: readonly Grave[]): void {
    if (this.#isClosed) return;
    this.#unburied.set(clientId, new Set([...(this.#unburied.get(clientId) ?? []), ...graves]));
    this.#burialTimer ??= this.#clock.timer(RETRY_MS, () => this.#buryAgain());
  }

  #buryAgain(): void {
    this.#burialTimer = undefined;
    for (const [clientId, graves] of this.#unburied) {
      const isTaken = this.#byClientId.has(clientId);
      const writes = [...graves].flatMap((grave) => (isTaken ? [digGrave(grave)] : burySession(clientId, grave)));
      this.#buried(this.#commit.write(...writes), clientId, [...graves]);
    }
  }

  #add(session: DurableSession): void {
    this.#byClientId.set(session.clientId, session);
    session.places = placesOf(session.will);
    this.#shares.add(session.principal, session.places);
    this.#instruments.sessions.set(this.size);
  }

  #forget(session: DurableSession): void {
    session.end();
    this.#agenda.forget(session);
    this.#subscriptions.removeAll(session);
    if (this.#byClientId.get(session.clientId) === session) {
      this.#byClientId.delete(session.clientId);
      this.#shares.remove(session.principal, session.places);
    }
    this.#instruments.sessions.set(this.size);
  }

  #publishWill(session: DurableSession): void {
    const packet = takeWill(session);
    if (packet) this.#publish?.(packet, session);
  }

  /** The same for a will that was delayed: its client is asked again. */
  #settleWill(session: DurableSession): void {
    const { permissions: known, proof } = session;
    const packet = takeWill(session);
    if (!packet) return;
    const isRecalled = known === undefined && proof !== undefined;
    const permissions = isRecalled ? this.#access?.recallNow(proof) : known;
    // Of a proof that does not last, a restart leaves the answer that there was when the client went.
    const isAllowed = permissions ? (permissions.mayLeaveWill?.(packet) ?? true) : !isRecalled;
    if (isAllowed) this.#publish?.(packet, session);
    else this.#logger.debug('will not published: its client may not publish it any more', { topic: packet.topic });
  }

  /** After a restart, finds out who the client was whose will is due, and looks again. */
  async #recall(session: DurableSession, proof: LastingProof): Promise<void> {
    let wait = 0;
    try {
      const permissions = (await this.#access!.recall(proof)) ?? NOBODY;
      if (session.proof !== proof) return;
      session.permissions = permissions;
    } catch (error) {
      this.#logger.warn('cannot find out whether a will may be published', { clientId: session.clientId, error });
      wait = RETRY_MS;
    }
    if (!session.isOver) this.#agenda.by(session, this.#clock.monotonic() + wait);
  }

  /** Has the session looked at when its will or its end is due. */
  #schedule(session: DurableSession): void {
    const due = dueOf(session);
    if (due !== undefined) this.#agenda.by(session, this.#clock.monotonic() + Math.max(0, due - this.#time.now()));
  }

  /** @returns when to look again, by the monotonic clock */
  #look(session: DurableSession): number | undefined {
    if (session.isOver || session.disconnectedAt === undefined) return undefined;
    const now = this.#time.now();
    const { will, proof, permissions } = session;
    if (will && proof && !permissions && dueOf(session)! <= now) return void this.#recall(session, proof);
    if (expiresAt(session) <= now) {
      this.#instruments.sessionsExpired.add();
      this.#end(session);
      return undefined;
    }
    if (session.will && willDueAt(session) <= now) {
      this.#settleWill(session);
      this.#write(session);
    }
    return this.#clock.monotonic() + dueOf(session)! - now;
  }

  /**
   * Deletes the rows of a session that is over, when nothing is under way that might still add one, and others have what is theirs.
   */
  #clear(grave: Grave): void {
    this.#burials = this.#burials.then(async () => {
      try {
        await this.#commit.settled();
        await handOver(grave, this.#subscriptions, this.#host);
        await deleteRemains(this.#records, grave.session);
      } catch (error) {
        // Its grave stands: a restart tries again.
        this.#logger.warn('rows of an ended session are not deleted', { error });
      }
    });
  }

  async #load(): Promise<void> {
    const byNumber = new Map<number, DurableSession>();
    for await (const [clientId, row] of readSessions(this.#records)) {
      const session = new DurableSession(this.#host, clientId, row);
      byNumber.set(row.number, session);
      this.#add(session);
    }
    await this.#loadQueues(byNumber);
    for await (const [number, subscription] of readFilters(this.#records)) {
      const subscriber = byNumber.get(number);
      if (subscriber) this.#subscriptions.add({ subscriber, ...subscription });
    }
    for await (const [number, packetId] of readInbound(this.#records)) byNumber.get(number)?.restoreInbound(packetId);
    for await (const grave of readGraves(this.#records)) this.#clear(grave);
    this.#instruments.sessions.set(this.size);
    if (this.size > 0)
      this.#logger.info('sessions loaded', { sessions: this.size, bytes: this.#host.queueBytes.bytes });
  }

  async #loadQueues(byNumber: ReadonlyMap<number, DurableSession>): Promise<void> {
    const numbers = [...byNumber.keys()].sort((a, b) => a - b);
    const lanes: Promise<void>[] = [];
    for (let at = 0; at < numbers.length; at += QUEUES_PER_LANE) {
      const last = Math.min(at + QUEUES_PER_LANE, numbers.length) - 1;
      lanes.push(this.#loadSome(byNumber, [numbers[at]!, numbers[last]! + 1]));
    }
    await Promise.all(lanes);
    // On disk at once, so that another restart does not prolong them.
    for (const session of byNumber.values()) if (session.restored(this.#time.now())) this.#write(session);
  }

  async #loadSome(
    byNumber: ReadonlyMap<number, DurableSession>,
    range: readonly [from: number, to: number],
  ): Promise<void> {
    for await (const [number, ends] of readQueues(this.#records, range)) byNumber.get(number)?.restoreQueue(ends);
  }
}

export interface SessionParts {
  readonly records: Records;
  readonly subscriptions: Subscriptions;
  readonly commit: GroupCommit;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Wait after the store has refused to take or to tell something. */
const RETRY_MS = 1_000;

/** Whose principal is gone. */
const NOBODY: WillPermissions = { principal: undefined, mayLeaveWill: () => false };

/** Takes the will out of its session. */
function takeWill(session: DurableSession): mqtt.PublishPacket | undefined {
  const { will } = session;
  session.will = undefined;
  session.permissions = undefined;
  session.proof = undefined;
  return will && packetOf({ bytes: Buffer.from(will.packet, 'base64') });
}

/** Sessions whose queues are looked for one after the other, beside others. */
const QUEUES_PER_LANE = 2_000;

function willOf({ will }: SessionRequest): WillRow | undefined {
  if (!will || !mqtt.isTopicName(will.topic)) return undefined;
  const { willDelayInterval: delaySeconds = 0, ...properties } = will.properties;
  const packetId = will.qos === 0 ? 0 : 1;
  const packet: mqtt.PublishPacket = { ...will, type: 'publish', dup: false, packetId, properties };
  return { packet: mqtt.encodePacket(packet, 5).toString('base64'), delaySeconds };
}

/** A will stays in memory for as long as its client may be away. */
function placesOf(will: WillRow | undefined): number {
  return 1 + Math.floor((will?.packet.length ?? 0) / IOT_LIMITS.willBytesPerSession);
}

function expiresAt({ disconnectedAt = 0, expirySeconds }: DurableSession): number {
  return disconnectedAt + expirySeconds * 1000;
}

function willDueAt({ disconnectedAt = 0, will }: DurableSession): number {
  return disconnectedAt + (will?.delaySeconds ?? 0) * 1000;
}

/** When something is to be done with the session, epoch milliseconds; `undefined` while its client is connected. */
function dueOf(session: DurableSession): number | undefined {
  if (session.disconnectedAt === undefined) return undefined;
  return session.will ? Math.min(willDueAt(session), expiresAt(session)) : expiresAt(session);
}
