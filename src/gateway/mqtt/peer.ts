import * as mqtt from '../../codec/mqtt/index.ts';

/** What a client has said in CONNECT about what it takes; 3.1.1 takes everything that it knows. */
export interface Peer {
  readonly version: mqtt.ProtocolVersion;
  /** Messages of QoS 1 and 2 that may be unacknowledged [MQTT-3.3.4-9]. */
  readonly receiveMaximum: number;
  /** Largest packet, of any kind [MQTT-3.1.2-24]. */
  readonly packetBytesMax: number;
  /** Topic aliases that we may use; 0 is none [MQTT-3.1.2-26, -27]. */
  readonly topicAliasMaximum: number;
  /** It takes reason strings and user properties on every packet [MQTT-3.1.2-29]. */
  readonly wantsProblems: boolean;
}

/** Of a client that has not said anything yet, or something that is no CONNECT. */
export const UNKNOWN_PEER: Peer = {
  version: 4,
  receiveMaximum: 0xffff,
  packetBytesMax: Number.POSITIVE_INFINITY,
  topicAliasMaximum: 0,
  wantsProblems: true,
};

export function peerOf({ version, properties }: mqtt.ConnectPacket): Peer {
  if (version === 4) return UNKNOWN_PEER;
  return {
    version,
    receiveMaximum: properties.receiveMaximum ?? 0xffff,
    packetBytesMax: properties.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    wantsProblems: properties.requestProblemInformation ?? true,
  };
}

/**
 * Encodes a packet that is no PUBLISH as this client takes it: without reason string and user properties where it does not want them,
 * or where they would make the packet larger than it takes ([MQTT-3.2.2-19, -20] and the same of every other packet).
 *
 * @returns `undefined` when even without them the packet is too large
 */
export function encodeFor(peer: Peer, packet: Exclude<mqtt.Packet, mqtt.PublishPacket>): Buffer | undefined {
  const wanted = peer.wantsProblems || mayAlwaysExplain(packet) ? packet : withoutProblems(packet);
  const bytes = mqtt.encodePacket(wanted, peer.version);
  if (bytes.length <= peer.packetBytesMax) return bytes;
  const bare = mqtt.encodePacket(withoutProblems(packet), peer.version);
  return bare.length <= peer.packetBytesMax ? bare : undefined;
}

function mayAlwaysExplain({ type }: mqtt.Packet): boolean {
  return type === 'connack' || type === 'disconnect';
}

function withoutProblems<P extends Exclude<mqtt.Packet, mqtt.PublishPacket>>(packet: P): P {
  if (!('properties' in packet) || packet.properties === mqtt.NO_PROPERTIES) return packet;
  const { reasonString: _reason, userProperties: _pairs, ...properties } = packet.properties;
  const isEmpty = Object.keys(properties).length === 0;
  return { ...packet, properties: isEmpty ? mqtt.NO_PROPERTIES : properties };
}
