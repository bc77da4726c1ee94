/** Numbers of what a node shows of itself (S5). */
export const NODE_LIMITS = {
  /** Queues and topics whose messages are counted for the flow; those beyond show only what the node itself brings. */
  countedMax: 10_000,
  /** After how long the same denial is told in the log again. */
  denialsAgainMs: 60_000,
  /** Characters of the resource in a denial that is told: the longest ARN (2,048, of an object's key in bytes) and no more. */
  denialResourceCharactersMax: 2048,
  /** Denials of one principal that are told in that time, and remembered, lest they be told again at once; and principals. */
  denialsToldMax: 100,
  denialsPrincipalsMax: 1000,
  /** Durations of a function that its quantiles are taken over: the last so many. */
  durationsMax: 512,
  /** Queues, and places of dead letters, with Prometheus lines of their own; the others are counted together as `other`. */
  gaugesMax: 200,
  /** Bytes of lost letters read at once; one alone may be larger. */
  letterPageBytesMax: 16 * 1024 * 1024,
  /** How long an answer about the role of a rule's action, or of an API's, is good, if nothing changes; and how many are kept of each. */
  roleAnswerMs: 1000,
  roleAnswersMax: 10_000,
} as const;
