import { readdirSync, readFileSync } from 'node:fs';

/** More than a sandbox can have: an end for a walk among processes that are started meanwhile. */
const DESCENDANTS_MAX = 4096;

/**
 * Process ids of all that a process has started, and so on: in a sandbox whose first process is `pid` that is everybody, since
 * orphans become its children.
 */
export function descendantsOf(pid: number): readonly number[] {
  const found: number[] = [];
  const left = [pid];
  while (left.length > 0 && found.length < DESCENDANTS_MAX) {
    for (const child of childrenOf(left.pop()!)) {
      found.push(child);
      left.push(child);
    }
  }
  return found;
}

/** @see proc(5), task/[tid]/children: a child belongs to the thread that started it */
function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}
