import { crc32c } from '@node-rs/crc32';
import { LOG_FORMAT } from './format.ts';

/** Where records of one partition stand in one segment: parallel arrays, one element per chunk that has some. */
export interface ChunkList {
  /** Position of a block in the segment. */
  readonly positions: number[];
  /** Offset of the partition's first record in or after that block, up to the next chunk. */
  readonly offsets: number[];
  /** Latest timestamp in the chunk. */
  readonly timestamps: number[];
}

/** What a segment holds of one partition. */
export interface IndexedPartition {
  readonly partition: number;
  /** Offsets from `first` to before `end`. */
  readonly first: number;
  readonly end: number;
  /** Bytes of its runs. */
  readonly bytes: number;
  readonly timestampMax: number;
  readonly chunks: ChunkList;
}

const MAGIC = 0x5844494d; // 'MIDX'
const HEADER_BYTES = 32;
const ENTRY_BYTES = 48;
const CHUNK_BYTES = 24;

/**
 * Index of a sealed segment; it can always be made again from the segment.
 *
 * Layout: magic u32, version u32, crc32c u32 of what follows, entries u32, segment bytes f64, seed f64; then per partition
 * id, chunk count, first, end, bytes, timestampMax as f64; then per partition its chunks as (position, offset, timestamp) f64.
 */
export function encodeSegmentIndex(
  segmentBytes: number,
  seed: number,
  partitions: readonly IndexedPartition[],
): Buffer {
  const chunks = partitions.reduce((sum, { chunks }) => sum + chunks.offsets.length, 0);
  const bytes = Buffer.alloc(HEADER_BYTES + partitions.length * ENTRY_BYTES + chunks * CHUNK_BYTES);
  let at = HEADER_BYTES;
  const put = (value: number) => {
    at = bytes.writeDoubleLE(value, at);
  };
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(LOG_FORMAT.version, 4);
  bytes.writeUInt32LE(partitions.length, 12);
  bytes.writeDoubleLE(segmentBytes, 16);
  bytes.writeDoubleLE(seed, 24);
  for (const { partition, first, end, bytes: size, timestampMax, chunks } of partitions) {
    for (const value of [partition, chunks.offsets.length, first, end, size, timestampMax]) put(value);
  }
  for (const { chunks } of partitions) {
    for (let i = 0; i < chunks.offsets.length; i++) {
      put(chunks.positions[i]!);
      put(chunks.offsets[i]!);
      put(chunks.timestamps[i]!);
    }
  }
  bytes.writeUInt32LE(crc32c(bytes.subarray(12)), 8);
  return bytes;
}

/** @returns undefined when the bytes are damaged, of another version, or made for another segment (size, seed): make it anew. */
export function decodeSegmentIndex(
  bytes: Buffer,
  segmentBytes: number,
  seed: number,
): readonly IndexedPartition[] | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  if (bytes.readUInt32LE(4) !== LOG_FORMAT.version || bytes.readUInt32LE(8) !== crc32c(bytes.subarray(12)))
    return undefined;
  if (bytes.readDoubleLE(16) !== segmentBytes || bytes.readDoubleLE(24) !== seed) return undefined;
  const count = bytes.readUInt32LE(12);
  let at = HEADER_BYTES;
  const take = () => {
    at += 8;
    return bytes.readDoubleLE(at - 8);
  };
  const heads = Array.from(
    { length: count },
    () => Array.from({ length: 6 }, take) as [number, number, number, number, number, number],
  );
  return heads.map(([partition, chunkCount, first, end, size, timestampMax]) => {
    const chunks: ChunkList = { positions: [], offsets: [], timestamps: [] };
    for (let i = 0; i < chunkCount; i++) {
      chunks.positions.push(take());
      chunks.offsets.push(take());
      chunks.timestamps.push(take());
    }
    return { partition, first, end, bytes: size, timestampMax, chunks };
  });
}
