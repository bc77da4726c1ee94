import type { Clock, Timer } from '../../base/index.ts';
import type { Connection } from '../environments/connection.ts';
import type { Environment } from '../environments/environment.ts';
import { startVariables } from '../environments/function-variables.ts';
import type { Ahead } from '../environments/options.ts';
import type { EnvironmentLog } from '../environments/report.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { Invocation } from '../runtime.ts';
import type { BlankPools } from '../starts/blank-pools.ts';
import type { Snapshot } from '../starts/snapshots.ts';
import { SCALING_LIMITS } from './limits.ts';
import type { Pool } from './pool.ts';
import type { Processors } from './processors.ts';
import { isFairer } from './scaling.ts';

/** What an environment is started for. */
export interface Birth {
  readonly connection: Connection;
  /** What the process starts from, where it is not from the beginning. */
  readonly snapshot: Snapshot | undefined;
  /** No invocation waits for it. */
  readonly ahead?: Ahead;
  /** The log of the environment whose init is repeated: to the function's owner the two are one. */
  readonly repeated?: EnvironmentLog;
  /** The process has come up; the handler is loaded. */
  readonly onProgress: (environment: Environment) => void;
  readonly onShutdown: (environment: Environment) => void;
}

export interface PopulationOptions {
  readonly clock: Clock;
  readonly blanks: BlankPools;
  /** What a new environment starts from, where there is a snapshot of its function. */
  readonly snapshotOf: (pool: Pool) => Snapshot | undefined;
  readonly processors: Processors;
  readonly environmentsMax: number;
  readonly make: (pool: Pool, birth: Birth) => Environment;
  /** There are as many environments as there may be: the least useful idle one should go. */
  readonly makeRoom: () => void;
  /** An environment that was started ahead is initialised, or any has ended. */
  readonly onChange: (pool: Pool, environment: Environment) => void;
  /** Called while environments run, every {@link RUNTIME_LIMITS.watchMs}. @returns whether to go on though none does */
  readonly onWatch: () => boolean;
}

/** What one is started for: somebody who waits, or nobody. */
interface Start extends Pick<Birth, 'ahead' | 'repeated'> {
  readonly first?: Invocation;
}

/** An invocation that waits for an environment to be started. */
interface Request {
  readonly first: Invocation;
  readonly resolve: (environment: Environment) => void;
  readonly reject: (error: unknown) => void;
}

interface AheadRequest {
  readonly pool: Pool;
  readonly ahead: Ahead;
  readonly isWanted: () => boolean;
}

/**
 * The environments that there are. Few processes come up at once, by the number of processors: more would take as long together, and
 * slow down what runs. Invocations that wait for theirs take one that becomes free meanwhile; the function with the fewest environments is
 * served first.
 */
export class Population {
  readonly #options: PopulationOptions;
  /** Those that run or have not been frozen yet: they are watched. */
  readonly #awake = new Map<Environment, Pool>();
  readonly #requests = new Map<Pool, Request[]>();
  readonly #ahead: AheadRequest[] = [];
  /** What has been started in place of an environment whose init failed. */
  readonly #repeated = new WeakMap<Environment, Environment>();
  /** Those whose process is coming up. */
  readonly #comingUp = new Set<Environment>();
  #waiting = 0;
  #size = 0;
  #watchTimer: Timer | undefined;

