import { crc32c } from '@node-rs/crc32';
import { DomainError } from '../../base/index.ts';
import { LOG_FORMAT, readU53, writeU53 } from './format.ts';

/** First bytes of a segment file. */
export interface SegmentHeader {
  /** Counts segments from 1. */
  readonly number: number;
  /** Seeds the checksums of its blocks, so that a block copied from elsewhere (a stored log file, say) never passes. */
  readonly salt: Uint8Array;
}

const MAGIC = Buffer.from('MILLRLOG');

/** Layout: magic 8, version u32, crc32c u32 (of the rest, version included), number u64, salt 16, zeros to 64. */
export function encodeSegmentHeader({ number, salt }: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(LOG_FORMAT.segmentHeaderBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  MAGIC.copy(bytes);
  view.setUint32(8, LOG_FORMAT.version, true);
  writeU53(view, 16, number);
  bytes.set(salt.subarray(0, 16), 24);
  view.setUint32(12, checksum(bytes), true);
  return bytes;
}

/**
 * @returns undefined when the bytes are no whole segment header
 * @throws DomainError `format-too-new`: written by a later version (S4)
 */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < LOG_FORMAT.segmentHeaderBytes || MAGIC.compare(bytes, 0, 8) !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, LOG_FORMAT.segmentHeaderBytes);
  if (view.getUint32(12, true) !== checksum(bytes)) return undefined;
  const version = view.getUint32(8, true);
  if (version > LOG_FORMAT.version) {
    throw new DomainError(
      'format-too-new',
      `the log was written in format ${version}; this version reads up to format ${LOG_FORMAT.version}`,
    );
  }
  return { number: readU53(view, 16), salt: Buffer.from(bytes.subarray(24, 40)) };
}

/** Where the checksums of the segment's blocks begin. */
export function segmentSeed({ number, salt }: SegmentHeader): number {
  return crc32c(Buffer.from(salt), number >>> 0);
}

function checksum(bytes: Uint8Array): number {
  const body = Buffer.from(bytes.subarray(16, LOG_FORMAT.segmentHeaderBytes));
  return crc32c(body, crc32c(Buffer.from(bytes.subarray(8, 12))));
}
