import { Agenda, type Clock, type Timer } from '../../base/index.ts';
import type { Counter } from '../../telemetry/index.ts';
import type { Environment } from '../environments/environment.ts';
import type { Machine } from '../machine/machine.ts';
import { planFor, stageOf } from './keep-alive.ts';
import { SCALING_LIMITS } from './limits.ts';
import { shortageOf } from './memory.ts';
import type { Pool } from './pool.ts';
import type { Population } from './population.ts';
import { type Holding, leastUseful } from './usefulness.ts';

/** A function under load is not looked at more often than this. */
const REST_MS = 1_000;

export interface TendingOptions {
  readonly clock: Clock;
  readonly machine: Machine;
  readonly population: Population;
  readonly pools: () => Iterable<Pool>;
  /** Ends blank environments that are kept for bursts. @returns bytes that come free, about */
  readonly shedBlanks: () => number;
  /** For functions whose own idle times say nothing. */
  readonly keepAliveMs: number;
  /** Every function is kept for that long, whatever its idle times. */
  readonly isFixed: boolean;
  readonly prewarmed: Counter;
  readonly reclaimed: Counter;
}

interface IdleEnvironment extends Holding {
  readonly environment: Environment;
}

/**
 * What becomes of idle environments: they go when their function's plan says so, are started again before the next call is due, and
 * make room when memory is short. A function that is not used costs nothing: it has a date, or none.
 */
export class Tending {
  readonly #options: TendingOptions;
  readonly #agenda: Agenda<Pool>;
  #memoryTimer: Timer | undefined;
  #isShort = false;
  #closed = false;

  constructor(options: TendingOptions) {
    this.#options = options;
    this.#agenda = new Agenda(options.clock, (pool) => this.#look(pool));
  }

  /** Memory is short: nothing is started that nobody asks for. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** No invocation of the pool runs any more, or an environment of it waits for one. */
  rested(pool: Pool): void {
    this.#agenda.by(pool, this.#options.clock.monotonic() + REST_MS);
    this.#memorySoon();
  }

  /** The least useful idle environment goes. */
  makeRoom(): void {
    for (const { environment } of leastUseful(this.#idle(), 1)) environment.retire();
  }

  close(): void {
    this.#closed = true;
    this.#agenda.close();
    this.#memoryTimer?.cancel();
  }

  #look(pool: Pool): number | undefined {
    const now = this.#options.clock.monotonic();
    const { keepAliveMs, isFixed } = this.#options;
    const fixed = { prewarmMs: undefined, keepAliveMs };
    const plan = isFixed ? fixed : planFor(pool.idleTimes, keepAliveMs);
    // While it runs, those that it does not need expire one by one.
    if (pool.running > 0) return this.#expire(pool, now, Math.max(keepAliveMs, plan.keepAliveMs));
    const stage = stageOf(plan, now - pool.idleSince);
    if (stage.kind === 'unloaded') this.#expire(pool, now, 0);
    if (stage.kind === 'kept') this.#expire(pool, now, stage.untilMs!);
    if (stage.kind === 'pre-warmed') this.#prewarm(pool);
    return stage.untilMs === undefined ? undefined : pool.idleSince + stage.untilMs;
  }

  /** @returns when the next one is due */
  #expire(pool: Pool, now: number, keepMs: number): number | undefined {
    const onDemand = pool.idle.filter((environment) => !isProvisioned(pool, environment));
    const rest = onDemand.find((environment) => now - environment.idleSince < keepMs);
    for (const environment of onDemand) if (now - environment.idleSince >= keepMs) environment.retire();
    return rest && rest.idleSince + keepMs;
  }

  #prewarm(pool: Pool): void {
    if (pool.outdated || this.#isShort) return;
    const wanted = Math.min(SCALING_LIMITS.prewarmedMax, Math.ceil(pool.peak / pool.spec.environmentConcurrency));
    const { population, prewarmed } = this.#options;
    const isWanted = () => {
      const is = !this.#closed && pool.running === 0 && !pool.outdated && pool.environments.size < wanted;
      if (is) prewarmed.add();
      return is;
    };
    for (let there = pool.environments.size; there < wanted; there++) {
      population.startAhead(pool, 'pre-warmed', isWanted);
    }
  }

  #memorySoon(): void {
    if (this.#closed) return;
    this.#memoryTimer ??= this.#options.clock.timer(SCALING_LIMITS.memoryEveryMs, () => {
      this.#memoryTimer = undefined;
      this.#reclaim();
      if (this.#options.population.size > 0) this.#memorySoon();
    });
  }

  #reclaim(): void {
    const memory = this.#options.machine.memory();
    const shortage = memory ? shortageOf(memory) : 0;
    this.#isShort = shortage > 0;
    if (!this.#isShort) return;
    // They are nobody's: whatever a function has initialised is worth more.
    const left = shortage - this.#options.shedBlanks();
    if (left <= 0) return;
    for (const { environment } of leastUseful(this.#idle(), left)) {
      environment.retire();
      this.#options.reclaimed.add();
    }
  }

  /** Idle environments that may go. */
  #idle(): readonly IdleEnvironment[] {
    const now = this.#options.clock.monotonic();
    const found: IdleEnvironment[] = [];
    for (const pool of this.#options.pools()) {
      const expectedMs = pool.idle.length > 0 ? pool.idleTimes.expectedMs(now - pool.idleSince) : undefined;
      pool.idle.forEach((environment, index) => {
        if (isProvisioned(pool, environment)) return;
        const { memoryBytes, coldStartMs, idleSince } = environment;
        const before = pool.idle.length - 1 - index;
        found.push({ environment, expectedMs, before, idleMs: now - idleSince, memoryBytes, coldStartMs });
      });
    }
    return found;
  }
}

function isProvisioned(pool: Pool, environment: Environment): boolean {
  return pool.provisioned > 0 && environment.ahead === 'provisioned';
}
