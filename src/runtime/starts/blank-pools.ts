import type { Gauge } from '../../telemetry/index.ts';
import type { Machine } from '../machine/machine.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { BlankPool, type BlankPoolOptions } from './blanks.ts';
import { ForkServer } from './fork-server.ts';
import type { Launch } from './launch.ts';
import { type Reserve, reserveOf } from './reserve.ts';

type OfPools = 'launch' | 'sandbox' | 'isPaused' | 'reserve' | 'onUsed' | 'onChange';

export type BlankPoolsOptions = Omit<BlankPoolOptions, OfPools> & {
  readonly sandbox: Sandbox;
  /** Kept of each runtime, 0 or more; by the machine's memory and processors unless said, over all runtimes in use. */
  readonly size: number | undefined;
  readonly machine: Machine;
  /** Show what waits ready. */
  readonly gauges: { readonly blanks: Gauge; readonly hulls: Gauge };
};

/** The pools of blank environments, one for each launch that functions have asked for. */
export class BlankPools {
  readonly #options: BlankPoolsOptions;
  readonly #pools = new Map<string, BlankPool>();
  readonly #forkServers: ForkServer[] = [];
  #isPaused = () => false;
  #reserve: Reserve;

  constructor(options: BlankPoolsOptions) {
    this.#options = options;
    this.#reserve = reserveOf(options.size, options.machine, 0);
  }

  /** Starts no blank environment while `isPaused` says so. */
  pauseWhile(isPaused: () => boolean): void {
    this.#isPaused = isPaused;
  }

  /** The pool of a launch; a new one is empty and begins to fill when it is first taken from. */
  of(launch: Launch): BlankPool {
    const known = this.#pools.get(launch.key);
    if (known) return known;
    const pool = new BlankPool({
      ...this.#options,
      sandbox: this.#starterOf(launch),
      launch,
      reserve: () => this.#reserve,
      isPaused: () => this.#isPaused(),
      onUsed: () => this.#share(),
      onChange: () => this.#show(),
    });
    this.#pools.set(launch.key, pool);
    return pool;
  }

  /** How many wait, ready for code, over all launches. */
  get ready(): number {
    return this.#sum(({ ready }) => ready);
  }

  /** All that is kept is there. */
  get full(): boolean {
    return this.#pools.values().every(({ full }) => full);
  }

  /** Memory is short: what is kept for bursts goes. @returns bytes that come free, about */
  shed(): number {
    return this.#sum((pool) => pool.shed());
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#pools.values(), (pool) => pool.close()));
    await Promise.all(this.#forkServers.map((server) => server.close()));
  }

  /** One more runtime is in use: the others keep fewer from now on. */
  #share(): void {
    const { size, machine } = this.#options;
    this.#reserve = reserveOf(
      size,
      machine,
      this.#sum(({ used }) => Number(used)),
    );
    for (const pool of this.#pools.values()) pool.shrink();
  }

  #show(): void {
    this.#options.gauges.blanks.set(this.ready);
    this.#options.gauges.hulls.set(this.#sum(({ hulls }) => hulls));
  }

  #sum(of: (pool: BlankPool) => number): number {
    let sum = 0;
    for (const pool of this.#pools.values()) sum += of(pool);
    return sum;
  }

  #starterOf(launch: Launch): BlankPoolOptions['sandbox'] {
    const { sandbox, random, directory } = this.#options;
    if (!launch.forks || sandbox.engine !== 'process') return sandbox;
    const server = new ForkServer({ sandbox, random, launch, directory });
    this.#forkServers.push(server);
    return server;
  }
}
