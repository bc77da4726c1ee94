import type * as mqtt from '../../codec/mqtt/index.ts';
import type { WaitingBudget } from './budget.ts';
import type { MqttLimits } from './limits.ts';

/** What a message that was sent waits for: QoS 2 first for PUBREC, then for PUBCOMP. */
type Awaited = 'puback' | 'pubrec' | 'pubcomp';

/** Shared by all windows behind which nothing waits. */
const NONE: never[] = [];

/** A message and what becomes of it where it must wait, or is not done when the session ends. */
export interface OutgoingFrame extends mqtt.PublishFrame {
  /** Gives a message of a shared subscription to another member; false when nobody can take it now. */
  readonly redeliver?: () => boolean;
  /** Whose bytes it has, where it is a copy for one client. */
  readonly of?: mqtt.PublishFrame;
  /** Of one that expires, once it waits. */
  readonly expiry?: { readonly seconds: number; readonly queuedAt: number };
}

/** A queued message that may be sent now. */
export interface Sendable {
  readonly frame: OutgoingFrame;
  readonly packetId: number;
}

/**
 * Messages of QoS 1 and 2 to one client: those sent and not acknowledged (at most its Receive Maximum), and a bounded queue
 * behind them. Packet identifiers are given again, so that an array holds what each waits for: a map from which as much is taken as is put
 * in moves to a new table with every few messages.
 */
export class OutboundWindow {
  readonly #limits: MqttLimits;
  readonly #budget: WaitingBudget;
  readonly #inFlightMax: number;
  /** By packet identifier, of which 0 is none. Made when the first message is sent. */
  #awaited: (Awaited | undefined)[] = NONE;
  /** Identifiers of messages that are done. */
  #free: number[] = NONE;
  /** Those of them that came by a shared subscription at QoS 1. */
  #shared: Map<number, OutgoingFrame> | undefined;
  #queue: OutgoingFrame[] = NONE;
  #head = 0;
  #queuedBytes = 0;
  #isOver = false;

  /** @param budget  what all clients have together; @param receiveMaximum  what the client allows */
  constructor(limits: MqttLimits, budget: WaitingBudget, receiveMaximum: number) {
    this.#limits = limits;
    this.#budget = budget;
    this.#inFlightMax = Math.min(limits.inFlightOutMax, receiveMaximum);
  }

  get inFlight(): number {
    return Math.max(0, this.#awaited.length - 1) - this.#free.length;
  }

  get queued(): number {
    return this.#queue.length - this.#head;
  }

  /** Bytes of messages that are kept for this client: queued ones, and those that another member of a group may get. */
  get keptBytes(): number {
    let bytes = this.#queuedBytes;
    for (const frame of this.#shared?.values() ?? []) bytes += frame.bytes.length;
    return bytes;
  }

  /** Half of what may wait is waiting. */
  get isHalfQueued(): boolean {
    const { queuedMessagesMax, queuedBytesMax } = this.#limits;
    return this.queued >= queuedMessagesMax / 2 || this.#queuedBytes >= queuedBytesMax / 2;
  }

  /** What came now would have to wait. */
  get isFull(): boolean {
    return this.queued > 0 || this.inFlight >= this.#inFlightMax;
  }

  /** Takes a packet identifier if there is room to send and nothing waits before; 0 when there is not. */
  begin(frame: OutgoingFrame): number {
    return this.queued === 0 ? this.#take(frame) : 0;
  }

  /** Puts a message behind the others; false when the queue is full and the client must go. */
  enqueue(frame: OutgoingFrame): boolean {
    if (this.#isOver) return true;
    const bytes = this.#queuedBytes + frame.bytes.length;
    if (this.queued >= this.#limits.queuedMessagesMax || bytes > this.#limits.queuedBytesMax) return false;
    if (this.#queue === NONE) this.#queue = [];
    this.#queue.push(frame);
    this.#queuedBytes = bytes;
    this.#budget.hold(frame.of ?? frame);
    return true;
  }

  /** The message is done; false when it does not wait for this packet. */
  acknowledge(packetId: number, by: 'puback' | 'pubcomp'): boolean {
    if (this.#awaited[packetId] !== by) return false;
    this.withdraw(packetId);
    return true;
  }

  /** The message was not sent after all. */
  withdraw(packetId: number): void {
    this.#awaited[packetId] = undefined;
    this.#free.push(packetId);
    if (this.#shared !== undefined) this.#forgetShared(this.#shared, packetId);
  }

  #forgetShared(shared: Map<number, OutgoingFrame>, packetId: number): void {
    const frame = shared.get(packetId);
    if (frame === undefined) return;
    shared.delete(packetId);
    this.#budget.letGo(frame.of ?? frame);
  }

  /** PUBREC has come: PUBREL is due, or, when the client refuses the message, nothing more. False for an unknown message. */
  received(packetId: number, isRefused: boolean): boolean {
    const awaited = this.#awaited[packetId];
    if (awaited === undefined || awaited === 'puback') return false;
    if (isRefused) this.withdraw(packetId);
    else this.#awaited[packetId] = 'pubcomp';
    return true;
  }

  /**
   * Ends it: nothing waits for this client any more.
   * @returns what another member of its group may get: sent at QoS 1 and not acknowledged, or not sent at all [MQTT-4.8.2-5]
   */
  end(): OutgoingFrame[] {
    const shared = [...(this.#shared?.values() ?? [])];
    const queued = this.#queue.slice(this.#head);
    for (const frame of shared) this.#budget.letGo(frame.of ?? frame);
    for (const frame of queued) this.#budget.letGo(frame.of ?? frame);
    this.#isOver = true;
    this.#shared = undefined;
    this.#queue = NONE;
    this.#head = 0;
    this.#queuedBytes = 0;
    return [...shared, ...queued.filter(({ redeliver }) => redeliver !== undefined)];
  }

  /** Takes the next queued message if it may be sent. */
  next(): Sendable | undefined {
    const frame = this.#queue[this.#head];
    if (frame === undefined) return undefined;
    const packetId = this.#take(frame);
    if (packetId === 0) return undefined;
    this.#head++;
    this.#queuedBytes -= frame.bytes.length;
    this.#budget.letGo(frame.of ?? frame);
    if (this.#head > 256 || this.#head === this.#queue.length) {
      this.#queue = this.#head === this.#queue.length ? NONE : this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return { frame, packetId };
  }

  #take(frame: OutgoingFrame): number {
    if (this.inFlight >= this.#inFlightMax) return 0;
    if (this.#awaited === NONE) {
      this.#awaited = [undefined];
      this.#free = [];
    }
    const packetId = this.#free.pop() ?? this.#awaited.length;
    // The QoS stands in the first byte of the packet (3.3.1.2).
    const isQos1 = (frame.bytes[0]! & 6) === 2;
    this.#awaited[packetId] = isQos1 ? 'puback' : 'pubrec';
    if (isQos1 && frame.redeliver !== undefined && !this.#isOver) {
      this.#shared ??= new Map();
      this.#budget.hold(frame.of ?? frame);
      this.#shared.set(packetId, frame);
    }
    return packetId;
  }
}
