import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type Duplex, PassThrough, type Readable } from 'node:stream';
import { type Clock, DomainError, messageOf } from '../../../base/index.ts';
import { Doors } from '../doors.ts';
import { coverInherited } from '../inherited.ts';
import { limited } from '../limited.ts';
import { linkTrees } from '../namespace/placing.ts';
import { memoryOf, privateBytes } from '../process-memory.ts';
import type {
  Clone,
  Door,
  Exit,
  Placement,
  Sandbox,
  SandboxErrorCode,
  SandboxProcess,
  SandboxRequest,
  Tenant,
} from '../sandbox.ts';
import { ProcessGroups } from './process-groups.ts';

/** Descriptors that a process is given: input, outputs and the channel. */
const DESCRIPTORS = 4;

/**
 * The engine `process`: a process group of its own, no inherited descriptors, no inherited variables, resource limits, and
 * death with the node. It does not hide files, other processes or the network: code that is not trusted needs `namespace`.
 *
 * `setpriv` (util-linux) and `/proc` are used where they are; {@link ProcessSandbox.gaps} names those that are not.
 */
export class ProcessSandbox implements Sandbox {
  readonly engine = 'process';
  readonly gaps: readonly string[];
  readonly #wrapper: readonly string[];
  readonly #diesWithNode: boolean;
  readonly #groups: ProcessGroups;
  /** Descriptors that a child would inherit beside those that it is given: they get nothing instead. */
  readonly #covered: readonly (number | 'ignore')[];

  private constructor(diesWithNode: boolean, clock: Clock) {
    this.#groups = new ProcessGroups(clock);
    this.#diesWithNode = diesWithNode;
    this.#wrapper = diesWithNode ? ['setpriv', '--pdeathsig', 'KILL', '--no-new-privs'] : [];
    // Without /proc nobody can tell how much memory a process has: limits of memory are not held.
    const memory = existsSync('/proc/self/statm');
    this.gaps = [
      ...(diesWithNode ? [] : ['processes may outlive the node: no setpriv (install the package util-linux)']),
      ...(memory ? [] : ['memory is not limited: no /proc']),
    ];
    this.#covered = coverInherited(DESCRIPTORS);
  }

  /** Finds out what this machine has. Takes a short process. */
  static open(clock: Clock): ProcessSandbox {
    const { status } = spawnSync('setpriv', ['--pdeathsig', 'KILL', '--no-new-privs', 'true']);
    return new ProcessSandbox(status === 0, clock);
  }

