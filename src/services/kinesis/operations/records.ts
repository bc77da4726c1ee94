import type {
  GetRecordsInput,
  GetShardIteratorInput,
  PutRecordInput,
  PutRecordsInput,
  PutRecordsRequestEntry,
} from '@aws-sdk/client-kinesis';
import { ACCOUNT_ID, hasCode, messageOf } from '../../../base/index.ts';
import type { TraceContext } from '../../../telemetry/index.ts';
import type { Operation } from '../../index.ts';
import { invalidArgument, KinesisError, streamNotFound } from '../errors.ts';
import { parseExplicitHashKey } from '../hash-key.ts';
import { decodeIterator, encodeIterator } from '../iterator.ts';
import { KINESIS_LIMITS } from '../limits.ts';
import { startingOffset } from '../position.ts';
import { childShards, millisBehind } from '../reading.ts';
import type { Shard } from '../shard.ts';
import type { Placement, Stream } from '../stream.ts';
import type { KinesisParts } from './context.ts';

/** The data plane: put, iterate, get. */
export function recordOperations({ streams, log, clock }: KinesisParts) {
  const PutRecord: Operation<PutRecordInput> = async (input, { region, trace }) => {
    const stream = streams.resolve(region, input);
    stream.checkSize(input.Data!, 'data');
    const shard = route(stream, input);
    if (input.SequenceNumberForOrdering !== undefined) checkOrdering(stream, shard, input.SequenceNumberForOrdering);
    if (input.DryRun) throw dryRun();
    const placed = stream.enqueue(input.PartitionKey!, input.Data!, trace, shard);
    await log.committed();
    return { ...toPlace(placed), EncryptionType: 'NONE' };
  };

  const PutRecords: Operation<PutRecordsInput> = async (input, { region, trace }) => {
    const stream = streams.resolve(region, input);
    const records = input.Records!;
    checkBatch(stream, records);
    const shards = records.map((record) => route(stream, record));
    if (input.DryRun) throw dryRun();
    const placed = records.map((record, i) => enqueue(stream, record, shards[i]!, trace));
    await log.committed();
    const entries = placed.map((one) => ('offset' in one ? toPlace(one) : one));
    return {
      FailedRecordCount: placed.filter((one) => !('offset' in one)).length,
      Records: entries,
      EncryptionType: 'NONE',
    };
  };

  const GetShardIterator: Operation<GetShardIteratorInput> = async (input, { region }) => {
    const stream = streams.resolve(region, input);
    const shard = stream.shard(input.ShardId!);
    const now = clock.now();
    const point = {
      type: input.ShardIteratorType!,
      sequenceNumber: input.StartingSequenceNumber,
      timestamp: input.Timestamp,
      operation: 'GetShardIterator',
    };
    const offset = await startingOffset(shard, stream.name, point, now);
    if (input.DryRun) throw dryRun();
    return { ShardIterator: encodeIterator(stream, shard, offset, now) };
  };

  const GetRecords: Operation<GetRecordsInput> = async (input) => {
    const now = clock.now();
    const iterator = decodeIterator(input.ShardIterator!, now);
    const stream = streams.find(iterator.region, iterator.stream);
    if (stream?.state.id !== iterator.streamId) throw streamNotFound(iterator.stream);
    if (input.StreamARN !== undefined && input.StreamARN !== stream.arn) {
      throw invalidArgument('The StreamARN does not match the stream of the ShardIterator.');
    }
    const shard = stream.shard(String(iterator.shard));
    if (shard.throttle?.takeRead() === false) throw readThrottled(stream, shard);
    if (input.DryRun) throw dryRun();
    const limit = input.Limit ?? KINESIS_LIMITS.recordsPerGetMax;
    const records = await shard.read(iterator.offset, limit, KINESIS_LIMITS.bytesPerGetMax);
    const next = records.length > 0 ? records.at(-1)!.offset + 1 : iterator.offset;
    const behind = millisBehind(shard, next, records, now);
    shard.counts.noteRead(records, behind);
    return {
      Records: records.map((record) => shard.toRecord(record)),
      ...(shard.isFinishedAt(next)
        ? { ChildShards: childShards(stream, shard) }
        : { NextShardIterator: encodeIterator(stream, shard, next, now) }),
      MillisBehindLatest: behind,
    };
  };

  return { PutRecord, PutRecords, GetShardIterator, GetRecords };
}

/** One record of a batch: its failure is its own, and the others go on. */
function enqueue(stream: Stream, record: PutRecordsRequestEntry, shard: Shard, trace: TraceContext) {
  try {
    return stream.enqueue(record.PartitionKey!, record.Data!, trace, shard);
  } catch (error) {
    const throttled = hasCode(error, 'throughput-exceeded') || hasCode(error, 'log-busy');
    return throttled
      ? { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: messageOf(error) }
      : { ErrorCode: 'InternalFailure', ErrorMessage: 'Internal Service Failure' };
  }
}

function route(stream: Stream, { PartitionKey, ExplicitHashKey }: PutRecordsRequestEntry): Shard {
  if (PartitionKey === undefined) throw invalidArgument('PartitionKey must be provided.');
  return ExplicitHashKey === undefined
    ? stream.route(PartitionKey)
    : stream.routeHash(parseExplicitHashKey(ExplicitHashKey));
}

const toPlace = ({ shard, offset }: Placement) => ({
  ShardId: shard.id,
  SequenceNumber: shard.sequence.of(offset),
});

function checkBatch(stream: Stream, records: readonly PutRecordsRequestEntry[]): void {
  let bytes = 0;
  for (const [index, { Data, PartitionKey }] of records.entries()) {
    stream.checkSize(Data!, `records.${index + 1}.member.data`);
    bytes += Data!.length + Buffer.byteLength(PartitionKey ?? '');
  }
  if (bytes > KINESIS_LIMITS.putBytesMax) {
    throw invalidArgument(`Records size exceeds ${KINESIS_LIMITS.putBytesMax / 1024 / 1024} MB limit`);
  }
}

/** Order holds anyway: records of a shard are taken in the order of their calls. */
function checkOrdering(stream: Stream, shard: Shard, sequenceNumber: string): void {
  if (shard.offsetOf(sequenceNumber) !== undefined) return;
  const known = [...stream.shards.values()].some((other) => other.offsetOf(sequenceNumber) !== undefined);
  if (known) return;
  throw invalidArgument(
    `ExclusiveMinimumSequenceNumber ${sequenceNumber} used in PutRecord on stream ${stream.name} under account ${ACCOUNT_ID} is invalid.`,
  );
}

function readThrottled(stream: Stream, shard: Shard): KinesisError {
  shard.counts.readsThrottled++;
  return new KinesisError(
    'throughput-exceeded',
    `Rate exceeded for shard ${shard.id} in stream ${stream.name} under account ${ACCOUNT_ID}.`,
    { remedy: 'retry' },
  );
}

const dryRun = () => new KinesisError('dry-run', 'Request would have succeeded, but DryRun flag is set.');
