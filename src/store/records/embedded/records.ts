/**
 * The embedded records engine: the client side of the SQLite worker.
 *
 * Requests of one turn of the loop leave as one frame; each waits under its id for its answer. The worker answers writes in
 * the order in which they were called, so what a caller sees resolve is the order of versions.
 */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { assert, DomainError, messageOf, siblingModule } from '../../../base/index.ts';
import {
  type Change,
  type KeyRange,
  RECORDS_LIMITS,
  type RecordEntry,
  type RecordKey,
  type Records,
  type RecordsErrorCode,
  type Transaction,
  type Version,
  type Write,
} from '../records.ts';
import { ChangeWaiters } from './change-waiters.ts';
import { type Frame, FrameReader, FrameWriter } from './frames.ts';
import { PendingCalls } from './pending-calls.ts';
import {
  type Failure,
  type Request,
  readChanges,
  readEntries,
  readFailure,
  readFound,
  writeRequest,
} from './protocol.ts';
import type { WorkerOptions } from './sqlite.worker.ts';

export interface EmbeddedRecordsOptions {
  /** Folder of the store, made when it is not there: `records.sqlite` and its log stand in it. One process at a time opens it. */
  readonly directory: string;
  /** Largest size of the file in pages of 4 KiB; beyond it commits answer `records-full`. Unlimited unless given. */
  readonly pagesMax?: number;
  /** Memory for pages of the file, bytes; 16 MiB unless given. */
  readonly pageCacheBytes?: number;
}

const FILE = 'records.sqlite';

/**
 * Opens the store of `directory`, replaying its log after a crash.
 * @throws DomainError `format-too-new` (S4), `records-failed`: damaged, not accessible, or open in another process
 */
export async function openEmbeddedRecords(options: EmbeddedRecordsOptions): Promise<Records> {
  const records = new EmbeddedRecords(options);
  await records.start();
  return records;
}

/**
 * The store of `directory`, opened by the first call that needs it: until then it has no thread, no file and no memory. A store that
 * was never written to is empty without being opened. What {@link openEmbeddedRecords} throws, its calls reject with from then on.
 */
export function lazyEmbeddedRecords(options: EmbeddedRecordsOptions): Records {
  return new EmbeddedRecords(options);
}

class EmbeddedRecords implements Records {
  readonly #options: WorkerOptions;
  #worker: Worker | undefined;
  /** There is nothing in it yet, not even a file. */
  #unwritten: boolean;
  #exited: Promise<void> | undefined;
  readonly #calls = new PendingCalls();
  readonly #waiters = new ChangeWaiters();
  /** Requests of this turn of the loop. */
  readonly #outgoing = new FrameWriter();
  #isFlushing = false;
  #pendingTransactions = 0;
  #pendingBytes = 0;
  #closing: Promise<void> | undefined;
  /** Set when the worker is gone: the answer to everything from then on. */
  #gone: DomainError<RecordsErrorCode> | undefined;

