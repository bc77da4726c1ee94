/**
 * One DuckDB file: the tables of a database, made from its partition of the log. Runs in the worker.
 *
 * - Records are applied to buffers, and the buffers flushed to the tables in one transaction, which also notes the offset up to
 *   which the log is in them: after a crash the log is applied from there on, so nothing is lost and nothing comes twice.
 * - Queries run on connections of their own, over what is flushed; the caller flushes first.
 * - The configuration is locked once the file is open: no file, network, extension or setting can be reached by SQL.
 */
import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBType,
  type DuckDBValue,
  VARCHAR,
} from '@duckdb/node-api';
import { DomainError, messageOf } from '../../../base/index.ts';
import type { RetentionPolicy, SeriesErrorCode } from '../series.ts';
import { type Batch, MeasurementBuffer } from './measurement-buffer.ts';
import { decodePoints } from './point-codec.ts';
import type { WorkerRollup } from './protocol.ts';
import { rollUp } from './rollup.ts';
import { type ColumnType, rollupSchema } from './schema.ts';
import { quote } from './sql.ts';
import { appendColumns, type Table } from './table.ts';

/** Version of the tables (S4). */
const FORMAT = 1;
/** Before every time that a point can have. */
const NEVER = -(1n << 63n);

const TYPES: Readonly<Record<ColumnType, { readonly sql: string; readonly type: DuckDBType }>> = {
  tag: { sql: 'VARCHAR', type: VARCHAR },
  string: { sql: 'VARCHAR', type: VARCHAR },
  float: { sql: 'DOUBLE', type: DOUBLE },
  integer: { sql: 'BIGINT', type: BIGINT },
  boolean: { sql: 'BOOLEAN', type: BOOLEAN },
};

/** Comment on the columns that are tags: a text field has the same type in SQL. */
const TAG = 'tag';

