import { ACCOUNT_ID } from '../../base/index.ts';
import type { Offset } from '../../store/index.ts';
import { invalidArgument } from './errors.ts';
import type { Shard } from './shard.ts';

/** Where to begin reading, as the API names it. */
export interface StartingPoint {
  readonly type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER' | 'TRIM_HORIZON' | 'LATEST' | 'AT_TIMESTAMP';
  readonly sequenceNumber?: string | undefined;
  readonly timestamp?: Date | undefined;
  /** Operation, for the message. */
  readonly operation: string;
}

/** Offset at which to begin. @throws invalid-argument */
export async function startingOffset(shard: Shard, stream: string, point: StartingPoint, now: number): Promise<Offset> {
  checkMembers(point);
  switch (point.type) {
    case 'TRIM_HORIZON':
      return shard.first;
    case 'LATEST':
      return shard.next;
    case 'AT_TIMESTAMP':
      if (point.timestamp!.getTime() > now) {
        throw invalidArgument(
          `The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: ${point.timestamp!.getTime()}, currentTimestampInMillis: ${now}`,
        );
      }
      return shard.offsetAt(point.timestamp!.getTime());
    case 'AT_SEQUENCE_NUMBER':
      return Math.max(0, sequenceOffset(shard, stream, point));
    case 'AFTER_SEQUENCE_NUMBER':
      return sequenceOffset(shard, stream, point) + 1;
  }
}

function sequenceOffset(shard: Shard, stream: string, { sequenceNumber, operation }: StartingPoint): Offset {
  const offset = shard.offsetOf(sequenceNumber!);
  if (offset !== undefined) return offset;
  throw invalidArgument(
    `StartingSequenceNumber ${sequenceNumber} used in ${operation} on shard ${shard.id} in stream ${stream} under account ` +
      `${ACCOUNT_ID} is invalid because it did not come from this stream.`,
  );
}

function checkMembers({ type, sequenceNumber, timestamp }: StartingPoint): void {
  const bySequence = type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER';
  if (bySequence !== (sequenceNumber !== undefined)) {
    throw invalidArgument(
      'Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
        `(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified ${type} and ${bySequence ? 'no' : 'also a'} StartingSequenceNumber.`,
    );
  }
  if ((type === 'AT_TIMESTAMP') !== (timestamp !== undefined)) {
    throw invalidArgument(
      type === 'AT_TIMESTAMP'
        ? 'Must specify timestamp when iterator type is AT_TIMESTAMP.'
        : `Must not specify timestamp when iterator type is ${type}.`,
    );
  }
}
