/**
 * The thread that owns the DuckDB files of all databases. Records of the log go to buffers as they come, and to the tables when
 * a query wants to see them, when many have gathered, or a second after the first. Queries run in DuckDB's threads meanwhile.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { assert, DomainError, hasCode, messageOf, systemClock, type Timer } from '../../../base/index.ts';
import { SERIES_LIMITS, type SeriesErrorCode } from '../series.ts';
import { SeriesDatabase } from './database.ts';
import { fileOf } from './files.ts';
import type {
  Apply,
  Failure,
  FromWorker,
  Request,
  ToWorker,
  WorkerOptions,
  WorkerQuery,
  WorkerRows,
} from './protocol.ts';
import { RunningQuery } from './query.ts';

assert(parentPort, 'duckdb.worker runs as a worker only');
const port = parentPort;
const { directory, memoryLimit } = workerData as WorkerOptions;

/** Bytes of records that are brought into the tables without waiting longer. */
const FLUSH_BYTES = 2 * 1024 * 1024;
/** How long records may wait when nobody asks for them: it bounds what is replayed after a crash. */
const FLUSH_DELAY_MS = 1000;

/** A database, and the queries that run on it. */
class Open {
  readonly name: string;
  readonly database: SeriesDatabase;
  #places: number = SERIES_LIMITS.queriesMax;
  readonly #waiting: (() => void)[] = [];
  /** Who waits for all places to be free. */
  readonly #left: (() => void)[] = [];
  readonly #running = new Set<RunningQuery>();
  #ending = false;
  #timer: Timer | undefined;

  constructor(name: string, database: SeriesDatabase) {
    this.name = name;
    this.database = database;
  }

  apply({ offset, payloads }: Apply): void {
    for (let i = 0; i < payloads.length; i++) this.database.apply(offset + i, payloads[i]!);
    if (this.database.bufferedBytes >= FLUSH_BYTES) this.#flushSoon(0);
    else this.#flushSoon(FLUSH_DELAY_MS);
  }

  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const bytes = await this.database.flush();
    if (bytes > 0) send({ kind: 'applied', database: this.name, offset: this.database.flushedOffset, bytes });
  }

  /** Runs a query as soon as there is a place for it. */
  async query(id: number, query: WorkerQuery): Promise<WorkerRows | Uint8Array> {
    using _place = await this.#enter();
    if (this.#ending) throw new DomainError('series-failed', 'the database is closed');
    const connection = await this.database.connect();
    const running = new RunningQuery(connection, query, join(directory, 'answers'));
    queries.set(id, running);
    this.#running.add(running);
    try {
      if (this.#ending || cancelled.has(id)) throw new DomainError('series-failed', 'the query was cancelled');
      return await running.run();
    } finally {
      this.#running.delete(running);
      queries.delete(id);
      connection.closeSync();
    }
  }

  /** Ends its queries, brings what it can into the tables, and closes it. */
  async close(): Promise<void> {
    this.#ending = true;
    this.#timer?.cancel();
    for (const running of this.#running) running.cancel();
    while (this.#places < SERIES_LIMITS.queriesMax) await new Promise<void>((resolve) => this.#left.push(resolve));
    await this.flush().catch(() => {});
    await this.database.close();
  }

  async #enter(): Promise<Disposable> {
    if (this.#places === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#places--;
    return { [Symbol.dispose]: () => this.#leave() };
  }

  /** A place goes to who waits first, and is free when nobody does. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) return next();
    this.#places++;
    for (const wake of this.#left.splice(0)) wake();
  }

  /** A flush that fails is tried again with the next; who must know asks for a query, and is told. */
  #flushSoon(delayMs: number): void {
    if (delayMs === 0) return void this.flush().catch(() => this.#flushSoon(FLUSH_DELAY_MS));
    this.#timer ??= systemClock.timer(delayMs, () => void this.flush().catch(() => this.#flushSoon(FLUSH_DELAY_MS)));
  }
}

const databases = new Map<string, Promise<Open>>();
const queries = new Map<number, RunningQuery>();
const cancelled = new Set<number>();

port.on('message', (message: ToWorker) => {
  if (message.kind === 'apply') void apply(message);
  else if (message.kind === 'cancel') cancel(message.id);
  else void answer(message);
});

async function apply(message: Apply): Promise<void> {
  const open = await databases.get(message.database);
  open?.apply(message);
}

function cancel(id: number): void {
  const query = queries.get(id);
  if (query) query.cancel();
  else cancelled.add(id);
}

async function answer(request: { readonly id: number } & Request): Promise<void> {
  const { id } = request;
  try {
    const outcome = await carryOut(id, request);
    // Short texts share a slab of Node's, which cannot be handed over.
    const result = outcome instanceof Uint8Array ? new Uint8Array(outcome) : outcome;
    const transfer = result instanceof Uint8Array ? [result.buffer as ArrayBuffer] : [];
    port.postMessage({ kind: 'answer', id, result } satisfies FromWorker, transfer);
  } catch (error) {
    send({ kind: 'failure', id, failure: failureOf(error) });
    if (isFatal(error)) process.exit(1);
  } finally {
    cancelled.delete(id);
  }
  if (request.kind === 'close') port.close();
}

async function carryOut(id: number, request: Request): Promise<unknown> {
  switch (request.kind) {
    case 'open':
      return (await openDatabase(request.database)).database.flushedOffset;
    case 'query':
      return query(id, request);
    case 'maintain': {
      const open = await openDatabase(request.database);
      await open.flush();
      return open.database.maintain(request.now, request.policy, request.rollups);
    }
    case 'drop':
      return drop(request.database);
    case 'close':
      return close();
  }
}

function openDatabase(name: string): Promise<Open> {
  let opening = databases.get(name);
  if (!opening) {
    opening = openFile(name);
    databases.set(name, opening);
    opening.catch(() => databases.delete(name));
  }
  return opening;
}

async function openFile(name: string): Promise<Open> {
  await mkdir(directory, { recursive: true });
  return new Open(name, await SeriesDatabase.open(join(directory, fileOf(name)), memoryLimit));
}

async function query(id: number, { database, query }: Request & { kind: 'query' }): Promise<WorkerRows | Uint8Array> {
  const open = await openDatabase(database);
  // With a full disk reads go on, from what is in the tables (S3).
  await open.flush().catch((error) => {
    if (!hasCode(error, 'series-full')) throw error;
  });
  return open.query(id, query);
}

async function drop(name: string): Promise<void> {
  const open = await databases.get(name)?.catch(() => undefined);
  databases.delete(name);
  await open?.close();
  for (const ending of ['', '.wal']) await rm(join(directory, `${fileOf(name)}${ending}`), { force: true });
}

/** Brings all into the tables; what cannot be stays in the log. */
async function close(): Promise<void> {
  const opened = await Promise.allSettled(databases.values());
  await Promise.all(opened.map((open) => (open.status === 'fulfilled' ? open.value.close() : undefined)));
}

function failureOf(error: unknown): Failure {
  const code = error instanceof DomainError ? (error.code as SeriesErrorCode) : 'series-failed';
  return { code, message: messageOf(error) };
}

/** DuckDB takes no more of a database that had such an error: a new thread opens it anew, and the log brings what it lacks. */
function isFatal(error: unknown): boolean {
  // The words at the beginning are DuckDB's own; those further on may be a query's.
  return messageOf(error).startsWith('FATAL Error');
}

function send(message: FromWorker): void {
  port.postMessage(message);
}
