import { type Clock, DomainError, onAbort, type Timer } from '../../base/index.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { RuntimeErrorCode, ThrottleCause, Wait } from '../runtime.ts';
import { areQuick } from './contention.ts';
import { SCALING_LIMITS } from './limits.ts';
import type { FunctionShare, Pool, Waiter } from './pool.ts';
import { decide, isFairer, refill, type Verdict } from './scaling.ts';

export interface AdmissionOptions {
  readonly clock: Clock;
  readonly accountConcurrency: number;
  /** The machine cannot run one more invocation of this pool in good time. @param waits  for a caller who waits for processors */
  readonly overloaded: (pool: Pool, waits: boolean) => boolean;
  /** A place is given to the pool. */
  readonly onGrant: (pool: Pool) => void;
  /** A caller waits: `serve` is called from time to time until none does. */
  readonly onWaiting: () => void;
}

/** Who may run now: counts places by function and account, refuses, or has callers wait and serves the fairest first. */
export class Admission {
  readonly #options: AdmissionOptions;
  /** By function, all versions together. */
  readonly #shares = new Map<string, FunctionShare>();
  /** Functions without a reservation that were called a moment ago and hold no place, with the time; oldest first. */
  readonly #expected = new Map<FunctionShare, number>();
  /** Pools whose callers wait. */
  readonly #contended = new Set<Pool>();
  #waiting = 0;
  #arrivals = 0;
  #granted = 0;
  /** Places held by functions without a reservation. */
  #sharedHeld = 0;
  /** Concurrency that functions with a reservation hold back from the rest. */
  #reserved = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Places held, over all functions. */
  get granted(): number {
    return this.#granted;
  }

  get hasWaiting(): boolean {
    return this.#contended.size > 0;
  }

