/** pollers: the pull edges: event source mappings. */
export { Checkpoints } from './checkpoints.ts';
export { compileFilter, type RecordFilter } from './filter.ts';
export { createInstruments, type Instruments } from './instruments.ts';
export type { Poller, PollerState, ShardState } from './poller.ts';
export { QueuePoller, type QueuePollerOptions } from './queue-poller.ts';
export {
  POLLER_LIMITS,
  type PollerSettings,
  type QueueSettings,
  type StartingPosition,
  type StreamSettings,
} from './settings.ts';
export type {
  FunctionInvoker,
  InvocationIdentity,
  InvocationOutcome,
  QueueSource,
  Reservation,
  SourceBatch,
  SourceRecord,
  SourceShard,
  StreamSource,
} from './source.ts';
export { StreamPoller, type StreamPollerOptions } from './stream-poller.ts';