  constructor({ directory, pagesMax, pageCacheBytes }: EmbeddedRecordsOptions) {
    const file = join(directory, FILE);
    // Named one by one: what else callers hand over could not cross to the worker.
    this.#options = {
      file,
      ...(pagesMax !== undefined && { pagesMax }),
      ...(pageCacheBytes !== undefined && { pageCacheBytes }),
    };
    this.#unwritten = !existsSync(file);
  }

  /** Starts the worker; resolves when it has opened the file. */
  start(): Promise<void> {
    this.#unwritten = false;
    const worker = new Worker(siblingModule(import.meta.url, './sqlite.worker'), {
      workerData: this.#options,
      // Earlier releases of Node 24 warn that node:sqlite is experimental; nothing else in that thread is.
      execArgv: ['--disable-warning=ExperimentalWarning'],
      name: 'records',
    });
    this.#worker = worker;
    worker.on('message', (frame: Frame) => this.#receive(frame));
    worker.on('error', (error) => this.#fail(closed(`the records worker died: ${messageOf(error)}`)));
    this.#exited = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#fail(closed('the records store is closed'));
        resolve();
      });
    });
    return new Promise((resolve, reject) => {
      this.#calls.addOpening({
        resolve: () => resolve(),
        reject: (error) => {
          this.#fail(error);
          reject(error);
        },
      });
    });
  }

  get(space: string, key: Uint8Array): Promise<RecordEntry | undefined> {
    if (this.#unwritten) return Promise.resolve(undefined);
    return this.#call({ kind: 'get', space, key }, readFirstEntry);
  }

  async getAll(keys: readonly RecordKey[]): Promise<readonly (RecordEntry | undefined)[]> {
    assert(keys.length <= RECORDS_LIMITS.readRecordsMax, `at most ${RECORDS_LIMITS.readRecordsMax} keys`);
    if (this.#unwritten) return keys.map(() => undefined);
    return this.#call({ kind: 'getAll', keys }, readFound);
  }

  async range(space: string, range: KeyRange): Promise<readonly RecordEntry[]> {
    checkLimit(range.limit);
    assert(range.bytesMax === undefined || range.bytesMax >= 1, 'bytesMax is 1 or more');
    if (this.#unwritten) return [];
    return this.#call({ kind: 'range', space, range }, readEntries);
  }

  async commit(transaction: Transaction): Promise<Version> {
    const sizeBytes = sizeOf(transaction);
    this.#admit(sizeBytes);
    try {
      const version = await this.#call({ kind: 'commit', transaction }, readVersion);
      for (const { space } of transaction.writes) this.#waiters.moved(space, version);
      return version;
    } finally {
      this.#pendingTransactions--;
      this.#pendingBytes -= sizeBytes;
    }
  }

  async watchChanges(space: string): Promise<void> {
    await this.#call({ kind: 'watchChanges', space }, readVersion);
  }

  async changes(space: string, after: Version, limit: number): Promise<readonly Change[]> {
    checkLimit(limit);
    if (this.#unwritten) return [];
    return this.#call({ kind: 'changes', space, after, limit }, readChanges);
  }

  async waitForChanges(space: string, after: Version, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    // Listen first, ask second: a commit between the two must not be missed.
    const moved = this.#waiters.beyond(space, after, signal);
    moved.catch(() => {});
    const latest = await this.#call({ kind: 'latestChange', space }, readVersion);
    this.#waiters.moved(space, latest);
    await moved;
  }

  async trimChanges(space: string, through: Version): Promise<void> {
    if (this.#unwritten) return;
    await this.#call({ kind: 'trimChanges', space, through }, readVersion);
  }

  async dropSpace(space: string): Promise<void> {
    if (this.#unwritten) return;
    await this.#call({ kind: 'dropSpace', space }, readVersion);
  }

  async sizeBytes(): Promise<number> {
    const { file } = this.#options;
    const sizes = await Promise.all([file, `${file}-wal`].map(fileSize));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    // Requests before it are carried out first, those after it are refused.
    const last = this.#worker ? this.#call({ kind: 'close' }, () => {}) : Promise.resolve();
    this.#gone ??= closed('the records store is closed');
    this.#unwritten = false;
    await last.catch(() => {});
    await this.#exited;
  }

  #admit(sizeBytes: number): void {
    const full =
      this.#pendingTransactions >= RECORDS_LIMITS.pendingTransactionsMax ||
      this.#pendingBytes + sizeBytes > RECORDS_LIMITS.pendingBytesMax;
    if (full) throw new DomainError('records-busy', 'too many transactions wait for the writer', { remedy: 'retry' });
    this.#pendingTransactions++;
    this.#pendingBytes += sizeBytes;
  }

  #call<T>(request: Request, read: (from: FrameReader) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(this.#gone);
      // How the opening went, this call is told like every other.
      if (!this.#worker) this.start().catch(() => {});
      const id = this.#calls.add({ resolve: (from) => resolve(read(from)), reject });
      writeRequest(this.#frame(), id, request);
    });
  }

  /** The frame of this turn of the loop. */
  #frame(): FrameWriter {
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      setImmediate(this.#flush);
    }
    return this.#outgoing;
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    this.#outgoing.sendTo(this.#worker!);
  };

  #receive(frame: Frame): void {
    const reader = new FrameReader(frame);
    while (!reader.done) {
      const id = reader.uint32();
      const call = this.#calls.take(id);
      if (reader.byte() === 0) call.resolve(reader);
      else call.reject(errorOf(readFailure(reader)));
    }
  }

  /** The worker is gone, whatever the reason. */
  #fail(reason: DomainError<RecordsErrorCode>): void {
    this.#gone ??= reason;
    for (const { reject } of this.#calls.takeAll()) reject(this.#gone);
    this.#waiters.failAll(this.#gone);
  }
}

function closed(message: string): DomainError<RecordsErrorCode> {
  return new DomainError('records-failed', message);
}

function readFirstEntry(from: FrameReader): RecordEntry | undefined {
  return readEntries(from)[0];
}

function readVersion(from: FrameReader): Version {
  return from.whole();
}

function errorOf({ code, message, index }: Failure): DomainError<RecordsErrorCode> {
  const remedy = code === 'records-full' ? 'retry' : 'never';
  return new DomainError(code, message, { remedy, ...(index === undefined ? {} : { fields: { index } }) });
}

/** Keys and values of a transaction in bytes. @throws DomainError `record-too-large` */
function sizeOf({ conditions = [], writes }: Transaction): number {
  if (writes.length > RECORDS_LIMITS.writesPerTransactionMax) throw tooLarge('writes', writes.length);
  let size = 0;
  for (const { key } of conditions) size += sizeOfKey(key);
  for (const write of writes) size += sizeOfWrite(write);
  return size;
}

function sizeOfWrite(write: Write): number {
  switch (write.kind) {
    case 'put':
      return sizeOfKey(write.key) + sizeOfValue(write.value);
    case 'delete':
      return sizeOfKey(write.key);
    case 'deleteRange':
      return sizeOfKey(write.from) + sizeOfKey(write.to);
  }
}

function sizeOfKey(key: Uint8Array): number {
  if (key.byteLength > RECORDS_LIMITS.keyBytesMax) throw tooLarge('bytes of key', key.byteLength);
  return key.byteLength;
}

function sizeOfValue(value: Uint8Array): number {
  if (value.byteLength > RECORDS_LIMITS.valueBytesMax) throw tooLarge('bytes of value', value.byteLength);
  return value.byteLength;
}

function tooLarge(what: string, count: number): DomainError<RecordsErrorCode> {
  return new DomainError('record-too-large', `${count} ${what} are more than a record or transaction may have`);
}

function checkLimit(limit: number): void {
  const valid = Number.isInteger(limit) && limit >= 1 && limit <= RECORDS_LIMITS.readRecordsMax;
  assert(valid, `limit is 1 to ${RECORDS_LIMITS.readRecordsMax}, not ${limit}`);
}

async function fileSize(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found?.size ?? 0;
}
