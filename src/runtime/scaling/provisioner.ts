import type { Clock, Timer } from '../../base/index.ts';
import type { Environment } from '../environments/environment.ts';
import type { ProvisionedState } from '../runtime.ts';
import type { Pool } from './pool.ts';
import type { Population } from './population.ts';
import { missing, retryMs, stateOf } from './provisioned.ts';

/** What is kept of one version with provisioned concurrency. */
interface Provision {
  readonly pool: Pool;
  /** Starts that wait for their turn. */
  starting: number;
  /** Inits that have failed since the last one that has not. */
  failures: number;
  retry: Timer | undefined;
}

/** Keeps as many environments initialised as were asked for. `provisioned.ts` decides. */
export class Provisioner {
  readonly #clock: Clock;
  readonly #population: Population;
  readonly #provisions = new Map<Pool, Provision>();

  constructor(clock: Clock, population: Population) {
    this.#clock = clock;
    this.#population = population;
  }

  /** The pool's number has changed. */
  changed(pool: Pool): void {
    if (pool.provisioned > 0 && !this.#provisions.has(pool)) {
      this.#provisions.set(pool, { pool, starting: 0, failures: 0, retry: undefined });
    }
    const provision = this.#provisions.get(pool);
    if (!provision) return;
    provision.failures = 0;
    this.#adjust(provision);
    if (pool.provisioned > 0) return;
    provision.retry?.cancel();
    this.#provisions.delete(pool);
  }

  /** An environment of the pool is initialised, or has ended. */
  onChange(pool: Pool, environment: Environment): void {
    const provision = this.#provisions.get(pool);
    if (!provision || environment.ahead !== 'provisioned') return;
    if (environment.phase.kind !== 'shutdown') provision.failures = 0;
    else if (!environment.initialised) provision.failures++;
    if (provision.failures === 0) return this.#adjust(provision);
    provision.retry ??= this.#clock.timer(retryMs(provision.failures), () => {
      provision.retry = undefined;
      this.#adjust(provision);
    });
  }

  stateOf(pool: Pool): ProvisionedState | undefined {
    const provision = this.#provisions.get(pool);
    if (!provision) return undefined;
    const { provisioned: requested, spec } = pool;
    const all = environmentsOf(pool);
    const ready = all.filter(({ initialised }) => initialised).length;
    return stateOf({
      requested,
      environments: all.length,
      ready,
      starting: provision.starting,
      failures: provision.failures,
      concurrency: spec.environmentConcurrency,
    });
  }

  close(): void {
    for (const { retry } of this.#provisions.values()) retry?.cancel();
    this.#provisions.clear();
  }

  #adjust(provision: Provision): void {
    const { pool } = provision;
    const count = () => missing(pool.provisioned, environmentsOf(pool).length, pool.spec.environmentConcurrency);
    const excess = -count();
    if (excess > 0) for (const environment of idleOf(pool).slice(0, excess)) environment.retire();
    const wanted = count() - provision.starting;
    for (let i = 0; i < wanted; i++) {
      provision.starting++;
      this.#population.startAhead(pool, 'provisioned', () => {
        provision.starting--;
        return count() > 0 && this.#provisions.get(pool) === provision;
      });
    }
  }
}

function environmentsOf(pool: Pool): readonly Environment[] {
  return [...pool.environments].filter(({ ahead, retiring }) => ahead === 'provisioned' && !retiring);
}

function idleOf(pool: Pool): readonly Environment[] {
  return pool.idle.filter(({ ahead }) => ahead === 'provisioned');
}
