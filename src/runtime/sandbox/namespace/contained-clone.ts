import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { InternalError } from '../../../base/index.ts';
import { memoryOf } from '../process-memory.ts';
import type { Clone, Exit, Placement, SandboxProcess } from '../sandbox.ts';
import { descendantsOf } from './descendants.ts';

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
  readonly outOfMemory = false;
  #alive = true;

  /** @param first  first process of the sandbox, on the machine */
  constructor({ pid, channel, outputs, exited }: Clone, first: number) {
    this.pid = descendantsOf(first).find((each) => pidInside(each) === pid);
    this.channel = channel;
    this.outputs = outputs;
    this.exited = exited.then((exit) => {
      this.kill();
      this.#alive = false;
      return exit;
    });
  }

  hasDoor(): boolean {
    return false;
  }

  addressOf(door: string): string {
    throw new InternalError(`a clone has no door ${door}`);
  }

  accept(door: string, _take: (socket: Socket) => void): void {
    throw new InternalError(`a clone has no door ${door}`);
  }

  adopt(): SandboxProcess {
    throw new InternalError('a clone is not cloned');
  }

  assign(): Placement {
    throw new InternalError('a clone has the place of what it was forked from');
  }

  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  kill(): void {
    this.#signal('SIGKILL');
  }

  memoryBytes(): number {
    return this.#members().reduce((sum, pid) => sum + memoryOf(pid), 0);
  }

  #members(): readonly number[] {
    return this.#alive && this.pid !== undefined ? [this.pid, ...descendantsOf(this.pid)] : [];
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
