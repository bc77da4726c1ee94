import { readFileSync } from 'node:fs';
import type { Duplex, Readable } from 'node:stream';
import { InternalError } from '../../../base/index.ts';
import type { Cgroup } from '../cgroups.ts';
import { memoryOf } from '../process-memory.ts';
import type { Clone, Exit, Placement, SandboxProcess } from '../sandbox.ts';
import { descendantsOf } from './descendants.ts';

export interface ContainedCloneOptions {
  readonly clone: Clone;
  /** First process of the sandbox, on the machine. */
  readonly first: number;
  /** Its own; none where there are no groups to be had. */
  readonly cgroup: Cgroup | undefined;
  /** Of what it was forked from: they share a network. */
  readonly addressOf: (door: string) => string;
}

/**
 * A process that another one has forked within its sandbox: it shares the walls, and is stopped, killed and measured alone, with what
 * it has started.
 */
export class ContainedClone implements SandboxProcess {
  /** On the machine. */
  readonly pid: number | undefined;
  readonly channel: Duplex;
  readonly outputs: readonly Readable[];
  readonly exited: Promise<Exit>;
  readonly #options: ContainedCloneOptions;
  readonly #joined: Promise<void> | undefined;
  #alive = true;

  constructor(options: ContainedCloneOptions) {
    this.#options = options;
    const { clone, first, cgroup } = options;
    // The youngest is the likeliest.
    this.pid = descendantsOf(first).findLast((each) => pidInside(each) === clone.pid);
    this.channel = clone.channel;
    this.outputs = clone.outputs;
    this.exited = this.#end(clone.exited);
    // Before it starts any other: those would stay where it was.
    this.#joined = this.pid === undefined ? undefined : cgroup?.join(this.pid).catch(() => this.kill());
  }

  /** Resolves when its limits hold, or it is dead. */
  async held(): Promise<this> {
    await this.#joined;
    return this;
  }

  /** The sandbox's are its first command's. */
  hasDoor(): boolean {
    return false;
  }

  addressOf(door: string): string {
    return this.#options.addressOf(door);
  }

  /** Connections from this sandbox are taken where its first command has handed the door over. */
  accept(): void {}

  receive(): void {}

  adopt(): SandboxProcess {
    throw new InternalError('a clone is not cloned');
  }

  assign(): Placement {
    throw new InternalError('a clone has the place of what it was forked from');
  }

  freeze(): void {
    if (this.#alive && !this.#options.cgroup?.freeze(true)) this.#signal('SIGSTOP');
  }

  thaw(): void {
    if (this.#alive && !this.#options.cgroup?.freeze(false)) this.#signal('SIGCONT');
  }

  kill(): void {
    if (!this.#alive) return;
    this.#options.cgroup?.kill();
    // Also when it has not joined its group yet.
    this.#signal('SIGKILL');
  }

  memoryBytes(): number {
    if (!this.#alive) return 0;
    const counted = this.#options.cgroup?.memoryBytes();
    return counted ?? this.#members().reduce((sum, pid) => sum + memoryOf(pid), 0);
  }

  get outOfMemory(): boolean {
    return this.#options.cgroup?.outOfMemory ?? false;
  }

  #members(): readonly number[] {
    return this.pid === undefined ? [] : [this.pid, ...descendantsOf(this.pid)];
  }

  #signal(signal: NodeJS.Signals): void {
    for (const pid of this.#members()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  async #end(exited: Promise<Exit>): Promise<Exit> {
    const exit = await exited;
    const { cgroup } = this.#options;
    // What it has started and left to others.
    cgroup?.kill();
    void cgroup?.outOfMemory;
    this.#alive = false;
    void cgroup?.remove();
    return exit;
  }
}

/** Process id as the processes of its own namespace see it. @see proc(5), status, NSpid */
function pidInside(pid: number): number | undefined {
  try {
    const ids = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return ids === undefined ? undefined : Number(ids.split('\t').at(-1));
  } catch {
    return undefined;
  }
}
