/**
 * The embedded series engine. The log is the truth: a write is checked against the schema, encoded and appended to the database's
 * partition, and done. The tables are made from the log by DuckDB in a worker, which is started by the first query, or when much
 * has gathered; a query first has the worker take all that was durable when it was called.
 *
 *     records store   series.databases  name -> policy          series.schemas  database/measurement -> columns
 *     log             partition series/NAME                     folder          NAME.duckdb
 */
import { mkdir } from 'node:fs/promises';
import { type Clock, DomainError, hasCode, messageOf } from '../../../base/index.ts';
import { type Logger, silentLogger } from '../../../telemetry/index.ts';
import type { Log, NewLogRecord } from '../../log/index.ts';
import { type Records, Registry } from '../../records/index.ts';
import {
  type Point,
  type QueryFormat,
  type QueryOptions,
  type QueryResult,
  type RetentionPolicy,
  SERIES_LIMITS,
  type Series,
} from '../series.ts';
import { Engine } from './engine.ts';
import { exists, rethrow, storageError } from './errors.ts';
import { Feed } from './feed.ts';
import { type Configuration, Database, partitionOf } from './known-database.ts';
import { removeLeftovers } from './leftovers.ts';
import { encodePoints } from './point-codec.ts';
import type { Applied, WorkerQuery, WorkerRollup, WorkerRows } from './protocol.ts';
import { checkPoints, type MeasurementSchema, rollupSchema } from './schema.ts';

export interface EmbeddedSeriesOptions {
  /** Folder of the tables, made when it is not there. */
  readonly directory: string;
  /** Both stay open until the series store is closed, and must be the same at every opening. */
  readonly log: Log;
  readonly records: Records;
  readonly clock: Clock;
  readonly logger?: Logger;
  /** DuckDB's memory per database; default `512MB`. */
  readonly memoryLimit?: string;
}

/** Points of one log record: it stays far below the log's limit, unless texts are very long. */
const RECORD_POINTS = 5000;
/** Bytes written without a query before the worker is started to take them. */
const START_BYTES = 4 * 1024 * 1024;
/** How often a database that nobody uses is opened for its retention. */
const IDLE_MAINTENANCE_MS = 60 * 60_000;

/** Opens the store. DuckDB is not loaded before it is needed. @throws DomainError `series-failed` */
export async function openEmbeddedSeries(options: EmbeddedSeriesOptions): Promise<Series> {
  const { directory, log, records } = options;
  await mkdir(directory, { recursive: true });
  const configurations = await Registry.open<Configuration>(records, 'series.databases');
  const schemas = await Registry.open<MeasurementSchema>(records, 'series.schemas');
  await removeLeftovers(directory, log, configurations);
  return new EmbeddedSeries(options, configurations, schemas);
}

class EmbeddedSeries implements Series {
  readonly #options: EmbeddedSeriesOptions;
  readonly #log: Log;
  readonly #logger: Logger;
  readonly #configurations: Registry<Configuration>;
  readonly #schemas: Registry<MeasurementSchema>;
  readonly #databases = new Map<string, Database>();
  #engine: Engine | undefined;
  #queries = 0;
  #closing: Promise<void> | undefined;

  constructor(
    options: EmbeddedSeriesOptions,
    configurations: Registry<Configuration>,
    schemas: Registry<MeasurementSchema>,
  ) {
    this.#options = options;
    this.#log = options.log;
    this.#logger = options.logger ?? silentLogger;
    this.#configurations = configurations;
    this.#schemas = schemas;
    for (const { name } of configurations.list()) this.#addDatabase(name);
  }

