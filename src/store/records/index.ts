export { type EmbeddedRecordsOptions, lazyEmbeddedRecords, openEmbeddedRecords } from './embedded/records.ts';
export * from './records.ts';
export * from './registry.ts';
export { Sequence } from './sequence.ts';
