import type { Environment } from '../environments/environment.ts';
import type { Machine } from '../machine/machine.ts';
import { isContended, learnDemand } from './contention.ts';
import type { Pool } from './pool.ts';

/** Environments of one function that are looked at each time: enough for an average, few enough to cost nothing. */
const SAMPLES = 4;

interface Sample {
  seen: number;
  runnable: number;
}

/** How much of the processors the functions ask for, learned by looking at their processes while they run. */
export class Processors {
  readonly #machine: Machine;
  /** As of the last look: see {@link isContended}. */
  #load = 0;
  #functions = 0;
  readonly #running = new Map<Pool, number>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  get count(): number {
    return this.#machine.processors;
  }

  /** Looks at some of those that run. @param awake  environments that run or have just done so */
  look(awake: ReadonlyMap<Environment, Pool>): void {
    const samples = new Map<Pool, Sample>();
    for (const [environment, pool] of awake) this.#sample(environment, pool, samples);
    this.#load = 0;
    this.#functions = 0;
    this.#running.clear();
    for (const [pool, { seen, runnable }] of samples) {
      pool.demand = learnDemand(pool.demand, runnable, seen);
      if (pool.running === 0) continue;
      this.#load += pool.running * pool.demand;
      this.#functions++;
      this.#running.set(pool, pool.running);
    }
  }

  /** One more invocation would slow all of them down by more than is good for anybody. */
  areContended(pool: Pool): boolean {
    if (pool.demand === 0) return false;
    const { running, demand } = pool;
    const load = this.#load + (running - (this.#running.get(pool) ?? 0)) * demand;
    return isContended({ running, demand }, load, this.#functions, this.#machine.processors);
  }

  #sample(environment: Environment, pool: Pool, samples: Map<Pool, Sample>): void {
    let sample = samples.get(pool);
    if (!sample) {
      sample = { seen: 0, runnable: 0 };
      samples.set(pool, sample);
    }
    const { pid } = environment;
    if (sample.seen >= SAMPLES || environment.phase.kind !== 'busy' || pid === undefined) return;
    sample.seen++;
    if (this.#machine.isRunnable(pid)) sample.runnable++;
  }
}
