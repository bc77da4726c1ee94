/** Numbers of items and of the operations on them (S5). @see Amazon DynamoDB developer guide, "Quotas in Amazon DynamoDB" */
export const ITEM_LIMITS = {
  /** Names and values of an item. */
  itemBytesMax: 400 * 1024,
  partitionKeyBytesMax: 2048,
  sortKeyBytesMax: 1024,
  /** What Query and Scan look at for one answer, before the filter. */
  pageBytesMax: 1024 * 1024,
  /** Keys of BatchGetItem, all tables together, and bytes of its answer. */
  batchGetMax: 100,
  batchGetBytesMax: 16 * 1024 * 1024,
  /** Puts and deletes of BatchWriteItem. Items of 400 KB do not come to the 16 MB that they may have together. */
  batchWriteMax: 25,
  /** Items of a transaction, and their bytes. */
  transactionMax: 100,
  transactionBytesMax: 4 * 1024 * 1024,
  /** How long a ClientRequestToken is remembered. */
  tokenMs: 600_000,
  /** How often those that are forgotten are swept away, as long as new ones come. */
  tokenSweepMs: 10_000,
  /** Bytes of one unit of a write, and of one of a strongly consistent read. */
  writeUnitBytes: 1024,
  readUnitBytes: 4096,
  /** Upper bound of an item collection that is not known to be small, gigabytes; what is read to know. */
  collectionGigabytesMax: 10,
  collectionReadBytes: 4 * 1024 * 1024,
  segmentsMax: 1_000_000,
  /** Rows that Query and Scan ask the store for at once. */
  rowsPerReadMax: 5_000,
  /** Whole items that are asked for at once when an index has not all of them: at most 40 MB. */
  itemsPerFetchMax: 100,

  /** Lines of metrics that are kept at hand; the others cost a look-up each. */
  metersMax: 10_000,
  /** Times that a write is decided anew because another node wrote the same item. */
  commitTriesMax: 20,
  /** Writes that wait for one item; a transaction that would be one more is cancelled, another write throttled. */
  waitingPerItemMax: 1_000,
} as const;
