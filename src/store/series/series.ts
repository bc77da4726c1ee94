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

/** Answer of a query, column by column. */
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
}

/** How long a database keeps rows, and which rollups are kept for longer. */
export interface RetentionPolicy {
  /** Rows older than this are dropped, in whole partitions; absent keeps them. */
  readonly keepMs?: number;
  readonly downsample?: readonly {
    /** Measurement that the rollup is written to. */
    readonly into: string;
    readonly from: string;
    readonly everyMs: number;
    readonly keepMs?: number;
  }[];
}

/** - `database-not-found`; - `query-invalid`: the engine's own words follow; - `query-refused`: reads files, the network or
 *  writes; - `field-type-conflict`: a field has another type already, `fields` says which; - `series-full` (S3);
 *  - `query-timeout`. */
export type SeriesErrorCode =
  | 'database-not-found'
  | 'query-invalid'
  | 'query-refused'
  | 'query-timeout'
  | 'field-type-conflict'
  | 'series-full';

/**
 * The series port: append points, query by SQL (DESIGN §4). A written point is durable when `write` resolves and visible to
 * queries called after that. Points with the same measurement, tags and time overwrite field by field, as in InfluxDB.
 */
export interface Series extends AsyncDisposable {
  createDatabase(database: string, policy?: RetentionPolicy): Promise<void>;
  dropDatabase(database: string): Promise<void>;
  databases(): Promise<readonly { readonly name: string; readonly policy: RetentionPolicy }[]>;
  setPolicy(database: string, policy: RetentionPolicy): Promise<void>;

  /** Writes up to 100,000 points; makes measurement and columns as they come. */
  write(database: string, points: readonly Point[]): Promise<void>;

  /** One read-only SQL statement; `parameters` fill `$name`. At most `rowsMax` rows (default 100,000). */
  query(
    database: string,
    sql: string,
    options?: {
      readonly parameters?: Readonly<Record<string, unknown>>;
      readonly rowsMax?: number;
      readonly timeoutMs?: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<QueryResult>;

  /** The same as one Parquet file. */
  queryParquet(database: string, sql: string, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array>;

  /** Applies retention and downsampling as of `now` (epoch ms); the node calls it every minute. */
  maintain(now: number): Promise<void>;
}
