/** Whether others of the same kind may hold it too. */
export type LockMode = 'shared' | 'exclusive';

interface Lock {
  /** How many hold it; -1 when one does exclusively. */
  holders: number;
  waiting: Waiter[] | undefined;
}

interface Waiter {
  readonly mode: LockMode;
  readonly granted: () => void;
}

/**
 * Locks by name, granted in the order in which they were asked for.
 *
 * Who writes without looking holds a name with others like it, so that their commits share a sync; who reads, decides and
 * writes holds it alone.
 */
export class Locks {
  readonly #locks = new Map<string, Lock>();

  /** @returns `undefined` when it is held at once; otherwise resolves when it is */
  acquire(name: string, mode: LockMode): Promise<void> | undefined {
    const lock = this.#locks.get(name);
    if (!lock) {
      this.#locks.set(name, { holders: mode === 'shared' ? 1 : -1, waiting: undefined });
      return undefined;
    }
    if (mode === 'shared' && lock.holders > 0 && !lock.waiting) {
      lock.holders++;
      return undefined;
    }
    return new Promise((granted) => {
      lock.waiting ??= [];
      lock.waiting.push({ mode, granted });
    });
  }

  /** Gives back what {@link acquire} gave. */
  release(name: string): void {
    const lock = this.#locks.get(name)!;
    lock.holders = lock.holders < 0 ? 0 : lock.holders - 1;
    if (lock.holders > 0) return;
    if (lock.waiting) this.#grant(lock, lock.waiting);
    else this.#locks.delete(name);
  }

  /** How many wait for it. */
  waiting(name: string): number {
    return this.#locks.get(name)?.waiting?.length ?? 0;
  }

  /** To the one who has waited longest, and, when he shares it, to all sharers right behind him. */
  #grant(lock: Lock, waiting: Waiter[]): void {
    let count = 1;
    if (waiting[0]!.mode === 'shared') while (waiting[count]?.mode === 'shared') count++;
    const granted = waiting.splice(0, count);
    if (waiting.length === 0) lock.waiting = undefined;
    lock.holders = granted[0]!.mode === 'shared' ? count : -1;
    for (const waiter of granted) waiter.granted();
  }
}
