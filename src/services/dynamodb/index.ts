/** dynamodb: tables, their indexes and streams. */
export { DYNAMODB_ANSWERS, DynamodbError, type DynamodbErrorCode, invalid } from './errors.ts';
export type { Attributes, AttributeType, AttributeValue } from './model/attribute-value.ts';
export type { Follower, ItemChange } from './model/follower.ts';
export type {
  Index,
  IndexStatus,
  KeyAttribute,
  KeySchema,
  StoredItem,
  Table,
  TableDirectory,
  Throughput,
} from './model/table.ts';
export { tableStreamsService } from './operations/streams.ts';
export { TABLE_STREAM_LIMITS } from './streams/limits.ts';
export { TableStreamSource } from './streams/source.ts';
export type { StreamedTable, StreamViewType } from './streams/state.ts';
export { type TableStreamDependencies, TableStreams } from './streams/streams.ts';
