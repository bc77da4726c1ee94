/*
 * Rows of a stream.
 *
 *     key     shard (1 byte), sequence number (8 bytes, big-endian)
 *     value   offset  bytes
 *             0       1      format version
 *             1       1      bits 0-1 event, bit 2 time to live deleted it, bit 3 has a new image, bit 4 has an old image
 *             2       8      when, epoch milliseconds (float64, big-endian)
 *             10      4      size as AWS counts it: keys and images
 *             14      4      bytes of the keys' JSON
 *             18      4      bytes of the new image's JSON
 *             22             JSON of the keys, of the new image, of the old image; UTF-8
 *
 * Images are the canonical JSON that items are stored in, so that neither writing nor reading a record parses anything.
 */
import { assert } from '../../../base/index.ts';

export type EventName = 'INSERT' | 'MODIFY' | 'REMOVE';

/** A change as its stream keeps it. */
export interface StreamRow {
  readonly event: EventName;
  readonly by: 'caller' | 'ttl';
  /** Epoch milliseconds. */
  readonly at: number;
  readonly sizeBytes: number;
  /** JSON texts; images are there as the view type says. */
  readonly keys: string;
  readonly newImage: string | undefined;
  readonly oldImage: string | undefined;
}

const VERSION = 1;
const HEADER_BYTES = 22;
const EVENTS: readonly EventName[] = ['INSERT', 'MODIFY', 'REMOVE'];
const BY_TTL = 4;
const HAS_NEW = 8;
const HAS_OLD = 16;
const KEY_BYTES = 9;

/** @param sequence  whole, 0 to 2^53 */
export function rowKey(shard: number, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key[0] = shard;
  key.writeUInt32BE(Math.floor(sequence / 2 ** 32), 1);
  key.writeUInt32BE(sequence % 2 ** 32, 5);
  return key;
}

export function sequenceOfKey(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return view.getUint32(1) * 2 ** 32 + view.getUint32(5);
}

export function encodeRow({ event, by, at, sizeBytes, keys, newImage, oldImage }: StreamRow): Buffer {
  const keysBytes = Buffer.byteLength(keys);
  const newBytes = newImage === undefined ? 0 : Buffer.byteLength(newImage);
  const oldBytes = oldImage === undefined ? 0 : Buffer.byteLength(oldImage);
  const row = Buffer.allocUnsafe(HEADER_BYTES + keysBytes + newBytes + oldBytes);
  row[0] = VERSION;
  row[1] =
    EVENTS.indexOf(event) |
    (by === 'ttl' ? BY_TTL : 0) |
    (newImage === undefined ? 0 : HAS_NEW) |
    (oldImage === undefined ? 0 : HAS_OLD);
  row.writeDoubleBE(at, 2);
  row.writeUInt32BE(sizeBytes, 10);
  row.writeUInt32BE(keysBytes, 14);
  row.writeUInt32BE(newBytes, 18);
  row.write(keys, HEADER_BYTES);
  if (newImage !== undefined) row.write(newImage, HEADER_BYTES + keysBytes);
  if (oldImage !== undefined) row.write(oldImage, HEADER_BYTES + keysBytes + newBytes);
  return row;
}

/** @throws InternalError  a later release wrote it (S4) */
export function decodeRow(value: Uint8Array): StreamRow {
  const row = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  assert(row[0] === VERSION, `a stream record of format ${row[0]}, where ${VERSION} is known`);
  const flags = row[1]!;
  const afterKeys = HEADER_BYTES + row.readUInt32BE(14);
  const afterNew = afterKeys + row.readUInt32BE(18);
  return {
    event: EVENTS[flags & 3]!,
    by: flags & BY_TTL ? 'ttl' : 'caller',
    at: row.readDoubleBE(2),
    sizeBytes: row.readUInt32BE(10),
    keys: row.toString('utf8', HEADER_BYTES, afterKeys),
    newImage: flags & HAS_NEW ? row.toString('utf8', afterKeys, afterNew) : undefined,
    oldImage: flags & HAS_OLD ? row.toString('utf8', afterNew) : undefined,
  };
}

/** When a row was written, without reading the rest of it. */
export function timeOfRow(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getFloat64(2);
}
