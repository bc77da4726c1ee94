/**
 * Tells whether a history of one register is linearizable: whether every operation can have happened at one moment between its
 * call and its return (Wing and Gong's search, with the states that were tried remembered as Lowe has it).
 */

/** What was done to a register, and what came of it. Values are unique to their writes; `null` is nothing there. */
export type RegisterStep =
  | { readonly kind: 'read'; readonly value: string | null }
  | { readonly kind: 'write'; readonly value: string | null }
  /** Written when `expected` stood there. */
  | { readonly kind: 'swap'; readonly expected: string | null; readonly value: string; readonly done: boolean };

export interface Operation<Step> {
  readonly step: Step;
  /** Moments in one order; an operation whose end nobody knows returns at Infinity, and may not have happened. */
  readonly called: number;
  readonly returned: number;
}

/** @returns the state behind the step, `undefined` when it cannot be taken in `state` */
function after(step: RegisterStep, state: string | null): { readonly state: string | null } | undefined {
  if (step.kind === 'read') return step.value === state ? { state } : undefined;
  if (step.kind === 'write') return { state: step.value };
  const holds = step.expected === state;
  if (holds !== step.done) return undefined;
  return { state: holds ? step.value : state };
}

const isLook = (step: RegisterStep) => step.kind === 'read' || (step.kind === 'swap' && !step.done);

/** States that are looked at before the search gives up: a history that needs more is too dense to be judged. */
const STATES_MAX = 500_000;

/** @throws Error  the history is too dense */
export function isLinearizable(history: readonly Operation<RegisterStep>[]): boolean {
  const operations = [...history].sort((a, b) => a.called - b.called);
  const taken = new Uint8Array(operations.length);
  const tried = new Set<string>();
  /** Looks first. */
  const candidates = (first: number, limit: number): readonly number[] => {
    const found: number[] = [];
    for (let at = first; at < operations.length && operations[at]!.called <= limit; at++) {
      if (taken[at]) continue;
      if (isLook(operations[at]!.step)) found.unshift(at);
      else found.push(at);
    }
    return found;
  };
  const search = (first: number, left: number, state: string | null): boolean => {
    if (left === 0) return true;
    const seen = `${state} ${first} ${tailOf(taken, first)}`;
    if (tried.has(seen)) return false;
    tried.add(seen);
    if (tried.size > STATES_MAX) throw new Error('too many operations at once');
    // The first return of what is left: nobody who was called later can come before it.
    let limit = Number.POSITIVE_INFINITY;
    for (let at = first; at < operations.length && operations[at]!.called <= limit; at++) {
      if (!taken[at]) limit = Math.min(limit, operations[at]!.returned);
    }
    for (const at of candidates(first, limit)) {
      const { step } = operations[at]!;
      const next = after(step, state);
      if (!next) continue;
      taken[at] = 1;
      let rest = first;
      while (rest < taken.length && taken[rest]) rest++;
      if (search(rest, left - 1, next.state)) return true;
      taken[at] = 0;
      // What changes nothing and can come now need not be tried later.
      if (isLook(step)) return false;
    }
    return false;
  };
  return search(0, operations.length, null);
}

/** Which of the next are taken: those before are all, and those far behind none. */
function tailOf(taken: Uint8Array, first: number): string {
  const last = taken.lastIndexOf(1);
  return last < first ? '' : taken.subarray(first, last + 1).join('');
}
