/** Numbers of the service (S5). */
export const CLOUDWATCH_LIMITS = {
  /** Different metrics (namespace, name and dimensions); a new one beyond it is refused. */
  metricsMax: 20_000,
  /** Of these, what functions may fill by what they write into their logs: the platform's own always have room. */
  embeddedMetricsMax: 15_000,
  /** Minutes kept: 15 days, as CloudWatch keeps its one-minute data. Older ones are deleted, not rolled up. */
  retentionMinutes: 15 * 24 * 60,
  /** How far a datum may lie from now, as CloudWatch documents it. */
  pastMsMax: 14 * 24 * 3600_000,
  futureMsMax: 2 * 3600_000,
  /** The platform's own data become durable after at most this long; what PutMetricData brings, before it answers. */
  flushMs: 15_000,
  /** A minute's aggregate leaves memory this long after its end. */
  closeMinuteMs: 120_000,
  /** Expired minutes are looked for this often. */
  expireMs: 3600_000,
  /** Buckets of one sketch; beyond it the lowest two are joined. */
  sketchBucketsMax: 1024,
  /** Values that one datum may bring in `Values`. */
  valuesMax: 150,
  /** Data points of GetMetricStatistics and GetMetricData. */
  statisticsPointsMax: 1440,
  dataPointsMax: 100_800,
  queriesMax: 500,
  listPageMax: 500,
  alarmsMax: 5_000,
  alarmsPageMax: 100,
  /** What the periods that an alarm looks at may span: seven days. */
  alarmSecondsMax: 7 * 24 * 3600,
} as const;

export const MINUTE_MS = 60_000;
