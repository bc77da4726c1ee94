/**
 * The SQLite file behind the embedded records engine. Synchronous: it runs in a worker thread.
 *
 *     meta      one row: the version of the last commit
 *     spaces    name -> id, and whether a change feed is kept; the tables of each are in space.ts
 *
 * `user_version` is the schema's version (S4). WAL with synchronous=FULL: a commit returns after the sync of the log (S1).
 * `records.lock` beside it is held as long as it is open: its state is kept in memory too, so that nobody else may write it.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
import { Checkpoints, restoreLog, type Sync } from './checkpoints.ts';
import type { Failure, WriteRequest } from './protocol.ts';
import { Space } from './space.ts';

/** 1 had no long values apart. */
export const SCHEMA_VERSION = 2;

/** Beside the file; empty. */
const LOCK_FILE = 'records.lock';
const PAGE_BYTES = 4096;
const PAGE_CACHE_BYTES = 16 * 1024 * 1024;

export interface DatabaseLimits {
  /** Limit of the file in pages of 4 KiB, as a full disk would set one. */
  readonly pagesMax?: number;
  /** Memory for pages of the file, taken as they are read; 16 MiB unless given. */
  readonly pageCacheBytes?: number;
}

/** A commit's version, nothing for the other writes, or why it was not done. */
export type Outcome = { readonly version: number } | { readonly failure: Failure };

/** SQLite's primary result codes that mean more than "failed". */
const SQLITE_FULL = 13;
const SQLITE_BUSY = 5;

export class Database {
  readonly #db: DatabaseSync;
  readonly #lock: DatabaseSync;
  readonly #checkpoints: Checkpoints;
  readonly #statements = new Map<string, StatementSync>();
  #spaces = new Map<string, Space>();
  #version = 0;

  private constructor(db: DatabaseSync, lock: DatabaseSync, checkpoints: Checkpoints) {
    this.#db = db;
    this.#lock = lock;
    this.#checkpoints = checkpoints;
  }

  /**
   * Opens the file, making it and its folder when they are not there.
   * @throws DomainError `format-too-new`, `records-failed`
   */
  static open(file: string, { pagesMax, pageCacheBytes = PAGE_CACHE_BYTES }: DatabaseLimits, sync?: Sync): Database {
    let lock: DatabaseSync | undefined;
    let db: DatabaseSync | undefined;
    try {
      mkdirSync(dirname(file), { recursive: true });
      lock = lockFile(join(dirname(file), LOCK_FILE));
      restoreLog(file);
      db = new DatabaseSync(file);
      prepareFile(db, file);
      db.exec(`PRAGMA cache_size = -${pageCacheBytes / 1024}`);
      if (pagesMax !== undefined) db.exec(`PRAGMA max_page_count = ${pagesMax}`);
      const database = new Database(db, lock, new Checkpoints(file, db, sync));
      database.#load();
      return database;
    } catch (error) {
      db?.close();
      lock?.close();
      if (error instanceof DomainError) throw error;
      throw new DomainError('records-failed', openingMessage(file, error), { cause: error });
    }
  }

  /** Lets several reads share one look at the log: alone, each makes its own. */
  reading(reads: () => void): void {
    this.#run('BEGIN');
    try {
      reads();
    } finally {
      this.#run('COMMIT');
    }
  }

  get(name: string, key: Uint8Array): RecordEntry | undefined {
    return this.#spaces.get(name)?.get(key);
  }

  range(name: string, range: KeyRange): RecordEntry[] {
    return this.#spaces.get(name)?.range(range) ?? [];
  }

  changes(name: string, after: number, limit: number): Change[] {
    return this.#spaces.get(name)?.changes(after, limit) ?? [];
  }

