import { Worker } from 'node:worker_threads';
import { DomainError, messageOf, siblingModule } from '../../../base/index.ts';
import type { SeriesErrorCode } from '../series.ts';
import type { Applied, Apply, FromWorker, Request, WorkerOptions } from './protocol.ts';

interface Call {
  readonly resolve: (result: never) => void;
  readonly reject: (error: DomainError<SeriesErrorCode>) => void;
}

/** The DuckDB worker as its callers see it. It dies with an error of its engine; then a new one is to be made. */
export class Engine {
  readonly #worker: Worker;
  readonly #calls = new Map<number, Call>();
  readonly #onApplied: (applied: Applied) => void;
  readonly exited: Promise<void>;
  #nextId = 1;
  #gone: DomainError<SeriesErrorCode> | undefined;

  private constructor(worker: Worker, onApplied: (applied: Applied) => void) {
    this.#worker = worker;
    this.#onApplied = onApplied;
    this.exited = new Promise((resolve) => worker.once('exit', () => resolve()));
  }

  /** Starts the thread; DuckDB is loaded in it and nowhere else. */
  static start(options: WorkerOptions, onApplied: (applied: Applied) => void): Engine {
    const worker = new Worker(siblingModule(import.meta.url, './duckdb.worker'), {
      workerData: options,
      name: 'series',
    });
    const engine = new Engine(worker, onApplied);
    worker.on('message', (message: FromWorker) => engine.#receive(message));
    worker.on('error', (error) => engine.#fail(`the series worker died: ${messageOf(error)}`));
    worker.on('exit', () => engine.#fail('the series store is closed'));
    return engine;
  }

  get isGone(): boolean {
    return this.#gone !== undefined;
  }

  /** Asks, and cancels when the signal fires; a query that is cancelled rejects with the signal's reason. */
  call<Result>(request: Request, signal?: AbortSignal): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (this.#gone) return reject(this.#gone);
      if (signal?.aborted) return reject(signal.reason);
      const id = this.#nextId++;
      const cancel = () => this.#worker.postMessage({ kind: 'cancel', id });
      signal?.addEventListener('abort', cancel, { once: true });
      const forget = () => signal?.removeEventListener('abort', cancel);
      this.#calls.set(id, {
        resolve: (result) => {
          forget();
          resolve(result as Result);
        },
        reject: (error) => {
          forget();
          reject(signal?.aborted ? signal.reason : error);
        },
      });
      this.#worker.postMessage({ id, ...request });
    });
  }

  apply(message: Apply): void {
    this.#worker.postMessage(
      message,
      message.payloads.map(({ buffer }) => buffer as ArrayBuffer),
    );
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'applied') return this.#onApplied(message);
    const call = this.#calls.get(message.id);
    this.#calls.delete(message.id);
    if (message.kind === 'answer') return call?.resolve(message.result as never);
    const { code, message: text } = message.failure;
    const retryable = code === 'series-full' || code === 'series-busy';
    call?.reject(new DomainError(code, text, { remedy: retryable ? 'retry' : 'never' }));
  }

  #fail(message: string): void {
    this.#gone ??= new DomainError('series-failed', message);
    for (const { reject } of this.#calls.values()) reject(this.#gone);
    this.#calls.clear();
  }
}
