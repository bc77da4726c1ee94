/** codec/log: how records, blocks and segment indexes of the embedded log lie on disk. */
export { type BlockHeader, BlockWriter, blockSpaceMax, parseBlock, parseBlockHeader, type RunPlace } from './block.ts';
export { type ControlEntry, decodeControl, encodeControl } from './control.ts';
export { LOG_FORMAT } from './format.ts';
export { type ChunkList, decodeSegmentIndex, encodeSegmentIndex, type IndexedPartition } from './index-file.ts';
export { type DecodedRecord, decodeRecords, type RunHeader } from './run.ts';
export { decodeSegmentHeader, encodeSegmentHeader, type SegmentHeader, segmentSeed } from './segment-header.ts';
