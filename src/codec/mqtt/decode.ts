import { MqttError, malformed, protocolError } from './errors.ts';
import {
  type AckPacket,
  type ConnackPacket,
  type ConnectPacket,
  NO_PROPERTIES,
  type Packet,
  PacketType,
  type ProtocolVersion,
  type PublishPacket,
  type Qos,
  type SubscribePacket,
  type SubscriptionAckPacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
  type Will,
} from './packets.ts';
import { readProperties } from './properties.ts';
import type { PacketReader } from './reader.ts';
import { Reason } from './reasons.ts';
import { isTopicName, type TopicCache } from './topics.ts';

const EMPTY = Buffer.alloc(0);
const PINGREQ: Packet = Object.freeze({ type: 'pingreq' });
const PINGRESP: Packet = Object.freeze({ type: 'pingresp' });

/** Decodes the body that `reader` stands before; `first` is the first byte of the fixed header. */
export function decodeBody(first: number, reader: PacketReader, version: ProtocolVersion, topics: TopicCache): Packet {
  const type = first >>> 4;
  if (type === PacketType.publish) return decodePublish(first, reader, version, topics);
  checkFlags(type, first & 0x0f);
  const packet = decodeOther(type, reader, version);
  if (reader.left !== 0) throw malformed(`${packet.type} has ${reader.left} bytes too many`);
  return packet;
}

/** The reserved flags of table 2-2 [MQTT-2.1.3-1]. */
function checkFlags(type: number, flags: number): void {
  const expected =
    type === PacketType.pubrel || type === PacketType.subscribe || type === PacketType.unsubscribe ? 2 : 0;
  if (flags !== expected) throw malformed(`flags ${flags} in packet type ${type}`);
}

function decodeOther(type: number, reader: PacketReader, version: ProtocolVersion): Packet {
  switch (type) {
    case PacketType.connect:
      return decodeConnect(reader);
    case PacketType.connack:
      return decodeConnack(reader, version);
    case PacketType.puback:
      return decodeAck('puback', reader, version);
    case PacketType.pubrec:
      return decodeAck('pubrec', reader, version);
    case PacketType.pubrel:
      return decodeAck('pubrel', reader, version);
    case PacketType.pubcomp:
      return decodeAck('pubcomp', reader, version);
    case PacketType.subscribe:
      return decodeSubscribe(reader, version);
    case PacketType.suback:
      return decodeSubscriptionAck('suback', reader, version);
    case PacketType.unsubscribe:
      return decodeUnsubscribe(reader, version);
    case PacketType.unsuback:
      return decodeSubscriptionAck('unsuback', reader, version);
    case PacketType.pingreq:
      return PINGREQ;
    case PacketType.pingresp:
      return PINGRESP;
    case PacketType.disconnect:
      return decodeEnd('disconnect', reader, version);
    case PacketType.auth:
      if (version < 5) throw malformed('AUTH belongs to MQTT 5');
      return decodeEnd('auth', reader, version);
    default:
      throw malformed(`packet type ${type}`);
  }
}

function decodePublish(
  first: number,
  reader: PacketReader,
  version: ProtocolVersion,
  topics: TopicCache,
): PublishPacket {
  const qos = (first >>> 1) & 3;
  if (qos === 3) throw malformed('QoS 3'); // [MQTT-3.3.1-4]
  const dup = (first & 8) !== 0;
  if (dup && qos === 0) throw malformed('DUP at QoS 0'); // [MQTT-3.3.1-2]
  const topic = decodeTopic(reader, topics);
  const packetId = qos === 0 ? 0 : decodePacketId(reader);
  const properties = version === 5 ? readProperties(reader, 'publish') : NO_PROPERTIES;
  if (topic === '' && properties.topicAlias === undefined) throw protocolError('PUBLISH names no topic');
  if (properties.responseTopic !== undefined) checkTopicName(properties.responseTopic); // [MQTT-3.3.2-14]
  const payload = reader.position === reader.end ? EMPTY : reader.buffer.subarray(reader.position, reader.end);
  reader.position = reader.end;
  return { type: 'publish', topic, payload, qos: qos as Qos, retain: (first & 1) !== 0, dup, packetId, properties };
}

