import type { Sandbox } from '../sandbox/sandbox.ts';
import { BlankPool, type BlankPoolOptions } from './blanks.ts';
import { ForkServer } from './fork-server.ts';
import type { Launch } from './launch.ts';

export type BlankPoolsOptions = Omit<BlankPoolOptions, 'launch' | 'sandbox' | 'isPaused'> & {
  readonly sandbox: Sandbox;
};

/** The pools of blank environments, one for each launch that functions have asked for. */
export class BlankPools {
  readonly #options: BlankPoolsOptions;
  readonly #pools = new Map<string, BlankPool>();
  readonly #forkServers: ForkServer[] = [];
  #isPaused = () => false;

  constructor(options: BlankPoolsOptions) {
    this.#options = options;
  }

  /** Starts no blank environment while `isPaused` says so. */
  pauseWhile(isPaused: () => boolean): void {
    this.#isPaused = isPaused;
  }

  /** The pool of a launch; a new one is empty and begins to fill when it is first taken from. */
  of(launch: Launch): BlankPool {
    let pool = this.#pools.get(launch.key);
    if (!pool) {
      const sandbox = this.#starterOf(launch);
      pool = new BlankPool({ ...this.#options, sandbox, launch, isPaused: () => this.#isPaused() });
      this.#pools.set(launch.key, pool);
    }
    return pool;
  }

  /** How many wait, ready for code, over all launches. */
  get ready(): number {
    let sum = 0;
    for (const { ready } of this.#pools.values()) sum += ready;
    return sum;
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#pools.values(), (pool) => pool.close()));
    await Promise.all(this.#forkServers.map((server) => server.close()));
  }

  #starterOf(launch: Launch): Pick<Sandbox, 'start'> {
    const { sandbox, random, directory } = this.#options;
    if (!launch.forks || sandbox.engine !== 'process') return sandbox;
    const server = new ForkServer({ sandbox, random, launch, directory });
    this.#forkServers.push(server);
    return server;
  }
}
