import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Clock, messageOf, type Random } from '../../../base/index.ts';
import type { Cgroup, Cgroups, Controller } from '../cgroups.ts';
import { type Launched, Launcher, type LaunchListener } from '../launcher/launcher.ts';
import type { Hull, Sandbox, SandboxProcess, SandboxRequest } from '../sandbox.ts';
import { explainFailure, missingForNetwork } from '../survey.ts';
import { Accounts, type Stay, USERS } from './accounts.ts';
import { Attaching, INTERFACE, MTU } from './attaching.ts';
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
import { OwnAddresses } from './own-addresses.ts';
import { Placing } from './placing.ts';
import { interfaceUp } from './rules.ts';
import { seccompFilter } from './seccomp.ts';
import { endStranded } from './stranded.ts';
import { runTrial } from './trial.ts';

/** What cannot be started: stands for a process that was not. */
const NO_PROGRAM = { command: ['/dev/null'], environment: {}, directory: '/', hasDoors: false };
const NOBODY = { user: undefined, cgroup: undefined, network: undefined };

/** How the gap begins that is left by a network which cannot be had. */
export const NO_NETWORK = 'functions reach the node and no other network';

const NO_ACCOUNTS = 'file watches, message queues and pending signals of functions count as root’s';

/** What it means for functions that a controller is missing. */
const CONSEQUENCES: Readonly<Record<Controller, string>> = {
  memory: 'memory is watched by the node, and not held by the kernel',
  cpu: 'processors are shared evenly, and not by memory size',
  pids: 'processes are counted by user, and not by sandbox',
  freezer: 'idle functions are stopped by signals',
};

export interface NamespaceOptions {
  /** For what all sandboxes share, on the file system of theirs and of the code; emptied. */
  readonly directory: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly cgroups: Cgroups;
}

/**
 * The engine `namespace`: bubblewrap. A sandbox has its own mount, PID, IPC, UTS, network, cgroup and user namespaces, sees the
 * system's programs and its own code, read-only, and reaches nothing but its doors and what its egress says.
 */
export class NamespaceSandbox implements Sandbox {
  readonly engine = 'namespace';
  readonly gaps: string[] = [];
  readonly #options: NamespaceOptions;
  readonly #bubblewrap: BubblewrapOptions;
  readonly #common: readonly string[];
  readonly #filter: string;
  readonly #placing: Placing;
  readonly #attaching: Attaching;
  readonly #machine: OwnAddresses;
  readonly #launcher: Launcher;
  #accounts: Accounts | undefined;
  #nextUser: number;
  /** Whether functions can be given a network. */
  #hasNetwork = true;

