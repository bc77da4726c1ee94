import { type BlockHeader, LOG_FORMAT, parseBlock, parseBlockHeader, type RunPlace } from '../../../codec/log/index.ts';
import type { StoreFile } from './files.ts';

/** A verified block in memory; its runs' positions count from the start of `buffer`. */
export interface ScannedBlock {
  readonly header: BlockHeader;
  readonly runs: readonly RunPlace[];
  /** Where it begins in the file. */
  readonly position: number;
  readonly buffer: Buffer;
  readonly view: DataView;
}

const WINDOW_BYTES = 2 * 1024 * 1024;

/**
 * Calls `onBlock` for each whole block from `from` on, in order.
 *
 * @returns where it stopped: at `to`, or at the first bytes that are no whole, valid block
 */
export async function scanBlocks(
  file: StoreFile,
  seed: number,
  from: number,
  to: number,
  onBlock: (block: ScannedBlock) => void,
): Promise<number> {
  let position = from;
  let windowBytes = Math.min(WINDOW_BYTES, to - from);
  while (position < to) {
    const bytes = Buffer.allocUnsafeSlow(Math.min(windowBytes, to - position));
    const buffer = bytes.subarray(0, await file.read(bytes, position));
    const used = eachBlock(buffer, seed, position, onBlock);
    position += used;
    if (used > 0) continue;
    const needed = claimedLength(buffer);
    // A block that the window cuts is read again in a larger one; anything else that does not parse ends the scan.
    if (needed <= buffer.length || position + needed > to) return position;
    windowBytes = Math.max(windowBytes, needed);
  }
  return position;
}

/** Calls `onBlock` for each whole block at the start of `buffer`; @returns where the first byte stands that is not of one. */
export function eachBlock(
  buffer: Buffer,
  seed: number,
  position: number,
  onBlock: (block: ScannedBlock) => 'stop' | undefined | void,
): number {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  let at = 0;
  for (;;) {
    const header = parseBlockHeader(buffer, view, at, seed);
    if (!header) return at;
    if (onBlock({ header, runs: parseBlock(view, at, header), position: position + at, buffer, view }) === 'stop')
      return at;
    at += header.length;
  }
}

/** Length that the header of the block at the start claims; 0 when there is no header. */
export function claimedLength(buffer: Buffer): number {
  if (buffer.length < LOG_FORMAT.blockHeaderBytes || buffer.readUInt32LE(0) !== LOG_FORMAT.blockMagic) return 0;
  return buffer.readUInt32LE(8);
}

const MAGIC = Buffer.alloc(4);
MAGIC.writeUInt32LE(LOG_FORMAT.blockMagic);

/** Position of the first valid block at or after `from` of a group above `group`; `undefined` when there is none. */
export async function findBlock(
  file: StoreFile,
  seed: number,
  from: number,
  to: number,
  group: number,
): Promise<number | undefined> {
  const bytes = Buffer.allocUnsafeSlow(to - from);
  const buffer = bytes.subarray(0, await file.read(bytes, from));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  for (let at = buffer.indexOf(MAGIC); at >= 0; at = buffer.indexOf(MAGIC, at + 1)) {
    const header = parseBlockHeader(buffer, view, at, seed);
    if (header && header.group > group) return from + at;
  }
  return undefined;
}
