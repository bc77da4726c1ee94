import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type Duplex, PassThrough, type Readable } from 'node:stream';
import type { Clock } from '../../../base/index.ts';
import type { Exit, Placement, Sandbox, SandboxProcess, SandboxRequest, Tenant } from '../sandbox.ts';
import { LoopbackDoors } from './loopback-doors.ts';
import { ProcessGroups } from './process-groups.ts';

/** Largest file, bytes: the most ephemeral storage that a function can ask for. */
const FILE_BYTES_MAX = 10 * 1024 ** 3;
/** As on Lambda. */
const OPEN_FILES_MAX = 1024;
const PAGE_BYTES = 4096;

/**
 * The engine `process`: a process group of its own, no inherited descriptors, no inherited variables, resource limits, and
 * death with the node. It does not hide files, other processes or the network: code that is not trusted needs `namespace`.
 *
 * `setpriv` and `prlimit` (util-linux) and `/proc` are used where they are; {@link ProcessSandbox.missing} names those that are not.
 */
export class ProcessSandbox implements Sandbox {
  readonly engine = 'process';
  readonly missing: readonly string[];
  readonly #wrapper: readonly string[];
  readonly #diesWithNode: boolean;
  readonly #groups: ProcessGroups;

  private constructor(diesWithNode: boolean, limits: boolean, clock: Clock) {
    this.#groups = new ProcessGroups(clock);
    this.#diesWithNode = diesWithNode;
    this.#wrapper = [
      ...(diesWithNode ? ['setpriv', '--pdeathsig', 'KILL', '--no-new-privs'] : []),
      ...(limits ? ['prlimit', '--core=0', `--nofile=${OPEN_FILES_MAX}`, `--fsize=${FILE_BYTES_MAX}`] : []),
    ];
    // Without /proc nobody can tell how much memory a process has: limits of memory are not held.
    const memory = existsSync('/proc/self/statm');
    this.missing = [...(diesWithNode ? [] : ['setpriv']), ...(limits ? [] : ['prlimit']), ...(memory ? [] : ['/proc'])];
  }

  /** Finds out what this machine has. Takes two short processes. */
  static open(clock: Clock): ProcessSandbox {
    const runs = (program: string, ...rest: string[]) => spawnSync(program, [...rest, 'true']).status === 0;
    return new ProcessSandbox(
      runs('setpriv', '--pdeathsig', 'KILL', '--no-new-privs'),
      runs('prlimit', '--core=0'),
      clock,
    );
  }

  start({ command, environment, directory, doors }: SandboxRequest): SandboxProcess {
    const temporaryDirectory = join(directory, 'tmp');
    mkdirSync(temporaryDirectory, { recursive: true, mode: 0o700 });
    const [program, ...rest] = [...this.#wrapper, ...command];
    const child = spawn(program!, rest, {
      cwd: temporaryDirectory,
      env: { ...environment, TMPDIR: temporaryDirectory },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    return new GroupOfProcesses(child, directory, this.#diesWithNode, this.#groups, new LoopbackDoors(doors));
  }
}

/** One child and what it starts: a process group, led by the child. */
class GroupOfProcesses implements SandboxProcess {
  readonly pid: number | undefined;
  readonly channel: Duplex;
  readonly outputs: readonly Readable[];
  readonly exited: Promise<Exit>;
  /** The watch over memory is the node's: no kernel limit is set. */
  readonly outOfMemory = false;
  readonly #mayFreeze: boolean;
  readonly #groups: ProcessGroups;
  #statm: number | undefined;
  #alive = true;
  readonly #doors: LoopbackDoors;

  constructor(child: ChildProcess, directory: string, mayFreeze: boolean, groups: ProcessGroups, doors: LoopbackDoors) {
    this.#groups = groups;
    this.#doors = doors;
    this.pid = child.pid;
    // Out of descriptors there are no pipes; the `error` event follows.
    this.channel = (child.stdio?.[3] as Duplex | undefined) ?? new PassThrough();
    this.outputs = [child.stdout, child.stderr].filter((output) => output !== null && output !== undefined);
    // A stopped process does not notice that the channel has closed: without a death signal it would stay for ever.
    this.#mayFreeze = mayFreeze;
    this.exited = this.#end(child, directory);
  }

  addressOf(door: string): string {
    return this.#doors.addressOf(door);
  }

  accept(door: string, take: (socket: Socket) => void): void {
    this.#doors.accept(door, take);
  }

  /** Nothing is hidden, so nothing has to be put in place. */
  assign({ codeDirectory, layers, cacheDirectory }: Tenant): Placement {
    return { taskRoot: codeDirectory, layersRoot: layers.at(-1) ?? '/opt', cacheDirectory };
  }

  freeze(): void {
    if (this.#mayFreeze) this.#signal('SIGSTOP');
  }

  thaw(): void {
    if (this.#mayFreeze) this.#signal('SIGCONT');
  }

  kill(): void {
    this.#signal('SIGKILL');
  }

  memoryBytes(): number {
    if (!this.#alive || this.pid === undefined) return 0;
    let bytes = this.#leaderBytes();
    for (const member of this.#groups.membersOf(this.pid)) bytes += memberBytes(member);
    return bytes;
  }

  /** The leader alone, from a file that is kept open: this is read for every busy environment many times a second. */
  #leaderBytes(): number {
    try {
      this.#statm ??= openSync(`/proc/${this.pid}/statm`, 'r');
      const length = readSync(this.#statm, STATM, 0, STATM.length, 0);
      return privateBytes(STATM.toString('latin1', 0, length));
    } catch {
      return 0;
    }
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.#alive || this.pid === undefined) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // The group has ended; its exit is on the way to us.
    }
  }

  async #end(child: ChildProcess, directory: string): Promise<Exit> {
    const exit = await new Promise<Exit>((resolve) => {
      child.once('error', () => resolve({ code: null, signal: null }));
      // The group may outlive its leader and hold the pipes open: it goes with it.
      child.once('exit', () => this.kill());
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.#alive = false;
    this.#doors.close();
    if (this.#statm !== undefined) closeSync(this.#statm);
    this.#statm = undefined;
    await rm(directory, { recursive: true, force: true }).catch(() => {});
    return exit;
  }
}

function memberBytes(pid: string): number {
  try {
    return privateBytes(readFileSync(`/proc/${pid}/statm`, 'latin1'));
  } catch {
    return 0;
  }
}

/** @see proc(5), statm: size, resident, shared, ... in pages */
function privateBytes(statm: string): number {
  const [, resident, shared] = statm.split(' ', 3);
  return (Number(resident) - Number(shared)) * PAGE_BYTES;
}

/** One buffer serves all reads: they are synchronous. */
const STATM = Buffer.alloc(128);
