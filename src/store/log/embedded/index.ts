/** store/log/embedded: the log in segment files of our own. */
export { EMBEDDED_LOG_DEFAULTS, EmbeddedLog, type EmbeddedLogOptions } from './embedded-log.ts';
export { nodeFiles, type OpenMode, type StoreFile, type StoreFiles } from './files.ts';
export type { Damage } from './recovery.ts';