export class SeriesDatabase {
  readonly #instance: DuckDBInstance;
  readonly #writer: DuckDBConnection;
  /** The table with the database's own numbers. */
  #state = '';
  readonly #tables = new Map<string, Table>();
  readonly #buffers = new Map<string, MeasurementBuffer>();
  readonly #floors = new Map<string, bigint>();
  /** Batches of a flush that failed: they go first at the next one. */
  #unwritten: Batch[] = [];
  #applied = 0;
  #flushed = 0;
  #bufferedBytes = 0;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(instance: DuckDBInstance, writer: DuckDBConnection) {
    this.#instance = instance;
    this.#writer = writer;
  }

  /** Opens the file, making it when it is not there. @throws DomainError `format-too-new`, `series-failed` */
  static async open(file: string, memoryLimit: string): Promise<SeriesDatabase> {
    try {
      const instance = await DuckDBInstance.create(file, {
        threads: '2',
        memory_limit: memoryLimit,
        temp_directory: '',
        preserve_insertion_order: 'false',
        enable_external_access: 'false',
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
      });
      const database = new SeriesDatabase(instance, await instance.connect());
      await database.#prepare();
      return database;
    } catch (error) {
      throw engineError(error);
    }
  }

  /** Offset up to which the log is in the tables, durably. */
  get flushedOffset(): number {
    return this.#flushed;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Takes a record of the log into the buffers; one that is there already is passed over. */
  apply(offset: number, payload: Uint8Array): void {
    if (offset < this.#applied) return;
    let buffer: MeasurementBuffer | undefined;
    decodePoints(payload, {
      shape: (shape) => {
        buffer = this.#buffer(shape.measurement);
        buffer.shape(shape);
      },
      point: (time, tags, fields) => buffer!.point(time, tags, fields),
    });
    this.#applied = offset + 1;
    this.#bufferedBytes += payload.byteLength;
  }

  /**
   * Brings the buffers into the tables; durable when it resolves.
   * @returns bytes of the records that came into the tables
   * @throws DomainError `series-full`, `series-failed`: the batch is kept for the next flush
   */
  flush(): Promise<number> {
    return this.#exclusively(() => this.#flush());
  }

  /** A connection for one query; the caller closes it. */
  connect(): Promise<DuckDBConnection> {
    return this.#instance.connect();
  }

  /** Rolls up, then drops what is older than its retention. */
  maintain(now: number, policy: RetentionPolicy, rollups: readonly WorkerRollup[]): Promise<void> {
    return this.#exclusively(async () => {
      for (const rollup of rollups) {
        if (!this.#tables.has(rollup.from)) continue;
        await this.#ensureTable(rollup.into, new Map(Object.entries(rollupSchema(rollup.schema))));
        await this.#transaction(() => rollUp(this.#writer, this.#state, rollup, now));
      }
      await this.#dropOld(now, policy, rollups);
    });
  }

  async close(): Promise<void> {
    await this.#turn;
    this.#writer.closeSync();
    this.#instance.closeSync();
  }

  async #prepare(): Promise<void> {
    // A database is called as its file: one that is called as a schema (`millrace`, `main`) makes names of two parts ambiguous.
    const [[name]] = (await this.#rows('SELECT current_database()')) as [[string]];
    const database = quote(name);
    this.#state = `${database}.millrace.state`;
    await this.#writer.run(`
      SET TimeZone = 'UTC';
      CREATE SCHEMA IF NOT EXISTS ${database}.millrace;
      CREATE TABLE IF NOT EXISTS ${this.#state} (name VARCHAR NOT NULL, value BIGINT NOT NULL);
      CREATE OR REPLACE MACRO ${database}.main.now() AS make_timestamp_ns(epoch_ns(current_timestamp));
      CREATE OR REPLACE MACRO ${database}.main.date_bin(stride, moment) AS time_bucket(stride, moment, TIMESTAMP '1970-01-01');
      SET lock_configuration = true;
    `);
    await this.#checkFormat();
    await this.#loadTables();
  }

  async #checkFormat(): Promise<void> {
    const state = await this.#rows(`SELECT name, value FROM ${this.#state}`);
    const values = new Map(state.map(([name, value]) => [name as string, Number(value)]));
    if (values.size === 0) {
      await this.#writer.run(`INSERT INTO ${this.#state} VALUES ('format', ${FORMAT}), ('applied', 0)`);
    }
    const format = values.get('format') ?? FORMAT;
    if (format > FORMAT) {
      const message = `the series have format ${format}; this release reads up to ${FORMAT}: use a newer one`;
      throw new DomainError('format-too-new', message);
    }
    this.#applied = values.get('applied') ?? 0;
    this.#flushed = this.#applied;
  }

  async #loadTables(): Promise<void> {
    const columns = await this.#rows(`SELECT table_name, column_name, data_type, comment FROM duckdb_columns()
      WHERE schema_name = 'main' AND NOT internal ORDER BY table_oid, column_index`);
    for (const [table, column, sqlType, comment] of columns as string[][]) {
      const known: Table = this.#tables.get(table!) ?? new Map();
      this.#tables.set(table!, known);
      if (column === 'time') continue;
      const { type } = Object.values(TYPES).find(({ sql }) => sql === sqlType)!;
      known.set(column!, { type, isTag: comment === TAG });
    }
    for (const table of this.#tables.keys()) {
      const [[latest]] = (await this.#rows(`SELECT epoch_ns(max(time)) FROM ${quote(table)}`)) as [[bigint | null]];
      if (latest !== null) this.#floors.set(table, latest);
    }
  }

  #buffer(measurement: string): MeasurementBuffer {
    let buffer = this.#buffers.get(measurement);
    if (!buffer) {
      buffer = new MeasurementBuffer(measurement, this.#floors.get(measurement) ?? NEVER);
      this.#buffers.set(measurement, buffer);
    }
    return buffer;
  }

  async #flush(): Promise<number> {
    const applied = this.#applied;
    const bytes = this.#bufferedBytes;
    if (applied === this.#flushed) return 0;
    const fresh = [...this.#buffers.values()].filter(({ rowCount }) => rowCount > 0).map((buffer) => buffer.take());
    const batches = [...this.#unwritten, ...fresh];
    this.#unwritten = batches;
    for (const { measurement, types } of batches) await this.#ensureTable(measurement, types);
    await this.#transaction(async () => {
      for (const batch of batches) await this.#write(batch);
      await this.#writer.run(`UPDATE ${this.#state} SET value = ${applied} WHERE name = 'applied'`);
    });
    this.#unwritten = [];
    this.#flushed = applied;
    this.#bufferedBytes -= bytes;
    return bytes;
  }

  async #ensureTable(measurement: string, types: ReadonlyMap<string, ColumnType>): Promise<void> {
    const table: Table = this.#tables.get(measurement) ?? new Map();
    if (!this.#tables.has(measurement)) {
      await this.#run(`CREATE TABLE IF NOT EXISTS ${quote(measurement)} (time TIMESTAMP_NS NOT NULL)`);
      this.#tables.set(measurement, table);
    }
    for (const [name, type] of types) {
      if (table.has(name)) continue;
      const isTag = type === 'tag';
      await this.#transaction(async () => {
        const column = `${quote(measurement)}.${quote(name)}`;
        await this.#writer.run(`ALTER TABLE ${quote(measurement)} ADD COLUMN ${quote(name)} ${TYPES[type].sql}`);
        if (isTag) await this.#writer.run(`COMMENT ON COLUMN ${column} IS '${TAG}'`);
      });
      table.set(name, { type: TYPES[type].type, isTag });
    }
  }

  async #write({ measurement, times, columns, suspects }: Batch): Promise<void> {
    const table = this.#tables.get(measurement)!;
    if (times.length > 0) {
      const appender = await this.#writer.createAppender(measurement);
      appendColumns(appender, table, times, columns);
    }
    if (suspects.size > 0) await this.#merge(measurement, table, [...suspects.values()]);
  }

  /** Completes the points that are in the table field by field, and adds those that are not. */
  async #merge(
    measurement: string,
    table: Table,
    suspects: readonly { time: bigint; values: Map<string, DuckDBValue> }[],
  ) {
    const target = quote(measurement);
    await this.#writer.run(`CREATE OR REPLACE TEMP TABLE stage AS SELECT * FROM ${target} LIMIT 0`);
    const appender = await this.#writer.createAppender('stage', 'main', 'temp');
    const columns = new Map([...table.keys()].map((name) => [name, suspects.map(({ values }) => values.get(name))]));
    appendColumns(
      appender,
      table,
      suspects.map(({ time }) => time),
      columns,
    );
    const tags = [...table].filter(([, { isTag }]) => isTag).map(([name]) => quote(name));
    const fields = [...table].filter(([, { isTag }]) => !isTag).map(([name]) => quote(name));
    const same = ['t.time = s.time', ...tags.map((tag) => `t.${tag} IS NOT DISTINCT FROM s.${tag}`)].join(' AND ');
    const assignments = fields.map((field) => `${field} = coalesce(s.${field}, t.${field})`).join(', ');
    if (fields.length > 0)
      await this.#writer.run(`UPDATE ${target} AS t SET ${assignments} FROM stage AS s WHERE ${same}`);
    await this.#writer.run(`INSERT INTO ${target} SELECT s.* FROM stage AS s ANTI JOIN ${target} AS t ON ${same}`);
    await this.#writer.run('DROP TABLE temp.stage');
  }

  async #dropOld(now: number, policy: RetentionPolicy, rollups: readonly WorkerRollup[]): Promise<void> {
    const keepOf = new Map(rollups.map(({ into, keepMs }) => [into, keepMs]));
    let dropped = 0;
    for (const table of this.#tables.keys()) {
      const keepMs = keepOf.has(table) ? keepOf.get(table) : policy.keepMs;
      if (keepMs === undefined) continue;
      const before = BigInt(now - keepMs) * 1_000_000n;
      const result = await this.#run(`DELETE FROM ${quote(table)} WHERE time < make_timestamp_ns(${before})`);
      dropped += result.rowsChanged;
    }
    // A checkpoint gives the blocks of row groups that are gone back to the file. A query under way may forbid it: next time.
    if (dropped > 0) await this.#writer.run('CHECKPOINT').catch(() => {});
  }

  async #transaction(body: () => Promise<void>): Promise<void> {
    try {
      await this.#writer.run('BEGIN');
      await body();
      await this.#writer.run('COMMIT');
    } catch (error) {
      // A commit that failed has ended its transaction already.
      await this.#writer.run('ROLLBACK').catch(() => {});
      throw engineError(error);
    }
  }

  async #run(sql: string) {
    try {
      return await this.#writer.run(sql);
    } catch (error) {
      throw engineError(error);
    }
  }

  async #rows(sql: string): Promise<DuckDBValue[][]> {
    return (await this.#writer.runAndReadAll(sql)).getRows();
  }

  /** One writer at a time; a failure is its caller's only. */
  #exclusively<T>(body: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(body);
    this.#turn = result.catch(() => {});
    return result;
  }
}

/** What DuckDB says, as this port names it. */
function engineError(error: unknown): DomainError<SeriesErrorCode> {
  if (error instanceof DomainError) return error as DomainError<SeriesErrorCode>;
  const message = messageOf(error);
  const full = /no space left|disk full|File too large|could not write|max_temp_directory/i.test(message);
  return new DomainError(full ? 'series-full' : 'series-failed', message, {
    cause: error,
    remedy: full ? 'retry' : 'never',
  });
}
