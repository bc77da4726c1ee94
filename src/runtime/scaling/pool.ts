import type { Clock } from '../../base/index.ts';
import type { Environment } from '../environments/environment.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { FunctionSpec, PoolState, Wait } from '../runtime.ts';
import type { Launch } from '../starts/launch.ts';
import { type Grace, learnDuration } from './contention.ts';
import type { IdleTimes } from './idle-times.ts';
import type { Burst } from './scaling.ts';

/** A caller that waits for a place. */
export interface Waiter {
  readonly wait: Wait;
  readonly grant: () => void;
  readonly fail: (error: unknown) => void;
}

/** Places of one function, all its versions together: what reserved concurrency limits. */
export interface FunctionShare {
  readonly name: string;
  /** Places that count: those granted and, where that is more, those provisioned. */
  held: number;
  /** Absent: the function shares the account's limit. */
  reserved: number | undefined;
  /** Versions that have a pool. */
  pools: number;
  requests: Burst;
}

/** What a pool is made for. */
export interface PoolParts {
  readonly spec: FunctionSpec;
  readonly launch: Launch;
  readonly share: FunctionShare;
  readonly burst: Burst;
  readonly idleTimes: IdleTimes;
  readonly clock: Clock;
}

/** The environments of one function version, and who waits for them. */
export class Pool {
  spec: FunctionSpec;
  launch: Launch;
  readonly share: FunctionShare;
  readonly idleTimes: IdleTimes;
  /** Places held: invocations that run, and reservations that have not begun. */
  granted = 0;
  /** Provisioned concurrency: places that are held back for it, used or not. */
  provisioned = 0;
  /** Environments that may be started in this window: spent by starts, not by places, of which many may hold none. */
  burst: Burst;
  /** Order in which the first of the waiting callers came. */
  since = 0;
  readonly waiting: Waiter[] = [];
  readonly environments = new Set<Environment>();
  /** Those that no place holds. Last used last: taken from the end, so that the rest stay idle long enough to be shut down. */
  readonly idle: Environment[] = [];
  /** Those that some places hold and that have room for more. */
  readonly #partly = new Set<Environment>();
  /** Those that were started ahead and are not initialised yet. */
  readonly #coming = new Set<Environment>();
  /** Environments that wait to be started. */
  queued = 0;
  /** Invocations that run. */
  running = 0;
  /** Places whose holder begins an invocation at once, and has not yet. */
  beginning = 0;
  /** As many as have run at once since the function was idle. */
  peak = 0;
  /** When the last invocation ended, by the monotonic clock. */
  idleSince: number;
  /** What its invocations ask of a processor: see `contention.ts`. */
  demand = 0;
  durationMs = Number.POSITIVE_INFINITY;
  grace: Grace = { left: 0, at: Number.NEGATIVE_INFINITY };
  /** The specification may be out of date: nothing is started by it ahead. */
  outdated = false;
  /** When it is looked after next: see `tending.ts`. */
  tendAt = Number.POSITIVE_INFINITY;
  coldStarts = 0;
  invocations = 0;
  errors = 0;
  readonly #clock: Clock;
  #called = false;

  constructor({ spec, launch, share, burst, idleTimes, clock }: PoolParts) {
    this.spec = spec;
    this.launch = launch;
    this.share = share;
    this.burst = burst;
    this.idleTimes = idleTimes;
    this.#clock = clock;
    this.idleSince = clock.monotonic();
  }

  /** Places that count against the limits. */
  get held(): number {
    return Math.max(this.granted, this.provisioned);
  }

  /** Invocations that its environments take at once, those that wait to be started included. */
  get room(): number {
    return (this.environments.size + this.queued) * this.spec.environmentConcurrency;
  }

