/** Numbers of the audit log (S5). */
export const AUDIT_LIMITS = {
  /** Bytes of a file; then the next one is begun. */
  fileBytesMax: 32 * 1024 * 1024,
  /** Files that are kept unless the configuration says how many: 1 GiB in all. */
  filesDefault: 32,
  /** Bytes that wait to be written; beyond it records are counted and not kept. */
  pendingBytesMax: 16 * 1024 * 1024,
  /** Records that one reading gives. */
  pageMax: 1000,
} as const;
