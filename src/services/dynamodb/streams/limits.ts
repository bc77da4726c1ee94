/** Numbers of table streams (S5). @see Amazon DynamoDB developer guide, "Change data capture for DynamoDB Streams" */
export const TABLE_STREAM_LIMITS = {
  /** Shards of a stream: fixed, by the hash of the partition key. At most 256. */
  shards: 4,
  /** How long a record may be read, and a stream that was disabled. */
  retentionMs: 24 * 60 * 60 * 1000,
  /** How often the time is noted and what is too old is trimmed: a record may stay this much longer than retention says. */
  trimIntervalMs: 5 * 60 * 1000,
  /** Sequence numbers of one range that is deleted: no other commit goes on meanwhile. */
  trimStep: 4000,
  /** Life of a shard iterator. */
  iteratorAgeMsMax: 15 * 60 * 1000,
  /** Records and bytes of one GetRecords. */
  getRecordsMax: 1000,
  getRecordsBytesMax: 1024 * 1024,
  /** Kinesis streams that a table's changes go to at once. */
  destinationsMax: 2,
  /** Records that go to Kinesis together. */
  forwardMax: 500,
  /** Pause after a put that failed: doubled each time, up to the second number. */
  forwardBackoffMs: 100,
  forwardBackoffMsMax: 60_000,
  /** Shards of a page of DescribeStream, and streams of a page of ListStreams. */
  shardsPageMax: 100,
  streamsPageMax: 100,
} as const;
