import type * as mqtt from '../../../codec/mqtt/index.ts';
import type { CommitGroup } from '../broker/commit-group.ts';
import { IOT_LIMITS } from '../limits.ts';
import { duplicate, qosOf, storedFrame, topicOf } from './frames.ts';
import type { SessionLink, Step } from './link.ts';
import type { MessageRow } from './rows.ts';

/** A message of the queue on its way to the client. */
export interface Outgoing extends MessageRow {
  /** What `frame` is encoded for. */
  readonly version: mqtt.ProtocolVersion;
  /** It may have been sent before. */
  readonly isRepeated: boolean;
}

/** What a message that was sent waits for: QoS 2 first for PUBREC, then for PUBCOMP. */
type Awaited = 'puback' | 'pubrec' | 'pubcomp';

interface Sent {
  readonly row: MessageRow;
  awaited: Awaited;
  /** That the client has it is on disk when this is committed: no PUBREL goes out before. */
  received?: CommitGroup;
}

/** The queue behind an {@link Outflow}. */
export interface OutflowSource {
  /** Messages below this ordinal are on disk whole. */
  readonly committedTo: number;
  /** Reads messages that are on disk, from one ordinal to before another. */
  read(from: number, to: number): Promise<{ readonly messages: readonly Outgoing[]; readonly to: number }>;
  /** The queue cannot be read: nothing more of it is sent. */
  readFailed(error: unknown): void;
  /** The client has a message of QoS 2, which is to be remembered until its identifier is released. */
  taken(row: MessageRow): CommitGroup;
  /** The client has the message, or does not get it: it leaves the queue. */
  done(row: MessageRow): void;
  expired(row: MessageRow): void;
  /** Milliseconds since the epoch. */
  now(): number;
  /** All that was queued is sent: what retained messages there are may follow. */
  idle(): void;
}

/** Packet identifiers go round: two messages this far apart have the same. */
const IDENTIFIERS = 0xffff;

/** Fixed by its place in the queue, so that a message has the same identifier whenever it is sent again. */
export const packetIdOf = (ordinal: number) => (ordinal % IDENTIFIERS) + 1;

/** The client may have it without our knowing, and waits for the end of its exchange: it does not expire any more. */
export const isUnderWay = ({ isRepeated, frame }: Outgoing) => isRepeated && qosOf(frame) === 2;

/**
 * Sends a session's queue to the client that is connected: as many as it takes at a time, in order, the next ones from memory as
 * long as it keeps up, else from disk.
 *
 * - O1 every message below `#readTo` was sent or stands in `#ready`; the others are on disk.
 * - O2 messages are sent in the order of their ordinals, those of an earlier connection that were not acknowledged first.
 */
export class Outflow {
  readonly link: SessionLink;
  readonly #source: OutflowSource;
  /** In the order in which they were sent. */
  readonly #inFlight = new Map<number, Sent>();
  #ready: Outgoing[] = [];
  #head = 0;
  #readyBytes = 0;
  #readTo: number;
  #isReading = false;
  #isClosed = false;

  /** @param readTo  below it there is nothing on disk */
  constructor(link: SessionLink, source: OutflowSource, readTo: number) {
    this.link = link;
    this.#source = source;
    this.#readTo = readTo;
  }

  /** What came now would have to wait. */
  get isFull(): boolean {
    return !this.link.hasRoom || this.#inFlight.size >= this.link.receiveMaximum || this.#readyCount > 0;
  }

  /** Nothing waits for an acknowledgement or to be sent. */
  get isEmpty(): boolean {
    return this.#inFlight.size === 0 && this.#readyCount === 0 && this.#readTo >= this.#source.committedTo;
  }

  /** Ordinal below which messages may have been sent. */
  get sentTo(): number {
    return this.#ready[this.#head]?.ordinal ?? this.#readTo;
  }

  /** A message is on disk now; it is kept at hand when it is the next one and there is room. */
  committed(message: Outgoing, isNext: boolean): void {
    const isKept =
      isNext &&
      !this.#isReading &&
      this.#readyCount < IOT_LIMITS.sessionReadyMax &&
      this.#readyBytes < IOT_LIMITS.sessionReadyBytesMax;
    if (!isKept) return;
    this.#keep(message);
    this.#readTo = message.ordinal + 1;
  }

  /** Whether everything on disk below the ordinal is known here. */
  hasRead(to: number): boolean {
    return this.#readTo >= to;
  }

  acknowledged(packetId: number, by: 'puback' | 'pubcomp'): boolean {
    const sent = this.#inFlight.get(packetId);
    if (sent?.awaited !== by) return false;
    this.#inFlight.delete(packetId);
    this.#source.done(sent.row);
    this.pump();
    return true;
  }

