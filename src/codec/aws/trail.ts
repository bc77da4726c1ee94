import { constraintFailure, ReadFailure } from './failure.ts';

/** Deepest nesting that is read: beyond what any service takes, far from what would exhaust the stack (S5). */
const DEPTH_MAX = 256;

/** Problems that are told of at once; further ones are counted out (S5). */
const PROBLEMS_MAX = 100;

/** A step into a structure: the member's name as AWS writes it in messages. */
export interface NamedStep {
  readonly shown: string;
}

/**
 * Where a reader stands in the input, and what it found wrong so far. Steps are kept in one array that is reused, so that a
 * request without problems allocates nothing for them.
 */
export class Trail {
  /** A member, an index of a list, or a key of a map. */
  readonly #steps: (NamedStep | number | string)[] = [];
  #depth = -1;
  #problems: string[] | undefined;

  /** Begins a structure, list or map. */
  enter(): void {
    if (++this.#depth > DEPTH_MAX) throw new ReadFailure('serialization', 'The request is nested too deeply.');
  }

  /** What is read next inside of it. */
  at(step: NamedStep | number | string): void {
    this.#steps[this.#depth] = step;
  }

  leave(): void {
    this.#depth--;
  }

  /** Notes a broken constraint of the value here, or of member `last` of it. */
  problem(shown: string, constraint: string, last?: NamedStep): void {
    this.#problems ??= [];
    if (this.#problems.length >= PROBLEMS_MAX) return;
    const value = shown === NULL ? NULL : `'${shown}'`;
    this.#problems.push(`Value ${value} at '${this.#path(last)}' failed to satisfy constraint: ${constraint}`);
  }

  /** The failure that all problems make together; `undefined` when there was none. Readies the trail for the next request. */
  finish(): ReadFailure | undefined {
    const problems = this.#problems;
    this.reset();
    return problems && constraintFailure(problems);
  }

  reset(): void {
    this.#depth = -1;
    this.#problems = undefined;
  }

  #path(last: NamedStep | undefined): string {
    const parts: string[] = [];
    for (let i = 0; i <= this.#depth; i++) {
      const step = this.#steps[i]!;
      if (typeof step === 'number') parts.push(String(step + 1), 'member');
      else parts.push(typeof step === 'string' ? `${step}.member` : step.shown);
    }
    if (last) parts.push(last.shown);
    return parts.join('.');
  }
}

/** How a message shows what is missing. */
export const NULL = 'null';
