/** Numbers of Kinesis Data Streams, as AWS documents them; streams here are otherwise limited by the machine only. */
export const KINESIS_LIMITS = {
  /** Data of one record unless the stream says otherwise, KiB. */
  recordKiBDefault: 1024,
  recordKiBMax: 10 * 1024,
  /** Of a partition key. */
  partitionKeyCharactersMax: 256,
  recordsPerPutMax: 500,
  /** Data and partition keys of one `PutRecords`. */
  putBytesMax: 10 * 1024 * 1024,
  recordsPerGetMax: 10_000,
  bytesPerGetMax: 10 * 1024 * 1024,
  iteratorAgeMsMax: 5 * 60_000,
  nextTokenAgeMsMax: 5 * 60_000,
  retentionHoursMin: 24,
  retentionHoursMax: 8760,
  /** Open shards of an account and region: AWS's quota for new accounts in large regions. */
  openShardsMax: 20_000,
  onDemandStreamsMax: 50,
  /** Shards of a new on-demand stream. It does not scale by itself: one machine serves any number of shards equally well. */
  onDemandShards: 4,
  consumersPerStreamMax: 20,
  tagsPerStreamMax: 50,
  subscriptionMsMax: 5 * 60_000,
  /** A subscription that has nothing to tell says so this often, so that both ends know that the other one is there. */
  subscriptionIdleMs: 5_000,
  /** A second `SubscribeToShard` within this time is refused; later it takes the first one's place. */
  subscriptionTakeoverMs: 5_000,
  recordsPerSubscriptionEventMax: 1_000,
  bytesPerSubscriptionEventMax: 2 * 1024 * 1024,
  /** Partition keys whose shard is remembered, per stream and generation (two generations are kept). */
  routesRemembered: 8_192,
  /** How often retention is applied, milliseconds. */
  retentionIntervalMs: 60_000,
  /** How often sums go to the metrics, milliseconds. */
  metricsIntervalMs: 10_000,
} as const;

/** AWS's per-shard throttles; off by default, since a stream here is as fast as the machine. */
export const AWS_THROTTLES = {
  writeRecordsPerSecond: 1_000,
  writeBytesPerSecond: 1024 * 1024,
  readsPerSecond: 5,
} as const;

export type Throttles = { readonly [Name in keyof typeof AWS_THROTTLES]: number };
