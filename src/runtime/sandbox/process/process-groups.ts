import { readdirSync, readFileSync } from 'node:fs';
import type { Clock } from '../../../base/index.ts';

/** How old a picture of the machine's processes may be: for a group whose leader has children, and for one that seems alone. */
const AGE_MS_MAX = { accompanied: 40, alone: 500 } as const;

/**
 * Which processes stand in which group, read from `/proc`. Linux has no index of it: finding the members of one group means
 * looking at every process of the machine. So one picture serves all groups for a while, and only processes that were not in
 * the last one are read.
 */
export class ProcessGroups {
  readonly #clock: Clock;
  /** Group of each process of the machine, when it was first seen. */
  #groups: ReadonlyMap<string, number | undefined> = new Map();
  #members: ReadonlyMap<number, readonly string[]> = new Map();
  #takenAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Processes of the group other than its leader; one that was started in the last half second may be missing, and one that
   * made a session of its own has left the group. Empty where there is no `/proc`.
   *
   * @returns process ids, as `/proc` names them
   */
  membersOf(leader: number): readonly string[] {
    const ageMsMax = hasChildren(leader) ? AGE_MS_MAX.accompanied : AGE_MS_MAX.alone;
    if (this.#clock.monotonic() - this.#takenAt >= ageMsMax) this.#look();
    // Asked anew: a process id may have been used again since.
    return (this.#members.get(leader) ?? []).filter((pid) => groupOf(pid) === leader);
  }

  #look(): void {
    const groups = new Map<string, number | undefined>();
    const members = new Map<number, string[]>();
    for (const pid of readProcessIds()) {
      const group = this.#groups.has(pid) ? this.#groups.get(pid) : groupOf(pid);
      groups.set(pid, group);
      // A leader is known to whoever asks.
      if (group === undefined || group === Number(pid)) continue;
      const others = members.get(group);
      if (others) others.push(pid);
      else members.set(group, [pid]);
    }
    this.#groups = groups;
    this.#members = members;
    this.#takenAt = this.#clock.monotonic();
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

function readProcessIds(): readonly string[] {
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
