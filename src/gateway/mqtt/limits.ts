/** Numbers of the MQTT gateway (S5); every one may be given another value at start. */
export interface MqttLimits {
  /** Open sockets; a further one is closed at once. */
  readonly connectionsMax: number;
  /** Time from TCP accept to a whole CONNECT. */
  readonly connectTimeoutMs: number;
  /** Time for a peer to take our last packet and close. */
  readonly closeTimeoutMs: number;
  /** Whole packets, both ways; told to MQTT 5 clients. A payload of 128 KiB and its topic and properties fit. */
  readonly packetBytesMax: number;
  /** QoS 1 and 2 messages of one client that wait for their commit: the Receive Maximum that MQTT 5 clients are told. */
  readonly inFlightInMax: number;
  /** Bytes of them: beyond it the socket is not read until half is committed. */
  readonly inFlightInBytesMax: number;
  /** QoS 1 and 2 messages sent to one client and not yet acknowledged, whatever it allows. */
  readonly inFlightOutMax: number;
  /** Bytes that wait for one client to read: beyond it QoS 0 messages are dropped, others queued. */
  readonly outboundBytesMax: number;
  /** QoS 1 and 2 messages queued for one client behind its window, and their bytes: beyond it the client is disconnected. */
  readonly queuedMessagesMax: number;
  readonly queuedBytesMax: number;
  /** Topic aliases a client may use towards us. */
  readonly topicAliasMaximum: number;
  /** Filters in one SUBSCRIBE or UNSUBSCRIBE. */
  readonly filtersPerPacketMax: number;
}

export const MQTT_LIMITS: MqttLimits = {
  connectionsMax: 100_000,
  connectTimeoutMs: 10_000,
  closeTimeoutMs: 2_000,
  packetBytesMax: 256 * 1024,
  inFlightInMax: 1_024,
  inFlightInBytesMax: 1024 * 1024,
  inFlightOutMax: 256,
  outboundBytesMax: 1024 * 1024,
  queuedMessagesMax: 1_000,
  queuedBytesMax: 4 * 1024 * 1024,
  topicAliasMaximum: 32,
  filtersPerPacketMax: 64,
};
