import type { Clock } from '../../base/index.ts';
import type { Environment } from '../environments/environment.ts';
import type { Machine } from '../machine/machine.ts';
import { areQuick, graceAt, isContended, learnDemand, type Sample } from './contention.ts';
import type { Pool } from './pool.ts';

/** Environments that are looked at each time, all functions together: each takes some 20 to 80 µs, by what a sandbox consists of. */
const SAMPLES = 8;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** How much of the processors the functions ask for, learned by looking at their processes while they run. */
export class Processors {
  readonly #clock: Clock;
  readonly #machine: Machine;
  /** As of the last look: see {@link isContended}. */
  #load = 0;
  #functions = 0;
  readonly #running = new Map<Pool, number>();
  #turn = 0;

  constructor(clock: Clock, machine: Machine) {
    this.#clock = clock;
    this.#machine = machine;
  }

  get count(): number {
    return this.#machine.processors;
  }

  /** Looks at some of those that run. @param awake  environments that run or have just done so */
  look(awake: ReadonlyMap<Environment, Pool>): void {
    const samples = new Map<Pool, Writable<Sample>>();
    const stride = Math.ceil(awake.size / SAMPLES);
    let index = this.#turn++;
    for (const [environment, pool] of awake) this.#sample(environment, pool, samples, index++ % stride === 0);
    this.#load = 0;
    this.#functions = 0;
    this.#running.clear();
    for (const [pool, sample] of samples) {
      pool.demand = learnDemand(pool.demand, sample);
      if (pool.running === 0) continue;
      this.#load += pool.running * pool.demand;
      this.#functions++;
      this.#running.set(pool, pool.running);
    }
  }

  /**
   * One more invocation of the pool would have all of them wait for processors, and its burst is used up. Where they are over in a moment,
   * a caller who waits anyway waits for that moment: few environments that run hot take all of them, and sooner than many would.
   */
  refuse(pool: Pool, waits: boolean): boolean {
    const quick = areQuick(pool);
    if ((quick && !waits) || !this.#areContended(pool)) return false;
    if (quick) return true;
    pool.grace = graceAt(pool.grace, this.#clock.monotonic());
    return pool.grace.left < 1;
  }

  /** One more is let in. */
  admit(pool: Pool): void {
    if (!areQuick(pool) && this.#areContended(pool)) pool.grace = { ...pool.grace, left: pool.grace.left - 1 };
  }

  #areContended(pool: Pool): boolean {
    const { demand, durationMs } = pool;
    if (demand === 0) return false;
    const running = pool.running + pool.beginning;
    const load = this.#load + (running - (this.#running.get(pool) ?? 0)) * demand;
    return isContended({ running, demand, durationMs }, load, this.#functions, this.#machine.processors);
  }

  #sample(environment: Environment, pool: Pool, samples: Map<Pool, Writable<Sample>>, look: boolean): void {
    let sample = samples.get(pool);
    if (!sample) {
      sample = { environments: 0, invocations: 0, runnable: 0 };
      samples.set(pool, sample);
    }
    const { pid, phase } = environment;
    if (!look || phase.kind !== 'busy' || pid === undefined) return;
    sample.environments++;
    sample.invocations += phase.running;
    if (this.#machine.isRunnable(pid)) sample.runnable++;
  }
}