  async createDatabase(database: string, policy: RetentionPolicy = {}): Promise<void> {
    this.#throwIfClosed();
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(database)) {
      throw new DomainError('name-invalid', `a database is named by 1 to 64 letters, digits, _ and -, not ${database}`);
    }
    if (this.#configurations.has(database)) throw exists(database);
    // The partition first: it is the record that makes the database, and it must find one.
    await this.#log.createPartition(partitionOf(database)).catch(rethrow);
    await this.#configurations.create(database, { name: database, policy }).catch((error) => {
      throw hasCode(error, 'already-exists') ? exists(database) : storageError(error);
    });
    this.#addDatabase(database);
  }

  async dropDatabase(name: string): Promise<void> {
    const database = this.#find(name);
    await this.#configurations.delete(name).catch(rethrow);
    this.#databases.delete(name);
    // From here on a crash leaves leftovers, which the next opening removes.
    for (const measurement of database.schemas.keys()) await this.#schemas.delete(`${name}/${measurement}`);
    await this.#running().call({ kind: 'drop', database: name });
    await this.#log.dropPartition(database.partition).catch(rethrow);
  }

  async databases(): Promise<readonly Configuration[]> {
    return this.#configurations.list();
  }

  async setPolicy(database: string, policy: RetentionPolicy): Promise<void> {
    this.#find(database);
    await this.#configurations.put(database, { name: database, policy }).catch(rethrow);
  }

  async write(name: string, points: readonly Point[]): Promise<void> {
    const database = this.#find(name);
    if (points.length === 0) return;
    this.#checkRoom(database, points);
    const { changed, rejected } = checkPoints(points, database.schemas);
    if (rejected.length > 0) {
      throw new DomainError('points-rejected', rejected[0]!.reason, { fields: { rejected } });
    }
    for (const [measurement, schema] of changed) {
      database.schemas.set(measurement, schema);
      database.unsaved.add(measurement);
    }
    if (database.unsaved.size > 0) await this.#saveSchemas(database);
    await this.#append(database, points);
  }

  async query(database: string, sql: string, options: QueryOptions = {}): Promise<QueryResult> {
    const rows = (await this.#query(database, sql, options, {})) as WorkerRows;
    return { columns: rows.columns, rows: byRow(rows), truncated: rows.truncated };
  }

  async queryEncoded(
    database: string,
    sql: string,
    format: QueryFormat,
    options: QueryOptions = {},
  ): Promise<Uint8Array> {
    return (await this.#query(database, sql, options, { format })) as Uint8Array;
  }

  async maintain(now: number): Promise<void> {
    for (const { name, policy } of this.#configurations.list()) {
      const database = this.#databases.get(name);
      if (!database || (policy.keepMs === undefined && !policy.downsample?.length)) continue;
      const idle = database.feed === undefined && now - database.maintainedAt < IDLE_MAINTENANCE_MS;
      if (idle) continue;
      database.maintainedAt = now;
      await this.#maintain(database, policy, now);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    const engine = this.#engine;
    if (!engine || engine.isGone) return;
    await engine.call({ kind: 'close' }).catch(() => {});
    await engine.exited;
    for (const { feed } of this.#databases.values()) await (await feed?.catch(() => undefined))?.trim().catch(() => {});
  }

  #addDatabase(name: string): void {
    const prefix = `${name}/`;
    const schemas = this.#schemas
      .names(prefix)
      .map((key): [string, MeasurementSchema] => [key.slice(prefix.length), this.#schemas.get(key)!]);
    this.#databases.set(name, new Database(name, new Map(schemas), this.#options.clock.now()));
  }

  #find(name: string): Database {
    this.#throwIfClosed();
    const database = this.#databases.get(name);
    if (!database) throw new DomainError('database-not-found', `no database ${name}`);
    return database;
  }

  #throwIfClosed(): void {
    if (this.#closing !== undefined) throw new DomainError('series-failed', 'the series store is closed');
  }

  #checkRoom(database: Database, points: readonly Point[]): void {
    if (points.length > SERIES_LIMITS.pointsPerWriteMax) {
      const reason = `a write takes ${SERIES_LIMITS.pointsPerWriteMax} points`;
      const rejected = [{ index: SERIES_LIMITS.pointsPerWriteMax, reason }];
      throw new DomainError('points-rejected', reason, { fields: { rejected } });
    }
    if (database.backlogBytes > SERIES_LIMITS.backlogBytesMax) {
      throw new DomainError('series-busy', 'too many points wait for the tables', { remedy: 'retry' });
    }
  }

  /** One save at a time, which takes all that is unsaved; writes that need a column wait for it. */
  async #saveSchemas(database: Database): Promise<void> {
    while (database.unsaved.size > 0) {
      database.saving ??= this.#saveOnce(database).finally(() => {
        database.saving = undefined;
      });
      await database.saving;
    }
  }

  async #saveOnce(database: Database): Promise<void> {
    const measurements = [...database.unsaved];
    const saved = measurements.map((name) => ({ name, schema: database.schemas.get(name)! }));
    await Promise.all(saved.map(({ name, schema }) => this.#schemas.put(`${database.name}/${name}`, schema))).catch(
      rethrow,
    );
    for (const { name, schema } of saved) if (database.schemas.get(name) === schema) database.unsaved.delete(name);
  }

  async #append(database: Database, points: readonly Point[]): Promise<void> {
    const timestamp = this.#options.clock.now();
    const records: NewLogRecord[] = [];
    let bytes = 0;
    for (let start = 0; start < points.length; start += RECORD_POINTS) {
      const payload = encodePoints(
        points.length <= RECORD_POINTS ? points : points.slice(start, start + RECORD_POINTS),
      );
      records.push({ timestamp, payload });
      bytes += payload.byteLength;
    }
    await this.#log.append(database.partition, records).catch(rethrow);
    database.backlogBytes += bytes;
    if (database.feed || database.backlogBytes > START_BYTES) this.#feedInBackground(database);
  }

  #feedInBackground(database: Database): void {
    this.#feedAll(database).catch((error) => {
      if (!this.#closing) this.#logger.warn('series-not-fed', { database: database.name, reason: messageOf(error) });
    });
  }

  /** Sends the worker all that is durable now. */
  async #feedAll(database: Database): Promise<void> {
    const { next } = this.#log.state(database.partition);
    const feed = await this.#open(database);
    await feed.upTo(next);
  }

  #open(database: Database): Promise<Feed> {
    const engine = this.#running();
    if (!database.feed) {
      const opening = this.#openFeed(database, engine);
      database.feed = opening;
      opening.catch(() => {
        if (database.feed === opening) database.feed = undefined;
      });
    }
    return database.feed;
  }

  async #openFeed(database: Database, engine: Engine): Promise<Feed> {
    const applied = await engine.call<number>({ kind: 'open', database: database.name });
    const { first, next } = this.#log.state(database.partition);
    if (applied > next) {
      // Another log than the one the tables were made from: its records would be taken for ones that are there already.
      throw new DomainError('series-failed', `the tables of ${database.name} are ahead of its log`);
    }
    if (applied < first) this.#logger.error('series-log-gap', { database: database.name, applied, first });
    return new Feed(this.#log, database.partition, database.name, engine, Math.max(applied, first));
  }

  /** The worker, started when it is not running. After its death all is fed again from what is in the tables. */
  #running(): Engine {
    if (this.#engine && !this.#engine.isGone) return this.#engine;
    for (const database of this.#databases.values()) {
      database.feed?.then((feed) => feed.stop()).catch(() => {});
      database.feed = undefined;
    }
    const { directory, memoryLimit = '512MB' } = this.#options;
    this.#engine = Engine.start({ directory, memoryLimit }, (applied) => this.#applied(applied));
    return this.#engine;
  }

  #applied(applied: Applied): void {
    const database = this.#databases.get(applied.database);
    if (!database) return;
    database.backlogBytes = Math.max(0, database.backlogBytes - applied.bytes);
    database.feed
      ?.then((feed) => feed.applied(applied))
      .catch((error) => this.#logger.warn('series-log-not-trimmed', { reason: messageOf(error) }));
  }

  async #query(name: string, sql: string, options: QueryOptions, encoding: { readonly format?: QueryFormat }) {
    const database = this.#find(name);
    const limit = SERIES_LIMITS.queriesWaitingMax;
    if (this.#queries >= limit) throw new DomainError('series-busy', `${limit} queries wait`, { remedy: 'retry' });
    this.#queries++;
    try {
      await this.#feedAll(database);
      const query = workerQuery(sql, options, encoding);
      return await this.#running().call({ kind: 'query', database: name, query }, options.signal);
    } finally {
      this.#queries--;
    }
  }

  #addRollup(database: Database, into: string, schema: MeasurementSchema): void {
    const known = database.schemas.get(into);
    if (known && Object.keys(schema).every((name) => known[name] === schema[name])) return;
    database.schemas.set(into, { ...known, ...schema });
    database.unsaved.add(into);
  }

  async #maintain(database: Database, policy: RetentionPolicy, now: number): Promise<void> {
    const rollups: WorkerRollup[] = [];
    for (const { from, into, everyMs, keepMs } of policy.downsample ?? []) {
      const schema = database.schemas.get(from);
      if (!schema) continue;
      this.#addRollup(database, into, rollupSchema(schema));
      rollups.push({ from, into, everyMs, ...(keepMs === undefined ? {} : { keepMs }), schema });
    }
    await this.#saveSchemas(database);
    await this.#feedAll(database);
    await this.#running().call({ kind: 'maintain', database: database.name, now, policy, rollups });
  }
}

function workerQuery(sql: string, options: QueryOptions, encoding: { readonly format?: QueryFormat }): WorkerQuery {
  const { parameters = {}, rowsMax, timeoutMs } = options;
  const { queryRowsDefault, queryRowsMax, queryTimeoutMsDefault } = SERIES_LIMITS;
  return {
    sql,
    parameters,
    rowsMax: Math.min(rowsMax ?? queryRowsDefault, queryRowsMax),
    timeoutMs: timeoutMs ?? queryTimeoutMsDefault,
    ...encoding,
  };
}

function byRow({ values, rowCount }: WorkerRows): unknown[][] {
  const rows = new Array<unknown[]>(rowCount);
  for (let row = 0; row < rowCount; row++) rows[row] = values.map((column) => column[row]);
  return rows;
}
