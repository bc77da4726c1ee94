/** Numbers of the MQTT gateway (S5); every one may be given another value at start. */
export const MQTT_LIMITS = {
  /** Open sockets; a further one is closed at once. */
  connectionsMax: 100_000,
  /** Time from TCP accept to a whole CONNECT. */
  connectTimeoutMs: 10_000,
  /** Time for a peer to take our last packet and close. */
  closeTimeoutMs: 2_000,
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
  /** Topic aliases a client may use towards us. */
  topicAliasMaximum: 32,
  /** Filters in one SUBSCRIBE; further ones are refused each. */
  filtersPerPacketMax: 64,
} as const;

export type MqttLimits = { readonly [Name in keyof typeof MQTT_LIMITS]: number };
