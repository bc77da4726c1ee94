/** Checksums of contents: CRC32, CRC32C, CRC64NVME, SHA-1, SHA-256; and of contents in pieces. */
export { type CrcAlgorithm, type CrcPiece, combineCrcs } from './combine.ts';
export {
  CHECKSUM_ALGORITHMS,
  CHECKSUM_BYTES,
  type ChecksumHasher,
  type ContentAlgorithm,
  checksumHasher,
} from './hasher.ts';
export { LANES, type LaneMd5, type LaneMemory, type LanePiece, laneMemory, Md5Lanes, PIECES_AT } from './md5-lanes.ts';
