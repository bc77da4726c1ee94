/**
 * Numbers of the log's on-disk format. All integers are little endian.
 *
 * ```
 * segment  = header (64 B) block*
 * block    = header (32 B) run*            checksummed whole, seeded with the segment's salt
 * run      = header (32 B) record*         records of one partition with consecutive offsets
 * record   = u32 payload length, f64 timestamp, payload
 * ```
 * One group commit is one or more blocks; only the last one carries `lastOfGroup`. A segment begins with a snapshot of all
 * partitions, so that the segments before it are never needed to know which partitions there are (S4: `version`).
 */
export const LOG_FORMAT = {
  version: 1,
  segmentHeaderBytes: 64,
  blockHeaderBytes: 32,
  runHeaderBytes: 32,
  recordHeaderBytes: 12,
  /** A block is closed once it holds this much; a record larger than it makes a larger block. */
  blockBytesTarget: 256 * 1024,
  /** Records of a run: bounds the walk to a record in the middle. */
  runRecordsMax: 256,
  /** Blocks begin with it: the bytes `MBLK`. */
  blockMagic: 0x4b4c424d,
  /** Run id of control entries; partitions count from 1. */
  controlPartition: 0,
} as const;

/** Flags in a block's header. */
export const BLOCK_FLAGS = { lastOfGroup: 1, snapshot: 2 } as const;

const TWO_32 = 0x1_0000_0000;

/** Writes a whole number below 2^53 as 8 bytes. */
export function writeU53(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % TWO_32, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

/** Reads what {@link writeU53} wrote; above 2^53 it is not exact, and only damaged bytes hold that. */
export function readU53(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
}
