import type { Dated } from '../../../base/index.ts';
import type * as mqtt from '../../../codec/mqtt/index.ts';
import type { Records } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { ClientPermissions, LastingProof } from '../access/access.ts';
import type { CommitGroup, CommitListener, GroupCommit } from '../broker/commit-group.ts';
import type { RoutedMessage } from '../broker/message.ts';
import type { Retained, RetainedMessage } from '../broker/retained.ts';
import type { Receiver, Subscription } from '../broker/subscriptions.ts';
import { IOT_LIMITS } from '../limits.ts';
import { receiverFrame, retainedFrame } from './frames.ts';
import type { SessionInstruments } from './instruments.ts';
import type { ClientSession, SessionLink, Step } from './link.ts';
import { isUnderWay, Outflow, type OutflowSource, type Outgoing } from './outflow.ts';
import type { QueueBytes, QueueShare } from './queue-bytes.ts';
import {
  deleteFilter,
  deleteInbound,
  deleteMessage,
  type MessageRow,
  messageBytes,
  putFilter,
  putInbound,
  putMessage,
  putReleased,
  type QueueEnds,
  readMessages,
  type SessionRow,
  type WillRow,
} from './rows.ts';

/** What is asked of a client that has gone. */
export type WillPermissions = Pick<ClientPermissions, 'principal' | 'lasting' | 'mayLeaveWill'>;

/** What a CONNECT changes of a session that was there. */
export type SessionState = Pick<
  DurableSession,
  'principal' | 'expirySeconds' | 'disconnectedAt' | 'will' | 'permissions' | 'proof'
>;

/** What all durable sessions share. */
export interface SessionHost {
  readonly records: Records;
  readonly commit: GroupCommit;
  readonly logger: Logger;
  readonly instruments: SessionInstruments;
  readonly queueBytes: QueueBytes;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** A message whose commit is not done. */
interface Pending {
  readonly message: Outgoing;
  readonly group: CommitGroup;
}

/** An identifier of QoS 2 that came in or was released, whose commit is not done. */
interface Exchange {
  readonly packetId: number;
  readonly kind: 'published' | 'released';
  readonly group: CommitGroup;
}

/** A retained message on its way. */
interface RetainedDelivery {
  readonly message: RetainedMessage;
  readonly qos: mqtt.Qos;
  readonly identifier: number | undefined;
}

/**
 * A session that outlives its connection. What the client is to receive at QoS 1 and 2 stands in a queue on disk, before the
 * publisher is told so and before it is sent; here are only counts of it, unless a client is connected ({@link Outflow}).
 *
 * - D1 an ordinal is never given twice while a message with it may be on disk, and messages are sent in their order.
 * - D2 a message leaves the queue only when the client has acknowledged it, or is not to have it.
 * - D3 what a PUBREC, PUBREL or PUBCOMP says to the client is on disk before; where that has failed, it never was.
 */
export class DurableSession implements ClientSession, CommitListener, Dated, OutflowSource {
  tendAt = Number.POSITIVE_INFINITY;
  readonly clientId: string;
  readonly number: number;
  /** As how many sessions it counts. */
  places = 1;
  expirySeconds: number;
  /** Epoch milliseconds; `undefined` while a client is connected. */
  disconnectedAt: number | undefined;
  will: WillRow | undefined;
  /** Of the client whose will it is; after a restart only the proof is left, if it is one that lasts. */
  permissions: WillPermissions | undefined;
  proof: LastingProof | undefined;
  /** It is over: nothing of it is kept any more. */
  isOver = false;
  readonly #host: SessionHost;
  /** What its principal has of all queues. */
  #share: QueueShare;
  /** When a message of the queue may have expired, epoch milliseconds; that of a restored queue is not known. */
  #expiryAt = Number.POSITIVE_INFINITY;
  #isPruning = false;
  /** Ordinal of the next message. */
  #next = 0;
  /** Messages below may have been sent by an earlier connection. */
  #sentTo: number;
  committedTo = 0;
  #messages = 0;
  #bytes = 0;
  /** Bytes of all messages it has ever had. */
  #totalBytes = 0;
  #pending: Pending[] = [];
  /** The group that was told to notify us last. */
  #group: CommitGroup | undefined;
  #outflow: Outflow | undefined;
  /** Identifiers of QoS 2 messages that the client has published and not released. */
  #inbound: Set<number> | undefined;
  #exchanges: Exchange[] = [];
  /** Retained messages of new subscriptions, by filter. */
  #backlog: Map<string, Iterator<RetainedDelivery | undefined>> | undefined;
  /** Goes on with them in the next turn of the event loop. */
  #isPulling = false;

