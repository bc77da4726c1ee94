import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** Longest complaint of a program that is passed on. */
const COMPLAINT_LENGTH_MAX = 500;
/** Where a program finds the namespace that it is given. */
const DESCRIPTOR = 3;

/**
 * The namespaces of one sandbox, held open: a process number may have been given to somebody else's process by the time that it is
 * used, and what is meant for a sandbox must never be done to the machine.
 */
export class Namespaces implements Disposable {
  readonly #network: number;
  readonly #mount: number;
  readonly #user: number;
  #closed = false;

  private constructor(network: number, mount: number, user: number) {
    this.#network = network;
    this.#mount = mount;
    this.#user = user;
  }

  /** @param pid  a process of the sandbox; @param parent  who must have started it @throws Error  it is not that process any more */
  static open(pid: number, parent: number): Namespaces {
    const opened: number[] = [];
    try {
      for (const name of ['net', 'mnt', 'user']) opened.push(openSync(`/proc/${pid}/ns/${name}`, 'r'));
      // After they are open: what they belong to is known now, whatever becomes of the number.
      if (parentOf(pid) !== parent) throw new Error('the sandbox has ended');
      return new Namespaces(opened[0]!, opened[1]!, opened[2]!);
    } catch (error) {
      for (const descriptor of opened) closeSync(descriptor);
      throw error;
    }
  }

  /** Descriptor of the network namespace. */
  get network(): number {
    return this.#network;
  }

  /** Descriptor of the user namespace. */
  get user(): number {
    return this.#user;
  }

  /**
   * Runs a program of the machine in a namespace of the sandbox, with the rights of root: nobody inside has those, and neither has
   * another user, who loses what he has over namespaces of his own with the program's start.
   *
   * @throws Error  the sandbox has ended; the program could not be run or failed, in its own words
   */
  async enter(which: 'net' | 'mount', command: readonly string[], input = ''): Promise<void> {
    // Their numbers may be others' by now: another sandbox's.
    if (this.#closed) throw new Error('the sandbox has ended');
    const descriptor = which === 'net' ? this.#network : this.#mount;
    const child = spawn('nsenter', [`--${which}=/proc/self/fd/${DESCRIPTOR}`, '--', ...command], {
      stdio: ['pipe', 'ignore', 'pipe', descriptor],
    });
    child.stdin!.on('error', () => {}).end(input);
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(0, COMPLAINT_LENGTH_MAX);
    });
    const status = await new Promise<unknown>((resolve) => child.once('error', resolve).once('close', resolve));
    if (status === 0) return;
    const why = status instanceof Error ? status.message : said.trim() || `it ended with ${String(status)}`;
    throw new Error(`${command[0]}: ${why}`);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#network);
    closeSync(this.#mount);
    closeSync(this.#user);
  }
}

/** @throws Error  it is gone */
export function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ', 2)[1]);
}
