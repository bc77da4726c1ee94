import { crc32c } from '@node-rs/crc32';
import { BLOCK_FLAGS, LOG_FORMAT, readU53, writeU53 } from './format.ts';
import { type RunHeader, readRunHeader, writeRunHeader } from './run.ts';

/** Head of a block. */
export interface BlockHeader {
  /** Bytes of the whole block, this header included. */
  readonly length: number;
  /** Number of the group commit it belongs to: goes up by one with each group. */
  readonly group: number;
  readonly lastOfGroup: boolean;
  /** It holds the state of all partitions and opens a segment. */
  readonly snapshot: boolean;
  readonly runs: number;
}

/** A run that was just written, with the block that it lies in. */
export interface RunPlace extends RunHeader {
  /** Where its block begins, bytes from the start of the buffer. */
  readonly block: number;
}

interface Record {
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

const { blockHeaderBytes, runHeaderBytes, recordHeaderBytes, blockBytesTarget, runRecordsMax } = LOG_FORMAT;

/** Bytes that a group of `records` records with `payloadBytes` in `partitions` partitions takes at most. */
export function blockSpaceMax(records: number, payloadBytes: number, partitions: number): number {
  const bytes = payloadBytes + records * recordHeaderBytes;
  const pieces = partitions + Math.ceil(records / runRecordsMax) + Math.ceil(bytes / blockBytesTarget) * 2 + 1;
  return bytes + pieces * (blockHeaderBytes + runHeaderBytes);
}

/**
 * Writes one group commit as blocks into a buffer: `add` for each partition, then `finish`.
 *
 * Layout of a block's header: magic u32, crc32c u32 (of all that follows it), length u32, flags u32, group u64, runs u32, zero u32.
 * The checksum covers the block, not the record: one call costs a hundred times less than one per 200-byte record, and a torn
 * group is dropped whole anyway.
 */
export class BlockWriter {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  readonly #seed: number;
  readonly #group: number;
  readonly #flags: number;
  readonly #bytesTarget: number;
  readonly places: RunPlace[] = [];
  #block: number;
  #at: number;
  #runs = 0;

  /** @param at  where to begin in `buffer`, which has room for {@link blockSpaceMax}; @param seed  checksum of the segment's salt */
  constructor(
    buffer: Buffer,
    view: DataView,
    at: number,
    options: { seed: number; group: number; snapshot?: boolean },
  ) {
    this.#buffer = buffer;
    this.#view = view;
    this.#seed = options.seed;
    this.#group = options.group;
    this.#flags = options.snapshot ? BLOCK_FLAGS.snapshot : 0;
    // A snapshot is one block, so that it is there whole or not at all.
    this.#bytesTarget = options.snapshot ? Number.POSITIVE_INFINITY : blockBytesTarget;
    this.#block = at;
    this.#at = at + blockHeaderBytes;
  }

  /** Writes consecutive records of one partition, the first with offset `first`. */
  add(partition: number, first: number, records: readonly Record[]): void {
    for (let index = 0; index < records.length; ) {
      if (this.#at - this.#block >= this.#bytesTarget) this.#closeBlock(0);
      index += this.#addRun(partition, first + index, records, index);
    }
  }

  /** Seals the last block; @returns where the group ends in the buffer. */
  finish(): number {
    this.#closeBlock(BLOCK_FLAGS.lastOfGroup);
    return this.#block;
  }

  #addRun(partition: number, first: number, records: readonly Record[], from: number): number {
    const view = this.#view;
    const head = this.#at;
    const start = head + runHeaderBytes;
    const fullAt = this.#block + this.#bytesTarget;
    const to = Math.min(records.length, from + runRecordsMax);
    let at = start;
    let timestampMax = Number.NEGATIVE_INFINITY;
    let index = from;
    while (index < to && (at < fullAt || index === from)) {
      const { timestamp, payload } = records[index++]!;
      view.setUint32(at, payload.length, true);
      view.setFloat64(at + 4, timestamp, true);
      this.#buffer.set(payload, at + recordHeaderBytes);
      at += recordHeaderBytes + payload.length;
      if (timestamp > timestampMax) timestampMax = timestamp;
    }
    const place = { partition, count: index - from, first, timestampMax, start, end: at, block: this.#block };
    writeRunHeader(view, head, place, at - start);
    this.places.push(place);
    this.#runs++;
    this.#at = at;
    return index - from;
  }

  #closeBlock(flags: number): void {
    const view = this.#view;
    const at = this.#block;
    view.setUint32(at, LOG_FORMAT.blockMagic, true);
    view.setUint32(at + 8, this.#at - at, true);
    view.setUint32(at + 12, this.#flags | flags, true);
    writeU53(view, at + 16, this.#group);
    view.setUint32(at + 24, this.#runs, true);
    view.setUint32(at + 28, 0, true);
    view.setUint32(at + 4, crc32c(this.#buffer.subarray(at + 8, this.#at), this.#seed), true);
    this.#block = this.#at;
    this.#at += blockHeaderBytes;
    this.#runs = 0;
  }
}

/** Reads and verifies the block header at `at`; `undefined` unless a whole block with the right checksum stands there. */
export function parseBlockHeader(buffer: Buffer, view: DataView, at: number, seed: number): BlockHeader | undefined {
  if (at + blockHeaderBytes > buffer.length || view.getUint32(at, true) !== LOG_FORMAT.blockMagic) return undefined;
  const length = view.getUint32(at + 8, true);
  if (length < blockHeaderBytes || at + length > buffer.length) return undefined;
  if (crc32c(buffer.subarray(at + 8, at + length), seed) !== view.getUint32(at + 4, true)) return undefined;
  const flags = view.getUint32(at + 12, true);
  return {
    length,
    group: readU53(view, at + 16),
    lastOfGroup: (flags & BLOCK_FLAGS.lastOfGroup) !== 0,
    snapshot: (flags & BLOCK_FLAGS.snapshot) !== 0,
    runs: view.getUint32(at + 24, true),
  };
}

/** Headers of the runs of a verified block. */
export function parseBlock(view: DataView, at: number, header: BlockHeader): readonly RunPlace[] {
  const runs: RunPlace[] = [];
  for (let i = 0, next = at + blockHeaderBytes; i < header.runs; i++) {
    const run = readRunHeader(view, next);
    runs.push({ ...run, block: at });
    next = run.end;
  }
  return runs;
}
