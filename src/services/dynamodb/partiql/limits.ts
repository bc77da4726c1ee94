/**
 * What statements may be.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ExecuteStatement.html
 */
export const PARTIQL_LIMITS = {
  /** Characters of a statement. */
  statementCharacters: 8192,
  /** Statements of BatchExecuteStatement. */
  batchStatements: 25,
  /** Statements of ExecuteTransaction. */
  transactionStatements: 100,
  /** Levels of conditions, functions and documents within each other. */
  depth: 64,
  /** Members of a document path. */
  pathMembers: 32,
  /** Exponent of a number literal, either way. */
  exponentMax: 2_147_483_646,
} as const;
