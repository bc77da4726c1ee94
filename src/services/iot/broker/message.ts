import * as mqtt from '../../../codec/mqtt/index.ts';

/** Who published: for no-local, and for what rules ask. */
export interface Publisher {
  /** Absent when the message did not come over MQTT. */
  readonly clientId: string | undefined;
  /** How the publisher has proved who it is; absent where `dev` lets anyone in. */
  readonly principal: string | undefined;
  /** How often rules have republished the message; absent for what a client has sent. */
  readonly depth?: number;
}

/** The packet with memory of its own, for those who keep it: the payload of a received one is good only while it is handled. */
export function ownPacket(packet: mqtt.PublishPacket): mqtt.PublishPacket {
  return { ...packet, payload: Buffer.from(packet.payload) };
}

/**
 * A message on its way to subscribers, encoded once for each way it is sent (version, QoS, retain). Frames own their bytes; the
 * packet's payload is good only until `deliver` returns, unless {@link own} was called.
 */
export class RoutedMessage {
  packet: mqtt.PublishPacket;
  /** Set while the packet may be sent on as it came. */
  #source: mqtt.PacketSource | undefined;
  /** Most messages are sent in one way: the first has a place of its own. */
  #slot = -1;
  #frame: mqtt.PublishFrame | undefined;
  #others: (mqtt.PublishFrame | undefined)[] | undefined;

  /** @param source  where the packet was decoded from, if it is unchanged since */
  constructor(packet: mqtt.PublishPacket, source?: mqtt.PacketSource) {
    this.packet = packet;
    this.#source = source;
  }

  /** To be called by those who keep the message itself. */
  own(): void {
    this.packet = ownPacket(this.packet);
    this.#source = undefined;
  }

  /** The PUBLISH for all receivers of one kind; at QoS 1 and 2 the packet identifier is to be filled in a copy. */
  frame(version: mqtt.ProtocolVersion, qos: mqtt.Qos, retain: boolean): mqtt.PublishFrame {
    const slot = (version === 5 ? 6 : 0) + qos * 2 + (retain ? 1 : 0);
    if (this.#slot === slot) return this.#frame!;
    if (this.#slot < 0) {
      this.#slot = slot;
      this.#frame = this.#encode(version, qos, retain);
      return this.#frame;
    }
    this.#others ??= [];
    this.#others[slot] ??= this.#encode(version, qos, retain);
    return this.#others[slot];
  }

  #encode(version: mqtt.ProtocolVersion, qos: mqtt.Qos, retain: boolean): mqtt.PublishFrame {
    const { packet } = this;
    const source = this.#source;
    if (source?.version === version && packet.qos === qos && packet.properties === mqtt.NO_PROPERTIES) {
      return mqtt.relayedPublishFrame(source, retain);
    }
    return mqtt.encodePublishFrame(this.outgoing(qos, retain), version);
  }

  /** The packet as it goes to a subscriber; packet identifier 1 stands where QoS 1 and 2 fill in their own. */
  outgoing(qos: mqtt.Qos, retain: boolean): mqtt.PublishPacket {
    const { topic, payload, properties } = this.packet;
    const forwarded = forwardedProperties(properties);
    return {
      type: 'publish',
      topic,
      payload,
      qos,
      retain,
      dup: false,
      packetId: qos === 0 ? 0 : 1,
      properties: forwarded,
    };
  }
}

/** Without what belongs to the publisher's connection alone: its topic alias (3.3.2.3.4). */
export function forwardedProperties(properties: mqtt.Properties): mqtt.Properties {
  if (properties === mqtt.NO_PROPERTIES) return properties;
  const { topicAlias: _alias, subscriptionIdentifiers: _identifiers, ...forwarded } = properties;
  return Object.keys(forwarded).length === 0 ? mqtt.NO_PROPERTIES : forwarded;
}
