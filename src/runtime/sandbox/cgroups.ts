import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { SANDBOX_LIMITS } from './limits.ts';

/** What a control group can hold a sandbox to; `freezer` stops and kills all its processes at once. */
export type Controller = 'memory' | 'cpu' | 'pids' | 'freezer';

/** Shares of a process outside any group, and what a function of 1,024 MB gets. */
const SHARES_USUAL = 1024;
const WEIGHT_USUAL = 100;
const WEIGHT_MAX = 10_000;
/**
 * What all functions together weigh against the node and the rest of the machine, in processes a processor. A group counts as one
 * process whatever is in it, so one would starve functions; much more would starve the node, which must answer while they are busy.
 */
const PROCESSES_A_PROCESSOR = 2;
/** Attempts to remove a group whose last process is still being buried, one a turn of the event loop. */
const REMOVALS_MAX = 2_000;

/** Where a controller's groups are made: folders in the group of the node itself, so that the node's own limits hold for all. */
export interface ControllerPlace {
  readonly directory: string;
  readonly version: 1 | 2;
}

export type CgroupPlaces = Readonly<Partial<Record<Controller, ControllerPlace>>>;

/** What this machine has, and of what it does not have, why not. */
export interface CgroupSurvey {
  readonly places: CgroupPlaces;
  readonly missing: Readonly<Partial<Record<Controller, string>>>;
}

/** All of them, in the order in which they are told of. */
export const CONTROLLERS: readonly Controller[] = ['memory', 'cpu', 'pids', 'freezer'];

/**
 * Looks for control groups that the node may make groups in: of version 2 where its controllers are, else of version 1.
 *
 * The freezer of version 1 is not used: what it has stopped cannot be killed, and would stay for ever when the node dies. A
 * machine with version 1 mostly has an empty version 2 beside it, whose groups can be frozen all the same.
 *
 * @param table  `/proc/self/cgroup`; @param mounts  `/proc/self/mounts`
 */
export function surveyCgroups(
  table = readText('/proc/self/cgroup'),
  mounts = readText('/proc/self/mounts'),
): CgroupSurvey {
  const own = new Map(
    table.split('\n').flatMap((line) => {
      const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      return names === undefined ? [] : names.split(',').map((name) => [name, path!] as const);
    }),
  );
  const places: Partial<Record<Controller, ControllerPlace>> = {};
  const missing: Partial<Record<Controller, string>> = {};
  const found = mounts.split('\n').map((line) => line.split(' '));
  const unified = found.find(([, , type]) => type === 'cgroup2')?.[1];
  const home = unified === undefined ? undefined : join(unified, own.get('') ?? '/');
  const offered = home === undefined ? [] : readText(join(home, 'cgroup.controllers')).trim().split(' ');
  for (const controller of CONTROLLERS) {
    const old = found.find(([, , type, options]) => type === 'cgroup' && options?.split(',').includes(controller))?.[1];
    const inUnified = home !== undefined && (controller === 'freezer' || offered.includes(controller));
    const place: ControllerPlace | undefined = inUnified
      ? { directory: home, version: 2 }
      : old !== undefined && controller !== 'freezer'
        ? { directory: join(old, own.get(controller) ?? '/'), version: 1 }
        : undefined;
    if (place) places[controller] = place;
    else missing[controller] = 'the kernel offers it in no mounted control group';
  }
  return { places, missing };
}

/** The control groups of a node's sandboxes: one parent for all, a group in it for each. */
export class Cgroups {
  /** What is held here. */
  readonly controllers: ReadonlySet<Controller>;
  /** Why the others are not. */
  readonly missing: Readonly<Partial<Record<Controller, string>>>;
  readonly #parents: CgroupPlaces;
  /** Those that have not been removed yet. */
  readonly #groups = new Set<Cgroup>();

  private constructor(parents: CgroupPlaces, missing: Readonly<Partial<Record<Controller, string>>>) {
    this.#parents = parents;
    this.missing = missing;
    this.controllers = new Set(Object.keys(parents) as Controller[]);
  }

  /**
   * Makes the parent groups, and removes what a node that crashed has left in them. Never throws: what cannot be made is missing.
   *
   * @param name  of the parents, unique to the data directory
   */
  static async open(name: string, survey: CgroupSurvey = surveyCgroups()): Promise<Cgroups> {
    const parents: Partial<Record<Controller, ControllerPlace>> = {};
    const missing = { ...survey.missing };
    const unified = Object.values(survey.places).find(({ version }) => version === 2)?.directory;
    const delegated = unified === undefined ? '' : delegate(unified, name, survey.places);
    for (const [controller, { directory, version }] of Object.entries(survey.places) as [
      Controller,
      ControllerPlace,
    ][]) {
      const parent = join(directory, name);
      try {
        if (version === 2 && controller !== 'freezer' && delegated !== '') throw new Error(delegated);
        mkdirSync(parent, { recursive: true });
        // A folder that can be made need not be one that processes can be put in.
        writeFileSync(
          join(parent, version === 2 ? 'cgroup.max.depth' : 'notify_on_release'),
          version === 2 ? 'max' : '0',
        );
        await sweep(parent);
        if (version === 2 && controller !== 'freezer')
          writeFileSync(join(parent, 'cgroup.subtree_control'), `+${controller}`);
        parents[controller] = { directory: parent, version };
        if (controller === 'cpu') weighAll(parents[controller]);
        if (controller === 'pids') limitAllProcesses(parent);
      } catch (error) {
        missing[controller] =
          `${(error as Error).message}; the node needs a delegated control group (systemd: Delegate=yes)`;
      }
    }
    return new Cgroups(parents, missing);
  }

