import { LOG_FORMAT, readU53 } from './format.ts';

/** Head of consecutive records of one partition within a block. */
export interface RunHeader {
  /** 0 is the log's own control entries. */
  readonly partition: number;
  readonly count: number;
  /** Offset of its first record. */
  readonly first: number;
  readonly timestampMax: number;
  /** Where its records begin and end, bytes from the start of the buffer. */
  readonly start: number;
  readonly end: number;
}

/** Layout: partition u32, count u32, bytes u32, zero u32, first u64, timestampMax f64. */
export function writeRunHeader(view: DataView, at: number, run: Omit<RunHeader, 'start' | 'end'>, bytes: number): void {
  view.setUint32(at, run.partition, true);
  view.setUint32(at + 4, run.count, true);
  view.setUint32(at + 8, bytes, true);
  view.setUint32(at + 12, 0, true);
  view.setUint32(at + 16, run.first % 0x1_0000_0000, true);
  view.setUint32(at + 20, Math.floor(run.first / 0x1_0000_0000), true);
  view.setFloat64(at + 24, run.timestampMax, true);
}

export function readRunHeader(view: DataView, at: number): RunHeader {
  const start = at + LOG_FORMAT.runHeaderBytes;
  return {
    partition: view.getUint32(at, true),
    count: view.getUint32(at + 4, true),
    first: readU53(view, at + 16),
    timestampMax: view.getFloat64(at + 24, true),
    start,
    end: start + view.getUint32(at + 8, true),
  };
}

/** A record as it lies in a run; `payload` is a view of the run's buffer. */
export interface DecodedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly payload: Buffer;
}

/**
 * Appends records of `run` from offset `from` on to `into`, until that holds `recordsMax` or `budget` bytes are used up.
 * The first record goes in whatever its size.
 *
 * @returns payload bytes left of the budget; 0 or less means that the read is full
 */
export function decodeRecords(
  run: Pick<RunHeader, 'first' | 'count' | 'start'>,
  buffer: Buffer,
  view: DataView,
  from: number,
  recordsMax: number,
  budget: number,
  into: DecodedRecord[],
): number {
  let at = run.start;
  let offset = run.first;
  for (; offset < from; offset++) at += LOG_FORMAT.recordHeaderBytes + view.getUint32(at, true);
  const end = Math.min(run.first + run.count, offset + recordsMax - into.length);
  let left = budget;
  for (; offset < end && left > 0; offset++) {
    const length = view.getUint32(at, true);
    const begin = at + LOG_FORMAT.recordHeaderBytes;
    at = begin + length;
    into.push({ offset, timestamp: view.getFloat64(begin - 8, true), payload: buffer.subarray(begin, at) });
    left -= length;
  }
  return left;
}
