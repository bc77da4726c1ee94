import { assert } from '../../base/index.ts';
import type { Environment } from '../environments/environment.ts';
import { INIT_FAILED } from '../environments/settling.ts';
import type { Invocation, InvocationResult, Slot } from '../runtime.ts';
import type { Pool } from './pool.ts';

/** Who gives environments to places and takes them back. */
export interface PlaceHost {
  /** An environment for the invocation: one that has room, else a new one, which may have to wait for its start. */
  acquire(pool: Pool, first: Invocation): Environment | Promise<Environment>;
  /** A new one for an invocation whose environment has not come through init. */
  repeatInit(pool: Pool, failed: Environment): Environment;
  /** No invocation of the pool runs any more. */
  rested(pool: Pool): void;
  /** The place is free again, and with it the environment that it used last. */
  release(pool: Pool, environment: Environment | undefined): void;
}

/** A place in a pool. Its environment is taken when it is first needed: a reservation that waits for records holds no process. */
export class Place implements Slot {
  readonly #host: PlaceHost;
  readonly #pool: Pool;
  #environment: Environment | undefined;
  /** The first invocation is due at once, and has not begun. */
  #isDue: boolean;
  #running = false;
  #disposed = false;

  /** @param isDue  its holder invokes at once; it is counted among those of the pool that begin */
  constructor(host: PlaceHost, pool: Pool, isDue: boolean) {
    this.#host = host;
    this.#pool = pool;
    this.#isDue = isDue;
  }

  async invoke(invocation: Invocation, signal?: AbortSignal): Promise<InvocationResult> {
    signal?.throwIfAborted();
    assert(!this.#running && !this.#disposed, 'a slot runs one invocation at a time, until it is disposed');
    this.#running = true;
    this.#isNoLongerDue();
    this.#pool.began();
    let isError = true;
    let durationMs: number | undefined;
    try {
      const environment = this.#usable() ?? this.#host.acquire(this.#pool, invocation);
      this.#environment = environment instanceof Promise ? await environment : environment;
      const result = await this.#run(this.#environment, invocation);
      isError = result.kind === 'error';
      durationMs = result.metering.durationMs;
      return result;
    } finally {
      this.#running = false;
      const rests = this.#pool.ended(isError, durationMs);
      if (this.#disposed) this.#release();
      if (rests) this.#host.rested(this.#pool);
    }
  }

  /** Init that fails, or takes longer than it may, is repeated once, within the invocation and its timeout, as Lambda does. */
  async #run(environment: Environment, invocation: Invocation): Promise<InvocationResult> {
    const first = await environment.invoke(invocation);
    if (first !== INIT_FAILED) return first;
    this.#environment = this.#host.repeatInit(this.#pool, environment);
    const second = await this.#environment.invoke(invocation);
    assert(second !== INIT_FAILED, 'a repeated init ends the invocation');
    return second;
  }

  /** The environment of the last invocation, when it still serves the current revision with credentials that last. */
  #usable(): Environment | undefined {
    const environment = this.#environment;
    if (!environment) return undefined;
    this.#environment = undefined;
    if (environment.phase.kind !== 'shutdown' && this.#pool.isCurrent(environment)) return environment;
    environment.places--;
    environment.retire();
    return undefined;
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#isNoLongerDue();
    // An invocation that has begun keeps its place to its end, whatever becomes of the caller.
    if (!this.#running) this.#release();
  }

  #isNoLongerDue(): void {
    if (this.#isDue) this.#pool.beginning--;
    this.#isDue = false;
  }

  #release(): void {
    this.#host.release(this.#pool, this.#environment);
  }
}
