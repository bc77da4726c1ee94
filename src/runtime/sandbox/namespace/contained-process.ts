import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { basename } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { DomainError, messageOf } from '../../../base/index.ts';
import type { Cgroup } from '../cgroups.ts';
import { type DoorHandle, Doors } from '../doors.ts';
import type { Launched, LaunchListener } from '../launcher/launcher.ts';
import { SANDBOX_LIMITS } from '../limits.ts';
import { memoryOf } from '../process-memory.ts';
import type { Clone, Exit, Placement, SandboxErrorCode, SandboxProcess, SandboxRequest, Tenant } from '../sandbox.ts';
import type { Stay } from './accounts.ts';
import { folderOf, INSIDE, INSIDE_USER } from './bubblewrap.ts';
import { ContainedClone } from './contained-clone.ts';
import { descendantsOf } from './descendants.ts';
import { Namespaces } from './namespaces.ts';
import type { Network } from './network.ts';
import type { Placing } from './placing.ts';

const MB = 1024 ** 2;
const NO_NETWORK =
  'This machine cannot give functions a network: they reach the APIs of the node and nothing else (see millrace doctor).';
/** Bubblewrap ends with 128 and the number of the signal that ended the command. */
const SIGNALS: Readonly<Record<number, string>> = {
  132: 'SIGILL',
  133: 'SIGTRAP',
  134: 'SIGABRT',
  135: 'SIGBUS',
  136: 'SIGFPE',
  137: 'SIGKILL',
  139: 'SIGSEGV',
  141: 'SIGPIPE',
  143: 'SIGTERM',
  159: 'SIGSYS',
};

const PLACEMENT: Placement = {
  taskRoot: INSIDE.task,
  layersRoot: INSIDE.layers,
  cacheDirectory: INSIDE.cache,
};

export interface ContainedOptions {
  readonly request: SandboxRequest;
  /** Starts it. */
  readonly launch: (listener: LaunchListener) => Launched;
  /** User on the machine, where the node is root. */
  readonly user: number | undefined;
  /** Disposed when it stands. Absent where the node is not root, or has no accounts. */
  readonly stay?: Stay | undefined;
  readonly cgroup: Cgroup | undefined;
  /** Of a clone; absent where there are none to be had. */
  readonly newCgroup?: ((name: string) => Cgroup) | undefined;
  readonly placing: Placing;
  /** Absent on a machine that cannot give a sandbox a network. */
  readonly network: Network | undefined;
}

/**
 * One sandbox: bubblewrap, and in its namespaces a first process that buries orphans, and the command.
 *
 * Life: bubblewrap makes the namespaces and tells its child's process id -> the node says who is who in them, puts the child in its
 * control groups and lets it go on -> it builds the file system and starts the command, blank -> the command hands its
 * doors over and is ready -> `assign` -> the end: whichever of the three dies, the namespaces die.
 */
export class ContainedProcess implements SandboxProcess {
  readonly channel: Duplex;
  readonly outputs: readonly Readable[];
  readonly exited: Promise<Exit>;
  readonly placement = PLACEMENT;
  readonly #options: ContainedOptions;
  readonly #launched: Launched;
  readonly #doors: Doors;
  /** First process of the sandbox, once it is known. */
  #first: number | undefined;
  #namespaces: Namespaces | undefined;
  #tenant: Tenant | undefined;
  #clones = 0;
  #alive = true;
  #killed = false;