/** The topic name of a PUBLISH; empty where MQTT 5 lets an alias stand for it. */
function decodeTopic(reader: PacketReader, topics: TopicCache): string {
  const at = reader.position;
  const length = reader.u16();
  const end = reader.position + length;
  if (end > reader.end) throw malformed('the packet ends early');
  const known = topics.lookup(reader.buffer, reader.position, end);
  if (known !== undefined) {
    reader.position = end;
    return known;
  }
  reader.position = at;
  const topic = reader.string();
  if (topic !== '') checkTopicName(topic);
  return topic;
}

function checkTopicName(topic: string): void {
  if (isTopicName(topic)) return;
  throw new MqttError('topic-invalid', Reason.topicNameInvalid, 'a topic name is empty or holds a wildcard');
}

function decodePacketId(reader: PacketReader): number {
  const id = reader.u16();
  if (id === 0) throw malformed('packet identifier 0'); // [MQTT-2.2.1-3]
  return id;
}

function decodeConnect(reader: PacketReader): ConnectPacket {
  const version = decodeVersion(reader);
  const flags = reader.u8();
  if (flags & 1) throw malformed('the reserved connect flag is set'); // [MQTT-3.1.2-3]
  const keepAlive = reader.u16();
  const properties = version === 5 ? readProperties(reader, 'connect') : NO_PROPERTIES;
  if (properties.authenticationData && properties.authenticationMethod === undefined) {
    throw protocolError('authentication data without a method');
  }
  const clientId = reader.string();
  const will = decodeWill(flags, reader, version);
  const username = flags & 0x80 ? reader.string() : undefined;
  // A password without a user name is an MQTT 5 thing [3.1.1: MQTT-3.1.2-22].
  if (version === 4 && (flags & 0xc0) === 0x40) throw malformed('a password without a user name');
  const password = flags & 0x40 ? reader.binary() : undefined;
  return {
    type: 'connect',
    version,
    clientId,
    clean: (flags & 2) !== 0,
    keepAlive,
    ...(will && { will }),
    ...(username !== undefined && { username }),
    ...(password && { password }),
    properties,
  };
}

function decodeVersion(reader: PacketReader): ProtocolVersion {
  const name = reader.string();
  const level = reader.u8();
  if (name === 'MQTT' && (level === 4 || level === 5)) return level;
  if (name !== 'MQTT' && name !== 'MQIsdp') throw malformed('the protocol name is not MQTT');
  throw new MqttError('unsupported-protocol-version', Reason.unsupportedProtocolVersion, `${name} level ${level}`);
}

function decodeWill(flags: number, reader: PacketReader, version: ProtocolVersion): Will | undefined {
  const qos = (flags >>> 3) & 3;
  if ((flags & 4) === 0) {
    if (flags & 0x38) throw malformed('will flags without a will'); // [MQTT-3.1.2-11, -13]
    return undefined;
  }
  if (qos === 3) throw malformed('will QoS 3'); // [MQTT-3.1.2-12]
  const properties = version === 5 ? readProperties(reader, 'will') : NO_PROPERTIES;
  if (properties.responseTopic !== undefined) checkTopicName(properties.responseTopic); // [MQTT-3.3.2-14]
  const topic = reader.string();
  checkTopicName(topic);
  return { topic, payload: reader.binary(), qos: qos as Qos, retain: (flags & 0x20) !== 0, properties };
}

