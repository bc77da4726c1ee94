import * as mqtt from '../../../codec/mqtt/index.ts';
import type { RoutedMessage } from '../broker/message.ts';
import type { RetainedMessage } from '../broker/retained.ts';
import type { Receiver } from '../broker/subscriptions.ts';
import { packetOf } from './rows.ts';

/** The PUBLISH for one receiver; shared with others unless it carries identifiers of subscriptions of its own (3.3.4). */
export function receiverFrame(
  message: RoutedMessage,
  { identifiers, retainAsPublished }: Receiver,
  qos: mqtt.Qos,
  version: mqtt.ProtocolVersion,
): mqtt.PublishFrame {
  const retain = message.packet.retain && retainAsPublished;
  if (version === 4 || identifiers.length === 0) return message.frame(version, qos, retain);
  const packet = message.outgoing(qos, retain);
  return mqtt.encodePublishFrame(
    { ...packet, properties: { ...packet.properties, subscriptionIdentifiers: identifiers } },
    5,
  );
}

/** A retained message for a new subscription. */
export function retainedFrame(
  { topic, payload, properties: own }: RetainedMessage,
  qos: mqtt.Qos,
  identifier: number | undefined,
  version: mqtt.ProtocolVersion,
): mqtt.PublishFrame {
  const properties = identifier === undefined ? own : { ...own, subscriptionIdentifiers: [identifier] };
  const packetId = qos === 0 ? 0 : 1;
  return mqtt.encodePublishFrame(
    { type: 'publish', topic, payload, qos, retain: true, dup: false, packetId, properties },
    version,
  );
}

/** The topic of an encoded PUBLISH, without decoding the rest. */
export function topicOf({ bytes }: Pick<mqtt.PublishFrame, 'bytes'>): string {
  let at = 1;
  while (bytes[at]! >= 0x80) at++;
  return bytes.toString('utf8', at + 3, at + 3 + bytes.readUInt16BE(at + 1));
}

export function qosOf({ bytes }: Pick<mqtt.PublishFrame, 'bytes'>): mqtt.Qos {
  // The QoS stands in the first byte of the packet (3.3.1.2).
  return ((bytes[0]! >> 1) & 3) as mqtt.Qos;
}

/**
 * A stored message as it goes to a client now: in its version, and with what is left of its expiry interval [MQTT-3.3.2-6].
 *
 * @param expirySeconds  what is left; `undefined` when it does not expire
 */
export function storedFrame(
  frame: mqtt.PublishFrame,
  version: mqtt.ProtocolVersion,
  expirySeconds: number | undefined,
): mqtt.PublishFrame {
  const packet = packetOf(frame);
  const properties =
    expirySeconds === undefined ? packet.properties : { ...packet.properties, messageExpiryInterval: expirySeconds };
  return mqtt.encodePublishFrame({ ...packet, properties }, version);
}

/** The same message, sent again [MQTT-3.3.1-1]. */
export function duplicate({ bytes, packetIdAt }: mqtt.PublishFrame): mqtt.PublishFrame {
  const copy = Buffer.from(bytes);
  copy[0]! |= 8;
  return { bytes: copy, packetIdAt, queues: 0 };
}
