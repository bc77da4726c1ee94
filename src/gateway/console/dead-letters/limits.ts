/** Numbers of the dead letters' API (S5). */
export const DEAD_LETTER_LIMITS = {
  /** Letters of one list; 50 unless asked otherwise. */
  listMax: 1000,
  listDefault: 50,
  /** Letters looked at for one answer: a filter that finds little is gone on with by `next`. */
  scannedMax: 5000,
  /** Letters read from their place at once. */
  pageMax: 500,
  /** Bytes of bodies that one list looks at; the next call goes on. */
  scannedBytesMax: 32 * 1024 * 1024,
  /** Letters redriven or discarded by one call. */
  bulkMax: 500,
  /** Letters of one call that are under way at once. */
  bulkConcurrency: 32,
  /** Failures that an answer names. */
  failuresMax: 10,
  previewMax: 200,
  /** Spans of a trace that are shown. */
  spansMax: 256,
  /** Bytes of a request's body: an edited message of 1 MiB, escaped. */
  bodyBytesMax: 8 * 1024 * 1024,
} as const;
