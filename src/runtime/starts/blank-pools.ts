import { BlankPool, type BlankPoolOptions } from './blanks.ts';
import type { Launch } from './launch.ts';

/** The pools of blank environments, one for each launch that functions have asked for. */
export class BlankPools {
  readonly #options: Omit<BlankPoolOptions, 'launch' | 'isPaused'>;
  readonly #pools = new Map<string, BlankPool>();
  #isPaused = () => false;

  constructor(options: Omit<BlankPoolOptions, 'launch' | 'isPaused'>) {
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
      pool = new BlankPool({ ...this.#options, launch, isPaused: () => this.#isPaused() });
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
  }
}
