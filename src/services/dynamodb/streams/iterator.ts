import { DynamodbError, invalid } from '../errors.ts';
import { TABLE_STREAM_LIMITS } from './limits.ts';

/** What a shard iterator says: where in which shard to read, and when it was given out. */
export interface ShardIterator {
  readonly streamArn: string;
  readonly shard: number;
  /** Sequence number of the next record. */
  readonly from: number;
  /** Epoch milliseconds. */
  readonly issuedAt: number;
}

/** Opaque to clients; `ARN|1|...` as AWS's begin. */
export function encodeIterator({ streamArn, shard, from, issuedAt }: ShardIterator): string {
  return `${streamArn}|1|${Buffer.from([shard, from, issuedAt].join(' ')).toString('base64')}`;
}

/** @throws validation-failed, iterator-expired */
export function decodeIterator(text: string, now: number): ShardIterator {
  const [streamArn, version, rest = ''] = text.split('|');
  const [shard, from, issuedAt] = Buffer.from(rest, 'base64').toString().split(' ').map(Number);
  const whole = [shard, from, issuedAt].every(Number.isSafeInteger) && shard! >= 0 && from! >= 0;
  if (version !== '1' || !whole || shard! >= TABLE_STREAM_LIMITS.shards) throw invalid('Invalid ShardIterator');
  if (now - issuedAt! > TABLE_STREAM_LIMITS.iteratorAgeMsMax) {
    throw new DynamodbError('iterator-expired', 'The provided iterator exceeds the maximum age allowed.');
  }
  return { streamArn: streamArn!, shard: shard!, from: from!, issuedAt: issuedAt! };
}