  constructor(options: PopulationOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * One more invocation would wait too long for its environment, or there is no room for another and all are busy.
   *
   * @param granted  places held, over all functions
   */
  isBehind(pool: Pool, granted: number): boolean {
    if (pool.granted < pool.room) return false;
    const { environmentsMax } = this.#options;
    return this.#waiting >= SCALING_LIMITS.startsWaitingMax || Math.min(this.#size, granted) >= environmentsMax;
  }

  /** Processes come up for somebody who waits: the processors should do nothing else. */
  get isBusy(): boolean {
    return this.#comingUp.size > 0 || this.#waiting > 0;
  }

  /** One with room for the invocation, else a new one, which may have to wait for its turn. */
  acquire(pool: Pool, first: Invocation): Environment | Promise<Environment> {
    const there = pool.take();
    if (there) return this.#wake(pool, there);
    pool.spendStart();
    if (this.#waiting === 0 && this.#mayStart(pool)) return this.#startSeated(pool, { first });
    return this.#enqueue(pool, first);
  }

  /** Invocations that waited for the same init wait for the same repeated one. */
  repeatInit(pool: Pool, failed: Environment): Environment {
    failed.places--;
    const again = this.#repeated.get(failed);
    if (!again) {
      const environment = this.#startSeated(pool, { repeated: failed.log });
      this.#repeated.set(failed, environment);
      return environment;
    }
    pool.seat(again);
    return this.#wake(pool, again);
  }

  /** An environment is free: it goes to whoever waits for one, else it is kept. */
  giveBack(pool: Pool, environment: Environment): void {
    pool.giveBack(environment);
    this.#hand(pool);
  }

  /** Starts one that nobody waits for, when no invocation needs the processors. @param isWanted  asked again then */
  startAhead(pool: Pool, ahead: Ahead, isWanted: () => boolean): void {
    this.#ahead.push({ pool, ahead, isWanted });
    this.#pump();
  }

  watchSoon(): void {
    this.#watchTimer ??= this.#options.clock.timer(RUNTIME_LIMITS.watchMs, () => this.#watch());
  }

  /** Starts nothing more; whoever waits gets the error. */
  close(error: () => unknown): void {
    this.#watchTimer?.cancel();
    this.#ahead.length = 0;
    for (const requests of this.#requests.values()) for (const { reject } of requests) reject(error());
    this.#requests.clear();
    this.#waiting = 0;
  }

  /** A blank environment has become ready, or a process has come up. */
  readonly #pump = (): void => {
    while (this.#waiting > 0) {
      const pool = this.#neediest()!;
      if (!this.#mayStart(pool)) return;
      const { first, resolve } = this.#next(pool);
      resolve(this.#startSeated(pool, { first }));
    }
    while (this.#ahead.length > 0 && this.#hasTurn()) {
      const { pool, ahead, isWanted } = this.#ahead.shift()!;
      if (isWanted()) pool.expect(this.#wake(pool, this.#start(pool, { ahead })));
    }
  };

  #mayStart({ launch }: Pool): boolean {
    return this.#hasTurn() || this.#options.blanks.of(launch).ready > 0;
  }

  #hasTurn(): boolean {
    return this.#comingUp.size < this.#options.processors.count * SCALING_LIMITS.startsPerProcessor;
  }

  /** Few functions wait at once, and a start costs a thousand times such a look. */
  #neediest(): Pool | undefined {
    let best: { readonly pool: Pool; readonly granted: number; readonly since: number } | undefined;
    let since = 0;
    for (const pool of this.#requests.keys()) {
      const one = { pool, granted: pool.environments.size, since: since++ };
      if (!best || isFairer(one, best)) best = one;
    }
    return best?.pool;
  }

  #enqueue(pool: Pool, first: Invocation): Promise<Environment> {
    return new Promise((resolve, reject) => {
      const requests = this.#requests.get(pool);
      if (requests) requests.push({ first, resolve, reject });
      else this.#requests.set(pool, [{ first, resolve, reject }]);
      pool.queued++;
      this.#waiting++;
      this.#pump();
    });
  }

  /** The pool's first request leaves the queue. */
  #next(pool: Pool): Request {
    const requests = this.#requests.get(pool)!;
    const request = requests.shift()!;
    if (requests.length === 0) this.#requests.delete(pool);
    pool.queued--;
    this.#waiting--;
    return request;
  }

  /** Gives what has room to those who wait for a start. */
  #hand(pool: Pool): void {
    while (this.#waiting > 0 && this.#requests.has(pool)) {
      const environment = pool.take();
      if (!environment) return;
      this.#next(pool).resolve(this.#wake(pool, environment));
    }
  }

  #startSeated(pool: Pool, more: Pick<Start, 'first' | 'repeated'>): Environment {
    const environment = this.#start(pool, more);
    pool.seat(environment);
    this.#wake(pool, environment);
    this.#hand(pool);
    return environment;
  }

  #start(pool: Pool, { first, ...more }: Start): Environment {
    const { blanks, environmentsMax, make, makeRoom, snapshotOf } = this.#options;
    if (this.#size >= environmentsMax) makeRoom();
    // A supervisor is a process of ours: what the function sets for its own start goes to its own.
    const fresh = pool.launch.speaks || pool.launch.supervised ? undefined : startVariables(pool.spec);
    const pooled = blanks.of(pool.launch);
    // Init that is repeated runs from its beginning, whatever was wrong with the snapshot.
    const snapshot = more.repeated ? undefined : snapshotOf(pool);
    const environment = make(pool, {
      ...more,
      snapshot,
      connection: snapshot ? snapshot.start(fresh ?? {}) : fresh ? pooled.startFresh(fresh) : pooled.take(),
      onProgress: (progressed) => this.#onProgress(pool, progressed),
      onShutdown: (ended) => this.#onShutdown(pool, ended),
    });
    this.#size++;
    pool.environments.add(environment);
    pool.coldStarts++;
    environment.start(first);
    if (environment.phase.kind === 'starting') this.#comingUp.add(environment);
    return environment;
  }

  #onProgress(pool: Pool, environment: Environment): void {
    if (environment.phase.kind === 'init') {
      this.#comingUp.delete(environment);
      this.#pump();
    } else if (environment.ahead) {
      this.#options.onChange(pool, environment);
      if (environment.places > 0) return;
      if (!environment.retiring) pool.keep(environment);
      this.#hand(pool);
    }
  }

  #onShutdown(pool: Pool, environment: Environment): void {
    this.#size--;
    this.#comingUp.delete(environment);
    pool.remove(environment);
    this.#options.onChange(pool, environment);
    this.#pump();
  }

  #wake(pool: Pool, environment: Environment): Environment {
    this.#awake.set(environment, pool);
    this.watchSoon();
    return environment;
  }

  #watch(): void {
    this.#watchTimer = undefined;
    this.#options.processors.look(this.#awake);
    for (const environment of this.#awake.keys()) if (!environment.watch()) this.#awake.delete(environment);
    const goesOn = this.#options.onWatch();
    if (this.#awake.size > 0 || goesOn) this.watchSoon();
  }
}
