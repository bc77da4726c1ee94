import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { type Clock, DomainError, messageOf, type Random } from '../../../base/index.ts';
import { Doors } from '../doors.ts';
import { type Launched, Launcher } from '../launcher/launcher.ts';
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
  readonly #launcher: Launcher;

  private constructor(diesWithNode: boolean, launcher: Launcher, clock: Clock) {
    this.#launcher = launcher;
    this.#groups = new ProcessGroups(clock);
    this.#diesWithNode = diesWithNode;
    this.#wrapper = diesWithNode ? ['setpriv', '--pdeathsig', 'KILL', '--no-new-privs'] : [];
    // Without /proc nobody can tell how much memory a process has: limits of memory are not held.
    const memory = existsSync('/proc/self/statm');
    this.gaps = [
      ...(diesWithNode ? [] : ['processes may outlive the node: no setpriv (install the package util-linux)']),
      ...(memory ? [] : ['memory is not limited: no /proc']),
    ];
  }

  /** Finds out what this machine has, and starts the launcher. */
  static async open(clock: Clock, random: Random): Promise<ProcessSandbox> {
    const { status } = spawnSync('setpriv', ['--pdeathsig', 'KILL', '--no-new-privs', 'true']);
    return new ProcessSandbox(status === 0, await Launcher.open(random), clock);
  }

  start({ command, environment, directory, doors }: SandboxRequest): SandboxProcess {
    const temporaryDirectory = join(directory, 'tmp');
    try {
      mkdirSync(temporaryDirectory, { recursive: true, mode: 0o700 });
    } catch {
      // The disk is full: a process without its folder ends at once.
    }
    const launched = this.#launcher.launch({
      command: [...this.#wrapper, ...limited(command)],
      environment: { ...environment, TMPDIR: temporaryDirectory },
      directory: temporaryDirectory,
      hasDoors: false,
    });
    const process = startedBy(launched);
    const layersDirectory = join(directory, 'opt');
    const mayFreeze = this.#diesWithNode;
    return new GroupOfProcesses(process, { doors, directory, layersDirectory, mayFreeze, groups: this.#groups });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#launcher.close();
  }
}

/** A process that has been started, by the node or by another one. */
type Started = Omit<Clone, 'pid' | 'doors'> & {
  /** May come later. */
  readonly pid: number | undefined;
  /** Also where the process id is not there yet. */
  kill?(): void;
};

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
  readonly channel: Duplex;
  readonly outputs: readonly Readable[];
  readonly exited: Promise<Exit>;
  /** The watch over memory is the node's: no kernel limit is set. */
  readonly outOfMemory = false;
  readonly #started: Started;
  readonly #surroundings: Surroundings;
  readonly #doors: Doors;
  #statm: number | undefined;
  #alive = true;

  constructor(started: Started, surroundings: Surroundings) {
    this.#started = started;
    this.channel = started.channel;
    this.outputs = started.outputs;
    this.#surroundings = surroundings;
    this.#doors = new Doors(surroundings.doors);
    this.#doors.openOnHost();
    this.exited = this.#end(started.exited);
  }

  get pid(): number | undefined {
    return this.#started.pid;
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

  receive(door: string, take: (datagram: Buffer) => boolean): void {
    this.#doors.receive(door, take);
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
    if (this.#alive) this.#started.kill?.();
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

function startedBy(launched: Launched): Started {
  const { channel, outputs, exited } = launched;
  return {
    get pid() {
      return launched.pid;
    },
    channel,
    outputs,
    exited,
    kill: () => launched.kill(),
  };
}

/** One buffer serves all reads: they are synchronous. */
const STATM = Buffer.alloc(128);

function refused(error: unknown): never {
  const message = `layers cannot be put in place: ${messageOf(error)}`;
  throw new DomainError<SandboxErrorCode>('placement-failed', message, { cause: error, remedy: 'retry' });
}
