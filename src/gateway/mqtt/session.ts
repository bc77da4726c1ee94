import type { Clock } from '../../base/index.ts';
import type * as mqtt from '../../codec/mqtt/index.ts';
import {
  type ClientPermissions,
  type ClientSession,
  IOT_LIMITS,
  type Receiver,
  type Retained,
  type RetainedMessage,
  type RoutedMessage,
  receiverFrame,
  retainedFrame,
  type SharedGroup,
  type Step,
  storedFrame,
  topicOf,
} from '../../services/iot/index.ts';
import type { WaitingBudget } from './budget.ts';
import type { MqttGauges } from './gauges.ts';
import type { MqttLimits } from './limits.ts';
import type { Output } from './output.ts';
import { OutboundWindow, type OutgoingFrame, type Sendable } from './window.ts';

/** What a session asks of the connection that carries it. */
export interface Carrier {
  readonly version: mqtt.ProtocolVersion;
  readonly output: Output;
  /** Has the output written at the end of the turn. */
  schedule(): void;
  /** The client does not keep up: it is disconnected. */
  overrun(): void;
  /** Sends PUBREL. */
  release(packetId: number): void;
}

/** A retained message on its way, not yet encoded. */
interface RetainedDelivery {
  readonly message: RetainedMessage;
  readonly qos: mqtt.Qos;
  readonly identifier: number | undefined;
}

/** A session that ends with its connection: all of it is in memory, and a message is sent as it comes. */
export class Session implements ClientSession {
  readonly clientId: string;
  readonly #permissions: ClientPermissions;
  readonly #carrier: Carrier;
  readonly #limits: MqttLimits;
  readonly #gauges: MqttGauges;
  readonly #clock: Clock;
  readonly #window: OutboundWindow;
  /** Largest packet that the client takes. */
  readonly #packetBytesMax: number;
  /** Retained messages of new subscriptions, by filter: read as the client takes them, so that `#` costs no memory. */
  #backlog: Map<string, Iterator<RetainedDelivery | undefined>> | undefined;
  /** Identifiers of QoS 2 messages received and not yet released: a copy of one is not published again. Made for the first. */
  #inbound: Set<number> | undefined;

  constructor(options: {
    readonly clientId: string;
    readonly permissions: ClientPermissions;
    readonly carrier: Carrier;
    readonly limits: MqttLimits;
    readonly waiting: WaitingBudget;
    readonly gauges: MqttGauges;
    readonly clock: Clock;
    readonly receiveMaximum: number;
    readonly packetBytesMax: number;
  }) {
    this.clientId = options.clientId;
    this.#permissions = options.permissions;
    this.#carrier = options.carrier;
    this.#limits = options.limits;
    this.#gauges = options.gauges;
    this.#clock = options.clock;
    this.#window = new OutboundWindow(options.limits, options.waiting, options.receiveMaximum);
    this.#packetBytesMax = options.packetBytesMax;
  }

  get principal(): string | undefined {
    return this.#permissions.principal;
  }

  get isCongested(): boolean {
    return !this.#carrier.output.hasRoom || this.#window.isFull;
  }

  /** Bytes of messages that are kept until the client has acknowledged. */
  get keptBytes(): number {
    return this.#window.keptBytes;
  }

  /** Half of the queue is left for what is for this client alone: beyond it the client would have to go. */
  get canWait(): boolean {
    return !this.#window.isHalfQueued;
  }

  mayReceive(topic: string): boolean {
    return this.#permissions.receivesAll || this.#permissions.mayReceive(topic);
  }

  deliver(message: RoutedMessage, receiver: Receiver): undefined {
    const { packet } = message;
    if (!this.mayReceive(packet.topic)) return;
    const qos = Math.min(packet.qos, receiver.qos) as mqtt.Qos;
    const frame = receiverFrame(message, receiver, qos, this.#carrier.version);
    const isShared = receiver.group !== undefined && qos > 0;
    this.#send(
      isShared ? sharedFrame(frame, message, receiver.group!) : frame,
      packet.properties.messageExpiryInterval,
    );
  }

