/** Numbers of DynamoDB's tables, as AWS documents them. @see Amazon DynamoDB developer guide, "Quotas in Amazon DynamoDB" */
export const TABLE_LIMITS = {
  /** Tables of an account in a region. */
  tablesMax: 2_500,
  /** Characters of the name of a table or index. */
  nameMin: 3,
  nameMax: 255,
  globalIndexesMax: 20,
  localIndexesMax: 5,
  /** Attributes of the partition key of a global index, and of its sort key. */
  attributesPerKeyMax: 4,
  /** Attributes that all `INCLUDE` projections of a table name together; one that two indexes name counts twice. */
  projectedAttributesMax: 100,
  /** Provisioned units of one table or index, and of all of a region. */
  tableUnitsMax: 40_000,
  accountUnitsMax: 80_000,
  /** Decreases of provisioned units in a UTC day before they are let through only once an hour. */
  freeDecreases: 4,
  decreaseIntervalMs: 3_600_000,
  /** Seconds of units that a table or index saves up while it is not used. */
  burstSeconds: 300,
  tagsMax: 50,
  tagKeyMax: 128,
  tagValueMax: 256,
  tagsPerPage: 10,
  tablesPerPage: 100,
  /** A table or index of more items or bytes than this is counted in the background, and no more often than every six hours, as AWS counts. */
  itemsCountedAtOnce: 10_000,
  bytesCountedAtOnce: 8 * 1024 * 1024,
  sizeIntervalMs: 6 * 3_600_000,
  /** How often expired items are looked for, milliseconds. */
  sweepIntervalMs: 5_000,
  /** Expired items that are deleted at once. */
  expiredAtOnce: 100,
  /** Items that expired longer ago, five years, are left alone, as AWS leaves them. */
  expiredSecondsMax: 5 * 365 * 86_400,
  /** Bytes of a resource policy. */
  policyBytesMax: 20_480,
} as const;
