import { createHash } from 'node:crypto';
import { eventId } from './record.ts';
import type { StreamRow } from './row.ts';
import type { StreamState } from './state.ts';

/** How exact the time of a change is told. */
export type Precision = 'MILLISECOND' | 'MICROSECOND';

/**
 * A change as a Kinesis stream gets it. Numbers in it are those of the stream's own, so there is no sequence number.
 * @see Amazon DynamoDB developer guide, "Using Kinesis Data Streams to capture changes to DynamoDB"
 */
export function kinesisRecord(
  { id, region, tableName }: Pick<StreamState, 'id' | 'region' | 'tableName'>,
  sequence: number,
  { event, by, at, sizeBytes, keys, newImage, oldImage }: StreamRow,
  precision: Precision | undefined,
): string {
  const time = precision === 'MICROSECOND' ? at * 1000 : at;
  const told = precision === undefined ? '' : `,"ApproximateCreationDateTimePrecision":"${precision}"`;
  const identity = by === 'ttl' ? '{"type":"Service","principalId":"dynamodb.amazonaws.com"}' : 'null';
  const images =
    (newImage === undefined ? '' : `,"NewImage":${newImage}`) +
    (oldImage === undefined ? '' : `,"OldImage":${oldImage}`);
  return (
    `{"awsRegion":"${region}","eventID":"${uuidOf(eventId(id, sequence))}","eventName":"${event}","userIdentity":${identity},` +
    `"recordFormat":"application/json","tableName":"${tableName}","dynamodb":{"ApproximateCreationDateTime":${time}${told},` +
    `"Keys":${keys}${images},"SizeBytes":${sizeBytes}},"eventSource":"aws:dynamodb"}`
  );
}

/** One for each item: its changes stay in order in a shard. */
export function partitionKeyOf({ keys }: Pick<StreamRow, 'keys'>): string {
  return createHash('md5').update(keys).digest('hex').toUpperCase();
}

function uuidOf(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
