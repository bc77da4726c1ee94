/** Numbers of the decisions which environments exist when (S5). */
export const SCALING_LIMITS = {
  /** Requests a second that each of a function's places may take, as on AWS; only for callers who do not wait. */
  requestsPerPlace: 10,
  /** Callers who wait for a process to be started, all functions together. One more is refused: it would wait for ten seconds. */
  startsWaitingMax: 500,
  /** Processes that come up at once, for each processor: one computes, one waits for the system. */
  startsPerProcessor: 2,
  /** What invocations may ask of the processors beyond what there are, as part of these, and one in any case: a short queue keeps them busy. */
  loadBeyond: 0.25,
  /** An invocation that takes less than this, its waits for a processor included, may wait for others: callers hardly notice. */
  quickMs: 20,
  /** A caller who waits for one of those that run of such a function gets an environment of its own after this. */
  quickWaitMs: 200,
  /** A caller who waits for processors alone is refused after this. */
  processorsMs: 1_000,
  /** Invocations of one function that are let in all the same, in a burst: a page that makes some calls at once is not overload. */
  burstBeyond: 8,
  /** Time without contention after which there may be another such burst. */
  burstAfterMs: 1_000,
  /** A function that was called within this time, and holds no place, has one held back for it when places are short. */
  expectedMs: 10_000,
  /** What may be held back so, of all places that functions share. */
  expectedShareMax: 0.1,
  /** Idle times that count; older ones weigh half as much each time that so many have come. */
  idleTimesMax: 200,
  /** Longest idle time that is told from a longer one; the paper has four hours. */
  idleTimeRangeMs: 14_400_000,
  /** Idle times before a function's own are trusted. */
  idleTimesMin: 4,
  /** Functions whose idle times are remembered; the one that came first goes first. */
  historiesMax: 10_000,
  /** The fewest deviations (of the bins' counts, in means) at which the histogram has something to say; the paper's. */
  variationMin: 2,
  /** Part of idle times beyond the range from which on the histogram says nothing. */
  outsideMax: 0.5,
  /** An environment that will be needed sooner than this stays: a start would cost more than its memory. */
  unloadMsMin: 60_000,
  /** Idle time before an environment is unloaded that will be started again ahead of the next call. */
  unloadAfterMs: 5_000,
  /** An environment is kept for as long as this whatever the histogram says. */
  keepAliveMsMin: 60_000,
  /** Environments of one function that are started ahead: as many as ran at once the last time, up to this. */
  prewarmedMax: 8,
  /** Memory that is left, as part of the machine's: below the first number idle environments go until the second is reached. */
  memoryLow: 0.08,
  memoryEnough: 0.12,
  /** Share of the last ten seconds in which some process stood still for want of memory (PSI) that counts as low. */
  memoryStallMax: 0.1,
  /** How often memory is looked at while environments are idle. */
  memoryEveryMs: 2_000,
  /** Inits of provisioned concurrency that fail on end before it is reported as failed. */
  provisionFailuresMax: 3,
  /** Wait before the next attempt: doubled with each failure, up to the second number. */
  provisionRetryMs: 1_000,
  provisionRetryMsMax: 60_000,
} as const;
