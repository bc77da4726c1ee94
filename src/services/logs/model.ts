/** Sends what is logged on to a function or a stream. */
export interface SubscriptionFilter {
  readonly name: string;
  readonly pattern: string;
  readonly destinationArn: string;
  /** Role that lets it into a stream. */
  readonly roleArn?: string;
  /** How a stream's records are spread over its shards. */
  readonly distribution: 'Random' | 'ByLogStream';
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Where the group's partition stood when it was made: what came before is not sent. */
  readonly from: number;
}

/** Makes a metric of what is logged. */
export interface MetricFilter {
  readonly name: string;
  readonly pattern: string;
  readonly transformations: readonly MetricTransformation[];
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

export interface MetricTransformation {
  readonly metricName: string;
  readonly metricNamespace: string;
  /** A number, or the selector of one in the event: `$.size`. */
  readonly metricValue: string;
  /** What a minute gets in which something is logged and nothing matches. */
  readonly defaultValue?: number;
  /** Values are selectors too. */
  readonly dimensions?: Readonly<Record<string, string>>;
  readonly unit?: string;
}

/** A log group as it is stored. */
export interface GroupRecord {
  readonly region: string;
  readonly name: string;
  /** Of this making of the group: one that is deleted and made again begins anew. */
  readonly id: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly retentionDays?: number;
  readonly tags: Readonly<Record<string, string>>;
  /** `STANDARD` unless it was made as another: classes differ in their price on AWS, and by name here. */
  readonly logClass?: string;
  /** Shown, without effect: the disk is its owner's to encrypt. */
  readonly kmsKeyId?: string;
  /** Set while it cannot be deleted. */
  readonly isProtected?: true;
  readonly subscriptionFilters?: readonly SubscriptionFilter[];
  readonly metricFilters?: readonly MetricFilter[];
}

/** What is known of a log stream. Times are epoch milliseconds. */
export interface StreamState {
  readonly name: string;
  readonly createdAt: number;
  /** Where its first and last batch stand in the group's partition; absent while it is empty. */
  readonly firstOffset?: number;
  readonly lastOffset?: number;
  readonly firstEventAt?: number;
  readonly lastEventAt?: number;
  readonly lastIngestionAt?: number;
}

export interface LogEvent {
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly message: string;
}

/** A stored event with where it stands. */
export interface StoredEvent extends LogEvent {
  readonly stream: string;
  readonly ingestedAt: number;
  readonly position: Position;
}

/** Place of an event: batch in the partition, and index in the batch. */
export interface Position {
  readonly offset: number;
  readonly index: number;
}

/** Numbers of CloudWatch Logs (S5). @see CloudWatch Logs user guide, "quotas" */
export const LOGS_LIMITS = {
  /** One event, bytes: 1 MB. */
  eventBytesMax: 1024 * 1024,
  /** One PutLogEvents: its events, each with 26 bytes of overhead. */
  putBytesMax: 1_048_576,
  putEventsMax: 10_000,
  eventOverheadBytes: 26,
  /** One answer of GetLogEvents or FilterLogEvents. */
  answerEventsMax: 10_000,
  answerBytesMax: 1024 * 1024,
  /** Bytes that one FilterLogEvents looks through before it answers with what it has and a token. */
  scanBytesMax: 32 * 1024 * 1024,
  /** Lines of functions that wait to be written. Those of one group may have as much as is free; beyond it they are dropped, counted and reported. */
  sinkBytesMax: 32 * 1024 * 1024,
  /** How long lines of functions wait for others to be written with. */
  sinkDelayMs: 100,
  /** One batch in the partition. */
  batchBytesMax: 1024 * 1024,
  /** How far a stored state of streams may lie behind: what a start after a crash reads again. */
  stateDelayMs: 5_000,
  tagsMax: 50,
  subscriptionFiltersMax: 2,
  metricFiltersMax: 100,
  /** Of the metric that a filter makes. */
  dimensionsMax: 3,
  /** Resource policies of a region, and the characters of one. */
  resourcePoliciesMax: 10,
  resourcePolicyLengthMax: 5_120,
  /** Bytes of events in one message of a subscription, before it is compressed. */
  subscriptionBytesMax: 512 * 1024,
  /** Messages that are packed, and handed to the outbox, at once. */
  subscriptionSendMax: 100,
  /** How long a subscription waits when the outbox does not take what it sends. */
  subscriptionPauseMs: 5_000,
  /** Events may be this much ahead of the time, and this old. */
  futureMsMax: 2 * 3600 * 1000,
  pastMsMax: 14 * 24 * 3600 * 1000,
} as const;
