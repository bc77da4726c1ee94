import { assert } from '../../base/index.ts';
import {
  type AckPacket,
  type AuthPacket,
  type ConnackPacket,
  type ConnectPacket,
  type DisconnectPacket,
  NO_PROPERTIES,
  type Packet,
  type PacketSource,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type PublishPacket,
  type SubscribePacket,
  type SubscriptionAckPacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from './packets.ts';
import { writeProperties } from './properties.ts';
import { PacketWriter } from './writer.ts';

const writer = new PacketWriter();

/**
 * Encodes a packet for a connection of `version`; what 3.1.1 has no place for (reason codes, properties) is left out there.
 *
 * @returns a buffer of its own, payload copied in
 */
export function encodePacket(packet: Packet, version: ProtocolVersion): Buffer {
  writer.begin();
  const flags = encodeBody(packet, version);
  return writer.finish((PacketType[packet.type] << 4) | flags);
}

/** A PUBLISH that many receive: encoded once, its packet identifier filled in per receiver. */
export interface PublishFrame {
  readonly bytes: Buffer;
  /** Where the two bytes of the packet identifier stand; 0 at QoS 0, which has none. */
  readonly packetIdAt: number;
  /** Queues that it stands in: whoever counts what they hold counts its bytes once. */
  queues: number;
}

/** Encodes a PUBLISH for fan-out; at QoS 1 and 2 the packet identifier in it is the packet's own until it is patched. */
export function encodePublishFrame(packet: PublishPacket, version: ProtocolVersion): PublishFrame {
  return frameOf(encodePacket(packet, version));
}

/**
 * The same of a PUBLISH as it came, for receivers of the same version, at the same QoS: a copy of its bytes. DUP belongs to the
 * publisher's connection and is taken out [MQTT-3.3.1-3].
 */
export function relayedPublishFrame(source: PacketSource, retain: boolean): PublishFrame {
  const { lastBuffer, lastStart, lastPacketBytes } = source;
  const bytes = Buffer.allocUnsafe(lastPacketBytes);
  lastBuffer.copy(bytes, 0, lastStart, lastStart + lastPacketBytes);
  bytes[0] = (bytes[0]! & 0xf6) | (retain ? 1 : 0);
  return frameOf(bytes);
}

function frameOf(bytes: Buffer): PublishFrame {
  if ((bytes[0]! & 6) === 0) return { bytes, packetIdAt: 0, queues: 0 };
  let at = 1;
  while (bytes[at]! >= 0x80) at++;
  return { bytes, packetIdAt: at + 3 + ((bytes[at + 1]! << 8) | bytes[at + 2]!), queues: 0 };
}

/** Writes the body and returns the flags of the fixed header. */
function encodeBody(packet: Packet, version: ProtocolVersion): number {
  switch (packet.type) {
    case 'connect':
      return encodeConnect(packet);
    case 'connack':
      return encodeConnack(packet, version);
    case 'publish':
      return encodePublish(packet, version);
    case 'puback':
    case 'pubrec':
    case 'pubcomp':
      return encodeAck(packet, version, 0);
    case 'pubrel':
      return encodeAck(packet, version, 2);
    case 'subscribe':
      return encodeSubscribe(packet, version);
    case 'suback':
    case 'unsuback':
      return encodeSubscriptionAck(packet, version);
    case 'unsubscribe':
      return encodeUnsubscribe(packet, version);
    case 'pingreq':
    case 'pingresp':
      return 0;
    case 'disconnect':
    case 'auth':
      return encodeEnd(packet, version);
  }
}

function encodeConnect(packet: ConnectPacket): number {
  const { version, will, username, password } = packet;
  writer.string('MQTT');
  writer.u8(version);
  const willFlags = will ? 4 | (will.qos << 3) | (will.retain ? 0x20 : 0) : 0;
  writer.u8((packet.clean ? 2 : 0) | willFlags | (username !== undefined ? 0x80 : 0) | (password ? 0x40 : 0));
  writer.u16(packet.keepAlive);
  properties(packet.properties, 'connect', version);
  writer.string(packet.clientId);
  if (will) {
    properties(will.properties, 'will', version);
    writer.string(will.topic);
    writer.binary(will.payload);
  }
  if (username !== undefined) writer.string(username);
  if (password) writer.binary(password);
  return 0;
}

function encodeConnack(packet: ConnackPacket, version: ProtocolVersion): number {
  writer.u8(packet.sessionPresent ? 1 : 0);
  writer.u8(packet.reasonCode);
  properties(packet.properties, 'connack', version);
  return 0;
}

function encodePublish(packet: PublishPacket, version: ProtocolVersion): number {
  writer.string(packet.topic);
  if (packet.qos > 0) packetId(packet.packetId);
  properties(packet.properties, 'publish', version);
  writer.bytes(packet.payload);
  return (packet.dup ? 8 : 0) | (packet.qos << 1) | (packet.retain ? 1 : 0);
}

function encodeAck(packet: AckPacket, version: ProtocolVersion, flags: number): number {
  packetId(packet.packetId);
  ending(packet, version);
  return flags;
}

function encodeSubscribe(packet: SubscribePacket, version: ProtocolVersion): number {
  packetId(packet.packetId);
  properties(packet.properties, 'subscribe', version);
  for (const subscription of packet.subscriptions) {
    writer.string(subscription.filter);
    writer.u8(version === 5 ? optionsOf(subscription) : subscription.qos);
  }
  return 2;
}

function optionsOf({ qos, noLocal, retainAsPublished, retainHandling }: SubscriptionRequest): number {
  return qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
}

function encodeSubscriptionAck(packet: SubscriptionAckPacket, version: ProtocolVersion): number {
  packetId(packet.packetId);
  properties(packet.properties, packet.type, version);
  // UNSUBACK of 3.1.1 has no payload; SUBACK knows the one failure 0x80.
  if (version === 5) for (const code of packet.reasonCodes) writer.u8(code);
  else if (packet.type === 'suback') for (const code of packet.reasonCodes) writer.u8(Math.min(code, 0x80));
  return 0;
}

function encodeUnsubscribe(packet: UnsubscribePacket, version: ProtocolVersion): number {
  packetId(packet.packetId);
  properties(packet.properties, 'unsubscribe', version);
  for (const filter of packet.filters) writer.string(filter);
  return 2;
}

function encodeEnd(packet: DisconnectPacket | AuthPacket, version: ProtocolVersion): number {
  assert(version === 5 || packet.type !== 'auth', 'AUTH belongs to MQTT 5');
  ending(packet, version);
  return 0;
}

/** Reason code and properties, shortened as MQTT 5 allows when they say nothing (3.4.2.1, 3.14.2.1). */
function ending(packet: AckPacket | DisconnectPacket | AuthPacket, version: ProtocolVersion): void {
  if (version === 4) return;
  const bare = packet.properties === NO_PROPERTIES;
  if (bare && packet.reasonCode === 0) return;
  writer.u8(packet.reasonCode);
  if (!bare) writeProperties(writer, packet.properties, packet.type);
}

function properties(values: Properties, place: Parameters<typeof writeProperties>[2], version: ProtocolVersion): void {
  if (version === 5) writeProperties(writer, values, place);
}

function packetId(id: number): void {
  assert(id > 0 && id <= 0xffff, 'a packet identifier is 1 to 65,535');
  writer.u16(id);
}
