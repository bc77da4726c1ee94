import type {
  DescribeStreamInput,
  GetRecordsInput,
  GetShardIteratorInput,
  ListStreamsInput,
} from '@aws-sdk/client-dynamodb-streams';
import { type Clock, hasCode } from '../../../base/index.ts';
import { RawJson } from '../../../codec/aws/index.ts';
import type { Operation, Service } from '../../index.ts';
import { DYNAMODB_ANSWERS, DynamodbError, invalid, streamNotFound } from '../errors.ts';
import { decodeIterator, encodeIterator } from '../streams/iterator.ts';
import { TABLE_STREAM_LIMITS } from '../streams/limits.ts';
import { parseSequence, sequenceText } from '../streams/sequence-number.ts';
import { type StreamState, shardId, shardOf } from '../streams/state.ts';
import type { TableStream } from '../streams/stream.ts';
import type { TableStreams } from '../streams/streams.ts';

/**
 * The service `dynamodbstreams`.
 * @param streams  `undefined` while there are no tables
 */
export function tableStreamsService(streams: () => TableStreams | undefined, clock: Clock): Service {
  const find = (arn: string): TableStream => {
    const found = streams()?.get(arn);
    if (!found) throw streamNotFound(arn);
    return found;
  };

  const ListStreams: Operation<ListStreamsInput> = ({ TableName, Limit, ExclusiveStartStreamArn }, { region }) => {
    const all = streams()?.list(region, TableName) ?? [];
    const rest = all.filter(
      ({ state }) => ExclusiveStartStreamArn === undefined || state.arn > ExclusiveStartStreamArn,
    );
    const page = rest.slice(
      0,
      Math.min(Limit ?? TABLE_STREAM_LIMITS.streamsPageMax, TABLE_STREAM_LIMITS.streamsPageMax),
    );
    return {
      Streams: page.map(({ state: { arn, tableName, label } }) => ({
        StreamArn: arn,
        TableName: tableName,
        StreamLabel: label,
      })),
      ...(page.length < rest.length && { LastEvaluatedStreamArn: page.at(-1)!.state.arn }),
    };
  };

  const DescribeStream: Operation<DescribeStreamInput> = (input) => {
    const { state } = find(input.StreamArn!);
    return { StreamDescription: { ...descriptionOf(state), ...shardsPage(state, input) } };
  };

  const GetShardIterator: Operation<GetShardIteratorInput> = (input) => {
    const stream = find(input.StreamArn!);
    const shard = shardOf(stream.state, input.ShardId!);
    if (shard === undefined) throw new DynamodbError('resource-not-found', SHARD_NOT_FOUND);
    const from = startOf(stream, shard, input);
    const iterator = { streamArn: stream.state.arn, shard, from, issuedAt: clock.now() };
    return { ShardIterator: encodeIterator(iterator) };
  };

  const GetRecords: Operation<GetRecordsInput> = async ({ ShardIterator, Limit }) => {
    const now = clock.now();
    const iterator = decodeIterator(ShardIterator!, now);
    const stream = find(iterator.streamArn);
    const { getRecordsMax, getRecordsBytesMax } = TABLE_STREAM_LIMITS;
    // Asked before: what is written before the stream ends is there to be read.
    const { closed } = stream.state;
    const records = await readFrom(stream, iterator, Limit ?? getRecordsMax, getRecordsBytesMax);
    if (records.length === 0 && closed) return { Records: [] };
    const from = records.length > 0 ? records.at(-1)!.sequence + 1 : iterator.from;
    return {
      Records: records.map(({ sequence, row }) => new RawJson(stream.writer.toAnswer(sequence, row))),
      NextShardIterator: encodeIterator({ ...iterator, from, issuedAt: now }),
    };
  };

  return {
    name: 'dynamodbstreams',
    operations: { ListStreams, DescribeStream, GetShardIterator, GetRecords },
    errors: DYNAMODB_ANSWERS,
  };
}

const SHARD_NOT_FOUND = 'Requested resource not found: Shard does not exist';

const trimmed = () => new DynamodbError('data-trimmed', 'The data you are trying to access has been trimmed');

function startOf(stream: TableStream, shard: number, input: GetShardIteratorInput): number {
  switch (input.ShardIteratorType!) {
    case 'TRIM_HORIZON':
      return stream.first(shard);
    case 'LATEST':
      return stream.next;
    case 'AT_SEQUENCE_NUMBER':
      return notTrimmed(stream, shard, sequenceOf(input));
    case 'AFTER_SEQUENCE_NUMBER':
      return notTrimmed(stream, shard, sequenceOf(input) + 1);
  }
}

function sequenceOf({ SequenceNumber: text, ShardIteratorType: type }: GetShardIteratorInput): number {
  if (text === undefined) throw invalid(`SequenceNumber is required when ShardIteratorType is ${type}`);
  const sequence = parseSequence(text);
  if (sequence === undefined) throw invalid(`Invalid SequenceNumber: ${text}`);
  return sequence;
}

function notTrimmed(stream: TableStream, shard: number, from: number): number {
  if (from < stream.first(shard)) throw trimmed();
  return from;
}

async function readFrom(
  stream: TableStream,
  { shard, from }: { readonly shard: number; readonly from: number },
  recordsMax: number,
  bytesMax: number,
) {
  try {
    return await stream.read(shard, from, recordsMax, bytesMax);
  } catch (error) {
    throw hasCode(error, 'records-trimmed') ? trimmed() : error;
  }
}

function descriptionOf({ arn, label, closed, viewType, createdAt, tableName, key }: StreamState) {
  return {
    StreamArn: arn,
    StreamLabel: label,
    StreamStatus: closed ? 'DISABLED' : 'ENABLED',
    StreamViewType: viewType,
    CreationRequestDateTime: new Date(createdAt),
    TableName: tableName,
    KeySchema: [
      { AttributeName: key.hash.name, KeyType: 'HASH' },
      ...(key.range ? [{ AttributeName: key.range.name, KeyType: 'RANGE' }] : []),
    ],
  };
}

/** Shards have no children here: a filter for them finds none. */
function shardsPage(state: StreamState, { Limit, ExclusiveStartShardId, ShardFilter }: DescribeStreamInput) {
  const { shards, shardsPageMax } = TABLE_STREAM_LIMITS;
  const ids = ShardFilter?.Type === 'CHILD_SHARDS' ? [] : Array.from({ length: shards }, (_, i) => shardId(state, i));
  const rest = ids.filter((id) => ExclusiveStartShardId === undefined || id > ExclusiveStartShardId);
  const page = rest.slice(0, Math.min(Limit ?? shardsPageMax, shardsPageMax));
  const range = {
    StartingSequenceNumber: sequenceText(state.firstSequence),
    ...(state.closed && { EndingSequenceNumber: sequenceText(state.closed.sequence) }),
  };
  return {
    Shards: page.map((ShardId) => ({ ShardId, SequenceNumberRange: range })),
    ...(page.length < rest.length && { LastEvaluatedShardId: page.at(-1) }),
  };
}
