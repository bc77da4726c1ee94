/**
 * The tables of one space, and the statements on them, each prepared when it is first needed.
 *
 *     space_ID  key, value, version, long; without rowid, so that the tree itself is in key order
 *     long_ID   values that would not stand beside their keys, by the number in `long`; made with the first of them
 *     feed_ID   version, position in the commit, key, value (null for a delete); made when somebody watches
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Change, KeyRange, RecordEntry, Version } from '../records.ts';

/**
 * A key and its value that are longer get an overflow page of their own in a tree of keys, however little is in it: a page to write
 * for each. Apart, in a tree of numbers that only grows, three or more share one.
 *
 * @see https://www.sqlite.org/fileformat2.html#b_tree_pages (a quarter of a page of 4 KiB, less the record's header)
 */
const BESIDE_KEY_BYTES_MAX = 980;
const APART = new Uint8Array(0);

/** Rows of a range that are read before it is known how large they are. */
const FIRST_ROWS = 16;
/** About as much is read of a range at once. */
const PIECE_BYTES = 1024 * 1024;
const ZERO = Buffer.alloc(1);
type Row = readonly [key: Uint8Array, value: Uint8Array, version: Version];

/** A space as the table of spaces has it. */
export interface SpaceState {
  readonly id: number;
  readonly feed: boolean;
  /** It has a table of long values. */
  readonly hasLong: boolean;
}

