import { readdirSync, readFileSync } from 'node:fs';
import type { Clock } from '../base/index.ts';

/** How old a picture of the machine's processes may be: for a group whose leader has children, and for one that seems alone. */
const AGE_MS_MAX = { accompanied: 40, alone: 500 } as const;

/**
 * Which processes stand in which group, read from `/proc`. Linux has no index of it: finding the members of one group means
 * looking at every process, some milliseconds on a busy machine. So one picture serves all groups for a while.
 */
export class ProcessGroups {
  readonly #clock: Clock;
  #groups: ReadonlyMap<number, readonly number[]> = new Map();
  #takenAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Processes of the group other than its leader, as of some hundred milliseconds ago at most. A process that made a session of
   * its own has left the group. Empty where there is no `/proc`.
   */
  membersOf(leader: number): readonly number[] {
    const now = this.#clock.monotonic();
    const ageMsMax = hasChildren(leader) ? AGE_MS_MAX.accompanied : AGE_MS_MAX.alone;
    if (now - this.#takenAt >= ageMsMax) {
      this.#groups = readGroups();
      this.#takenAt = now;
    }
    return this.#groups.get(leader) ?? [];
  }
}

/** What the main thread has started and what is still its child: enough to know that a closer look is worth it. */
function hasChildren(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1') !== '';
  } catch {
    return false;
  }
}

function readGroups(): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const name of readProcessNames()) {
    const pid = Number(name);
    const group = groupOf(name);
    // A leader is known to whoever asks; groups of one need no entry.
    if (group === undefined || group === pid) continue;
    const members = groups.get(group);
    if (members) members.push(pid);
    else groups.set(group, [pid]);
  }
  return groups;
}

function readProcessNames(): readonly string[] {
  try {
    return readdirSync('/proc').filter((name) => name[0]! >= '0' && name[0]! <= '9');
  } catch {
    return [];
  }
}

/** @see proc(5), stat: the command, which may hold anything, stands in parentheses; state, parent and group follow */
function groupOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ', 3)[2]);
  } catch {
    return undefined;
  }
}
