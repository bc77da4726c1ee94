/** Numbers of the execution environments (S5). */
export const RUNTIME_LIMITS = {
  /** Time for loading the code and running what stands outside the handler. AWS: 10 s. */
  initMsMax: 10_000,
  /** Time for a new process to say that it is ready; a machine out of processes hangs rather than fails. */
  startMsMax: 10_000,
  /** Invocations at once over all functions without a reservation of their own. AWS: 1,000. */
  accountConcurrency: 1_000,
  /** New environments of one function per {@link scalingWindowMs}. AWS: 1,000 each 10 s. */
  scalingBurst: 1_000,
  scalingWindowMs: 10_000,
  /** Processes at once, busy or idle; beyond it the least recently used idle one makes room. */
  environmentsMax: 1_000,
  /** Callers that wait for a place, all functions together. */
  waitingMax: 10_000,
  /** Idle time after which an environment is shut down whose function's own idle times say nothing. AWS: 5 to 10 minutes and more. */
  keepAliveMs: 600_000,
  /** Idle time after which it is stopped (SIGSTOP). A function under load is never stopped between two invocations. */
  lingerMs: 100,
  /** How often memory of busy environments is looked at, and idle ones are frozen. */
  watchMs: 50,
  /**
   * Invocations of one environment, of which AWS ends each after some hours; a new one takes over. The trace's variable has another value with each
   * invocation, and glibc keeps every value that a variable ever had: 37 MB by then.
   */
  invocationsMax: 250_000,
  /** What credentials must last beyond the timeout of an invocation that begins with them. */
  credentialsMarginMs: 60_000,
  /** So long before its credentials are too old for a further invocation an environment of provisioned concurrency is replaced; half their time at most. */
  renewAheadMs: 120_000,
  /** Bytes of a response: 6 MB and some room for an envelope, as on AWS. */
  responseBytesMax: 6_291_556,
  /** Bytes of a payload that goes along with the code that it waits for; what a larger one takes hides the frame of its own. */
  firstPayloadBytesMax: 16 * 1024,
  /** Bytes of a streamed response. AWS: 200 MB, the first 6 MB as fast as they go and the rest at 2 MB/s; here nothing is slowed. */
  streamBytesMax: 200 * 1024 * 1024,
  /** Largest code cache of one module, and of one package. */
  codeCacheBytesMax: 16 * 1024 * 1024,
  codeCacheTotalBytesMax: 64 * 1024 * 1024,
  /** Modules of one package that have a code cache: empty ones take a file each as well, of which the disk has so many. */
  codeCacheFilesMax: 4_096,
  /** Time for the init of a function that is to start from a snapshot, or its timeout where that is longer. AWS: 130 s. */
  snapshotInitMsMax: 130_000,
  /** Processes kept to fork environments of one function version with SnapStart; the one used longest ago goes. Each holds what init has made. */
  snapshotTemplatesMax: 32,
  /** Largest snapshot of a Node function; one that has made nothing has 7 MB. */
  snapshotBytesMax: 512 * 1024 * 1024,
  /** Snapshots of Node functions kept on disk; the ones that were made first go first. */
  snapshotsMax: 500,
  /** Code caches kept; the least recently written go first. */
  codeCachesMax: 500,
  /** What `LogType=Tail` returns. */
  logTailBytes: 4096,
  /** One line on standard output or error; longer ones are cut in pieces. */
  logLineBytesMax: 256 * 1024,
} as const;
