/**
 * The SQLite file behind the embedded records engine. Synchronous: it runs in a worker thread.
 *
 *     meta      one row: the version of the last commit
 *     spaces    name -> id, and whether a change feed is kept
 *     space_ID  key, value, version, long; without rowid, so that the tree itself is in key order
 *     long_ID   values that would not stand beside their keys, by the number in `long`; made with the first of them
 *     feed_ID   version, position in the commit, key, value (null for a delete)
 *
 * `user_version` is the schema's version (S4). WAL with synchronous=FULL: a commit returns after the sync of the log (S1).
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { DomainError, messageOf } from '../../../base/index.ts';
import type {
  Change,
  Condition,
  KeyRange,
  RecordEntry,
  RecordsErrorCode,
  RowWrite,
  Transaction,
  Write,
} from '../records.ts';
import type { Failure, WriteRequest } from './protocol.ts';

/** 1 had no long values apart. */
export const SCHEMA_VERSION = 2;

/**
 * A key and its value that are longer get an overflow page of their own in a tree of keys, however little is in it: a page to write
 * for each. Apart, in a tree of numbers that only grows, three or more share one.
 *
 * @see https://www.sqlite.org/fileformat2.html#b_tree_pages (a quarter of a page of 4 KiB, less the record's header)
 */
const BESIDE_KEY_BYTES_MAX = 980;
const APART = new Uint8Array(0);

/** Pages written to the log before they move to the file: 16 MiB, so that a busy store moves a page once for many writes. */
const CHECKPOINT_PAGES = 4096;
/** Page cache, KiB. */
const CACHE_KIB = 16 * 1024;

/** A commit's version, nothing for the other writes, or why it was not done. */
export type Outcome = { readonly version: number } | { readonly failure: Failure };

type RangeDelete = Extract<Write, { kind: 'deleteRange' }>;

interface Space {
  readonly id: number;
  feed: boolean;
  /** It has a table of long values. */
  hasLong: boolean;
}

/** SQLite's primary result codes that mean more than "failed". */
const SQLITE_FULL = 13;
const SQLITE_BUSY = 5;

export class Database {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #spaces = new Map<string, Space>();
  #version = 0;

  private constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /**
   * Opens the file, making it and its folder when they are not there.
   * @param pagesMax  limit of the file in pages of 4 KiB, as a full disk would set one
   * @throws DomainError `format-too-new`, `records-failed`
   */
  static open(file: string, pagesMax?: number): Database {
    let db: DatabaseSync | undefined;
    try {
      mkdirSync(dirname(file), { recursive: true });
      db = new DatabaseSync(file);
      const database = new Database(db);
      database.#prepareFile(file);
      if (pagesMax !== undefined) db.exec(`PRAGMA max_page_count = ${pagesMax}`);
      database.#load();
      return database;
    } catch (error) {
      db?.close();
      if (error instanceof DomainError) throw error;
      throw new DomainError('records-failed', openingMessage(file, error), { cause: error });
    }
  }

  get(name: string, key: Uint8Array): RecordEntry | undefined {
    const space = this.#spaces.get(name);
    return space && this.#all<RecordEntry>(`${entriesOf(space)} WHERE key = ?`, key)[0];
  }

  range(name: string, { from, to, reverse = false, limit, bytesMax }: KeyRange): RecordEntry[] {
    const space = this.#spaces.get(name);
    if (!space) return [];
    const bounds = [...(from ? ['key >= ?'] : []), ...(to ? ['key < ?'] : [])];
    const where = bounds.length ? `WHERE ${bounds.join(' AND ')}` : '';
    const order = `ORDER BY key ${reverse ? 'DESC' : ''} LIMIT ?`;
    const sql = `${entriesOf(space)} ${where} ${order}`;
    const parameters = [...(from ? [from] : []), ...(to ? [to] : []), limit];
    if (bytesMax === undefined) return this.#all(sql, ...parameters);
    return upTo(bytesMax, this.#statement(sql).iterate(...parameters) as Iterable<unknown> as Iterable<RecordEntry>);
  }

  changes(name: string, after: number, limit: number): Change[] {
    const space = this.#spaces.get(name);
    if (!space?.feed) return [];
    const columns = `SELECT version, position, key, value FROM feed_${space.id}`;
    const rows = this.#all<Change & { position: number }>(
      `${columns} WHERE version > ? ORDER BY version, position LIMIT ?`,
      after,
      limit,
    );
    const last = rows.at(-1);
    if (!last || rows.length < limit) return rows;
    return rows.concat(
      this.#all(`${columns} WHERE version = ? AND position > ? ORDER BY position`, last.version, last.position),
    );
  }

  /** Version of the last change in the feed of `space`; 0 when there is none. */
  latestChange(name: string): number {
    const space = this.#spaces.get(name);
    if (!space?.feed) return 0;
    const row = this.#statement(`SELECT max(version) AS version FROM feed_${space.id}`).get();
    return (row?.version as number | null) ?? 0;
  }

