/** Numbers of SQS (S5). @see Amazon SQS developer guide, "Amazon SQS message quotas" */
export const SQS_LIMITS = {
  /** Body and attributes of one message, and of one batch, bytes. */
  messageBytesMax: 1_048_576,
  batchMax: 10,
  attributesMax: 10,
  receiveMax: 10,
  waitSecondsMax: 20,
  visibilitySecondsMax: 43_200,
  delaySecondsMax: 900,
  /** Messages received and neither deleted nor visible again, a queue. */
  inFlightMax: 120_000,
  deduplicationMs: 300_000,
  purgeIntervalMs: 60_000,
  tagsMax: 50,

  /** Messages that a queue holds in memory ahead of being received; the others wait on disk. */
  windowMax: 10_000,
  windowBytesMax: 4 * 1024 * 1024,
  /** Messages known by key: beyond it, those that become visible again are left to the disk. */
  knownMax: 200_000,
  pageMax: 500,
  /** Long polls of one queue. */
  waitersMax: 10_000,
  /** Receive counts and visibility of messages in flight are written at most this often; a crash forgets what came since. */
  leaseIntervalMs: 250,
  /** How often messages past their retention are looked for. */
  sweepMs: 30_000,
} as const;
