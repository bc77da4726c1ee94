/** Numbers of the sandboxes (S5). */
export const SANDBOX_LIMITS = {
  /** Processes and threads of one sandbox. AWS: 1,024. A much smaller one makes Node hang rather than fail. */
  processesMax: 1024,
  /** Open files of one process. AWS: 1,024. */
  openFilesMax: 1024,
  /** Watchers of files (inotify) of one sandbox, and what they watch together; all sandboxes of an account share a user's limits, which are mostly 128 and some 100,000. */
  watchersMax: 4,
  watchedFilesMax: 4096,
  /** Sandboxes that are made on the account of one user of the machine, where the node is root: they share what the kernel counts by user. */
  accountMax: 16,
  /** Buffers of one sandbox's sockets, bytes, with control groups of version 1; with version 2 they count as its memory. */
  socketBytesMax: 64 * 1024 * 1024,
  /** Size of `/tmp` until the function asks for more, MB; what it asks for is 10,240 at most. */
  temporaryMb: 512,
  /** Largest file, bytes: the most ephemeral storage that a function can ask for. */
  fileBytesMax: 10_240 * 1024 * 1024,
  /** Entries of an egress allowlist. */
  destinationsMax: 64,
  /** Addresses of one name in it that are kept: enough for services that answer with new ones each time. */
  addressesMax: 64,
  /** How often the machine's own addresses are looked at, which no function reaches. */
  ownAddressesMs: 2_000,
  /** How often it is looked whether the networks of sandboxes are still there. One that has been killed is made anew. */
  networksMs: 1_000,
  /** How long the addresses of a name hold; name servers answer with others as machines come and go. */
  namesMs: 60_000,
  /** The same while a name has none: a machine that has just been started may not reach its name server yet. */
  unknownNamesMs: 5_000,
  /** Connections to one door that wait for the node to take them; more are refused. */
  waitingMax: 64,
  /** Connections through one door at once. */
  connectionsMax: 1024,
  /** Files and folders of a package up to which a spare tree of it would save nothing. */
  fewEntriesMax: 4,
  /** Files and folders of a package that are linked while the function waits; larger ones are linked off the event loop. */
  smallEntriesMax: 64,
  /** Trees of packages that stand ready, one a package; the least recently used goes first. */
  sparesMax: 32,
} as const;