  /**
   * Carries out the requests in order, in one SQLite transaction with one sync. A condition that does not hold fails its own
   * request only; an error of the file fails all, and none of them is written.
   *
   * @throws DomainError `records-full`, `records-failed`: nothing of the group is in the file
   */
  writeGroup(requests: readonly WriteRequest[]): Outcome[] {
    const before = this.#version;
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      const outcomes = requests.map((request) => this.#write(request));
      if (this.#version !== before) this.#run('UPDATE meta SET version = ?', this.#version);
      this.#db.exec('COMMIT');
      return outcomes;
    } catch (error) {
      this.#rollBack();
      throw new DomainError(codeOf(error), messageOf(error), { cause: error });
    }
  }

  close(): void {
    this.#db.close();
  }

  #prepareFile(file: string): void {
    // Exclusive before WAL: no shared-memory file, and a second process is refused instead of reading stale caches.
    this.#db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    this.#db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = -${CACHE_KIB}`);
    const version = this.#db.prepare('PRAGMA user_version').get()!.user_version as number;
    if (version > SCHEMA_VERSION) {
      const message = `${file} has format ${version}; this release reads up to ${SCHEMA_VERSION}: use a newer one`;
      throw new DomainError('format-too-new', message);
    }
    if (version === 0) this.#createSchema();
    else if (version === 1) this.#partLongValues();
  }

