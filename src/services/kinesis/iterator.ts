import type { Offset } from '../../store/index.ts';
import { invalidArgument, KinesisError } from './errors.ts';
import { KINESIS_LIMITS } from './limits.ts';
import type { Shard } from './shard.ts';
import type { Stream } from './stream.ts';

/** What a shard iterator says: where in which shard to read, and when it was given out. */
export interface ShardIterator {
  readonly region: string;
  readonly stream: string;
  /** Of the stream: an iterator does not outlive it for one of the same name. */
  readonly streamId: string;
  readonly shard: number;
  readonly offset: Offset;
  /** Epoch milliseconds. */
  readonly issuedAt: number;
}

/** Opaque to clients; fields are joined by a byte that no name holds. */
export function encodeIterator(stream: Stream, shard: Shard, offset: Offset, now: number): string {
  const { region, name, id } = stream.state;
  return Buffer.from(['1', region, name, id, shard.state.index, offset, now].join('\n')).toString('base64');
}

/** @throws invalid-argument, iterator-expired */
export function decodeIterator(text: string, now: number): ShardIterator {
  const [version, region, stream, streamId, shard, offset, issued] = Buffer.from(text, 'base64').toString().split('\n');
  const issuedAt = Number(issued);
  if (version !== '1' || issued === undefined || !Number.isSafeInteger(issuedAt)) {
    throw invalidArgument('Invalid ShardIterator.');
  }
  if (now - issuedAt > KINESIS_LIMITS.iteratorAgeMsMax) throw expired(issuedAt, now);
  return {
    region: region!,
    stream: stream!,
    streamId: streamId!,
    shard: Number(shard),
    offset: Number(offset),
    issuedAt,
  };
}

/** The stream that an iterator is of, expired or not; `undefined` for what is none. */
export function streamOfIterator(text: string): { readonly region: string; readonly name: string } | undefined {
  const [version, region, name] = Buffer.from(text, 'base64').toString().split('\n', 3);
  return version === '1' && region && name ? { region, name } : undefined;
}

function expired(issuedAt: number, now: number): KinesisError {
  return new KinesisError(
    'iterator-expired',
    `Iterator expired. The iterator was created at time ${javaDate(issuedAt)} while right now it is ${javaDate(now)} ` +
      `which is further in the future than the tolerated delay of ${KINESIS_LIMITS.iteratorAgeMsMax} milliseconds.`,
  );
}

/** As Java prints a date: `Tue Nov 21 09:14:05 UTC 2026`. */
function javaDate(at: number): string {
  const [day, date, month, year, time] = new Date(at).toUTCString().replace(',', '').split(' ');
  return `${day} ${month} ${date} ${time} UTC ${year}`;
}
