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
  /** For the next environment that ages. */
  renewal: Timer | undefined;
}

/**
 * Keeps as many environments initialised as were asked for. `provisioned.ts` decides. One whose credentials will expire stays until another
 * has taken its place: all were started together, and the call that came next would find none of them.
 */
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
      this.#provisions.set(pool, { pool, starting: 0, failures: 0, retry: undefined, renewal: undefined });
    }
    const provision = this.#provisions.get(pool);
    if (!provision) return;
    provision.failures = 0;
    this.#adjust(provision);
    if (pool.provisioned > 0) return;
    cancelTimers(provision);
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
    for (const provision of this.#provisions.values()) cancelTimers(provision);
    this.#provisions.clear();
  }

  #adjust(provision: Provision): void {
    const { pool } = provision;
    const count = () => missing(pool.provisioned, freshOf(pool).length, pool.spec.environmentConcurrency);
    for (const environment of this.#excess(pool, -count())) environment.retire();
    this.#renewLater(provision);
    const wanted = count() - provision.starting;
    for (let i = 0; i < wanted; i++) {
      provision.starting++;
      this.#population.startAhead(pool, 'provisioned', () => {
        provision.starting--;
        return count() > 0 && this.#provisions.get(pool) === provision;
      });
    }
  }

  /** Idle ones that may go: those that age, as far as others are initialised in their place, and of the others as many as are too many. */
  #excess(pool: Pool, tooMany: number): readonly Environment[] {
    const idle = idleOf(pool);
    const old = environmentsOf(pool).filter(({ ages }) => ages).length;
    const ready = freshOf(pool).filter(({ initialised }) => initialised).length;
    const replaced = old - Math.max(0, missing(pool.provisioned, ready, pool.spec.environmentConcurrency));
    return [
      ...idle.filter(({ ages }) => ages).slice(0, Math.max(0, replaced)),
      ...idle.filter(({ ages }) => !ages).slice(0, Math.max(0, tooMany)),
    ];
  }

  #renewLater(provision: Provision): void {
    provision.renewal?.cancel();
    provision.renewal = undefined;
    const next = Math.min(...freshOf(provision.pool).map(({ renewAt }) => renewAt));
    if (next === Number.POSITIVE_INFINITY) return;
    provision.renewal = this.#clock.timer(next - this.#clock.now(), () => this.#adjust(provision));
  }
}

/** Those whose place nobody has to take. */
function freshOf(pool: Pool): readonly Environment[] {
  return environmentsOf(pool).filter(({ ages }) => !ages);
}

function cancelTimers({ retry, renewal }: Provision): void {
  retry?.cancel();
  renewal?.cancel();
}

function environmentsOf(pool: Pool): readonly Environment[] {
  return [...pool.environments].filter(({ ahead, retiring }) => ahead === 'provisioned' && !retiring);
}

function idleOf(pool: Pool): readonly Environment[] {
  return pool.idle.filter(({ ahead }) => ahead === 'provisioned');
}