  private constructor(options: NamespaceOptions, launcher: Launcher) {
    this.#options = options;
    this.#launcher = launcher;
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
    this.#attaching = new Attaching(
      options.clock,
      join(directory, 'rules'),
      cgroups.parents,
      interfaceUp(INTERFACE, MTU),
    );
    this.#machine = new OwnAddresses(options.clock);
    this.#nextUser = random.bytes(4).readUInt32LE() % USERS.count;
  }

  /**
   * Opens the engine and runs a process in it, in a network of its own: what a machine can do is found out by doing it. Without a
   * network, or some of the control groups, it runs all the same, and {@link gaps} says so.
   *
   * @throws Error  it does not run here; the message says why and what to do
   */
  static async open(options: NamespaceOptions): Promise<NamespaceSandbox> {
    const filter = seccompFilter(process.arch);
    if (!filter) throw new Error(`there is no filter for the system calls of ${process.arch}`);
    endStranded(dirname(options.directory));
    const [launcher, accounts] = await Promise.all([Launcher.open(options.random), openAccounts(options.random)]);
    const sandbox = new NamespaceSandbox(options, launcher);
    if (accounts instanceof Accounts) sandbox.#accounts = accounts;
    else if (accounts !== undefined) sandbox.gaps.push(`${NO_ACCOUNTS}: ${messageOf(accounts)}`);
    writeFileSync(sandbox.#filter, filter);
    for (const [controller, why] of Object.entries(options.cgroups.missing)) {
      sandbox.gaps.push(`${CONSEQUENCES[controller as Controller]}: ${why}`);
    }
    try {
      await sandbox.#prove();
      return sandbox;
    } catch (error) {
      await sandbox[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #prove(): Promise<void> {
    const { directory, clock } = this.#options;
    const missing = missingForNetwork();
    if (missing) this.#dropNetwork(`${missing.why}. ${missing.remedy}`);
    let trial = await runTrial(this, join(directory, 'trial'), clock);
    if (!trial.started && this.#accounts) {
      const said = trial.said;
      await this.#accounts.close();
      this.#accounts = undefined;
      trial = await runTrial(this, join(directory, 'trial'), clock);
      if (trial.started) this.gaps.push(`${NO_ACCOUNTS}: ${said}`);
    }
    if (trial.started) {
      if (trial.refused !== undefined) this.#dropNetwork(trial.refused);
      return;
    }
    const { why, remedy } = explainFailure(trial.said);
    throw new Error(`${why}. ${remedy}`);
  }

  #dropNetwork(why: string): void {
    this.#hasNetwork = false;
    this.gaps.push(`${NO_NETWORK}: ${why}`);
  }

  start(request: SandboxRequest): SandboxProcess {
    return this.#start(request, false);
  }

  hold(request: SandboxRequest): Hull {
    const process = this.#start(request, true);
    const { channel } = process;
    // Its only word before the command is there.
    const said = new Promise<void>((resolve) => channel.once('data', () => resolve()));
    return {
      process,
      standing: Promise.race([said, process.exited.then(() => {})]),
      begin: (more) => void channel.write(`${linesOf(more)}\n`),
    };
  }

  #start(request: SandboxRequest, isHeld: boolean): SandboxProcess {
    const { cgroups, clock } = this.#options;
    const placing = this.#placing;
    let cgroup: Cgroup;
    try {
      this.#makeFolders(request);
      cgroup = cgroups.create(basename(request.directory));
    } catch {
      // The disk is full, or there are no more groups: without its limits it must not run.
      const launch = (listener: LaunchListener) => this.#launcher.launch(NO_PROGRAM, listener);
      return new ContainedProcess({ ...NOBODY, request, launch, placing });
    }
    const user = this.#bubblewrap.privileged ? USERS.first + (this.#nextUser++ % USERS.count) : undefined;
    const network = this.#hasNetwork
      ? new Network(clock, this.#attaching, this.#machine, folderOf(request.directory).hosts)
      : undefined;
    const newCgroup = (name: string) => cgroups.create(name);
    const stay = this.#accounts?.take();
    const launch = (listener: LaunchListener) => this.#launch(request, isHeld, stay, listener);
    return new ContainedProcess({ request, launch, user, stay, cgroup, newCgroup, network, placing });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#machine[Symbol.dispose]();
    await this.#placing.close();
    await this.#attaching.close();
    await this.#launcher.close();
    await this.#accounts?.close();
    await this.#options.cgroups.close();
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

  #launch(request: SandboxRequest, isHeld: boolean, stay: Stay | undefined, listener: LaunchListener): Launched {
    const order = {
      command: [...(stay?.command ?? []), 'bwrap', ...this.#common, ...ownArguments(request, this.#bubblewrap, isHeld)],
      // Nothing of the function's: bubblewrap runs with the node's rights.
      environment: { PATH: process.env.PATH ?? '' },
      directory: process.cwd(),
      hasDoors: request.doors.length > 0,
      bubblewrap: { ...DESCRIPTORS, filterFile: this.#filter },
    };
    return this.#launcher.launch(order, listener);
  }
}

/** @returns why there are none, where the node is root; `undefined` where it is not */
function openAccounts(random: Random): Promise<unknown> | undefined {
  if (process.getuid!() !== 0) return undefined;
  return Accounts.open(random.bytes(4).readUInt32LE()).catch((error) => error);
}

const linesOf = (variables: Readonly<Record<string, string>>) =>
  Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
