/** Numbers of the HTTP APIs inside an environment (S5). */
export const API_LIMITS = {
  /** Bytes of a buffered response, and of an error report: 6 MB and room for an envelope, as Lambda counts them. */
  payloadBytesMax: 6_291_556,
  /** Bytes of any other request: registrations, subscriptions. */
  requestBytesMax: 64 * 1024,
  /** Connections that one environment may hold to the API: a runtime, ten extensions, and what their clients keep open. */
  connectionsMax: 64,
  /** Extensions, external and internal together. AWS: 10. */
  extensionsMax: 10,
  /** Time for shutting down with external extensions. AWS: 2 s. */
  shutdownMs: 2_000,
  /** The runtime's part of it, between SIGTERM and SIGKILL. AWS: 300 ms, and 500 ms where it has an internal extension. */
  shutdownRuntimeMs: 300,
  shutdownInternalMs: 500,
  /** How often an environment that answers fast looks at its memory: looking costs more than answering. */
  memoryEveryMs: 100,
  /** One line between the node and the supervisor: a batch of telemetry, escaped. */
  supervisorLineBytesMax: 8 * 1024 * 1024,
  /** Events of a batch of telemetry that a subscription may ask for; most unless it does. All of these are AWS's. */
  batchItemsMin: 1_000,
  batchItemsMax: 10_000,
  /** Bytes of a batch; the least unless asked for. */
  batchBytesMin: 262_144,
  batchBytesMax: 1_048_576,
  /** Time that a batch waits for more; a second unless asked for. */
  batchMsMin: 25,
  batchMsMax: 30_000,
  /** Batches of one subscription that wait for a listener that is slower than the function; beyond it events are dropped and counted. */
  batchesWaiting: 4,
  /** Events of init that are kept for subscriptions still to come, and characters of the lines among them. */
  earlyEventsMax: 1_000,
  earlyLengthMax: 1_048_576,
} as const;
