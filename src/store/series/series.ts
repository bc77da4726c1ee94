import type { DomainError } from '../../base/index.ts';

/** A point of a time series: the InfluxDB data model. */
export interface Point {
  /** Measurement (table) name: 1 to 256 bytes. */
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, FieldValue>>;
  /** Epoch nanoseconds. */
  readonly time: bigint;
}

/** `bigint` is an InfluxDB integer (64 bit), `number` a float. */
export type FieldValue = number | bigint | boolean | string;

/**
 * Answer of a query. Values are what JSON can hold: times are ISO 8601 text in UTC without a zone, to the nanosecond, as InfluxDB
 * writes them; integers beyond 2^53 are `bigint`; intervals, bytes (hex) and identifiers are text; lists and structs are arrays
 * and objects.
 */
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  /** There were more rows than `rowsMax`. */
  readonly truncated: boolean;
}

/** An encoding of a query's answer: JSON is an array of objects, CSV has a header line, JSONL an object a line. */
export type QueryFormat = 'json' | 'jsonl' | 'csv' | 'parquet';

export interface QueryOptions {
  /** Fill `$name` in the statement. */
  readonly parameters?: Readonly<Record<string, string | number | bigint | boolean | null>>;
  /** Default 100,000; at most {@link SERIES_LIMITS}.queryRowsMax. */
  readonly rowsMax?: number;
  /** Default 30,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Numbers of the series port (S5). */
export const SERIES_LIMITS = {
  pointsPerWriteMax: 100_000,
  /** Measurement, tag and field names, bytes of UTF-8. */
  nameBytesMax: 256,
  /** Tags and fields of a measurement in all. */
  columnsMax: 500,
  measurementsMax: 2000,
  /** A tag's or field's text, bytes of UTF-8. */
  textBytesMax: 64 * 1024,
  queryRowsMax: 1_000_000,
  queryRowsDefault: 100_000,
  queryTimeoutMsDefault: 30_000,
  /** Queries of a database that run at once; the others wait. */
  queriesMax: 2,
  /** Queries that wait, all databases; beyond it `series-busy`. */
  queriesWaitingMax: 100,
  /** Bytes written and not yet in the engine's tables; beyond it `write` answers `series-busy`. */
  backlogBytesMax: 1024 * 1024 * 1024,
} as const;

/** How long a database keeps rows, and which rollups are kept for longer. */
export interface RetentionPolicy {
  /** Rows older than this are dropped; absent keeps them. */
  readonly keepMs?: number;
  readonly downsample?: readonly {
    /**
     * Measurement that the rollup is written to: the tags of `from`, and for each of its numeric fields `f` the mean as `f`, and
     * `f_min`, `f_max`, `f_count`.
     */
    readonly into: string;
    readonly from: string;
    /** Points up to ten minutes (or two such periods) late still move the rollup; later ones do not. */
    readonly everyMs: number;
    readonly keepMs?: number;
  }[];
}

/** - `database-not-found`, `database-exists`: as they say.
 *  - `name-invalid`: a database is named by 1 to 64 letters, digits, `_` and `-`.
 *  - `query-invalid`: the engine's own words follow.
 *  - `query-refused`: more than one statement, or one that is no SELECT, or that reaches for files, network or settings.
 *  - `query-timeout`: it ran longer than it may.
 *  - `points-rejected`: some points do not fit; nothing was written. `fields.rejected` is a list of {@link Rejection}.
 *  - `series-busy`: too much waits. Retry later.
 *  - `series-full`: the disk is full; queries of what is in the tables go on (S3). Retry later.
 *  - `series-failed`: the engine or its log failed.
 *  - `format-too-new`: a later release wrote the data (S4). */
export type SeriesErrorCode =
  | 'database-not-found'
  | 'database-exists'
  | 'name-invalid'
  | 'query-invalid'
  | 'query-refused'
  | 'query-timeout'
  | 'points-rejected'
  | 'series-busy'
  | 'series-full'
  | 'series-failed'
  | 'format-too-new';

export type SeriesError = DomainError<SeriesErrorCode>;

/** Why a point was not taken: a field has another type already, a name or value is out of bounds. */
export interface Rejection {
  /** Position in the call's points. */
  readonly index: number;
  readonly reason: string;
}

/**
 * The series port: append points, query by SQL (DESIGN §4). A written point is durable when `write` resolves and visible to
 * queries called after that. Points with the same measurement, tags and time overwrite field by field, as in InfluxDB.
 */
export interface Series extends AsyncDisposable {
  /** @throws database-exists, name-invalid */
  createDatabase(database: string, policy?: RetentionPolicy): Promise<void>;
  /** Removes the database and its points. @throws database-not-found */
  dropDatabase(database: string): Promise<void>;
  /** Sorted by name. */
  databases(): Promise<readonly { readonly name: string; readonly policy: RetentionPolicy }[]>;
  /** @throws database-not-found */
  setPolicy(database: string, policy: RetentionPolicy): Promise<void>;

  /**
   * Writes up to 100,000 points; makes measurements and columns as they come. Names that differ only in case from an existing
   * one are rejected, and so is `time` as a tag or field.
   *
   * @throws points-rejected, database-not-found, series-busy, series-full: nothing was written
   */
  write(database: string, points: readonly Point[]): Promise<void>;

  /**
   * One read-only SQL statement. A table is named by measurement; its columns are `time` (nanoseconds), tags and fields.
   * It sees all that was written before it was called; only while the disk is full may that be in the log alone.
   * `now()` gives the time in the type of `time`; `date_bin(interval, time)` cuts it to periods.
   */
  query(database: string, sql: string, options?: QueryOptions): Promise<QueryResult>;

  /** The same, encoded away from the caller's thread. */
  queryEncoded(database: string, sql: string, format: QueryFormat, options?: QueryOptions): Promise<Uint8Array>;

  /** Applies retention and downsampling as of `now` (epoch ms); the node calls it every minute. */
  maintain(now: number): Promise<void>;
}
