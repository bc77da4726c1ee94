import type { CommitGroup } from '../../services/iot/index.ts';

interface Step {
  readonly group: CommitGroup;
  readonly run: () => void;
}

/** Shared by all behind which nothing waits. */
const NONE: never[] = [];

/** Answers to a client that wait for the commit of what they promise, in the order in which they were due. */
export class Deferred {
  /** Made when the first one waits. */
  #steps: Step[] = NONE;

  get size(): number {
    return this.#steps.length;
  }

  /** Why the commit of the next one has failed; `undefined` when it has not. */
  get failure(): unknown {
    return this.#steps[0]?.group.error;
  }

  push(group: CommitGroup, run: () => void): void {
    if (this.#steps === NONE) this.#steps = [];
    this.#steps.push({ group, run });
  }

  /** Runs those whose commit is done; false when the commit of the next one has failed. */
  release(): boolean {
    while (this.#steps[0]?.group.state === 'committed') this.#steps.shift()!.run();
    return this.#steps[0]?.group.state !== 'failed';
  }

  drop(): void {
    this.#steps = NONE;
  }
}
