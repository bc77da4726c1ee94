/** pollers: the pull edges: event source mappings. */
export { Checkpoints } from './checkpoints.ts';
export type { PutObject } from './destination.ts';
export { compileFilter, type PayloadKey, type RecordFilter } from './filter.ts';
export type { Poller, PollerState, ShardState } from './poller.ts';
export { QueuePoller, type QueuePollerOptions } from './queue-poller.ts';
export {
  POLLER_LIMITS,
  type PollerSettings,
  type QueueSettings,
  type ScalingRules,
  type StreamSettings,
} from './settings.ts';
export {
  type Backlog,
  type FunctionInvoker,
  type InvocationIdentity,
  type InvocationOutcome,
  type LeasedRecord,
  type QueueSource,
  type Reservation,
  SOURCE_REFUSED,
  type SourceBatch,
  type SourceRecord,
  type SourceShard,
  type StartingPosition,
  type StreamSource,
} from './source.ts';
export { beginAt, StreamPoller, type StreamPollerOptions } from './stream-poller.ts';
export { Tally } from './tally.ts';
