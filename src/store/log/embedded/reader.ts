import { DomainError } from '../../../base/index.ts';
import { type DecodedRecord, decodeRecords } from '../../../codec/log/index.ts';
import type { LogErrorCode, LogRecord, Offset } from '../log.ts';
import type { ChunkCache } from './chunk-cache.ts';
import type { Partition } from './partition.ts';
import type { Extent } from './segment.ts';

/** Reads what is in memory; `undefined` when the first record asked for is not. Empty at the end of the partition. */
export function readTail(
  partition: Partition,
  from: Offset,
  recordsMax: number,
  bytesMax: number,
): readonly LogRecord[] | undefined {
  checkBounds(partition, from);
  // At its end too: a stopped partition has no end that a reader may wait at (S2).
  if (partition.damagedAt !== undefined && from >= partition.damagedAt) throw damaged(partition, partition.damagedAt);
  if (from >= partition.next) return [];
  const oldest = partition.tail.first;
  if (oldest === undefined || from < oldest) return undefined;
  const records: DecodedRecord[] = [];
  partition.tail.read(from, recordsMax, bytesMax, records);
  return records;
}

/** Reads from disk, chunk after chunk, until the limits, the end, or where memory goes on. */
export async function readDisk(
  partition: Partition,
  chunks: ChunkCache,
  from: Offset,
  recordsMax: number,
  bytesMax: number,
): Promise<readonly LogRecord[]> {
  const records: DecodedRecord[] = [];
  const end = Math.min(partition.next, partition.damagedAt ?? partition.next);
  let left = bytesMax;
  let next = from;
  while (next < end && records.length < recordsMax && left > 0) {
    const before = next;
    const found = await chunkAt(partition, chunks, next);
    for (const run of found.chunk.runs.get(partition.id) ?? []) {
      if (run.first + run.count <= next) continue;
      if (run.first > next || left <= 0 || records.length >= recordsMax) break;
      left = decodeRecords(run, found.chunk.buffer, found.chunk.view, next, recordsMax, left, records);
      next = from + records.length;
    }
    if (next > before) continue;
    // What was read is given first; the damage is reported to the read that begins there.
    if (records.length > 0) break;
    checkBounds(partition, next);
    throw damaged(partition, next, found.extent);
  }
  return records;
}

/** See `Log.offsetAt`. */
export async function findTimestamp(partition: Partition, chunks: ChunkCache, timestamp: number): Promise<Offset> {
  const { first } = partition;
  const inMemory = partition.tail.first ?? partition.next;
  for (const extent of partition.extents.slice(partition.extentOf(first))) {
    if (extent.timestampMax < timestamp) continue;
    const { offsets, timestamps } = extent.chunks;
    for (let i = extent.chunkOf(first); i < offsets.length && offsets[i]! < inMemory; i++) {
      if (timestamps[i]! < timestamp) continue;
      const found = await findInChunk(partition, chunks, Math.max(first, offsets[i]!), timestamp);
      if (found !== undefined) return found;
    }
  }
  if (partition.tail.first === undefined) return partition.next;
  return partition.tail.offsetAt(timestamp, Math.max(first, partition.tail.first)) ?? partition.next;
}

async function findInChunk(partition: Partition, chunks: ChunkCache, from: Offset, timestamp: number) {
  const { chunk } = await chunkAt(partition, chunks, from);
  for (const run of chunk.runs.get(partition.id) ?? []) {
    if (run.timestampMax < timestamp || run.first + run.count <= from) continue;
    const records: DecodedRecord[] = [];
    decodeRecords(run, chunk.buffer, chunk.view, from, run.count, Number.POSITIVE_INFINITY, records);
    const found = records.find((record) => record.timestamp >= timestamp);
    if (found) return found.offset;
  }
  return undefined;
}

async function chunkAt(partition: Partition, chunks: ChunkCache, offset: Offset) {
  const extent = partition.extents[partition.extentOf(offset)];
  if (!extent || offset < extent.first || offset >= extent.end) {
    checkBounds(partition, offset);
    throw damaged(partition, offset, extent);
  }
  return { extent, chunk: await chunks.load(extent.segment, extent.chunks.positions[extent.chunkOf(offset)]!) };
}

function checkBounds(partition: Partition, from: Offset): void {
  if (from >= partition.first) return;
  throw new DomainError<LogErrorCode>(
    'records-trimmed',
    `offset ${from} of ${partition.name} is older than the oldest record, ${partition.first}`,
    { fields: { first: partition.first } },
  );
}

export function damaged(partition: Partition, offset: Offset, extent?: Extent): DomainError<LogErrorCode> {
  const where = extent ? ` (segment ${extent.segment.number})` : '';
  return new DomainError('log-damaged', `records of ${partition.name} from offset ${offset} on are damaged${where}`, {
    fields: { partition: partition.name, offset },
  });
}
