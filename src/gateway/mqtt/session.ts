import * as mqtt from '../../codec/mqtt/index.ts';
import type {
  ClientPermissions,
  Receiver,
  RetainedMessage,
  RoutedMessage,
  Subscriber,
} from '../../services/iot/index.ts';
import type { MqttGauges } from './gauges.ts';
import type { MqttLimits } from './limits.ts';
import type { Output } from './output.ts';
import { OutboundWindow } from './window.ts';

/** What a session asks of the connection that carries it. */
export interface Carrier {
  readonly version: mqtt.ProtocolVersion;
  readonly output: Output;
  /** Has the output written at the end of the turn. */
  schedule(): void;
  /** The client does not keep up: it is disconnected. */
  overrun(): void;
}

/** A retained message on its way, not yet encoded. */
interface RetainedDelivery {
  readonly message: RetainedMessage;
  readonly qos: mqtt.Qos;
  readonly identifier: number | undefined;
}

/**
 * The state of a client towards the broker: what it is to receive, and how far it has. It lives as long as its connection now,
 * and is made so that it can outlive it.
 */
export class Session implements Subscriber {
  readonly clientId: string;
  readonly #permissions: ClientPermissions;
  readonly #carrier: Carrier;
  readonly #limits: MqttLimits;
  readonly #gauges: MqttGauges;
  readonly #window: OutboundWindow;
  /** Largest packet that the client takes. */
  readonly #packetBytesMax: number;
  /** Retained messages of new subscriptions: read as the client takes them, so that `#` costs no memory. */
  readonly #backlog: Iterator<RetainedDelivery>[] = [];

  constructor(options: {
    readonly clientId: string;
    readonly permissions: ClientPermissions;
    readonly carrier: Carrier;
    readonly limits: MqttLimits;
    readonly gauges: MqttGauges;
    readonly receiveMaximum: number;
    readonly packetBytesMax: number;
  }) {
    this.clientId = options.clientId;
    this.#permissions = options.permissions;
    this.#carrier = options.carrier;
    this.#limits = options.limits;
    this.#gauges = options.gauges;
    this.#window = new OutboundWindow(options.limits, options.receiveMaximum);
    this.#packetBytesMax = options.packetBytesMax;
  }

  get principal(): string | undefined {
    return this.#permissions.principal;
  }

  get isCongested(): boolean {
    return !this.#hasRoom() || this.#window.isFull;
  }

  deliver(message: RoutedMessage, receiver: Receiver): undefined {
    const { packet } = message;
    if (!this.#mayReceive(packet.topic)) return;
    const qos = Math.min(packet.qos, receiver.qos) as mqtt.Qos;
    const retain = packet.retain && receiver.retainAsPublished;
    const { version } = this.#carrier;
    const frame =
      version === 5 && receiver.identifiers.length > 0
        ? identifiedFrame(message.outgoing(qos, retain), receiver.identifiers)
        : message.frame(version, qos, retain);
    this.#send(frame);
  }

  /** Sends retained messages, oldest subscription first, as fast as the client takes them. */
  deliverRetained(messages: Iterable<RetainedMessage>, qos: mqtt.Qos, identifier: number | undefined): void {
    const deliveries = Iterator.from(messages)
      .filter(({ topic }) => this.#mayReceive(topic))
      .map((message) => ({ message, qos, identifier }));
    this.#backlog.push(deliveries);
    this.resume();
  }

  /** The client has taken a message whole; false when it was not sent such a one. */
  acknowledged(packetId: number, by: 'puback' | 'pubcomp'): boolean {
    if (!this.#window.acknowledge(packetId, by)) return false;
    this.resume();
    return true;
  }

  /** The client has received a message of QoS 2, or refuses it; false when it was not sent such a one. */
  received(packetId: number, isRefused: boolean): boolean {
    const isKnown = this.#window.received(packetId, isRefused);
    if (isRefused) this.resume();
    return isKnown;
  }

  /** Sends what may be sent now: after an acknowledgement, or when the output has been written. */
  resume(): void {
    if (this.#window.queued === 0 && this.#backlog.length === 0) return;
    while (this.#hasRoom()) {
      const next = this.#window.next();
      if (!next) break;
      this.#write(next.frame, next.packetId);
    }
    while (this.#backlog.length > 0 && this.#hasRoom() && this.#window.queued === 0) {
      if (!this.#sendRetained(this.#backlog[0]!)) return;
    }
  }

  #mayReceive(topic: string): boolean {
    return this.#permissions.receivesAll || this.#permissions.mayReceive(topic);
  }

  #hasRoom(): boolean {
    return this.#carrier.output.queuedBytes < this.#limits.outboundBytesMax;
  }

  /** False when it must wait for an acknowledgement. */
  #sendRetained(deliveries: Iterator<RetainedDelivery>): boolean {
    if (this.#window.inFlight >= this.#limits.inFlightOutMax) return false;
    const { value, done } = deliveries.next();
    if (done) this.#backlog.shift();
    else this.#send(retainedFrame(value, this.#carrier.version));
    return true;
  }

  #send(frame: mqtt.PublishFrame): void {
    if (frame.bytes.length > this.#packetBytesMax) return this.#gauges.droppedTooLarge.add(); // [MQTT-3.1.2-25]
    const hasRoom = this.#hasRoom();
    if (frame.packetIdAt === 0) {
      if (hasRoom) this.#write(frame, 0);
      else this.#gauges.droppedSlow.add();
      return;
    }
    const packetId = hasRoom ? this.#window.begin(frame) : 0;
    if (packetId > 0) this.#write(frame, packetId);
    else if (!this.#window.enqueue(frame)) this.#carrier.overrun();
  }

  #write(frame: mqtt.PublishFrame, packetId: number): void {
    this.#gauges.messagesOut.add();
    this.#carrier.output.publish(frame, packetId);
    this.#carrier.schedule();
  }
}

/** Encoded for one receiver: which of its subscriptions match is its own business (3.3.4). */
function identifiedFrame(packet: mqtt.PublishPacket, identifiers: readonly number[]): mqtt.PublishFrame {
  const properties = { ...packet.properties, subscriptionIdentifiers: identifiers };
  return mqtt.encodePublishFrame({ ...packet, properties }, 5);
}

function retainedFrame(
  { message, qos, identifier }: RetainedDelivery,
  version: mqtt.ProtocolVersion,
): mqtt.PublishFrame {
  const { topic, payload } = message;
  const sentQos = Math.min(message.qos, qos) as mqtt.Qos;
  const properties =
    identifier === undefined ? message.properties : { ...message.properties, subscriptionIdentifiers: [identifier] };
  const packetId = sentQos === 0 ? 0 : 1;
  return mqtt.encodePublishFrame(
    { type: 'publish', topic, payload, qos: sentQos, retain: true, dup: false, packetId, properties },
    version,
  );
}
