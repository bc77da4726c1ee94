import { closeSync, existsSync, fdatasync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';

/** Pages in the log that are worth copying. More of them hold up those who write for longer, fewer cost more processor time a page. */
const COPIED_PAGES = 128;
/** Rows after which pages are copied however few they are, lest the log grow long before it shows that others take more. */
const ROWS_MAX = 2048;
/** Beyond that, commits wait for the sync, so that the log can begin anew: 32 MiB. */
const LOG_PAGES_MAX = 8192;

const PASSIVE = 'PRAGMA wal_checkpoint(PASSIVE)';

/** Makes what was written to a file durable. */
export type Sync = (descriptor: number) => Promise<void>;

/** What SQLite tells of a checkpoint. */
interface Copied {
  /** Pages in the log, those of earlier copies too. */
  readonly log: number;
}

/** Connections beside the writer's, and the file; opened with the first copy. */
interface Helpers {
  /** Copies and does not sync. */
  readonly copier: DatabaseSync;
  readonly copy: StatementSync;
  /** While it reads, the log does not begin anew. */
  readonly reader: DatabaseSync;
  readonly descriptor: number;
}

/**
 * Moves pages from SQLite's log to its file, and lets commits go on while the file is synced.
 *
 *     a reader begins -> pages are copied -> the file is synced, in a thread of libuv -> the reader ends
 *
 * The copy takes 8 µs a page, the sync of pages at random places twice that: with both in the writer's thread, all who write waited 10 ms
 * for every 256 pages. But SQLite begins its log anew, over what stands in it, as soon as all of it was copied, and takes the copier's word
 * that it is synced. It does not where somebody still reads from the log: so what was copied and not synced stands in the log too, and a
 * start after a crash copies it again.
 *
 * @see https://www.sqlite.org/walformat.html#how_wal_mode_works (locks: a log that is read is not reset)
 */
export class Checkpoints {
  readonly #file: string;
  readonly #sync: Sync;
  readonly #copyAndSync: StatementSync;
  #helpers: Helpers | undefined;
  /** Rows that were written since the last copy, one of several pages as so many: SQLite does not tell how long its log is. */
  #rows = 0;
  /** After so many the next one is due; a row may take a few pages, as long as nothing else is known. */
  #rowsDue = COPIED_PAGES / 4;
  /** Pages in the log that were copied already; 0 where the next commit begins it anew. */
  #copiedPages = 0;
  #syncing: Promise<void> | undefined;

  /** @param writer  the connection that writes, with synchronous=FULL */
  constructor(file: string, writer: DatabaseSync, sync: Sync = promisify(fdatasync)) {
    this.#file = file;
    this.#sync = sync;
    this.#copyAndSync = writer.prepare(PASSIVE);
  }

  /** So many rows were committed. */
  wrote(rows: number): void {
    this.#rows += rows;
  }

  /**
   * Makes one, once there are enough pages. To be called when those who wrote have been answered: the copy holds up the next commit.
   *
   * @returns resolved when the file is synced @throws Error  SQLite's, or that of the sync: what was written stands in the log as before
   */
  async makeIfDue(): Promise<void> {
    if (this.#syncing || this.#rows < this.#rowsDue) return;
    if (this.#copiedPages > LOG_PAGES_MAX) {
      this.#note(this.#copyAndSync.get());
      this.#copiedPages = 0;
    } else {
      this.#helpers ??= open(this.#file);
      this.#copy(this.#helpers);
      this.#syncing = this.#syncCopied(this.#helpers);
      await this.#syncing;
    }
  }

  /** Ends what is under way. The writer's connection is to be closed before {@link closeFile}. */
  async end(): Promise<void> {
    await this.#syncing?.catch(() => {});
    this.#helpers?.reader.close();
    this.#helpers?.copier.close();
  }

  /** Last of all: a process that closes any descriptor of a file loses its locks on it. */
  closeFile(): void {
    if (this.#helpers) closeSync(this.#helpers.descriptor);
  }

  #copy({ copy, reader }: Helpers): void {
    // It reads from its first statement on.
    reader.exec('BEGIN; PRAGMA user_version');
    try {
      this.#note(copy.get());
    } catch (error) {
      reader.exec('COMMIT');
      throw error;
    }
  }

  async #syncCopied({ reader, descriptor }: Helpers): Promise<void> {
    try {
      await this.#sync(descriptor);
    } catch (error) {
      // The kernel may have dropped what it could not write, and says so once only: nothing is copied from now on.
      keepLog(this.#file);
      throw error;
    }
    reader.exec('COMMIT');
    if (this.#rows === 0) this.#copiedPages = 0;
    this.#syncing = undefined;
  }

  #note(copied: unknown): void {
    const { log } = copied as Copied;
    const pages = Math.max(1, log - this.#copiedPages);
    // As many pages a row as there were this time.
    this.#rowsDue = Math.min(ROWS_MAX, (COPIED_PAGES * this.#rows) / pages);
    this.#rows = 0;
    this.#copiedPages = log;
  }
}

/** SQLite takes the log of a file away when its last connection closes: under a second name it stays. */
function keepLog(file: string): void {
  try {
    linkSync(logOf(file), keptLogOf(file));
  } catch {
    // No names can be given on this file system, or none any more: the sync that failed is what the caller is told of.
  }
}

/** Gives a file the log back that was kept when a sync had failed. */
export function restoreLog(file: string): void {
  if (!existsSync(keptLogOf(file))) return;
  renameSync(keptLogOf(file), logOf(file));
  // Both are left where they are names of one file: after a crash.
  rmSync(keptLogOf(file), { force: true });
}

function open(file: string): Helpers {
  const descriptor = openSync(file, 'r+');
  const copier = new DatabaseSync(file);
  copier.exec('PRAGMA synchronous = OFF');
  return { copier, copy: copier.prepare(PASSIVE), reader: new DatabaseSync(file), descriptor };
}

function logOf(file: string): string {
  return `${file}-wal`;
}

function keptLogOf(file: string): string {
  return `${file}-wal.kept`;
}