  /** Folders that have a folder of its name for each sandbox, where it takes processes in. */
  get parents(): readonly string[] {
    return [...new Set(Object.values(this.#parents).map(({ directory }) => directory))];
  }

  /** A group for one sandbox, with the limits that hold for all. @throws  the system refuses */
  create(name: string): Cgroup {
    const places: Partial<Record<Controller, ControllerPlace>> = {};
    for (const [controller, { directory, version }] of Object.entries(this.#parents) as [
      Controller,
      ControllerPlace,
    ][]) {
      const folder = join(directory, name);
      mkdirSync(folder, { recursive: true });
      places[controller] = { directory: folder, version };
    }
    if (places.pids) writeFileSync(join(places.pids.directory, 'pids.max'), String(SANDBOX_LIMITS.processesMax));
    if (places.memory?.version === 2) writeFileSync(join(places.memory.directory, 'memory.oom.group'), '1');
    if (places.memory?.version === 1) limitSockets(places.memory);
    const group = new Cgroup(places, openLimits(places), () => this.#groups.delete(group));
    this.#groups.add(group);
    return group;
  }

  /** Removes the groups and their parents, as soon as the last process is gone. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#groups, (group) => group.remove()));
    for (const { directory } of Object.values(this.#parents)) removeGroup(directory);
  }
}

/** The group of one sandbox, in every hierarchy that has a controller of it. */
export class Cgroup {
  readonly #places: CgroupPlaces;
  /** Files of its limits, open until these are known: a function waits then, and to open them takes longer than to write. */
  readonly #limits: Map<'memory' | 'cpu', number>;
  readonly #directories: readonly string[];
  readonly #onRemoved: () => void;
  #removal: Promise<void> | undefined;
  #memory: number | undefined;
  #outOfMemory = false;

  /** @param limits  descriptors, which it closes; @param onRemoved  called once, when it is gone */
  constructor(places: CgroupPlaces, limits: Map<'memory' | 'cpu', number>, onRemoved: () => void) {
    this.#places = places;
    this.#limits = limits;
    this.#onRemoved = onRemoved;
    this.#directories = [...new Set(Object.values(places).map(({ directory }) => directory))];
  }

  /** Whether this controller holds the sandbox. */
  has(controller: Controller): boolean {
    return this.#places[controller] !== undefined;
  }

  /** Moves a process, which has no children yet, and all that it will start. The first in a while takes some 14 ms of the kernel's. */
  async join(pid: number): Promise<void> {
    for (const directory of this.#directories) await writeFile(join(directory, 'cgroup.procs'), String(pid));
  }

  /** Once. @param memoryBytes  of all processes and their files in memory; @param memoryMb  that the share of the CPU goes by */
  limit(memoryBytes: number, memoryMb: number): void {
    const memory = this.#limits.get('memory');
    const cpu = this.#limits.get('cpu');
    if (memory !== undefined) writeSync(memory, String(memoryBytes));
    if (cpu !== undefined) writeSync(cpu, weight(this.#places.cpu!, memoryMb / 1024));
    this.#closeLimits();
  }

  /** @returns whether all processes are stopped (or soon will be) by the kernel */
  freeze(frozen: boolean): boolean {
    return this.#order('cgroup.freeze', frozen ? '1' : '0');
  }

  /** @returns whether the kernel kills all processes, also those that are being started */
  kill(): boolean {
    return this.#order('cgroup.kill', '1');
  }

  /** Memory that the processes hold for themselves; `undefined` when this group cannot tell. */
  memoryBytes(): number | undefined {
    const { memory } = this.#places;
    if (!memory) return undefined;
    const key = memory.version === 1 ? 'total_rss ' : 'anon ';
    try {
      // Kept open: this is read for every busy environment many times a second.
      this.#memory ??= openSync(join(memory.directory, 'memory.stat'), 'r');
      const text = STAT.toString('latin1', 0, readSync(this.#memory, STAT, 0, STAT.length, 0));
      const at = text.startsWith(key) ? 0 : text.indexOf(`\n${key}`) + 1;
      return Number.parseInt(text.slice(at + key.length, text.indexOf('\n', at)), 10) || 0;
    } catch {
      return undefined;
    }
  }

  /** The kernel has killed a process of the group for want of memory. */
  get outOfMemory(): boolean {
    const { memory } = this.#places;
    if (!memory || this.#outOfMemory) return this.#outOfMemory;
    const text = readText(join(memory.directory, memory.version === 1 ? 'memory.oom_control' : 'memory.events'));
    this.#outOfMemory = Number(/^oom_kill (\d+)/m.exec(text)?.[1] ?? 0) > 0;
    return this.#outOfMemory;
  }

  /** Removes the group once its last process is gone; nothing more is asked of it then. Never rejects. */
  remove(): Promise<void> {
    this.#removal ??= this.#remove();
    return this.#removal;
  }

  async #remove(): Promise<void> {
    void this.outOfMemory;
    if (this.#memory !== undefined) closeSync(this.#memory);
    this.#memory = undefined;
    this.#closeLimits();
    let left = this.#directories;
    for (let attempt = 0; left.length > 0 && attempt < REMOVALS_MAX; attempt++) {
      if (attempt > 0) await turn();
      left = left.filter((directory) => !removeGroup(directory));
    }
    this.#onRemoved();
  }

  #closeLimits(): void {
    for (const file of this.#limits.values()) closeSync(file);
    this.#limits.clear();
  }

  #order(file: string, order: string): boolean {
    const { freezer } = this.#places;
    if (!freezer) return false;
    try {
      writeFileSync(join(freezer.directory, file), order);
      return true;
    } catch {
      return false;
    }
  }
}

function openLimits({ memory, cpu }: CgroupPlaces): Map<'memory' | 'cpu', number> {
  const limits = new Map<'memory' | 'cpu', number>();
  if (memory) limits.set('memory', openSync(memoryLimitOf(memory), 'w'));
  if (cpu) limits.set('cpu', openSync(weightOf(cpu), 'w'));
  return limits;
}

/** See {@link PROCESSES_A_PROCESSOR}. */
function weighAll(place: ControllerPlace): void {
  writeFileSync(weightOf(place), weight(place, PROCESSES_A_PROCESSOR * availableParallelism()));
}

/** However many sandboxes there are, half of the machine's processes and threads are for others: some machines have 32,768 in all. */
function limitAllProcesses(parent: string): void {
  const machine = ['pid_max', 'threads-max'].map(
    (name) => Number(readText(`/proc/sys/kernel/${name}`)) || Number.MAX_SAFE_INTEGER,
  );
  writeFileSync(join(parent, 'pids.max'), String(Math.floor(Math.min(...machine) / 2)));
}

/** Version 1 counts the buffers of sockets apart from all other memory, and only where they have a limit. */
function limitSockets({ directory }: ControllerPlace): void {
  try {
    writeFileSync(join(directory, 'memory.kmem.tcp.limit_in_bytes'), String(SANDBOX_LIMITS.socketBytesMax));
  } catch {
    // Some kernels were built without it.
  }
}

const memoryLimitOf = ({ directory, version }: ControllerPlace) =>
  join(directory, version === 1 ? 'memory.limit_in_bytes' : 'memory.max');
const weightOf = ({ directory, version }: ControllerPlace) =>
  join(directory, version === 1 ? 'cpu.shares' : 'cpu.weight');

/** @param processes  how many processes outside any group it counts as */
function weight({ version }: ControllerPlace, processes: number): string {
  if (version === 1) return String(Math.round(processes * SHARES_USUAL));
  return String(Math.min(WEIGHT_MAX, Math.max(1, Math.round(processes * WEIGHT_USUAL))));
}

/**
 * Makes the controllers of version 2 available below `home`. A group that has processes of its own cannot hand controllers down, but
 * for the root: the node moves itself, and nothing else, into a group beside those of its sandboxes.
 *
 * @returns why not; empty when they are
 */
function delegate(home: string, name: string, places: CgroupPlaces): string {
  const wanted = (Object.entries(places) as [Controller, ControllerPlace][]).filter(
    ([controller, { version }]) => version === 2 && controller !== 'freezer',
  );
  if (wanted.length === 0) return '';
  const order = wanted.map(([controller]) => `+${controller}`).join(' ');
  const control = join(home, 'cgroup.subtree_control');
  try {
    writeFileSync(control, order);
    return '';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return (error as Error).message;
  }
  const members = readText(join(home, 'cgroup.procs')).trim().split('\n');
  if (members.some((pid) => pid !== String(process.pid))) return 'other processes share the control group of the node';
  try {
    mkdirSync(join(home, `${name}-node`), { recursive: true });
    writeFileSync(join(home, `${name}-node`, 'cgroup.procs'), String(process.pid));
    writeFileSync(control, order);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Kills what a crashed node has left below a parent, and removes the groups. */
async function sweep(parent: string): Promise<void> {
  const folders = readdirSync(parent, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) {
    const folder = join(parent, name);
    for (const pid of readText(join(folder, 'cgroup.procs')).split('\n')) if (pid !== '') killNow(Number(pid));
    for (let attempt = 0; attempt < REMOVALS_MAX && !removeGroup(folder); attempt++) await turn();
  }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** @returns whether it is gone */
function removeGroup(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** One buffer serves all reads: they are synchronous. `memory.stat` has some 1.5 KB, and the totals of version 1 stand last. */
const STAT = Buffer.alloc(8192);
