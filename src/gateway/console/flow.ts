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
}

export interface FlowEdgeReading {
  readonly from: string;
  readonly to: string;
  /** Events that went along this edge since the node started. */
  readonly events: number;
  readonly errors?: number;
  /** `pull`: a poller reads; `push`: a delivery is made; `write`: the code of a function calls. */
  readonly via: 'push' | 'pull' | 'write';
}

export interface FlowReading {
  readonly nodes: readonly FlowNodeReading[];
  /** Edges whose ends are not among `nodes` are left out of the snapshot. */
  readonly edges: readonly FlowEdgeReading[];
}

/** What the composition root fills from the doors of the node. Called once a second; keep it under a millisecond. */
export interface FlowSource {
  read(): FlowReading | Promise<FlowReading>;
}

/** How a node of the flow fares: `error` when something failed within the last ten seconds, `waiting` when it falls behind. */
export type FlowStatus = 'idle' | 'ok' | 'waiting' | 'error';

export interface FlowNode extends FlowGauges {
  readonly id: string;
  readonly kind: FlowNodeKind;
  readonly label: string;
  readonly status: FlowStatus;
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
}

export interface FlowEdge {
  readonly from: string;
  readonly to: string;
  readonly via: 'push' | 'pull' | 'write';
  readonly eventsPerSecond: number;
  readonly errorsPerSecond: number;
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
}
