/** Numbers of DynamoDB's tables, as AWS documents them. @see Amazon DynamoDB developer guide, "Quotas in Amazon DynamoDB" */
export const TABLE_LIMITS = {
  /** Tables of an account in a region. */
  tablesMax: 2_500,
  /** Characters of the name of a table or index. */
  nameMin: 3,
  nameMax: 255,
  globalIndexesMax: 20,
  localIndexesMax: 5,
  /** Attributes that all `INCLUDE` projections of a table name together; one that two indexes name counts twice. */
  projectedAttributesMax: 100,
  /** Attributes that one projection may name. */
  nonKeyAttributesMax: 20,
  /** UTF-8 bytes of the name of a key attribute. */
  keyNameBytesMax: 255,
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
  /** Characters of a resource policy. */
  policyBytesMax: 20_480,
} as const;
