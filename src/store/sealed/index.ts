export type { KeyFileErrorCode } from './key-file.ts';
export type { KeyView } from './keyring.ts';
export { SEALING_LIMITS } from './limits.ts';
export { type Rotation, SealedRecords, type SealedRecordsOptions, type SealingView } from './sealed-records.ts';
