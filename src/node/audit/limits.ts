/** Numbers of the audit log (S5). */
export const AUDIT_LIMITS = {
  /** Bytes of a file; then the next one is begun. */
  fileBytesMax: 32 * 1024 * 1024,
  /** Files that are kept unless the configuration says how many: 1 GiB in all. */
  filesDefault: 32,
  /** For so many files of what was done there is one, beside them, of what policies refused. */
  filesOfRefused: 4,
  /** Refusals of one principal that are kept of a minute; those beyond are counted, and so are principals beyond the second number. */
  refusedMax: 100,
  refusedMs: 60_000,
  refusedPrincipalsMax: 1000,
  /** Bytes that wait to be written; beyond it records are counted and not kept. */
  pendingBytesMax: 16 * 1024 * 1024,
  /** Records that one reading gives. */
  pageMax: 1000,
} as const;