  /** From schema 1: what is long there stays beside its key until it is written again. */
  #partLongValues(): void {
    const spaces = this.#db.prepare('SELECT id FROM spaces').all();
    const changes = spaces.map(({ id }) => `ALTER TABLE space_${id} ADD COLUMN long INTEGER;`);
    this.#db.exec(`BEGIN IMMEDIATE; ${changes.join(' ')} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
  }

  #createSchema(): void {
    this.#db.exec(`
      BEGIN IMMEDIATE;
      CREATE TABLE meta (version INTEGER NOT NULL) STRICT;
      INSERT INTO meta VALUES (0);
      CREATE TABLE spaces (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, feed INTEGER NOT NULL) STRICT;
      PRAGMA user_version = ${SCHEMA_VERSION};
      COMMIT;
    `);
  }

  #load(): void {
    this.#version = this.#statement('SELECT version FROM meta').get()!.version as number;
    const rows = this.#statement(
      `SELECT id, name, feed, EXISTS (SELECT 1 FROM sqlite_schema s WHERE s.name = 'long_' || id) AS hasLong FROM spaces`,
    ).all();
    this.#spaces = new Map(
      rows.map(({ id, name, feed, hasLong }) => [
        name as string,
        { id: id as number, feed: feed === 1, hasLong: hasLong === 1 },
      ]),
    );
  }

  #rollBack(): void {
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      this.#load();
    } catch {
      // The first error is the one that tells; what cannot even be rolled back shows again at the next write.
    }
  }

  #write(request: WriteRequest): Outcome {
    switch (request.kind) {
      case 'commit':
        return this.#commit(request.transaction);
      case 'watchChanges':
        this.#watchChanges(request.space);
        break;
      case 'trimChanges':
        this.#trimChanges(request.space, request.through);
        break;
      case 'dropSpace':
        this.#dropSpace(request.space);
        break;
    }
    return { version: this.#version };
  }

  #commit({ conditions = [], writes }: Transaction): Outcome {
    const index = conditions.findIndex((condition) => !this.#holds(condition));
    if (index >= 0) {
      const { space, is } = conditions[index]!;
      return { failure: { code: 'condition-failed', message: `condition ${index} (${is} in ${space}) failed`, index } };
    }
    const version = ++this.#version;
    let position = 0;
    for (const write of writes) {
      if (write.kind === 'deleteRange') position += this.#deleteRange(write, version, position);
      else this.#apply(write, version, position++);
    }
    return { version };
  }

  #holds({ space: name, key, is }: Condition): boolean {
    const space = this.#spaces.get(name);
    const row = space && this.#statement(`SELECT version FROM space_${space.id} WHERE key = ?`).get(key);
    if (is === 'absent') return !row;
    return row !== undefined && (is === 'present' || row.version === is);
  }

  #apply(write: RowWrite, version: number, position: number): void {
    const space = this.#spaceToWrite(write.space);
    const { id, feed, hasLong } = space;
    const value = write.kind === 'put' ? write.value : null;
    if (hasLong) this.#run(`DELETE FROM long_${id} WHERE id = (SELECT long FROM space_${id} WHERE key = ?)`, write.key);
    if (value) this.#put(space, write.key, value, version);
    else this.#run(`DELETE FROM space_${id} WHERE key = ?`, write.key);
    if (feed) this.#run(`INSERT INTO feed_${id} VALUES (?, ?, ?, ?)`, version, position, write.key, value);
  }

  /** @returns how many records it deleted: so many changes stand in the feed from `position` on */
  #deleteRange({ space: name, from, to }: RangeDelete, version: number, position: number): number {
    const space = this.#spaces.get(name);
    if (!space) return 0;
    const { id, feed, hasLong } = space;
    const range = `FROM space_${id} WHERE key >= ? AND key < ?`;
    if (hasLong) this.#run(`DELETE FROM long_${id} WHERE id IN (SELECT long ${range} AND long NOT NULL)`, from, to);
    if (feed) {
      const changes = `SELECT ?, ? + row_number() OVER (ORDER BY key), key, NULL ${range}`;
      this.#run(`INSERT INTO feed_${id} ${changes}`, version, position - 1, from, to);
    }
    return Number(this.#run(`DELETE ${range}`, from, to).changes);
  }

  #put(space: Space, key: Uint8Array, value: Uint8Array, version: number): void {
    const isLong = key.length + value.length > BESIDE_KEY_BYTES_MAX;
    this.#run(
      `INSERT INTO space_${space.id} VALUES (?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, long = excluded.long`,
      key,
      isLong ? APART : value,
      version,
      isLong ? this.#putLong(space, value) : null,
    );
  }

  /** The number under which the value stands. */
  #putLong(space: Space, value: Uint8Array): number | bigint {
    if (!space.hasLong) {
      this.#db.exec(`CREATE TABLE long_${space.id} (id INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT`);
      space.hasLong = true;
    }
    return this.#run(`INSERT INTO long_${space.id} (value) VALUES (?)`, value).lastInsertRowid;
  }

  #spaceToWrite(name: string): Space {
    const found = this.#spaces.get(name);
    if (found) return found;
    const { lastInsertRowid } = this.#run('INSERT INTO spaces (name, feed) VALUES (?, 0)', name);
    const space = { id: Number(lastInsertRowid), feed: false, hasLong: false };
    this.#db.exec(`CREATE TABLE space_${space.id} (key BLOB PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL,
                   long INTEGER) STRICT, WITHOUT ROWID`);
    this.#spaces.set(name, space);
    return space;
  }

  #watchChanges(name: string): void {
    const space = this.#spaceToWrite(name);
    if (space.feed) return;
    this.#run('UPDATE spaces SET feed = 1 WHERE id = ?', space.id);
    this.#db.exec(`CREATE TABLE feed_${space.id} (version INTEGER NOT NULL, position INTEGER NOT NULL,
                   key BLOB NOT NULL, value BLOB, PRIMARY KEY (version, position)) STRICT, WITHOUT ROWID`);
    space.feed = true;
  }

  #trimChanges(name: string, through: number): void {
    const space = this.#spaces.get(name);
    if (space?.feed) this.#run(`DELETE FROM feed_${space.id} WHERE version <= ?`, through);
  }

  #dropSpace(name: string): void {
    const space = this.#spaces.get(name);
    if (!space) return;
    // Ids are used again; and statements of tables that are gone would pile up.
    this.#statements.clear();
    this.#db.exec(
      `DROP TABLE space_${space.id}; DROP TABLE IF EXISTS feed_${space.id}; DROP TABLE IF EXISTS long_${space.id}`,
    );
    this.#run('DELETE FROM spaces WHERE id = ?', space.id);
    this.#spaces.delete(name);
  }

  #all<Row>(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...parameters) as Row[];
  }

  #run(sql: string, ...parameters: SQLInputValue[]) {
    return this.#statement(sql).run(...parameters);
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Entries of a space, wherever their values stand. */
function entriesOf({ id, hasLong }: Space): string {
  if (!hasLong) return `SELECT key, value, version FROM space_${id}`;
  return `SELECT key, coalesce(apart.value, beside.value) AS value, version
          FROM space_${id} AS beside LEFT JOIN long_${id} AS apart ON apart.id = beside.long`;
}

/** Records up to and with the one at which their keys and values reach so many bytes. */
function upTo(bytesMax: number, entries: Iterable<RecordEntry>): RecordEntry[] {
  const taken: RecordEntry[] = [];
  let size = 0;
  for (const entry of entries) {
    taken.push(entry);
    size += entry.key.byteLength + entry.value.byteLength;
    if (size >= bytesMax) break;
  }
  return taken;
}

function codeOf(error: unknown): RecordsErrorCode {
  return primaryCode(error) === SQLITE_FULL ? 'records-full' : 'records-failed';
}

/** The low byte of SQLite's extended result code. */
function primaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

function openingMessage(file: string, error: unknown): string {
  if (primaryCode(error) === SQLITE_BUSY) return `another process has ${file} open`;
  return `${file} cannot be opened: ${messageOf(error)}`;
}
