import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Machine, Memory } from './machine.ts';

/** The machine as `/proc` and the control groups have it. Where they are not there it knows its processors only. */
export class LinuxMachine implements Machine {
  readonly processors: number;
  readonly #groups: readonly GroupFiles[];

  private constructor(processors: number, groups: readonly GroupFiles[]) {
    this.processors = processors;
    this.#groups = groups;
  }

  static open(): LinuxMachine {
    return new LinuxMachine(availableParallelism(), groupFiles());
  }

  memory(): Memory | undefined {
    const meminfo = read('/proc/meminfo');
    const total = meminfo && kilobytes(meminfo, 'MemTotal');
    const available = meminfo && kilobytes(meminfo, 'MemAvailable');
    if (!total || !available) return undefined;
    let memory = { totalBytes: total, availableBytes: available };
    for (const { limit, usage, stat } of this.#groups) {
      const totalBytes = Number(read(limit)?.trim());
      // Files that nobody has used lately are counted, and are given back before anything fails.
      const spare = /^(?:total_)?inactive_file (\d+)/m.exec(read(stat) ?? '')?.[1] ?? 0;
      const used = Number(read(usage)?.trim()) - Number(spare);
      // `max`, or the number that stands for no limit: the group may use the whole machine.
      if (!(totalBytes < total) || Number.isNaN(used)) continue;
      if (totalBytes - used < memory.availableBytes) memory = { totalBytes, availableBytes: totalBytes - used };
    }
    return { ...memory, stalled: stalled() };
  }

  isRunnable(pid: number): boolean {
    // A sandbox is a process or three, of which the last one is the function's; what that starts may be many.
    const pids = [pid];
    for (let index = 0; index < Math.min(pids.length, PROCESSES_MAX); index++) {
      if (stateOf(pids[index]!) === 'R') return true;
      pids.push(...childrenOf(pids[index]!));
    }
    return false;
  }
}

/** Processes of one sandbox that are looked at. */
const PROCESSES_MAX = 6;

/** @see proc(5), stat: the command, which may hold anything, stands in parentheses; the state follows */
function stateOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.[stat.lastIndexOf(')') + 2];
}

function childrenOf(pid: number): readonly number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`)?.trim();
  return children ? children.split(' ').map(Number) : [];
}

/** Limit and usage of one control group, version 1 or 2. */
interface GroupFiles {
  readonly limit: string;
  readonly usage: string;
  readonly stat: string;
}

/** Those of the node's own groups. @see cgroups(7), /proc/PID/cgroup */
function groupFiles(): readonly GroupFiles[] {
  const lines = (read('/proc/self/cgroup') ?? '').trim().split('\n');
  return lines.flatMap((line) => {
    const [hierarchy, controllers, ...rest] = line.split(':');
    const path = rest.join(':');
    if (hierarchy === '0') {
      const group = `/sys/fs/cgroup${path}`;
      return [{ limit: `${group}/memory.max`, usage: `${group}/memory.current`, stat: `${group}/memory.stat` }];
    }
    if (!controllers?.split(',').includes('memory')) return [];
    const group = `/sys/fs/cgroup/memory${path}`;
    const [limit, usage] = [`${group}/memory.limit_in_bytes`, `${group}/memory.usage_in_bytes`];
    return [{ limit, usage, stat: `${group}/memory.stat` }];
  });
}

/** @see the kernel's documentation of pressure stall information: `some avg10=1.23 avg60=...`, in percent */
function stalled(): number {
  const average = /^some avg10=([\d.]+)/.exec(read('/proc/pressure/memory') ?? '')?.[1];
  return average === undefined ? 0 : Number(average) / 100;
}

function kilobytes(meminfo: string, name: string): number | undefined {
  const value = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1];
  return value === undefined ? undefined : Number(value) * 1024;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}
