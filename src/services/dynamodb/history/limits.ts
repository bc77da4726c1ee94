/** Numbers of backups and point-in-time recovery. @see Amazon DynamoDB developer guide, "Quotas in Amazon DynamoDB" */
export const HISTORY_LIMITS = {
  /** Days that point-in-time recovery can go back. */
  recoveryDaysMax: 35,
  /** Restores that run at once. */
  restoresMax: 50,
  exportsMax: 300,
  importsMax: 50,
  /** How often days that nobody may ask for are let go of, milliseconds. */
  trimIntervalMs: 3_600_000,
  /** Old images that one commit takes away. */
  trimmedAtOnce: 2_000,
  backupsPerPage: 100,
  jobsPerPage: 25,
  /** Items in one file of an export. */
  itemsPerExportFile: 1_000_000,
  /** Exports and imports that are listed: 90 days, as AWS lists them, milliseconds. */
  jobsKeptMs: 90 * 86_400_000,
  /** How long after its end an export or an import is the answer to another request under its token. */
  jobTokenMs: 8 * 3_600_000,
  /** Lines of an import that fail and are told in the log; the rest is counted. */
  importErrorsLogged: 10,
  /** Bytes of one line of a file that is imported. */
  importLineBytesMax: 4 * 1024 * 1024,
} as const;