  constructor(host: SessionHost, clientId: string, row: Omit<SessionRow, 'format'>) {
    this.#host = host;
    this.clientId = clientId;
    this.number = row.number;
    this.expirySeconds = row.expirySeconds;
    this.disconnectedAt = row.disconnectedAt;
    this.will = row.will;
    this.proof = row.proof;
    this.#share = host.queueBytes.join(row.principal, 0);
    this.#sentTo = row.sentTo ?? 0;
  }

  /** Of the client that has connected last. */
  get principal(): string | undefined {
    return this.#share.principal;
  }

  /** What is queued is the new one's. */
  set principal(principal: string | undefined) {
    const { queueBytes } = this.#host;
    queueBytes.leave(this.#share, this.#bytes);
    this.#share = queueBytes.join(principal, this.#bytes);
  }

  /** Messages that the client has not acknowledged. */
  get messages(): number {
    return this.#messages;
  }

  /** Bytes of them on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  get isConnected(): boolean {
    return this.#outflow !== undefined;
  }

  get isCongested(): boolean {
    return this.#outflow === undefined || this.#outflow.isFull || this.#isFull;
  }

  get canWait(): boolean {
    return this.#outflow !== undefined && !this.#isFull;
  }

  get hasQueueRoom(): boolean {
    return !this.#isFull;
  }

  /** Messages below may have been sent. */
  get sentTo(): number {
    return Math.max(this.#sentTo, this.#outflow?.sentTo ?? 0);
  }

  /** A client that is away is asked when it is back, before a message is sent. */
  mayReceive(topic: string): boolean {
    return this.#outflow?.link.mayReceive(topic) ?? true;
  }

  /** How it stands on disk. */
  get row(): Omit<SessionRow, 'format'> {
    const { number, principal, expirySeconds, disconnectedAt, will, proof } = this;
    return {
      number,
      expirySeconds,
      ...(disconnectedAt !== undefined && { disconnectedAt, sentTo: this.#sentTo }),
      ...(principal !== undefined && { principal }),
      ...(will && { will, ...(proof && { proof }) }),
    };
  }

  get state(): SessionState {
    const { principal, expirySeconds, disconnectedAt, will, permissions, proof } = this;
    return { principal, expirySeconds, disconnectedAt, will, permissions, proof };
  }

  set state({ principal, expirySeconds, disconnectedAt, will, permissions, proof }: SessionState) {
    this.principal = principal;
    this.expirySeconds = expirySeconds;
    this.disconnectedAt = disconnectedAt;
    this.will = will;
    this.permissions = permissions;
    this.proof = proof;
  }

  /** A restart has found messages in its queue. */
  restoreQueue({ first, last }: QueueEnds): void {
    this.#next = last.ordinal + 1;
    this.committedTo = this.#next;
    this.#totalBytes = last.totalBytes;
    this.#expiryAt = 0;
    // Without those between that were acknowledged out of turn: corrected when the queue is empty.
    this.#count(last.ordinal - first.ordinal + 1, last.totalBytes - first.totalBytes + first.bytes);
  }

  /** All is restored; true when the client was connected as the node ended, and has gone now, or when the clock was set back. */
  restored(now: number): boolean {
    if (this.disconnectedAt !== undefined) {
      // Nobody goes in the future: its will and its end would be as late as that.
      if (this.disconnectedAt <= now) return false;
      this.disconnectedAt = now;
      return true;
    }
    this.disconnectedAt = now;
    // Any of them may have been sent.
    this.#sentTo = this.#next;
    return true;
  }

  /** A restart has found a message of QoS 2 that is not released. */
  restoreInbound(packetId: number): void {
    this.#inbound ??= new Set();
    this.#inbound.add(packetId);
  }

  /** Begins to send what is queued. All that was written for the session before must be durable. */
  attach(link: SessionLink): void {
    this.#outflow = new Outflow(link, this, this.#messages === 0 ? this.committedTo : 0);
    this.#outflow.pump();
  }

  /** The connection is over; false when another one carries the session now. */
  detach(link: SessionLink): boolean {
    if (this.#outflow?.link !== link) return false;
    this.#sentTo = this.sentTo;
    this.#outflow.close();
    this.#outflow = undefined;
    return true;
  }

  deliver(message: RoutedMessage, receiver: Receiver): CommitGroup | undefined {
    const { packet } = message;
    const link = this.#outflow?.link;
    if (!this.mayReceive(packet.topic)) return undefined;
    const qos = Math.min(packet.qos, receiver.qos) as mqtt.Qos;
    if (qos === 0) {
      if (link) sendOnce(link, receiverFrame(message, receiver, 0, link.version));
      return undefined;
    }
    const expirySeconds = packet.properties.messageExpiryInterval;
    const frame = receiverFrame(message, receiver, qos, 5);
    // As the client takes it, unless it is to be decoded once more.
    const isOld = link?.version === 4 && expirySeconds === undefined;
    const sent = isOld ? receiverFrame(message, receiver, qos, 4) : frame;
    return this.#queue(frame, expirySeconds, sent, receiver.group?.filter);
  }

  groupSettled(): void {
    if (this.#exchanges.length > 0) this.#settleExchanges();
    let settled = 0;
    for (const { message, group } of this.#pending) {
      if (group.state === 'pending') break;
      settled++;
      if (group.state === 'committed') this.#committed(message);
      else this.#count(-1, -message.bytes);
    }
    this.#pending = settled === this.#pending.length ? [] : this.#pending.slice(settled);
    this.#outflow?.pump();
    this.#pullRetained();
  }

  acknowledged(packetId: number, by: 'puback' | 'pubcomp'): boolean {
    return this.#outflow?.acknowledged(packetId, by) ?? false;
  }

  received(packetId: number, isRefused: boolean): Step {
    if (isRefused) return this.#outflow?.refused(packetId) ? 'done' : 'unknown';
    return this.#outflow?.received(packetId) ?? 'unknown';
  }

  get unreleased(): number {
    return this.#inbound?.size ?? 0;
  }

  hasPublished(packetId: number): boolean {
    return this.#inbound?.has(packetId) ?? false;
  }

  published(packetId: number): CommitGroup {
    this.restoreInbound(packetId);
    return this.#exchange(packetId, 'published', this.#host.commit.write(putInbound(this.number, packetId)));
  }

  released(packetId: number): Step {
    if (!this.#inbound?.delete(packetId)) return this.#beingReleased(packetId) ?? 'unknown';
    return this.#exchange(packetId, 'released', this.#host.commit.write(deleteInbound(this.number, packetId)));
  }

  /** Asked to release it again before that is on disk: the answer waits for the same commit. */
  #beingReleased(packetId: number): CommitGroup | undefined {
    return this.#exchanges.find((one) => one.packetId === packetId && one.kind === 'released')?.group;
  }

  subscribed(subscription: Subscription): CommitGroup {
    return this.#host.commit.write(putFilter(this.number, subscription));
  }

  unsubscribed(filter: string): CommitGroup {
    return this.#host.commit.write(deleteFilter(this.number, filter));
  }

  deliverRetained(filter: string, messages: Retained, qos: mqtt.Qos, identifier: number | undefined): void {
    this.#backlog ??= new Map();
    this.#backlog.set(
      filter,
      messages.map((message) => message && { message, qos, identifier }),
    );
    this.#pullRetained();
  }

  endRetained(filter: string): void {
    this.#backlog?.delete(filter);
    if (this.#backlog?.size === 0) this.#backlog = undefined;
  }

  resume(): void {
    this.#outflow?.pump();
  }

  /** Lets go of the counts: its rows are deleted elsewhere. */
  end(): void {
    if (this.isOver) return;
    this.#host.queueBytes.leave(this.#share, this.#bytes);
    this.#messages = 0;
    this.#bytes = 0;
    this.isOver = true;
  }

  async read(from: number, to: number): Promise<{ readonly messages: readonly Outgoing[]; readonly to: number }> {
    const mean = this.#bytes / Math.max(1, this.#messages);
    const fitting = Math.floor(IOT_LIMITS.sessionReadyBytesMax / Math.max(1, mean));
    const limit = Math.min(IOT_LIMITS.sessionReadyMax, Math.max(1, fitting));
    const rows = await readMessages(this.#host.records, this.number, [from, to], limit);
    const messages = rows.map((row): Outgoing => {
      return { ...row, version: 5, isRepeated: row.ordinal < this.#sentTo };
    });
    return { messages, to: rows.length < limit ? to : rows.at(-1)!.ordinal + 1 };
  }

  taken(row: MessageRow): CommitGroup {
    return this.#host.commit.write(putReleased(this.number, row));
  }

  readFailed(error: unknown): void {
    this.#host.logger.error('queue of a session cannot be read', { clientId: this.clientId, error });
  }

  done(row: MessageRow): void {
    this.#host.commit.later(deleteMessage(this.number, row.ordinal));
    this.#count(-1, -row.bytes);
  }

  expired(row: MessageRow): void {
    this.#host.instruments.expired.add();
    this.done(row);
  }

  now(): number {
    return this.#host.now();
  }

  idle(): void {
    // Nothing is left: what the counts still hold was acknowledged out of turn before a restart.
    if (this.#outflow?.isEmpty && this.#pending.length === 0) this.#count(-this.#messages, -this.#bytes);
    this.#pullRetained();
  }

  /** Retained messages go through the queue like others, a few at a time, and leave room in it for what comes in. */
  #pullRetained(): void {
    for (let pulled = 0; this.#backlog !== undefined && this.#mayPull; pulled++) {
      if (pulled === IOT_LIMITS.retainedPerTurnMax || !this.#pullOne(this.#backlog)) return this.#pullLater();
    }
  }

  /** False when it was looked for one long enough. */
  #pullOne(backlog: Map<string, Iterator<RetainedDelivery | undefined>>): boolean {
    const [filter, deliveries] = backlog.entries().next().value!;
    const { value, done } = deliveries.next();
    if (done) backlog.delete(filter);
    else if (value === undefined) return false;
    else this.#deliverOne(value, this.#outflow?.link);
    if (backlog.size === 0) this.#backlog = undefined;
    return true;
  }

  /** While the client is away what comes in, or its return, goes on with them. */
  #pullLater(): void {
    if (this.#isPulling || !this.isConnected) return;
    this.#isPulling = true;
    setImmediate(() => {
      this.#isPulling = false;
      if (this.isConnected) this.#pullRetained();
    });
  }

  get #mayPull(): boolean {
    const isHalfFull =
      this.#messages >= IOT_LIMITS.sessionMessagesMax / 2 || this.#bytes >= IOT_LIMITS.sessionBytesMax / 2;
    return !isHalfFull && this.#pending.length < RETAINED_AT_ONCE && this.#outflow?.link.hasRoom !== false;
  }

  #deliverOne({ message, qos, identifier }: RetainedDelivery, link: SessionLink | undefined): void {
    if (link && !link.mayReceive(message.topic)) return;
    const sentQos = Math.min(message.qos, qos) as mqtt.Qos;
    if (sentQos > 0) {
      const frame = retainedFrame(message, sentQos, identifier, 5);
      this.#queue(frame, message.properties.messageExpiryInterval, frame);
    } else if (link) sendOnce(link, retainedFrame(message, 0, identifier, link.version));
  }

  /** Nothing more is queued, for what it has itself or its principal has. */
  get #isFull(): boolean {
    return (
      this.#messages >= IOT_LIMITS.sessionMessagesMax ||
      this.#bytes >= IOT_LIMITS.sessionBytesMax ||
      this.#host.queueBytes.isFull(this.#share)
    );
  }

  #queue(
    frame: mqtt.PublishFrame,
    expirySeconds: number | undefined,
    sent: mqtt.PublishFrame,
    sharedFilter?: string,
  ): CommitGroup | undefined {
    const { commit, instruments } = this.#host;
    // The newest is dropped, as mosquitto does: what was promised first is kept.
    if (this.#isFull) {
      instruments.dropped.add();
      if (this.disconnectedAt !== undefined && this.#expiryAt <= this.now()) void this.#prune();
      return undefined;
    }
    if (expirySeconds !== undefined) this.#expiryAt = Math.min(this.#expiryAt, this.now() + expirySeconds * 1000);
    const bytes = messageBytes(frame, sharedFilter);
    this.#totalBytes += bytes;
    this.#count(1, bytes);
    const row = {
      ...{
        ordinal: this.#next++,
        queuedAt: this.now(),
        totalBytes: this.#totalBytes,
        expirySeconds,
        sharedFilter,
        frame,
      },
    };
    const group = commit.write(putMessage(this.number, row));
    const version = sent === frame ? 5 : 4;
    const message = {
      ...row,
      bytes,
      version,
      frame: sent,
      isReleased: false,
      isRepeated: false,
    } as const;
    this.#pending.push({ message, group });
    this.#awaitGroup(group);
    return group;
  }

  #exchange(packetId: number, kind: Exchange['kind'], group: CommitGroup): CommitGroup {
    this.#exchanges.push({ packetId, kind, group });
    this.#awaitGroup(group);
    return group;
  }

  /** Has us told when the group is settled, once. */
  #awaitGroup(group: CommitGroup): void {
    if (group === this.#group) return;
    this.#group = group;
    group.listeners.push(this);
  }

  /** What could not be stored comes again: a message that is published then, or its release. */
  #settleExchanges(): void {
    const pending: Exchange[] = [];
    for (const exchange of this.#exchanges) {
      const { packetId, kind, group } = exchange;
      if (group.state === 'pending') pending.push(exchange);
      else if (group.state === 'committed') continue;
      else if (kind === 'published') this.#inbound?.delete(packetId);
      else this.restoreInbound(packetId);
    }
    this.#exchanges = pending;
  }

  /** Lets go of what has expired in a full queue whose client is away: it must not keep out what is new. */
  async #prune(): Promise<void> {
    if (this.#isPruning) return;
    this.#isPruning = true;
    // What comes in meanwhile sets it again.
    this.#expiryAt = Number.POSITIVE_INFINITY;
    try {
      for (let from = 0; from < this.committedTo; ) {
        const { messages, to } = await this.read(from, this.committedTo);
        if (this.disconnectedAt === undefined || this.isOver) {
          // The client is back, and is not sent what has expired.
          this.#expiryAt = 0;
          break;
        }
        for (const message of messages) this.#pruneOne(message);
        from = to;
      }
    } catch (error) {
      this.readFailed(error);
    }
    this.#isPruning = false;
  }

  #pruneOne(message: Outgoing): void {
    if (message.expirySeconds === undefined || isUnderWay(message)) return;
    const expiryAt = message.queuedAt + message.expirySeconds * 1000;
    if (expiryAt <= this.now()) this.expired(message);
    else this.#expiryAt = Math.min(this.#expiryAt, expiryAt);
  }

  #committed(message: Outgoing): void {
    const outflow = this.#outflow;
    const before = this.committedTo;
    this.committedTo = message.ordinal + 1;
    if (outflow) outflow.committed(message, outflow.hasRead(before) && isFor(message, outflow.link.version));
  }

  #count(messages: number, bytes: number): void {
    // Its commits may fail when it is over, and have been taken out of all counts then.
    if (this.isOver) return;
    this.#messages += messages;
    this.#bytes += bytes;
    this.#host.queueBytes.add(this.#share, bytes);
  }
}

/** Retained messages of new subscriptions that are being queued at a time. */
const RETAINED_AT_ONCE = 64;

/** A frame of MQTT 3.1.1 is of no use to a client that has come back with MQTT 5. */
const isFor = (message: Outgoing, version: mqtt.ProtocolVersion) => message.version === 5 || version === 4;

function sendOnce(link: SessionLink, frame: mqtt.PublishFrame): void {
  if (frame.bytes.length > link.packetBytesMax) return link.dropped('too-large'); // [MQTT-3.1.2-25]
  if (link.hasRoom) link.write(frame, 0);
  else link.dropped('slow');
}