  constructor(options: ContainedOptions) {
    this.#options = options;
    this.#doors = new Doors(options.request.doors);
    this.#launched = options.launch({
      onContained: (first) => {
        this.#first = first;
        this.#admit(first).catch(() => this.kill());
      },
      onDoor: (name, handle) => this.#onDoor(name, handle),
    });
    this.channel = this.#launched.channel;
    this.outputs = this.#launched.outputs;
    this.exited = this.#end();
  }

  /** Of bubblewrap, once it runs. */
  get pid(): number | undefined {
    return this.#launched.pid;
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

  adopt(clone: Clone): Promise<SandboxProcess> {
    const options = { clone, first: this.#first!, addressOf: (door: string) => this.addressOf(door) };
    try {
      return new ContainedClone({ ...options, cgroup: this.#cloneCgroup() }).held();
    } catch {
      // Out of groups: without its limits it must not run.
      const contained = new ContainedClone({ ...options, cgroup: undefined });
      contained.kill();
      return contained.held();
    }
  }

  assign(tenant: Tenant): Placement | Promise<Placement> {
    this.#tenant = tenant;
    // Whatever the command has done with its end: from here on it is the function's.
    this.#launched.shutDoors();
    const placement: Placement = {
      ...PLACEMENT,
      ...(tenant.egress.kind === 'all' && !this.#options.network ? { notice: NO_NETWORK } : {}),
    };
    try {
      const work: Promise<void>[] = [];
      for (const begin of this.#stepsOf(tenant)) {
        const begun = begin();
        if (!(begun instanceof Promise)) continue;
        // Where a later step throws, nobody waits for this one.
        begun.catch(() => {});
        work.push(begun);
      }
      if (work.length === 0) return placement;
      return Promise.all(work).then(() => placement, refused);
    } catch (error) {
      refused(error);
    }
  }

  freeze(): void {
    if (!this.#alive || this.#options.cgroup?.freeze(true)) return;
    this.#signalAll('SIGSTOP');
  }

  thaw(): void {
    if (!this.#alive || this.#options.cgroup?.freeze(false)) return;
    this.#signalAll('SIGCONT');
  }

  kill(): void {
    if (!this.#alive) return;
    this.#killed = true;
    // Between being made and being admitted the child waits for bubblewrap, whoever dies meanwhile: it is killed once it is known.
    if (this.#first !== undefined) this.#killAll();
  }

  #killAll(): void {
    this.#options.cgroup?.kill();
    void this.#options.network?.close();
    this.#launched.kill();
    this.#killFirst();
  }

  memoryBytes(): number {
    if (!this.#alive || this.#first === undefined) return 0;
    const counted = this.#options.cgroup?.memoryBytes();
    if (counted !== undefined) return counted;
    return descendantsOf(this.#first).reduce((sum, pid) => sum + memoryOf(pid), 0);
  }

  get outOfMemory(): boolean {
    return this.#options.cgroup?.outOfMemory ?? false;
  }

  #cloneCgroup(): Cgroup | undefined {
    const { newCgroup, request } = this.#options;
    const cgroup = newCgroup?.(`${basename(request.directory)}-${this.#clones++}`);
    const { memoryMb, ephemeralStorageMb } = this.#tenant!;
    cgroup?.limit((memoryMb + ephemeralStorageMb) * MB, memoryMb);
    return cgroup;
  }

  #stepsOf(tenant: Tenant): (() => void | Promise<void>)[] {
    const { codeDirectory, layers, cacheDirectory, memoryMb, ephemeralStorageMb, egress } = tenant;
    const { placing, cgroup, network, request } = this.#options;
    const folders = folderOf(request.directory);
    cgroup?.limit((memoryMb + ephemeralStorageMb) * MB, memoryMb);
    if (!network && egress.kind === 'allowlist') throw new Error(NO_NETWORK);
    return [
      () => network?.restrict(egress),
      () => placing.place([codeDirectory], folders.task),
      () => placing.place(layers, folders.layers),
      () => (existsSync(cacheDirectory) ? placing.link(cacheDirectory, folders.cache) : undefined),
      () => (ephemeralStorageMb > SANDBOX_LIMITS.temporaryMb ? this.#growTemporary(ephemeralStorageMb) : undefined),
    ];
  }

  /** Only from outside: nobody in the sandbox may mount. */
  async #growTemporary(sizeMb: number): Promise<void> {
    if (this.#options.user === undefined)
      throw new Error(`/tmp above ${SANDBOX_LIMITS.temporaryMb} MB needs a node that is root`);
    const size = `remount,nosuid,nodev,size=${sizeMb}m`;
    await this.#namespaces!.enter('mount', ['mount', '-o', size, INSIDE.temporary]);
  }

  /**
   * With it go the namespaces. It dies with bubblewrap, but not before it has been let go on. Its number may be somebody else's
   * once bubblewrap has ended.
   */
  #killFirst(): void {
    try {
      if (readFileSync(`/proc/${this.#first}/comm`, 'latin1') === 'bwrap\n') process.kill(this.#first!, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }

  /** The child has its namespaces and waits. */
  async #admit(first: number): Promise<void> {
    const { user, stay, cgroup, network, request } = this.#options;
    if (this.#killed) return this.#killAll();
    this.#namespaces = Namespaces.open(first, this.pid!);
    if (stay) await stay.map(first, user!);
    else writeMaps(first, user);
    stay?.[Symbol.dispose]();
    if (this.#killed) return this.#killAll();
    network?.attach(basename(request.directory), this.#namespaces);
    await cgroup?.join(first);
    // Killed meanwhile it must not go on: its group was empty then.
    if (this.#killed) return this.#killAll();
    this.#launched.admit();
  }

  #onDoor(name: unknown, handle: DoorHandle): void {
    if (this.#tenant !== undefined || !this.#doors.hand(name, handle)) handle.close();
    // The command waits for that before it says that it is ready.
    if (this.#doors.complete) this.#launched.shutDoors();
  }

  #signalAll(signal: NodeJS.Signals): void {
    if (this.#first === undefined) return;
    for (const pid of descendantsOf(this.#first)) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  async #end(): Promise<Exit> {
    const { cgroup, stay, network, request } = this.#options;
    const { code, signal } = await this.#launched.ended;
    this.#killed = true;
    stay?.[Symbol.dispose]();
    this.#killAll();
    await this.#launched.exited;
    // The kernel's count of those that it killed goes with the group.
    void cgroup?.outOfMemory;
    this.#alive = false;
    this.#doors.close();
    await network?.close();
    this.#namespaces?.[Symbol.dispose]();
    void cgroup?.remove();
    await rm(request.directory, { recursive: true, force: true }).catch(() => {});
    return exitOf(code, signal);
  }
}

function exitOf(code: number | null, signal: string | null): Exit {
  const killedBy = code === null ? undefined : SIGNALS[code];
  return killedBy === undefined ? { code, signal } : { code: null, signal: killedBy };
}

/**
 * Says who the users of a new user namespace are on the machine. Root's sandbox is built by root, so that it can bind what only
 * root may read, and then becomes a user that nothing on the machine belongs to.
 */
function writeMaps(pid: number, user: number | undefined): void {
  const { uid, gid } = INSIDE_USER;
  if (user === undefined) writeFileSync(`/proc/${pid}/setgroups`, 'deny');
  const map = (inside: number, own: number) =>
    user === undefined ? `${inside} ${own} 1` : `0 0 1\n${inside} ${user} 1`;
  writeFileSync(`/proc/${pid}/uid_map`, map(uid, process.getuid!()));
  writeFileSync(`/proc/${pid}/gid_map`, map(gid, process.getgid!()));
}

function refused(error: unknown): never {
  throw new DomainError<SandboxErrorCode>('placement-failed', messageOf(error), { cause: error, remedy: 'retry' });
}
