import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Clock, Random } from '../../../base/index.ts';
import type { Cgroup, Cgroups } from '../cgroups.ts';
import { coverInherited } from '../inherited.ts';
import type { Sandbox, SandboxProcess, SandboxRequest } from '../sandbox.ts';
import {
  type BubblewrapOptions,
  commonArguments,
  DESCRIPTORS,
  folderOf,
  makeEtc,
  ownArguments,
  pointsBelowLayers,
} from './bubblewrap.ts';
import { ContainedProcess } from './contained-process.ts';
import { HOSTS, Network } from './network.ts';
import { Placing } from './placing.ts';
import { seccompFilter } from './seccomp.ts';

/** Users on the machine that the functions of a node that is root run as: nobody else's by any convention (systemd.io/UIDS-GIDS). */
const USERS = { first: 1_900_000_000, count: 1 << 20 } as const;

/** What cannot be started: stands for a process that was not. */
const NO_PROGRAM = '/dev/null';
const NOBODY = { user: undefined, cgroup: undefined, network: undefined };

export interface NamespaceOptions {
  /** For what all sandboxes share, on the file system of theirs and of the code; emptied. */
  readonly directory: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly cgroups: Cgroups;
  /** Whether functions can be given a network. */
  readonly hasNetwork: boolean;
  readonly gaps: readonly string[];
}

/**
 * The engine `namespace`: bubblewrap. A sandbox has its own mount, PID, IPC, UTS, network, cgroup and user namespaces, sees the
 * system's programs and its own code, read-only, and reaches nothing but its doors and what its egress says.
 */
export class NamespaceSandbox implements Sandbox {
  readonly engine = 'namespace';
  readonly gaps: readonly string[];
  readonly #options: NamespaceOptions;
  readonly #bubblewrap: BubblewrapOptions;
  readonly #common: readonly string[];
  readonly #filter: string;
  readonly #placing: Placing;
  /** Descriptors that a child would inherit beside those that it is given: they get nothing instead. */
  readonly #covered: readonly (number | 'ignore')[];
  #nextUser: number;

  private constructor(options: NamespaceOptions) {
    this.#options = options;
    this.gaps = options.gaps;
    const { directory, random, cgroups } = options;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    this.#bubblewrap = {
      privileged: process.getuid!() === 0,
      limitsProcesses: !cgroups.controllers.has('pids'),
      etc: join(directory, 'etc'),
    };
    makeEtc(this.#bubblewrap.etc);
    this.#common = commonArguments(this.#bubblewrap);
    this.#filter = join(directory, 'seccomp.bpf');
    this.#placing = new Placing(join(directory, 'spares'));
    this.#covered = coverInherited(DESCRIPTORS.seccomp + 1);
    this.#nextUser = random.bytes(4).readUInt32LE() % USERS.count;
  }

  /** @throws Error  this machine's processor is not one that the filter for system calls can be made for */
  static open(options: NamespaceOptions): NamespaceSandbox {
    const filter = seccompFilter(process.arch);
    if (!filter) throw new Error(`no filter for system calls of ${process.arch}`);
    const sandbox = new NamespaceSandbox(options);
    writeFileSync(sandbox.#filter, filter);
    return sandbox;
  }

  start(request: SandboxRequest): SandboxProcess {
    this.#makeFolders(request);
    const { cgroups, clock, hasNetwork } = this.#options;
    const placing = this.#placing;
    let cgroup: Cgroup;
    try {
      cgroup = cgroups.create(basename(request.directory));
    } catch {
      // Out of groups: without its limits it must not run.
      return new ContainedProcess({ ...NOBODY, request, child: spawn(NO_PROGRAM), placing });
    }
    const user = this.#bubblewrap.privileged ? USERS.first + (this.#nextUser++ % USERS.count) : undefined;
    const network = hasNetwork ? new Network(clock, folderOf(request.directory).hosts) : undefined;
    const newCgroup = (name: string) => cgroups.create(name);
    return new ContainedProcess({ request, child: this.#spawn(request), user, cgroup, newCgroup, network, placing });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#placing.close();
    this.#options.cgroups.close();
    rmSync(this.#options.directory, { recursive: true, force: true });
  }

  #makeFolders({ directory, readable }: SandboxRequest): void {
    const { task, layers, cache, hosts } = folderOf(directory);
    mkdirSync(directory, { recursive: true });
    // Whatever mask the node was started with: another user must be able to read them.
    for (const folder of [task, layers, cache]) {
      mkdirSync(folder);
      chmodSync(folder, 0o755);
    }
    for (const point of pointsBelowLayers(readable)) mkdirSync(join(layers, point), { recursive: true });
    writeFileSync(hosts, HOSTS);
    chmodSync(hosts, 0o644);
  }

  #spawn(request: SandboxRequest): ChildProcess {
    const filter = openSync(this.#filter, 'r');
    try {
      return spawn('bwrap', [...this.#common, ...ownArguments(request, this.#bubblewrap)], {
        // Nothing of the function's: bubblewrap runs with the node's rights.
        env: { PATH: process.env.PATH },
        detached: true,
        stdio: [
          'pipe',
          'pipe',
          'pipe',
          'pipe',
          request.doors.length > 0 ? 'ipc' : 'ignore',
          'pipe',
          filter,
          ...this.#covered,
        ],
      });
    } finally {
      closeSync(filter);
    }
  }
}
