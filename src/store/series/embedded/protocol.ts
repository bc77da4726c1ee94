/** What the series engine and its DuckDB worker say to each other. */
import type { QueryFormat, RetentionPolicy, SeriesErrorCode } from '../series.ts';
import type { MeasurementSchema } from './schema.ts';

export interface WorkerOptions {
  /** Folder of the database files. */
  readonly directory: string;
  /** DuckDB's memory per database, for example `512MB`. */
  readonly memoryLimit: string;
}

export interface WorkerQuery {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, string | number | bigint | boolean | null>>;
  readonly rowsMax: number;
  readonly timeoutMs: number;
  /** Absent for rows. */
  readonly format?: QueryFormat;
}

/** One rollup to bring up to date. */
export interface WorkerRollup {
  readonly into: string;
  readonly from: string;
  readonly everyMs: number;
  readonly keepMs?: number;
  /** Columns of `from`, of which it is made. */
  readonly schema: MeasurementSchema;
}

export type Request =
  /** Answers with the offset up to which the log is in the tables. */
  | { readonly kind: 'open'; readonly database: string }
  | { readonly kind: 'query'; readonly database: string; readonly query: WorkerQuery }
  | {
      readonly kind: 'maintain';
      readonly database: string;
      readonly now: number;
      readonly policy: RetentionPolicy;
      readonly rollups: readonly WorkerRollup[];
    }
  | { readonly kind: 'drop'; readonly database: string }
  | { readonly kind: 'close' };

/** Records of the log for a database, in order and without gaps. Not answered: {@link Applied} tells when they are in the tables. */
export interface Apply {
  readonly kind: 'apply';
  readonly database: string;
  /** Offset of the first payload. */
  readonly offset: number;
  readonly payloads: readonly Uint8Array[];
}

/** Ends a query that nobody waits for any more. */
export interface Cancel {
  readonly kind: 'cancel';
  readonly id: number;
}

export type ToWorker = ({ readonly id: number } & Request) | Apply | Cancel;

/** All records below `offset` are in the tables, durably; `bytes` is how much of them is new. */
export interface Applied {
  readonly kind: 'applied';
  readonly database: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface Failure {
  readonly code: SeriesErrorCode;
  readonly message: string;
}

export type Answer =
  | { readonly kind: 'answer'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly failure: Failure };

export type FromWorker = Applied | Answer;

/** Rows of a query, column by column: cheaper to hand over than an array a row. */
export interface WorkerRows {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly values: readonly (readonly unknown[])[];
  readonly rowCount: number;
  readonly truncated: boolean;
}
