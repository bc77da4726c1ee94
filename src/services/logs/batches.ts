/**
 * A batch of events of one stream, as a record of the group's partition.
 *
 *   u8 version = 1 | u16le length of the stream's name | u16le events | f64le offset of the stream's previous batch, -1 for none |
 *   f64le ingestion time | name, UTF-8 | events: f64le timestamp, u32le length, message in UTF-8
 *
 * The link to the previous batch makes the end of a stream readable without looking at the thousands of others in its group.
 */
import { DomainError } from '../../base/index.ts';
import type { LogEvent } from './model.ts';

export interface Batch {
  readonly stream: string;
  /** `undefined` for the first batch of the stream. */
  readonly previous: number | undefined;
  /** Epoch milliseconds. */
  readonly ingestedAt: number;
  readonly events: readonly LogEvent[];
}

const VERSION = 1;
const HEAD_BYTES = 21;
const EVENT_HEAD_BYTES = 12;

export function encodeBatch({ stream, previous, ingestedAt, events }: Batch): Buffer {
  const name = Buffer.from(stream);
  const lengths = events.map(({ message }) => Buffer.byteLength(message));
  const size = lengths.reduce((sum, length) => sum + EVENT_HEAD_BYTES + length, HEAD_BYTES + name.length);
  const bytes = Buffer.allocUnsafe(size);
  bytes[0] = VERSION;
  bytes.writeUInt16LE(name.length, 1);
  bytes.writeUInt16LE(events.length, 3);
  bytes.writeDoubleLE(previous ?? -1, 5);
  bytes.writeDoubleLE(ingestedAt, 13);
  name.copy(bytes, HEAD_BYTES);
  let at = HEAD_BYTES + name.length;
  events.forEach(({ timestamp, message }, index) => {
    bytes.writeDoubleLE(timestamp, at);
    bytes.writeUInt32LE(lengths[index]!, at + 8);
    bytes.write(message, at + EVENT_HEAD_BYTES, 'utf8');
    at += EVENT_HEAD_BYTES + lengths[index]!;
  });
  return bytes;
}

/** The stream of a batch, without decoding the rest. @throws DomainError `batch-invalid` */
export function streamOf(payload: Uint8Array): string {
  const bytes = asBuffer(payload);
  check(bytes, HEAD_BYTES);
  if (bytes[0] !== VERSION) throw invalid(`a batch of version ${bytes[0]}; this node reads ${VERSION}`);
  const end = HEAD_BYTES + bytes.readUInt16LE(1);
  check(bytes, end);
  return bytes.toString('utf8', HEAD_BYTES, end);
}

/** @throws DomainError `batch-invalid`: of another version, or cut */
export function decodeBatch(payload: Uint8Array): Batch {
  const stream = streamOf(payload);
  const bytes = asBuffer(payload);
  const previous = bytes.readDoubleLE(5);
  const events: LogEvent[] = [];
  let at = HEAD_BYTES + bytes.readUInt16LE(1);
  for (let left = bytes.readUInt16LE(3); left > 0; left--) {
    check(bytes, at + EVENT_HEAD_BYTES);
    const end = at + EVENT_HEAD_BYTES + bytes.readUInt32LE(at + 8);
    check(bytes, end);
    events.push({ timestamp: bytes.readDoubleLE(at), message: bytes.toString('utf8', at + EVENT_HEAD_BYTES, end) });
    at = end;
  }
  return { stream, previous: previous < 0 ? undefined : previous, ingestedAt: bytes.readDoubleLE(13), events };
}

function asBuffer(payload: Uint8Array): Buffer {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

function check(bytes: Buffer, length: number): void {
  if (bytes.length < length) throw invalid(`a batch cut at ${bytes.length} of ${length} bytes`);
}

function invalid(message: string): DomainError {
  return new DomainError('batch-invalid', message);
}