export class Space {
  readonly id: number;
  readonly #db: DatabaseSync;
  #feed: boolean;
  #hasLong: boolean;
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, { id, feed, hasLong }: SpaceState) {
    this.#db = db;
    this.id = id;
    this.#feed = feed;
    this.#hasLong = hasLong;
  }

  /** Makes the tables of a new space. */
  static create(db: DatabaseSync, id: number): Space {
    db.exec(`CREATE TABLE space_${id} (key BLOB PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL,
             long INTEGER) STRICT, WITHOUT ROWID`);
    return new Space(db, { id, feed: false, hasLong: false });
  }

  /** Changes are kept. */
  get feed(): boolean {
    return this.#feed;
  }

  get(key: Uint8Array): RecordEntry | undefined {
    const row = this.#statement('get', () => `SELECT ${this.#columns} WHERE key = ?`, 'arrays').get(key);
    if (row === undefined) return undefined;
    const [value, version] = row as unknown as readonly [Uint8Array, Version];
    return { key, value, version };
  }

  versionOf(key: Uint8Array): Version | undefined {
    const statement = this.#statement('version', () => `SELECT version FROM space_${this.id} WHERE key = ?`);
    return statement.get(key)?.version as Version | undefined;
  }

  /** Read in pieces: rows one by one cost twice as much, and all at once could be gigabytes of which a megabyte is wanted. */
  range({ from, to, reverse = false, limit, bytesMax = Number.POSITIVE_INFINITY }: KeyRange): RecordEntry[] {
    const entries: RecordEntry[] = [];
    let bounds = { from, to };
    let size = 0;
    for (let wanted = Math.min(FIRST_ROWS, limit); ; ) {
      const rows = this.#rows(bounds, reverse, wanted);
      for (const [key, value, version] of rows) {
        entries.push({ key, value, version });
        size += key.byteLength + value.byteLength;
        if (size >= bytesMax) return entries;
      }
      if (rows.length < wanted || entries.length === limit) return entries;
      const last = entries.at(-1)!.key;
      bounds = reverse ? { from, to: last } : { from: Buffer.concat([last, ZERO]), to };
      const meanSize = Math.max(1, size / entries.length);
      wanted = Math.min(limit - entries.length, Math.ceil(Math.min(bytesMax - size, PIECE_BYTES) / meanSize));
    }
  }

  #rows({ from, to }: Pick<KeyRange, 'from' | 'to'>, reverse: boolean, limit: number): readonly Row[] {
    const name = `range ${from !== undefined} ${to !== undefined} ${reverse}`;
    const sql = () => {
      const bounds = [...(from ? ['key >= ?'] : []), ...(to ? ['key < ?'] : [])];
      const where = bounds.length ? `WHERE ${bounds.join(' AND ')}` : '';
      return `SELECT key, ${this.#columns} ${where} ORDER BY key ${reverse ? 'DESC' : ''} LIMIT ?`;
    };
    const statement = this.#statement(name, sql, 'arrays');
    return statement.all(...(from ? [from] : []), ...(to ? [to] : []), limit) as unknown as readonly Row[];
  }

  put(key: Uint8Array, value: Uint8Array, version: Version): void {
    const isApart = isLong(key, value);
    this.#deleteLong(key);
    const put = this.#statement(
      'put',
      () => `INSERT INTO space_${this.id} VALUES (?, ?, ?, ?)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, long = excluded.long`,
    );
    put.run(key, isApart ? APART : value, version, isApart ? this.#putLong(value) : null);
  }

  /**
   * Puts where the record has this version, or where there is none: with one descent of the tree instead of two.
   * @returns false: it is otherwise, and nothing was written
   */
  putOver(key: Uint8Array, value: Uint8Array, version: Version, is: Version | 'absent'): boolean {
    const { id } = this;
    if (this.#hasLong || isLong(key, value)) {
      if ((this.versionOf(key) ?? 'absent') !== is) return false;
      this.put(key, value, version);
      return true;
    }
    if (is === 'absent') {
      const sql = () => `INSERT INTO space_${id} VALUES (?, ?, ?, NULL) ON CONFLICT (key) DO NOTHING`;
      return this.#statement('put new', sql).run(key, value, version).changes === 1;
    }
    const sql = () => `UPDATE space_${id} SET value = ?, version = ? WHERE key = ? AND version = ?`;
    return this.#statement('put over', sql).run(value, version, key, is).changes === 1;
  }

  delete(key: Uint8Array): void {
    this.#deleteLong(key);
    this.#statement('delete', () => `DELETE FROM space_${this.id} WHERE key = ?`).run(key);
  }

  /** @returns how many records it deleted: so many changes stand in the feed from `position` on */
  deleteRange(from: Uint8Array, to: Uint8Array, version: Version, position: number): number {
    const { id } = this;
    const range = `FROM space_${id} WHERE key >= ? AND key < ?`;
    if (this.#hasLong) {
      const numbers = `SELECT long ${range} AND long NOT NULL`;
      this.#statement('delete long range', () => `DELETE FROM long_${id} WHERE id IN (${numbers})`).run(from, to);
    }
    if (this.#feed) {
      const changes = `SELECT ?, ? + row_number() OVER (ORDER BY key), key, NULL ${range}`;
      const tell = this.#statement('feed range', () => `INSERT INTO feed_${id} ${changes}`);
      tell.run(version, position - 1, from, to);
    }
    return Number(this.#statement('delete range', () => `DELETE ${range}`).run(from, to).changes);
  }

  /** Begins to keep changes. */
  watch(): void {
    this.#db.exec(`CREATE TABLE feed_${this.id} (version INTEGER NOT NULL, position INTEGER NOT NULL,
                   key BLOB NOT NULL, value BLOB, PRIMARY KEY (version, position)) STRICT, WITHOUT ROWID`);
    this.#feed = true;
  }

  /** Notes a change; nothing where none are kept. */
  tell(version: Version, position: number, key: Uint8Array, value: Uint8Array | null): void {
    if (!this.#feed) return;
    this.#statement('feed', () => `INSERT INTO feed_${this.id} VALUES (?, ?, ?, ?)`).run(version, position, key, value);
  }

  /** Changes above `after`: at most `limit`, and the rest of the last commit. */
  changes(after: Version, limit: number): Change[] {
    if (!this.#feed) return [];
    const columns = `SELECT version, position, key, value FROM feed_${this.id}`;
    const statement = this.#statement(
      'changes',
      () => `${columns} WHERE version > ? ORDER BY version, position LIMIT ?`,
    );
    const rows = statement.all(after, limit) as unknown as (Change & { readonly position: number })[];
    const last = rows.at(-1);
    if (!last || rows.length < limit) return rows;
    const rest = this.#statement('rest', () => `${columns} WHERE version = ? AND position > ? ORDER BY position`);
    return rows.concat(rest.all(last.version, last.position) as unknown as typeof rows);
  }

  /** Version of the last change that is kept; 0 when there is none. */
  latestChange(): Version {
    if (!this.#feed) return 0;
    const row = this.#statement('latest', () => `SELECT max(version) AS version FROM feed_${this.id}`).get();
    return (row?.version as Version | null) ?? 0;
  }

  trimChanges(through: Version): void {
    if (this.#feed) this.#statement('trim', () => `DELETE FROM feed_${this.id} WHERE version <= ?`).run(through);
  }

  /** Takes its tables away; it is of no use afterwards. */
  drop(): void {
    const { id } = this;
    this.#db.exec(`DROP TABLE space_${id}; DROP TABLE IF EXISTS feed_${id}; DROP TABLE IF EXISTS long_${id}`);
  }

  /** Value and version of records, wherever the value stands. */
  get #columns(): string {
    if (!this.#hasLong) return `value, version FROM space_${this.id}`;
    return `coalesce(apart.value, beside.value) AS value, version
            FROM space_${this.id} AS beside LEFT JOIN long_${this.id} AS apart ON apart.id = beside.long`;
  }

  /** The number under which the value stands. */
  #putLong(value: Uint8Array): number | bigint {
    if (!this.#hasLong) {
      this.#db.exec(`CREATE TABLE long_${this.id} (id INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT`);
      this.#hasLong = true;
      // Those that read looked for values beside their keys only.
      this.#statements.clear();
    }
    const insert = this.#statement('put long', () => `INSERT INTO long_${this.id} (value) VALUES (?)`);
    return insert.run(value).lastInsertRowid;
  }

  #deleteLong(key: Uint8Array): void {
    if (!this.#hasLong) return;
    const { id } = this;
    const number = `SELECT long FROM space_${id} WHERE key = ?`;
    this.#statement('delete long', () => `DELETE FROM long_${id} WHERE id = (${number})`).run(key);
  }

  /** @param rows  as objects by their columns, or as arrays, which are made in half of the time */
  #statement(name: string, sql: () => string, rows: 'objects' | 'arrays' = 'objects'): StatementSync {
    let statement = this.#statements.get(name);
    if (!statement) {
      statement = this.#db.prepare(sql());
      statement.setReturnArrays(rows === 'arrays');
      this.#statements.set(name, statement);
    }
    return statement;
  }
}

function isLong(key: Uint8Array, value: Uint8Array): boolean {
  return key.length + value.length > BESIDE_KEY_BYTES_MAX;
}
