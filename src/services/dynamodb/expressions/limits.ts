/**
 * What expressions may be.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
export const EXPRESSION_LIMITS = {
  /** Bytes of an expression's text. */
  textBytes: 4 * 1024,
  /** Bytes of a name or value placeholder, with its `#` or `:`. */
  placeholderBytes: 255,
  /** Bytes of an attribute's name. */
  nameBytes: 65_535,
  /** Bytes of all names and values of a request. */
  substitutionBytes: 2 * 1024 * 1024,
  /** Operators and functions of an expression. */
  operators: 300,
  /** Values of `IN`. */
  valuesOfIn: 100,
  /** Members of a document path, and levels of a value. */
  depth: 32,
  /** Texts of each parameter that are kept compiled. */
  compiledKept: 512,
} as const;
