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
  readonly #frames: (mqtt.PublishFrame | undefined)[] = [];

  constructor(packet: mqtt.PublishPacket) {
    this.packet = packet;
  }

  /** To be called by those who keep the message itself. */
  own(): void {
    this.packet = ownPacket(this.packet);
  }

  /** The PUBLISH for all receivers of one kind; at QoS 1 and 2 the packet identifier is to be filled in a copy. */
  frame(version: mqtt.ProtocolVersion, qos: mqtt.Qos, retain: boolean): mqtt.PublishFrame {
    const slot = (version === 5 ? 6 : 0) + qos * 2 + (retain ? 1 : 0);
    let frame = this.#frames[slot];
    if (!frame) {
      frame = mqtt.encodePublishFrame(this.outgoing(qos, retain), version);
      this.#frames[slot] = frame;
    }
    return frame;
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
