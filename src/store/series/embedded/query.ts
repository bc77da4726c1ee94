import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  StatementType,
} from '@duckdb/node-api';
import { DomainError, messageOf, systemClock } from '../../../base/index.ts';
import type { SeriesErrorCode } from '../series.ts';
import { encodeRows } from './encodings.ts';
import type { WorkerQuery, WorkerRows } from './protocol.ts';
import { literal, quote } from './sql.ts';
import { plainValue } from './values.ts';

/** Kinds of statement that only read. */
const READING: ReadonlySet<StatementType> = new Set([StatementType.SELECT, StatementType.EXPLAIN]);

const INTERRUPT_EVERY_MS = 20;

/** A query under way; `cancel` makes it fail, whatever it is at. */
export class RunningQuery {
  readonly #connection: DuckDBConnection;
  readonly #query: WorkerQuery;
  readonly #directory: string;
  #stopped: SeriesErrorCode | 'cancelled' | undefined;
  #ended = false;

  /** @param connection  its own, closed by the caller; @param directory  where a Parquet file is made for a moment */
  constructor(connection: DuckDBConnection, query: WorkerQuery, directory: string) {
    this.#connection = connection;
    this.#query = query;
    this.#directory = directory;
  }

  cancel(): void {
    this.#stop('cancelled');
  }

  /** @returns rows, or bytes when a format was asked for */
  async run(): Promise<WorkerRows | Uint8Array> {
    const timer = systemClock.timer(this.#query.timeoutMs, () => this.#stop('query-timeout'));
    try {
      // A second line behind the check of the statement: whatever it turns out to do, it cannot write.
      await this.#connection.run('BEGIN TRANSACTION READ ONLY');
      const statement = await this.#prepare();
      this.#throwIfStopped();
      const result = await statement.stream();
      return await this.#answer(result);
    } catch (error) {
      throw this.#errorOf(error);
    } finally {
      timer.cancel();
      this.#ended = true;
    }
  }

  #stop(reason: SeriesErrorCode | 'cancelled'): void {
    this.#stopped ??= reason;
    this.#interrupt();
  }

  /** Again and again: an interrupt that comes before DuckDB has begun is forgotten. */
  #interrupt(): void {
    if (this.#ended) return;
    this.#connection.interrupt();
    systemClock.timer(INTERRUPT_EVERY_MS, () => this.#interrupt());
  }

  async #prepare(): Promise<DuckDBPreparedStatement> {
    const { sql, parameters } = this.#query;
    const statements = await this.#connection.extractStatements(sql);
    if (statements.count !== 1) throw refused(`one statement is taken, not ${statements.count}`);
    const statement = await statements.prepare(0);
    if (!READING.has(statement.statementType)) {
      throw refused(`only SELECT is taken, not ${StatementType[statement.statementType]}`);
    }
    const named = Object.entries(parameters).filter(([name]) => hasParameter(statement, name));
    statement.bind(Object.fromEntries(named.map(([name, value]) => [name, value])));
    return statement;
  }

  async #answer(result: DuckDBResult): Promise<WorkerRows | Uint8Array> {
    const { format, rowsMax } = this.#query;
    if (format === 'parquet') return this.#parquet(result);
    const rows = await readRows(result, rowsMax, () => this.#throwIfStopped());
    return format ? encodeRows(rows, format) : rows;
  }

  /** Through a database in memory, so that the one with the points never gets to touch files. */
  async #parquet(result: DuckDBResult): Promise<Uint8Array> {
    await mkdir(this.#directory, { recursive: true });
    const file = join(this.#directory, `${randomUUID()}.parquet`);
    const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '256MB' });
    const connection = await instance.connect();
    try {
      await this.#copy(result, connection);
      await connection.run(`COPY answer TO ${literal(file)} (FORMAT parquet)`);
      return await readFile(file);
    } finally {
      connection.closeSync();
      instance.closeSync();
      await rm(file, { force: true });
    }
  }

  async #copy(result: DuckDBResult, to: DuckDBConnection): Promise<void> {
    const types = result.columnTypes();
    const columns = result.deduplicatedColumnNames().map((name, i) => `${quote(name)} ${types[i]}`);
    await to.run(`CREATE TABLE answer (${columns.join(', ')})`);
    const appender = await to.createAppender('answer');
    let rows = 0;
    for (;;) {
      const chunk = await result.fetchChunk();
      this.#throwIfStopped();
      if (!chunk || chunk.rowCount === 0 || rows >= this.#query.rowsMax) break;
      rows += chunk.rowCount;
      appender.appendDataChunk(chunk);
    }
    appender.closeSync();
  }

  #throwIfStopped(): void {
    if (this.#stopped) throw new Error('stopped');
  }

  #errorOf(error: unknown): DomainError {
    if (this.#stopped === 'query-timeout') {
      return new DomainError('query-timeout', `the query ran longer than ${this.#query.timeoutMs} ms`);
    }
    if (this.#stopped || error instanceof DomainError) return error as DomainError;
    const message = messageOf(error);
    if (/^Permission Error|disabled by configuration|configuration has been locked|read-only/i.test(message)) {
      return refused(message);
    }
    return new DomainError('query-invalid', message);
  }
}

async function readRows(result: DuckDBResult, rowsMax: number, check: () => void): Promise<WorkerRows> {
  const types = result.columnTypes();
  const names = result.deduplicatedColumnNames();
  const columns = names.map((name, index) => ({ name, type: String(types[index]) }));
  const values: unknown[][] = columns.map(() => []);
  let rowCount = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    check();
    if (!chunk || chunk.rowCount === 0) return { columns, values, rowCount, truncated: false };
    const count = Math.min(chunk.rowCount, rowsMax - rowCount);
    for (let column = 0; column < columns.length; column++) {
      const plain = chunk.convertColumnValues(column, plainValue);
      for (let row = 0; row < count; row++) values[column]!.push(plain[row]);
    }
    rowCount += count;
    if (count < chunk.rowCount) return { columns, values, rowCount, truncated: true };
  }
}

/** Parameters that the statement does not have are no error, as with InfluxDB. */
function hasParameter(statement: DuckDBPreparedStatement, name: string): boolean {
  try {
    return statement.parameterIndex(name) > 0;
  } catch {
    return false;
  }
}

function refused(message: string): DomainError<SeriesErrorCode> {
  return new DomainError('query-refused', message);
}
