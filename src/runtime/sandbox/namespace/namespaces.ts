import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** Longest complaint of a program that is passed on. */
const COMPLAINT_LENGTH_MAX = 500;
/** Where a program finds what it is given beside its inputs and outputs. */
const FIRST_DESCRIPTOR = 3;

/**
 * The namespaces of one sandbox, held open: a process number may have been given to somebody else's process by the time that it is
 * used, and what is meant for a sandbox must never be done to the machine.
 */
export class Namespaces implements Disposable {
  readonly #network: number;
  readonly #mount: number;
  /** Root has all rights over namespaces that it made; another user has them only inside. */
  readonly #user: number | undefined;

  private constructor(network: number, mount: number, user: number | undefined) {
    this.#network = network;
    this.#mount = mount;
    this.#user = user;
  }

  /** @param pid  a process of the sandbox; @param parent  who must have started it @throws Error  it is not that process any more */
  static open(pid: number, parent: number): Namespaces {
    const opened: number[] = [];
    try {
      for (const name of process.getuid!() === 0 ? ['net', 'mnt'] : ['net', 'mnt', 'user']) {
        opened.push(openSync(`/proc/${pid}/ns/${name}`, 'r'));
      }
      // After they are open: what they belong to is known now, whatever becomes of the number.
      if (parentOf(pid) !== parent) throw new Error('the sandbox has ended');
      return new Namespaces(opened[0]!, opened[1]!, opened[2]);
    } catch (error) {
      for (const descriptor of opened) closeSync(descriptor);
      throw error;
    }
  }

  /** Descriptors of the network namespace and, where rights over it are held only there, of the user namespace. */
  get forNetwork(): readonly number[] {
    return [this.#network, ...(this.#user === undefined ? [] : [this.#user])];
  }

  /**
   * Runs a program of the machine in a namespace of the sandbox, with the rights of who made it: nobody inside has those.
   *
   * @throws Error  it could not be run or failed, in its own words
   */
  async enter(which: 'net' | 'mount', command: readonly string[], input = ''): Promise<void> {
    const argv = [
      `--${which}=/proc/self/fd/${FIRST_DESCRIPTOR}`,
      ...(this.#user === undefined ? [] : [`--user=/proc/self/fd/${FIRST_DESCRIPTOR + 1}`, '--preserve-credentials']),
    ];
    const target = which === 'net' ? this.#network : this.#mount;
    const child = spawn('nsenter', [...argv, '--', ...command], {
      stdio: ['pipe', 'ignore', 'pipe', target, ...(this.#user === undefined ? [] : [this.#user])],
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
    for (const descriptor of [...this.forNetwork, this.#mount]) closeSync(descriptor);
  }
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ', 2)[1]);
}
