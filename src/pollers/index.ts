/** pollers: the pull edges: event source mappings. */
export type {
  FunctionInvoker,
  InvocationOutcome,
  QueueSource,
  Reservation,
  SourceBatch,
  SourceRecord,
  SourceShard,
  StreamSource,
} from './source.ts';