  /** The share of the function that a version belongs to. @param arn  with or without a version */
  shareOf(arn: string): FunctionShare {
    const name = nameOf(arn);
    let share = this.#shares.get(name);
    if (!share) {
      const requests = { tokens: Number.POSITIVE_INFINITY, at: this.#options.clock.monotonic() };
      share = { name, held: 0, reserved: undefined, pools: 0, requests };
      this.#shares.set(name, share);
    }
    return share;
  }

  /** Whoever waits is served by what holds now. A function that has no share yet brings its reservation along when it is called. */
  changeReservation(arn: string, reserved: number | undefined): void {
    const share = this.#shares.get(nameOf(arn));
    if (!share || share.reserved === reserved) return;
    this.reserveShare(share, reserved);
    this.serve();
  }

  /** A function whose reservation comes or goes moves its places from one account to the other. */
  reserveShare(share: FunctionShare, reserved: number | undefined): void {
    if (share.reserved === reserved) return;
    this.#reserved += (reserved ?? 0) - (share.reserved ?? 0);
    if (share.reserved === undefined) this.#sharedHeld -= share.held;
    if (reserved === undefined) this.#sharedHeld += share.held;
    share.reserved = reserved;
    this.#expected.delete(share);
  }

  /** The last version of a function is gone. */
  forget(share: FunctionShare): void {
    this.reserveShare(share, undefined);
    this.#expected.delete(share);
    this.#shares.delete(share.name);
  }

  /** Holds places back for provisioned concurrency, used or not. */
  provision(pool: Pool, provisioned: number): void {
    this.#holdMore(pool, () => {
      pool.provisioned = provisioned;
    });
  }

  /**
   * Takes a place for the pool.
   *
   * @returns nothing when it has one; else a promise of one
   * @throws concurrency-limit  no place is free, and the caller does not wait or too many do
   */
  enter(pool: Pool, wait: Wait, signal: AbortSignal | undefined): Promise<void> | undefined {
    const verdict = this.#decide(pool, wait);
    if (verdict.kind === 'grant') return this.#grant(pool, wait);
    this.#expect(pool.share);
    if (wait === false || (wait === 'processors' && verdict.why !== 'machine')) throw refused(verdict.why);
    if (this.#waiting >= RUNTIME_LIMITS.waitingMax) throw refused(verdict.why);
    return this.#enqueue(pool, wait, signal);
  }

  /** Gives a place back. Those who wait are served. */
  leave(pool: Pool): void {
    this.#granted--;
    this.#holdMore(pool, () => {
      pool.granted--;
    });
    if (pool.share.held === 0) this.#expect(pool.share);
    if (this.#contended.size > 0) this.serve();
  }

  /** Gives free places to those who wait, the fairest first. */
  serve(): void {
    for (let next = this.#next(); next; next = this.#next()) {
      next.waiting.shift()!.grant();
      if (next.waiting.length === 0) this.#contended.delete(next);
      else next.since = this.#arrivals++;
    }
  }

  /** Nobody gets a place any more. */
  close(error: () => unknown): void {
    for (const pool of this.#contended) for (const { fail } of pool.waiting.splice(0)) fail(error());
    this.#contended.clear();
  }

  /** One look at each pool that waits: a release serves few, and there are never more than `waitingMax`. */
  #next(): Pool | undefined {
    let next: Pool | undefined;
    for (const pool of this.#contended) {
      if (next && !isFairer(pool, next)) continue;
      if (this.#decide(pool, true, pool.waiting[0]!.wait === 'processors').kind === 'grant') next = pool;
    }
    return next;
  }

  #decide(pool: Pool, wait: Wait, waits = wait === 'processors'): Verdict {
    const { granted, room, provisioned, share, burst } = pool;
    const { clock, accountConcurrency, overloaded } = this.#options;
    const { scalingBurst, scalingWindowMs } = RUNTIME_LIMITS;
    if (burst.tokens < scalingBurst) pool.burst = refill(burst, clock.monotonic(), scalingBurst, scalingWindowMs);
    const limit = accountConcurrency - this.#reserved;
    const { reserved, held } = share;
    return decide({
      granted,
      room,
      provisioned,
      reserved: reserved === undefined ? undefined : { held, limit: reserved },
      shared: { held: this.#sharedHeld, limit },
      expected: this.#sharedHeld < limit * (1 - SCALING_LIMITS.expectedShareMax) ? 0 : this.#countExpected(share),
      held,
      requests: wait === true ? undefined : this.#requestsOf(share, reserved ?? limit),
      burst: pool.burst.tokens,
      overloaded: overloaded(pool, waits),
    });
  }

  /** Ten requests a second for each place that the function may have, and as many at once. */
  #requestsOf(share: FunctionShare, places: number): number {
    const size = Math.max(0, places) * SCALING_LIMITS.requestsPerPlace;
    share.requests = refill(share.requests, this.#options.clock.monotonic(), size, 1_000);
    return share.requests.tokens;
  }

  #grant(pool: Pool, wait: Wait): undefined {
    this.#options.onGrant(pool);
    const { share } = pool;
    if (wait !== true) {
      pool.beginning++;
      share.requests = { ...share.requests, tokens: share.requests.tokens - 1 };
    }
    this.#granted++;
    this.#holdMore(pool, () => {
      pool.granted++;
    });
    if (this.#expected.size > 0) this.#expected.delete(share);
  }

  /** Keeps the sums over what `change` does to the pool. */
  #holdMore(pool: Pool, change: () => void): void {
    const before = pool.held;
    change();
    const more = pool.held - before;
    pool.share.held += more;
    if (pool.share.reserved === undefined) this.#sharedHeld += more;
  }

  #expect(share: FunctionShare): void {
    if (share.reserved !== undefined || share.held > 0) return;
    this.#expected.delete(share);
    this.#expected.set(share, this.#options.clock.monotonic());
  }

  /** Functions other than this one. */
  #countExpected(share: FunctionShare): number {
    const since = this.#options.clock.monotonic() - SCALING_LIMITS.expectedMs;
    for (const [other, at] of this.#expected) {
      if (at >= since) break;
      this.#expected.delete(other);
    }
    return this.#expected.size - (this.#expected.has(share) ? 1 : 0);
  }

  #enqueue(pool: Pool, wait: Wait, signal: AbortSignal | undefined): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const leave = () => {
        forget();
        patience?.cancel();
        this.#waiting--;
      };
      const waiter: Waiter = {
        wait,
        grant: () => {
          leave();
          this.#grant(pool, wait);
          resolve();
        },
        fail: (error: unknown) => {
          leave();
          reject(error);
        },
      };
      if (pool.waiting.length === 0) pool.since = this.#arrivals++;
      pool.waiting.push(waiter);
      this.#contended.add(pool);
      this.#waiting++;
      const step = () => {
        pool.waiting.splice(pool.waiting.indexOf(waiter), 1);
        if (pool.waiting.length === 0) this.#contended.delete(pool);
      };
      const giveUp = (reason: unknown) => {
        step();
        waiter.fail(reason);
      };
      const { clock } = this.#options;
      const forget = signal ? onAbort(signal, giveUp) : () => {};
      let patience: Timer | undefined;
      const waitOn = () => {
        patience = clock.timer(SCALING_LIMITS.processorsMs, () => giveUp(refused('machine')));
      };
      /** What is over in a moment has not been: one of them takes longer than the others. */
      const letIn = () => {
        if (this.#decide(pool, wait, false).kind !== 'grant') return waitOn();
        step();
        waiter.grant();
      };
      if (wait === 'processors' && areQuick(pool)) patience = clock.timer(SCALING_LIMITS.quickWaitMs, letIn);
      else if (wait === 'processors') waitOn();
      this.#options.onWaiting();
    });
  }
}

/** ARN of the function that a version belongs to. @param arn  with or without a version */
const nameOf = (arn: string) => arn.split(':', 7).join(':');

function refused(why: ThrottleCause): DomainError<RuntimeErrorCode> {
  return new DomainError('concurrency-limit', 'Rate Exceeded.', { remedy: 'retry', fields: { why } });
}
