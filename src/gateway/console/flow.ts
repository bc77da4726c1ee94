/**
 * What the console's flow picture is made of. Two shapes on purpose: a {@link FlowReading} holds counters that only grow,
 * which is all that the rooms of a node have to keep; a {@link FlowSnapshot} holds rates, which the console shows. The
 * sampler makes the one from the other, so nobody else measures time.
 *
 * No imports: the console's sources take these types as they are.
 */

export type FlowNodeKind =
  | 'devices'
  | 'rule'
  | 'stream'
  | 'function'
  | 'series'
  | 'topic'
  | 'queue'
  | 'webhook'
  | 'email'
  | 'logs'
  | 'table'
  | 'bucket'
  | 'other';

/** Values that stand for themselves at the moment of the reading. Absent means "does not apply here". */
export interface FlowGauges {
  /** Devices connected. */
  readonly connected?: number;
  /** Milliseconds between the newest record of a stream and the one that its slowest reader is at. */
  readonly lagMs?: number;
  /** Messages that wait: queue depth, pending deliveries. */
  readonly pending?: number;
  /** Messages that were received and not yet deleted. */
  readonly inFlight?: number;
  /** Messages that nobody may receive yet. */
  readonly delayed?: number;
  /** Milliseconds since the oldest waiting message was sent. */
  readonly oldestAgeMs?: number;
  /** Median and 99th percentile of the last minute or so, milliseconds: handler duration, write, delivery. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** Execution environments by what they do now. */
  readonly busy?: number;
  readonly idle?: number;
  readonly shards?: number;
}

/** Counts since the node started; they never go down. */
export interface FlowCounters {
  /** Messages, records, points or notifications that went through. */
  readonly events?: number;
  readonly bytes?: number;
  /** Invocations of a function, write requests of a series database. */
  readonly calls?: number;
  readonly errors?: number;
  readonly coldStarts?: number;
  readonly throttles?: number;
  /** Given up on and sent to a dead-letter queue. */
  readonly deadLettered?: number;
}

export interface FlowNodeReading {
  /** Unique in the flow: an ARN where there is one, else a fixed word such as `devices` or `series:machine`. */
  readonly id: string;
  readonly kind: FlowNodeKind;
  /** Short name, for example `telemetry`. */
  readonly label: string;
  readonly gauges?: FlowGauges;
  readonly counters?: FlowCounters;
  /** Log group of a function, so that the console can open its lines. */
  readonly logGroup?: string;
  /** Something names it as its dead-letter queue: what waits here needs somebody. */
  readonly isDeadLetterQueue?: true;
}

/**
 * `pull`: a poller reads; `push`: a delivery is made; `write`: the code of a function calls; `dead-letter`: where that goes which
 * was given up.
 */
export type FlowVia = 'push' | 'pull' | 'write' | 'dead-letter';

/** An event source mapping, so that the console can pause and replay it. */
export interface FlowPoller {
  /** UUID of the mapping. */
  readonly id: string;
  readonly region: string;
  /** Names of those who hold it back; empty while it runs. */
  readonly paused: readonly string[];
  /** It reads a stream, which can be read again from an earlier time. */
  readonly canReplay: boolean;
}

/** Of an edge, as it is at the moment of the reading. Absent means that it is not known or does not apply. */
export interface FlowEdgeState {
  /** Messages or records that wait to go along it. */
  readonly pending?: number;
  /** Milliseconds since the oldest of them came. */
  readonly oldestAgeMs?: number;
  readonly inFlight?: number;
  /** Why the last try failed that did. */
  readonly lastError?: string;
  /** What goes along it, where not everything does: `filter: {"severity":["high"]}`. */
  readonly note?: string;
  readonly poller?: FlowPoller;
}

/** Of an edge, since the node started; they never go down. */
export interface FlowEdgeCounters {
  /** What has arrived. */
  readonly events: number;
  /** Tries that failed. */
  readonly errors?: number;
  /** Tries that were not the first. */
  readonly retries?: number;
  /** Given up and sent to a dead-letter queue, or to a destination for failures. */
  readonly deadLettered?: number;
  /** Given up without one: kept as lost letters, or discarded. */
  readonly lost?: number;
}

export interface FlowEdgeReading extends FlowEdgeState, FlowEdgeCounters {
  readonly from: string;
  readonly to: string;
  readonly via: FlowVia;
}

export interface FlowReading {
  readonly nodes: readonly FlowNodeReading[];
  /** Edges whose ends are not among `nodes` are left out of the snapshot. One for each `from`, `to` and `via`. */
  readonly edges: readonly FlowEdgeReading[];
  /** Dead letters of all kinds that wait for somebody. */
  readonly deadLetters?: number;
}

/** What the composition root fills from the doors of the node. Called once a second while somebody looks; keep it under a millisecond. */
export interface FlowSource {
  read(): FlowReading | Promise<FlowReading>;
}

/** How a part of the flow fares: `error` when something failed within the last ten seconds, `waiting` when it falls behind. */
export type FlowStatus = 'idle' | 'ok' | 'waiting' | 'error' | 'paused';

export interface FlowNode extends FlowGauges {
  readonly id: string;
  readonly kind: FlowNodeKind;
  readonly label: string;
  readonly status: FlowStatus;
  /** What is wrong, in words; absent when nothing is. */
  readonly problem?: string;
  /** Rates over the last five seconds, per second. */
  readonly eventsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly callsPerSecond: number;
  readonly errorsPerSecond: number;
  /** Mean events a call over the same time: the batch size of a function. Absent when nothing was called. */
  readonly batchSize?: number;
  /** Counts since the node started. */
  readonly totals: FlowCounters;
  readonly logGroup?: string;
  readonly isDeadLetterQueue?: true;
}

export interface FlowEdge extends FlowEdgeState {
  readonly from: string;
  readonly to: string;
  readonly via: FlowVia;
  readonly status: FlowStatus;
  readonly problem?: string;
  readonly eventsPerSecond: number;
  readonly errorsPerSecond: number;
  readonly retriesPerSecond: number;
  /** Counts since the node started. */
  readonly totals: FlowEdgeCounters;
}

/** Body of `GET /_millrace/api/flow`, and `data` of each event of `GET /_millrace/api/flow/events`. */
export interface FlowSnapshot {
  /** Changes only when a member changes its meaning; new members may appear at any time. */
  readonly version: 1;
  /** Epoch milliseconds of the reading. */
  readonly time: number;
  /** Milliseconds since the node started. */
  readonly uptimeMs: number;
  readonly nodes: readonly FlowNode[];
  readonly edges: readonly FlowEdge[];
  readonly deadLetters?: number;
}