  /** PUBREC: the client has the message. Said again, it waits for the same commit. */
  received(packetId: number): Step {
    const sent = this.#inFlight.get(packetId);
    if (sent === undefined || sent.awaited === 'puback') return 'unknown';
    if (sent.awaited === 'pubrec') sent.received = this.#source.taken(sent.row);
    sent.awaited = 'pubcomp';
    return sent.received ?? 'done';
  }

  /** PUBREC with an error: the client will not have the message [MQTT-4.3.3-4]. False when none was sent under it. */
  refused(packetId: number): boolean {
    const sent = this.#inFlight.get(packetId);
    if (sent === undefined || sent.awaited === 'puback') return false;
    this.#inFlight.delete(packetId);
    this.#source.done(sent.row);
    this.pump();
    return true;
  }

  /** Sends what may be sent now. */
  pump(): void {
    for (let next = this.#ready[this.#head]; next && this.#maySend(next); next = this.#ready[this.#head]) {
      this.#take(next);
      try {
        this.#send(next);
      } catch (error) {
        // Damaged: nothing is sent past it, and nobody else is to suffer.
        this.#isClosed = true;
        this.#source.readFailed(error);
      }
    }
    if (this.#readyCount > 0 || this.#isClosed || !this.#hasRoom) return;
    if (this.#readTo < this.#source.committedTo) void this.#read();
    else this.#source.idle();
  }

  close(): void {
    this.#isClosed = true;
  }

  get #readyCount(): number {
    return this.#ready.length - this.#head;
  }

  get #hasRoom(): boolean {
    return this.link.hasRoom && this.#inFlight.size < this.link.receiveMaximum;
  }

  #maySend({ ordinal, isReleased }: Outgoing): boolean {
    if (this.#isClosed) return false;
    // The client has it: the receive maximum counts what it has not (4.9).
    if (!isReleased && !this.#hasRoom) return false;
    const [oldest] = this.#inFlight.values();
    return oldest === undefined || ordinal - oldest.row.ordinal < IDENTIFIERS;
  }

  #send(message: Outgoing): void {
    const packetId = packetIdOf(message.ordinal);
    if (message.isReleased) {
      this.#inFlight.set(packetId, { row: message, awaited: 'pubcomp' });
      return this.link.release(packetId);
    }
    const frame = this.#frameOf(message);
    if (frame === undefined) return;
    this.#inFlight.set(packetId, { row: message, awaited: qosOf(frame) === 1 ? 'puback' : 'pubrec' });
    this.link.write(message.isRepeated ? duplicate(frame) : frame, packetId);
  }

  /** The packet to be sent; `undefined` when the client does not get this message, which then leaves the queue. */
  #frameOf(message: Outgoing): mqtt.PublishFrame | undefined {
    const { queuedAt, expirySeconds, version } = message;
    // A clock that was set back makes no message last longer.
    const waitedMs = Math.max(0, this.#source.now() - queuedAt);
    const waited = expirySeconds === undefined ? 0 : Math.floor(waitedMs / 1000);
    if (expirySeconds !== undefined && waited >= expirySeconds && !isUnderWay(message)) {
      this.#source.expired(message); // [MQTT-3.3.2-5]
      return undefined;
    }
    const isFit = version === this.link.version && waited === 0;
    const left = expirySeconds === undefined ? undefined : Math.max(1, expirySeconds - waited);
    const frame = isFit ? message.frame : storedFrame(message.frame, this.link.version, left);
    const isTooLarge = frame.bytes.length > this.link.packetBytesMax;
    if (isTooLarge) this.link.dropped('too-large'); // [MQTT-3.1.2-25]
    // It was asked when the message came in; the answer can have changed since.
    if (!isTooLarge && (this.link.receivesAll || this.link.mayReceive(topicOf(frame)))) return frame;
    this.#source.done(message);
    return undefined;
  }

  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      const { messages, to } = await this.#source.read(this.#readTo, this.#source.committedTo);
      if (this.#isClosed) return;
      for (const message of messages) this.#keep(message);
      this.#readTo = to;
    } catch (error) {
      // Reading stays marked: what cannot be read is not skipped, and not tried again with every packet.
      return this.#isClosed ? undefined : this.#source.readFailed(error);
    }
    this.#isReading = false;
    this.pump();
  }

  #keep(message: Outgoing): void {
    this.#ready.push(message);
    this.#readyBytes += message.bytes;
  }

  #take(message: Outgoing): void {
    this.#head++;
    this.#readyBytes -= message.bytes;
    if (this.#head <= 256 && this.#head < this.#ready.length) return;
    this.#ready = this.#ready.slice(this.#head);
    this.#head = 0;
  }
}
