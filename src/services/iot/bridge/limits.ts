/** Numbers of the connections to foreign brokers (S5). */
export const BRIDGE_LIMITS = {
  /** Foreign brokers of a node. */
  brokersMax: 16,
  /** Bridges of a node. */
  bridgesMax: 64,
  /** Messages of one connection that are not acknowledged yet: MQTT 5's receive maximum; with 3.1.1 the socket is left alone. */
  unackedMax: 1000,
  /** Whole packets that are taken; MQTT 5 brokers are told, others are disconnected. */
  packetBytesMax: 4 * 1024 * 1024,
  /** For TCP, TLS and CONNACK together. */
  connectTimeoutMs: 10_000,
  /** Pauses between tries to connect: full jitter over the upper half of base * 2^n. */
  backoffMsBase: 250,
  backoffMsMax: 30_000,
  /** Backoff starts anew only after this long connected, or a broker that accepts and then drops is dialled without pause. */
  steadyMs: 5_000,
  /** QoS 0 messages are dropped while so many bytes wait in the socket. */
  socketBytesMax: 1024 * 1024,
  /** How long closing waits for the broker to close its side. */
  closeMsMax: 1_000,
  /** How long the end of an event source mapping waits for the broker, so that the broker forgets the session. */
  forgetMsMax: 5_000,
  /** Pauses before a message that a function has failed on is handed to it again: full jitter up to base * 2^n. */
  retryMsBase: 200,
  retryMsMax: 60_000,
  /** Nodes that a message may pass; then it is dropped and counted: bridges go round in a circle. */
  hopsMax: 8,
  /** Tries of one message that goes out, and its age; then it is a dead letter. */
  outAttemptsMax: 100_000,
  outAgeMsMax: 14 * 86_400_000,
} as const;