  deliverRetained(filter: string, messages: Retained, qos: mqtt.Qos, identifier: number | undefined): void {
    this.#backlog ??= new Map();
    this.#backlog.set(
      filter,
      messages.map((message) => message && { message, qos, identifier }),
    );
    this.resume();
  }

  endRetained(filter: string): void {
    this.#backlog?.delete(filter);
    if (this.#backlog?.size === 0) this.#backlog = undefined;
  }

  acknowledged(packetId: number, by: 'puback' | 'pubcomp'): boolean {
    if (!this.#window.acknowledge(packetId, by)) return false;
    this.resume();
    return true;
  }

  received(packetId: number, isRefused: boolean): Step {
    const isKnown = this.#window.received(packetId, isRefused);
    if (isRefused) this.resume();
    return isKnown ? 'done' : 'unknown';
  }

  /** The session has ended: what it leaves undone of shared subscriptions goes to other members. */
  handOver(): void {
    for (const { redeliver } of this.#window.end()) if (!redeliver!()) this.#gauges.droppedSlow.add();
  }

  get unreleased(): number {
    return this.#inbound?.size ?? 0;
  }

  hasPublished(packetId: number): boolean {
    return this.#inbound?.has(packetId) ?? false;
  }

  published(packetId: number): undefined {
    this.#inbound ??= new Set();
    this.#inbound.add(packetId);
  }

  released(packetId: number): Step {
    return this.#inbound?.delete(packetId) ? 'done' : 'unknown';
  }

  subscribed(): undefined {}

  unsubscribed(): undefined {}

  resume(): void {
    if (this.#window.queued === 0 && this.#backlog === undefined) return;
    while (this.#carrier.output.hasRoom) {
      const next = this.#window.next();
      if (!next) break;
      const frame = this.#afterWait(next.frame);
      if (!frame) this.#window.withdraw(next.packetId);
      // It was asked when the message came in; the answer can have changed since.
      else if (this.mayReceive(topicOf(frame))) this.#write(frame, next.packetId);
      else this.#skip(next);
    }
    for (let sent = 0; this.#backlog !== undefined && this.#maySendRetained; sent++) {
      // The end of the turn comes back here.
      if (sent === IOT_LIMITS.retainedPerTurnMax || !this.#sendRetained(this.#backlog)) return this.#carrier.schedule();
    }
  }

  get #maySendRetained(): boolean {
    const { queued, inFlight } = this.#window;
    return queued === 0 && inFlight < this.#limits.inFlightOutMax && this.#carrier.output.hasRoom;
  }

  /** A message that waited is not sent: of a shared subscription, another may have it. */
  #skip({ frame, packetId }: Sendable): void {
    this.#window.withdraw(packetId);
    frame.redeliver?.();
  }

  /** A message that has waited, with what is left of its expiry interval [MQTT-3.3.2-6]; `undefined` when nothing is [MQTT-3.3.2-5]. */
  #afterWait(frame: OutgoingFrame): mqtt.PublishFrame | undefined {
    if (frame.expiry === undefined) return frame;
    const { seconds, queuedAt } = frame.expiry;
    const left = seconds - Math.floor((this.#clock.monotonic() - queuedAt) / 1000);
    if (left <= 0) return undefined;
    const isOld = this.#carrier.version === 4;
    return isOld || left === seconds ? frame : storedFrame(frame, 5, left);
  }

  /** False when it was looked for one long enough. */
  #sendRetained(backlog: Map<string, Iterator<RetainedDelivery | undefined>>): boolean {
    const [filter, deliveries] = backlog.entries().next().value!;
    const { value, done } = deliveries.next();
    if (done) backlog.delete(filter);
    else if (value === undefined) return false;
    else if (this.mayReceive(value.message.topic)) {
      this.#send(this.#retainedFrame(value), value.message.properties.messageExpiryInterval);
    }
    if (backlog.size === 0) this.#backlog = undefined;
    return true;
  }

  #retainedFrame({ message, qos, identifier }: RetainedDelivery): mqtt.PublishFrame {
    return retainedFrame(message, Math.min(message.qos, qos) as mqtt.Qos, identifier, this.#carrier.version);
  }

  #send(frame: OutgoingFrame, expirySeconds: number | undefined): void {
    if (frame.bytes.length > this.#packetBytesMax) return this.#gauges.droppedTooLarge.add(); // [MQTT-3.1.2-25]
    const { hasRoom } = this.#carrier.output;
    if (frame.packetIdAt === 0) {
      if (hasRoom) this.#write(frame, 0);
      else this.#gauges.droppedSlow.add();
      return;
    }
    const packetId = hasRoom ? this.#window.begin(frame) : 0;
    if (packetId > 0) this.#write(frame, packetId);
    else if (!this.#window.enqueue(this.#expiring(frame, expirySeconds))) this.#carrier.overrun();
  }

  #expiring(frame: OutgoingFrame, seconds: number | undefined): OutgoingFrame {
    if (seconds === undefined) return frame;
    return { ...frame, of: frame.of ?? frame, expiry: { seconds, queuedAt: this.#clock.monotonic() } };
  }

  #write(frame: mqtt.PublishFrame, packetId: number): void {
    this.#gauges.messagesOut.add();
    this.#carrier.output.publish(frame, packetId);
    this.#carrier.schedule();
  }
}

/** A frame of its own for this delivery, with the way back to the group. */
function sharedFrame(frame: mqtt.PublishFrame, message: RoutedMessage, group: SharedGroup): OutgoingFrame {
  message.own();
  return { ...frame, of: frame, redeliver: () => group.redeliver(message) };
}
