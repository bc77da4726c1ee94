import type * as mqtt from '../../codec/mqtt/index.ts';
import { type ClientPermissions, type DurableSession, IOT_LIMITS } from '../../services/iot/index.ts';
import type { MqttLimits } from './limits.ts';

/**
 * What CONNACK tells an MQTT 5 client: what this server can do, as far as it differs from what MQTT 5 takes for granted (3.2.2.3).
 * Aside from the session, which is for the session to say.
 */
export function offer(
  packet: mqtt.ConnectPacket,
  clientId: string,
  permissions: ClientPermissions,
  limits: MqttLimits,
): mqtt.Properties {
  const keepAlive = serverKeepAlive(packet, limits);
  const responses = packet.properties.requestResponseInformation
    ? responseInformation(clientId, permissions)
    : undefined;
  return {
    receiveMaximum: limits.inFlightInMax,
    maximumPacketSize: limits.packetBytesMax,
    topicAliasMaximum: limits.topicAliasMaximum,
    ...(packet.clientId === '' && { assignedClientIdentifier: clientId }), // [MQTT-3.2.2-16]
    ...(keepAlive !== undefined && { serverKeepAlive: keepAlive }),
    ...(responses !== undefined && { responseInformation: responses }),
  };
}

/**
 * Seconds that the session is to outlive its connection. A 3.1.1 session that is not clean has no interval of its own, so that it gets
 * the longest one.
 */
export function sessionExpiryOf({ version, clean, properties }: mqtt.ConnectPacket): number {
  if (version === 5) return properties.sessionExpiryInterval ?? 0;
  return clean ? 0 : IOT_LIMITS.sessionExpirySecondsMax;
}

/** Tells the client when its session ends earlier than it has asked for (3.2.2.3.2). */
export function sessionOffer(
  { properties }: mqtt.ConnectPacket,
  session: DurableSession | undefined,
): Pick<mqtt.Properties, 'sessionExpiryInterval'> {
  const asked = properties.sessionExpiryInterval;
  if (asked === undefined || asked === session?.expirySeconds || !session) return {};
  return { sessionExpiryInterval: session.expirySeconds };
}

/** The keep-alive that holds instead of the client's; `undefined` where the client's holds. Only MQTT 5 can be told. */
export function serverKeepAlive({ version, keepAlive }: mqtt.ConnectPacket, limits: MqttLimits): number | undefined {
  const { keepAliveSecondsMax: most } = limits;
  if (version === 4 || most === 0 || (keepAlive > 0 && keepAlive <= most)) return undefined;
  return most;
}

/** Beginning of topics for answers to this client: only where it may subscribe to them (3.2.2.3.15). */
function responseInformation(clientId: string, permissions: ClientPermissions): string | undefined {
  // As a level of its own, an id with these characters would be more, or a wildcard.
  if (/[/+#]/.test(clientId)) return undefined;
  const prefix = `responses/${clientId}/`;
  return permissions.maySubscribe(`${prefix}#`) ? prefix : undefined;
}