function decodeConnack(reader: PacketReader, version: ProtocolVersion): ConnackPacket {
  const flags = reader.u8();
  if (flags > 1) throw malformed('reserved CONNACK flags are set');
  const reasonCode = reader.u8();
  const properties = version === 5 && reader.left > 0 ? readProperties(reader, 'connack') : NO_PROPERTIES;
  return { type: 'connack', sessionPresent: flags === 1, reasonCode, properties };
}

function decodeAck(type: AckPacket['type'], reader: PacketReader, version: ProtocolVersion): AckPacket {
  const packetId = decodePacketId(reader);
  // MQTT 5 lets a success without properties end here (3.4.2.1).
  if (version === 4 || reader.left === 0) return { type, packetId, reasonCode: 0, properties: NO_PROPERTIES };
  const reasonCode = reader.u8();
  const properties = reader.left > 0 ? readProperties(reader, type) : NO_PROPERTIES;
  return { type, packetId, reasonCode, properties };
}

function decodeSubscribe(reader: PacketReader, version: ProtocolVersion): SubscribePacket {
  const packetId = decodePacketId(reader);
  const properties = version === 5 ? readProperties(reader, 'subscribe') : NO_PROPERTIES;
  const subscriptions: SubscriptionRequest[] = [];
  do subscriptions.push(decodeSubscription(reader, version));
  while (reader.left > 0);
  return { type: 'subscribe', packetId, subscriptions, properties };
}

function decodeSubscription(reader: PacketReader, version: ProtocolVersion): SubscriptionRequest {
  const filter = decodeFilter(reader);
  const options = reader.u8();
  const qos = options & 3;
  if (qos === 3) throw malformed('subscription QoS 3'); // [MQTT-3.8.3-4]
  const retainHandling = (options >>> 4) & 3;
  if (options & (version === 5 ? 0xc0 : 0xfc)) throw malformed('reserved subscription options are set');
  if (retainHandling === 3) throw protocolError('retain handling 3');
  const noLocal = (options & 4) !== 0;
  if (noLocal && filter.startsWith('$share/')) throw protocolError('no local on a shared subscription'); // [MQTT-3.8.3-4]
  return {
    filter,
    qos: qos as Qos,
    noLocal,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

/** A filter as sent: whether it is valid is answered per filter by SUBACK, only an empty one breaks the packet. */
function decodeFilter(reader: PacketReader): string {
  const filter = reader.string();
  if (filter === '') throw malformed('an empty topic filter'); // [MQTT-4.7.3-1]
  return filter;
}

function decodeUnsubscribe(reader: PacketReader, version: ProtocolVersion): UnsubscribePacket {
  const packetId = decodePacketId(reader);
  const properties = version === 5 ? readProperties(reader, 'unsubscribe') : NO_PROPERTIES;
  const filters: string[] = [];
  do filters.push(decodeFilter(reader));
  while (reader.left > 0);
  return { type: 'unsubscribe', packetId, filters, properties };
}

function decodeSubscriptionAck(
  type: 'suback' | 'unsuback',
  reader: PacketReader,
  version: ProtocolVersion,
): SubscriptionAckPacket {
  const packetId = decodePacketId(reader);
  const properties = version === 5 ? readProperties(reader, type) : NO_PROPERTIES;
  if (reader.left === 0 && (type === 'suback' || version === 5)) throw malformed(`${type} without a reason code`);
  const reasonCodes = [...reader.take(reader.left)];
  if (version === 4 && reasonCodes.some((code) => code > 2 && code !== 0x80)) throw malformed('a reserved return code'); // [3.1.1: MQTT-3.9.3-2]
  return { type, packetId, reasonCodes, properties };
}

function decodeEnd(type: 'disconnect' | 'auth', reader: PacketReader, version: ProtocolVersion): Packet {
  if (version === 4 || reader.left === 0) return { type, reasonCode: 0, properties: NO_PROPERTIES };
  const reasonCode = reader.u8();
  const properties = reader.left > 0 ? readProperties(reader, type) : NO_PROPERTIES;
  return { type, reasonCode, properties };
}