  /** An environment is started for an invocation. */
  spendStart(): void {
    const { tokens, at } = this.burst;
    // A full bucket has not been refilled since it was filled: its time is out of date.
    this.burst = { tokens: tokens - 1, at: tokens < RUNTIME_LIMITS.scalingBurst ? at : this.#clock.monotonic() };
  }

  /** An invocation begins. */
  began(): void {
    if (this.running++ === 0) {
      if (this.#called) this.idleTimes.record(this.#clock.monotonic() - this.idleSince);
      this.#called = true;
      this.peak = 0;
    }
    if (this.running > this.peak) this.peak = this.running;
  }

  /** An invocation has ended. @param durationMs  absent where its handler was never called @returns whether none runs any more */
  ended(isError: boolean, durationMs?: number): boolean {
    if (durationMs !== undefined) this.durationMs = learnDuration(this.durationMs, durationMs);
    this.invocations++;
    if (isError) this.errors++;
    if (--this.running > 0) return false;
    this.idleSince = this.#clock.monotonic();
    return true;
  }

  /** A place in an environment that is there: the fullest that has room, else the one that was used last, else one under way. */
  take(): Environment | undefined {
    const environment = this.#fullest() ?? this.#takeIdle() ?? this.#takeComing();
    if (environment) this.seat(environment);
    return environment;
  }

  /** An environment that was started ahead is on its way. */
  expect(environment: Environment): void {
    this.#coming.add(environment);
  }

  /** Counts a place in the environment. */
  seat(environment: Environment): void {
    environment.places++;
    if (environment.places < environment.spec.environmentConcurrency) this.#partly.add(environment);
    else this.#partly.delete(environment);
  }

  /** A place in an environment is free: it is kept while it can serve and is of the current revision. */
  giveBack(environment: Environment): void {
    environment.places--;
    if (environment.phase.kind === 'shutdown') return void this.#partly.delete(environment);
    if (!this.isCurrent(environment)) environment.retire();
    else if (environment.places > 0) this.#partly.add(environment);
    else this.keep(environment);
  }

  /** An environment that no place holds waits for the next one. */
  keep(environment: Environment): void {
    this.#partly.delete(environment);
    this.#coming.delete(environment);
    if (!environment.retiring) this.idle.push(environment);
  }

  isCurrent(environment: Environment): boolean {
    return environment.spec.revision === this.spec.revision && !environment.stale && !environment.retiring;
  }

  /** Forgets an environment that has shut down. */
  remove(environment: Environment): void {
    this.environments.delete(environment);
    this.#partly.delete(environment);
    this.#coming.delete(environment);
    const index = this.idle.indexOf(environment);
    if (index >= 0) this.idle.splice(index, 1);
  }

  /** Shuts down the idle ones now and the others after their invocation. */
  retireAll(): void {
    for (const environment of [...this.environments]) environment.retire();
  }

  state(): PoolState {
    const { granted: busy, coldStarts, invocations, errors } = this;
    return { functionArn: this.spec.arn, busy, idle: this.idle.length, coldStarts, invocations, errors };
  }

  #fullest(): Environment | undefined {
    let fullest: Environment | undefined;
    for (const environment of this.#partly) {
      if (!this.isCurrent(environment)) continue;
      if (!fullest || environment.places > fullest.places) fullest = environment;
    }
    return fullest;
  }

  /** The idle environment that was used last; those whose credentials are about to expire go on the way. */
  #takeIdle(): Environment | undefined {
    let environment = this.#lastIdle();
    while (environment && !this.isCurrent(environment)) {
      environment.retire();
      environment = this.#lastIdle();
    }
    return environment;
  }

  /** Those of provisioned concurrency come first: the others shall expire. */
  #lastIdle(): Environment | undefined {
    if (this.provisioned === 0) return this.idle.pop();
    const index = this.idle.findLastIndex(({ ahead }) => ahead === 'provisioned');
    return index < 0 ? this.idle.pop() : this.idle.splice(index, 1)[0];
  }

  #takeComing(): Environment | undefined {
    for (const environment of this.#coming) {
      if (!this.isCurrent(environment)) continue;
      this.#coming.delete(environment);
      return environment;
    }
    return undefined;
  }
}