  /** Version of the last change in the feed of `space`; 0 when there is none. */
  latestChange(name: string): number {
    return this.#spaces.get(name)?.latestChange() ?? 0;
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
      this.#run('BEGIN IMMEDIATE');
      const outcomes = requests.map((request) => this.#write(request));
      if (this.#version !== before) this.#run('UPDATE meta SET version = ?', this.#version);
      this.#run('COMMIT');
      for (let i = 0; i < requests.length; i++) {
        if ('version' in outcomes[i]!) this.#checkpoints.wrote(rowsOf(requests[i]!));
      }
      return outcomes;
    } catch (error) {
      this.#rollBack();
      throw new DomainError(codeOf(error), messageOf(error), { cause: error });
    }
  }

  /**
   * Moves pages from the log to the file, once there are enough of them. To be called when those who wrote have been answered.
   *
   * @returns resolved when they are durable there @throws DomainError `records-full`, `records-failed`: what was written stands in the log as before
   */
  async checkpointIfDue(): Promise<void> {
    try {
      await this.#checkpoints.makeIfDue();
    } catch (error) {
      throw new DomainError(codeOf(error), messageOf(error), { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#checkpoints.end();
    this.#db.close();
    this.#checkpoints.closeFile();
    this.#lock.close();
  }

  #load(): void {
    this.#version = this.#statement('SELECT version FROM meta').get()!.version as number;
    const rows = this.#statement(
      `SELECT id, name, feed, EXISTS (SELECT 1 FROM sqlite_schema s WHERE s.name = 'long_' || id) AS hasLong FROM spaces`,
    ).all();
    this.#spaces = new Map(
      rows.map(({ id, name, feed, hasLong }) => {
        const state = { id: id as number, feed: feed === 1, hasLong: hasLong === 1 };
        return [name as string, new Space(this.#db, state)];
      }),
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
        this.#spaces.get(request.space)?.trimChanges(request.through);
        break;
      case 'dropSpace':
        this.#dropSpace(request.space);
        break;
    }
    return { version: this.#version };
  }

  #commit({ conditions = [], writes }: Transaction): Outcome {
    // What most who have read an item ask for: to write it if it is as it was.
    const over = conditions.length === 1 ? sameRecord(conditions[0]!, writes[0]) : undefined;
    if (over) return this.#commitOver(over, writes);
    const index = conditions.findIndex((condition) => !this.#holds(condition));
    if (index >= 0) return failed(conditions[index]!, index);
    const version = ++this.#version;
    this.#applyAll(writes, version, 0);
    return { version };
  }

  #commitOver({ condition, put, is }: Over, writes: readonly Write[]): Outcome {
    const version = this.#version + 1;
    const space = is === 'absent' ? this.#spaceToWrite(put.space) : this.#spaces.get(put.space);
    if (!space?.putOver(put.key, put.value, version, is)) return failed(condition, 0);
    this.#version = version;
    space.tell(version, 0, put.key, put.value);
    if (writes.length > 1) this.#applyAll(writes.slice(1), version, 1);
    return { version };
  }

  /** @param position  of the first of them in its commit */
  #applyAll(writes: readonly Write[], version: number, position: number): void {
    let at = position;
    for (const write of writes) {
      if (write.kind !== 'deleteRange') this.#apply(write, version, at++);
      else at += this.#spaces.get(write.space)?.deleteRange(write.from, write.to, version, at) ?? 0;
    }
  }

  #holds({ space, key, is }: Condition): boolean {
    const version = this.#spaces.get(space)?.versionOf(key);
    if (is === 'absent') return version === undefined;
    return version !== undefined && (is === 'present' || version === is);
  }

  #apply(write: RowWrite, version: number, position: number): void {
    const space = this.#spaceToWrite(write.space);
    const value = write.kind === 'put' ? write.value : null;
    if (value) space.put(write.key, value, version);
    else space.delete(write.key);
    space.tell(version, position, write.key, value);
  }

  #spaceToWrite(name: string): Space {
    const found = this.#spaces.get(name);
    if (found) return found;
    const { lastInsertRowid } = this.#run('INSERT INTO spaces (name, feed) VALUES (?, 0)', name);
    const space = Space.create(this.#db, Number(lastInsertRowid));
    this.#spaces.set(name, space);
    return space;
  }

  #watchChanges(name: string): void {
    const space = this.#spaceToWrite(name);
    if (space.feed) return;
    this.#run('UPDATE spaces SET feed = 1 WHERE id = ?', space.id);
    space.watch();
  }

  #dropSpace(name: string): void {
    const space = this.#spaces.get(name);
    if (!space) return;
    space.drop();
    this.#run('DELETE FROM spaces WHERE id = ?', space.id);
    this.#spaces.delete(name);
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

/** Holds a file for this process until it is closed, or the process ends. @throws Error  SQLITE_BUSY where somebody else holds it */
function lockFile(file: string): DatabaseSync {
  const lock = new DatabaseSync(file);
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** Brings the file to this release's schema. @throws DomainError `format-too-new` */
function prepareFile(db: DatabaseSync, file: string): void {
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0');
  const version = db.prepare('PRAGMA user_version').get()!.user_version as number;
  if (version > SCHEMA_VERSION) {
    const message = `${file} has format ${version}; this release reads up to ${SCHEMA_VERSION}: use a newer one`;
    throw new DomainError('format-too-new', message);
  }
  if (version === 0) createSchema(db);
  else if (version === 1) partLongValues(db);
}

function createSchema(db: DatabaseSync): void {
  db.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE meta (version INTEGER NOT NULL) STRICT;
    INSERT INTO meta VALUES (0);
    CREATE TABLE spaces (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, feed INTEGER NOT NULL) STRICT;
    PRAGMA user_version = ${SCHEMA_VERSION};
    COMMIT;
  `);
}

/** From schema 1: what is long there stays beside its key until it is written again. */
function partLongValues(db: DatabaseSync): void {
  const spaces = db.prepare('SELECT id FROM spaces').all();
  const changes = spaces.map(({ id }) => `ALTER TABLE space_${id} ADD COLUMN long INTEGER;`);
  db.exec(`BEGIN IMMEDIATE; ${changes.join(' ')} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
}

/** A record that is to be put where it has one version, or where there is none. */
interface Over {
  readonly condition: Condition;
  readonly put: Extract<Write, { readonly kind: 'put' }>;
  readonly is: number | 'absent';
}

/** @returns `undefined` where the write is no put, or not of the record whose version the condition asks for */
function sameRecord(condition: Condition, write: Write | undefined): Over | undefined {
  const { space, key, is } = condition;
  if (is === 'present' || write?.kind !== 'put' || write.space !== space) return undefined;
  return Buffer.compare(write.key, key) === 0 ? { condition, put: write, is } : undefined;
}

function failed({ space, is }: Condition, index: number): Outcome {
  return { failure: { code: 'condition-failed', message: `condition ${index} (${is} in ${space}) failed`, index } };
}

/** How many rows a request counts for. */
function rowsOf(request: WriteRequest): number {
  if (request.kind !== 'commit') return 1;
  let rows = 0;
  for (const write of request.transaction.writes) {
    rows += write.kind === 'put' ? Math.ceil((write.value.length + 1) / PAGE_BYTES) : 1;
  }
  return rows;
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
