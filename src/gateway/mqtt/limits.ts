import { DomainError } from '../../base/index.ts';

/** Numbers of the MQTT gateway (S5); every one may be given another value at start. */
export const MQTT_LIMITS = {
  /** Open sockets; a further one is closed at once. */
  connectionsMax: 100_000,
  /**
   * Connections that the kernel holds until we take them, one in a turn of the event loop; it may allow fewer (`net.core.somaxconn`). It
   * turns further ones away or lets them come again, as TCP does: after 1, 3, 7 seconds.
   */
  backlogMax: 4_096,
  /** Time from TCP accept to a whole CONNECT. */
  connectTimeoutMs: 10_000,
  /** TLS handshakes that go on; of more, the oldest is cut off. */
  handshakesMax: 10_000,
  /** Handshakes begun of late that go on: others wait for one of them to be over. Together, more would only take longer each. */
  handshakesAtOnce: 500,
  /** A client that has not answered for so long keeps no other waiting. */
  handshakePatienceMs: 5_000,
  /** Handshakes worked on in one turn of the event loop, half a millisecond each: a fleet that comes back leaves others their turn. */
  handshakesPerTurn: 8,
  /** Time of a turn for them: on a slow or busy machine fewer are worked on in one, but never fewer than two. */
  handshakeTurnMs: 8,
  /** Time for a TLS handshake, and for the header of a proxy before it, whatever is sent meanwhile. */
  handshakeTimeoutMs: 10_000,
  /** How often the server's key and certificate are looked at for a new one. */
  identityReloadMs: 30_000,
  /** Bytes of one WebSocket message, which may hold several packets. */
  webSocketMessageBytesMax: 1024 * 1024,
  /**
   * Time for a peer to take our last packet and close: what it still sends meanwhile is read and thrown away, since bytes that nobody
   * has read would make the kernel reset the connection before it has our last packet.
   */
  closeTimeoutMs: 5_000,
  /**
   * Time of a turn of the event loop for what clients leave behind that go by themselves (will, session, presence), 0.1 ms each: a fleet
   * that leaves at once takes turns.
   */
  closingTurnMs: 8,
  /** Whole packets, both ways; told to MQTT 5 clients. A payload of 128 KiB and its topic and properties fit. */
  packetBytesMax: 256 * 1024,
  /** QoS 1 and 2 messages of one client that wait for their commit: the Receive Maximum that MQTT 5 clients are told. */
  inFlightInMax: 1_024,
  /** Bytes of them: beyond it the socket is not read until half is committed. */
  inFlightInBytesMax: 1024 * 1024,
  /** Bytes of all clients together that wait for a commit, half of what the log takes: beyond it nobody is read further. */
  commitBytesMax: 32 * 1024 * 1024,
  /** QoS 1 and 2 messages sent to one client and not yet acknowledged, whatever it allows. */
  inFlightOutMax: 256,
  /** Bytes that wait for one client to read: beyond it QoS 0 messages are dropped, others queued. */
  outboundBytesMax: 1024 * 1024,
  /** QoS 1 and 2 messages queued for one client behind its window: beyond it the client is disconnected. */
  queuedMessagesMax: 1_000,
  /** Bytes of them. */
  queuedBytesMax: 4 * 1024 * 1024,
  /**
   * Bytes of all clients together that wait to be read, behind what is to be acknowledged, or for the rest of their packet: beyond it those
   * who are not connected yet, then those for whom most waits are disconnected, until an eighth is free. One that does not read has as much as is free at most.
   */
  waitingBytesMax: 512 * 1024 * 1024,
  /** Topic aliases a client may use towards us. */
  topicAliasMaximum: 32,
  /** Topic aliases we use towards a client that allows them; each costs a reference to its topic. */
  topicAliasOutMax: 32,
  /** Filters in one SUBSCRIBE; further ones are refused each. */
  filtersPerPacketMax: 64,
  /** Longest keep-alive, seconds: an MQTT 5 client that asks for more, or for none, is told this one. 0 leaves it to the client; AWS has 1,200. */
  keepAliveSecondsMax: 0,
  /** Connections of one address; a further one is closed at once. A plant may come from one address. */
  connectionsPerAddressMax: 100_000,
  /** CONNECTs a second of one address, after its burst; further ones are refused with `connection rate exceeded`. 0 is no limit. */
  connectsPerSecondPerAddress: 2_000,
  /** CONNECTs of one address at once: a fleet behind one address comes back after a power cut. */
  connectsBurstPerAddress: 50_000,
  /** What one address is refused in a minute (credentials, policies, signatures, malformed packets, TLS handshakes that fail): beyond it the address is banned. 0 bans nobody. */
  refusalsPerMinutePerAddress: 3_000,
  /** How long connections of a banned address are closed at once. */
  banMs: 60_000,
  /** Addresses remembered. */
  addressesMax: 65_536,
  /** Takeovers of one client id in a minute: beyond it the newcomer is refused, as two devices fight for one id. 0 is no limit. */
  takeoversPerMinuteMax: 60,
  /** Messages a second that one client may publish: beyond it the client is read no further for as long as it takes. 0 is no limit; AWS has 100. */
  messagesPerSecondPerClient: 0,
  /** Bytes a second of one client, the same way. AWS has 512 KiB. */
  bytesPerSecondPerClient: 0,
  /** Messages a second of all clients of one address together. */
  messagesPerSecondPerAddress: 0,
  /** Bytes a second of them. */
  bytesPerSecondPerAddress: 0,
  /** Clients a second that are told to go to another server while this one drains. */
  redirectsPerSecond: 500,
} as const;

export type MqttLimits = { readonly [Name in keyof typeof MQTT_LIMITS]: number };

/** The limits with some of them replaced. @throws DomainError limit-unknown  there is none of this name */
export function limitsWith(others: Partial<MqttLimits> | undefined): MqttLimits {
  for (const name of Object.keys(others ?? {})) {
    if (!Object.hasOwn(MQTT_LIMITS, name)) {
      throw new DomainError('limit-unknown', `there is no MQTT limit ${name}: docs/limits.md lists MQTT_LIMITS`);
    }
  }
  return { ...MQTT_LIMITS, ...others };
}