  start({ command, environment, directory, doors }: SandboxRequest): SandboxProcess {
    const temporaryDirectory = join(directory, 'tmp');
    try {
      mkdirSync(temporaryDirectory, { recursive: true, mode: 0o700 });
    } catch {
      // The disk is full: a process without its folder ends at once.
    }
    const [program, ...rest] = [...this.#wrapper, ...limited(command)];
    const child = spawn(program!, rest, {
      cwd: temporaryDirectory,
      env: { ...environment, TMPDIR: temporaryDirectory },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', ...this.#covered],
    });
    const process = { pid: child.pid, ...pipesOf(child), exited: exitOf(child) };
    const layersDirectory = join(directory, 'opt');
    const mayFreeze = this.#diesWithNode;
    return new GroupOfProcesses(process, { doors, directory, layersDirectory, mayFreeze, groups: this.#groups });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A process that has been started, by the node or by another one. */
type Started = Omit<Clone, 'pid' | 'doors'> & { readonly pid: number | undefined };

interface Surroundings {
  readonly doors: readonly Door[];
  /** Removed when the process has ended; a clone has none of its own. */
  readonly directory: string | undefined;
  /** Layers that lie over each other are put together here. */
  readonly layersDirectory: string;
  readonly mayFreeze: boolean;
  readonly groups: ProcessGroups;
}

/** One process and what it starts: a process group, led by it. */
class GroupOfProcesses implements SandboxProcess {
  readonly pid: number | undefined;
  readonly channel: Duplex;
  readonly outputs: readonly Readable[];
  readonly exited: Promise<Exit>;
  /** The watch over memory is the node's: no kernel limit is set. */
  readonly outOfMemory = false;
  readonly #surroundings: Surroundings;
  readonly #doors: Doors;
  #statm: number | undefined;
  #alive = true;

  constructor({ pid, channel, outputs, exited }: Started, surroundings: Surroundings) {
    this.pid = pid;
    this.channel = channel;
    this.outputs = outputs;
    this.#surroundings = surroundings;
    this.#doors = new Doors(surroundings.doors);
    this.#doors.openOnHost();
    this.exited = this.#end(exited);
  }

  hasDoor(door: string): boolean {
    return this.#doors.has(door);
  }

  addressOf(door: string): string {
    return this.#doors.addressOf(door);
  }

  accept(door: string, take: (socket: Socket) => void): void {
    this.#doors.accept(door, take);
  }

  adopt(clone: Clone): SandboxProcess {
    return new GroupOfProcesses(clone, { ...this.#surroundings, doors: clone.doors, directory: undefined });
  }

  /** Nothing is hidden, so nothing has to be put in place but layers of which one is to hide a part of another. */
  assign({ codeDirectory, layers, cacheDirectory }: Tenant): Placement | Promise<Placement> {
    const placed = (layersRoot: string): Placement => ({ taskRoot: codeDirectory, layersRoot, cacheDirectory });
    const [only = '/opt', ...others] = layers;
    if (others.length === 0) return placed(only);
    const joined = this.#layersRoot();
    try {
      mkdirSync(joined, { recursive: true });
      const linking = linkTrees(layers, joined);
      return linking instanceof Promise ? linking.then(() => placed(joined), refused) : placed(joined);
    } catch (error) {
      refused(error);
    }
  }

  #layersRoot(): string {
    return join(this.#surroundings.layersDirectory, String(this.pid));
  }

  freeze(): void {
    // A stopped process does not notice that the channel has closed: without a death signal it would stay for ever.
    if (this.#surroundings.mayFreeze) this.#signal('SIGSTOP');
  }

  thaw(): void {
    if (this.#surroundings.mayFreeze) this.#signal('SIGCONT');
  }

  kill(): void {
    this.#signal('SIGKILL');
  }

  memoryBytes(): number {
    if (!this.#alive || this.pid === undefined) return 0;
    let bytes = this.#leaderBytes();
    for (const member of this.#surroundings.groups.membersOf(this.pid)) bytes += memoryOf(member);
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

  async #end(exited: Promise<Exit>): Promise<Exit> {
    const exit = await exited;
    this.#alive = false;
    this.#doors.close();
    if (this.#statm !== undefined) closeSync(this.#statm);
    this.#statm = undefined;
    const { directory } = this.#surroundings;
    // A clone's layers stand in the folder of the one that it was forked from.
    const own = directory ?? this.#layersRoot();
    await rm(own, { recursive: true, force: true }).catch(() => {});
    return exit;
  }
}

/** Out of descriptors there are no pipes; the `error` event follows. */
function pipesOf(child: ChildProcess): { readonly channel: Duplex; readonly outputs: readonly Readable[] } {
  return {
    channel: (child.stdio?.[3] as Duplex | undefined) ?? new PassThrough(),
    outputs: [child.stdout, child.stderr].filter((output) => output !== null && output !== undefined),
  };
}

/** Resolves when the child has ended and what it wrote has been read. */
function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }));
    // What it has started may outlive it and hold the pipes open: it goes with it.
    child.once('exit', () => killGroup(child.pid));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It is empty.
  }
}

/** One buffer serves all reads: they are synchronous. */
const STATM = Buffer.alloc(128);

function refused(error: unknown): never {
  const message = `layers cannot be put in place: ${messageOf(error)}`;
  throw new DomainError<SandboxErrorCode>('placement-failed', message, { cause: error, remedy: 'retry' });
}
