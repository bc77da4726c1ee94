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
  tagKeyMax: 128,
  tagValueMax: 256,
  /** Source queues that a redrive allow policy names. */
  redriveSourcesMax: 10,
  /** Statements of a queue's policy, actions of one that AddPermission writes, and its characters. */
  policyStatementsMax: 20,
  policyActionsMax: 7,
  policyBytesMax: 65_536,
  /** Messages a second of a message move task. */
  moveRateMax: 500,
  /** Message move tasks that run at once, all queues together. */
  moveTasksMax: 100,
  /** Message move tasks of one queue that are remembered. */
  moveTasksKept: 10,

  /** Messages that a queue holds in memory ahead of being received; the others wait on disk. */
  windowMax: 10_000,
  windowBytesMax: 4 * 1024 * 1024,
  /** Messages of a FIFO queue looked at for a group that is not held back. */
  knownMax: 200_000,
  /** Messages of one read from disk: so many at first, then by their size, for about `pageBytes`. */
  pageFirst: 16,
  pageMin: 4,
  pageMax: 500,
  pageBytes: 2 * 1024 * 1024,
  /** ReceiveRequestAttemptIds that a FIFO queue remembers. */
  attemptsMax: 1_000,
  /** A message group of a standard queue is noisy with at least so many messages in flight, and this share of all of them. */
  noisyInFlightMin: 10,
  noisyShare: 0.25,
  /** Messages of a quiet group that are held in memory ahead of a backlog. */
  quietAheadMax: 10,
  /** Long polls of one queue. */
  waitersMax: 10_000,
  /** Receive counts and visibility of messages in flight are written at most this often; a crash forgets what came since. */
  leaseIntervalMs: 250,
  /** How long a message that expires or goes to a dead-letter queue is hidden before that is tried again. */
  leavingMs: 5_000,
  /** How often messages past their retention are looked for. */
  sweepMs: 30_000,
  /** How often CloudWatch gets what holds of each queue. */
  lookMs: 60_000,
} as const;
