import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Clock, Timer } from '../../../base/index.ts';
import { SANDBOX_LIMITS } from '../limits.ts';
import type { Namespaces } from './namespaces.ts';

/** Longest complaint of a program that is passed on. */
const COMPLAINT_LENGTH_MAX = 500;

/** What is added to the name of the file of rules for one that has had them already. */
const AGAIN = '.again';

/** What the sandbox sees of its network. */
export const INTERFACE = 'tap0';
/** The most that slirp4netns takes: fewer turns through it for a megabyte. */
export const MTU = 65_520;

const SLIRP = `slirp4netns --mtu=${MTU} --disable-host-loopback --enable-sandbox --enable-seccomp --ready-fd=3 --netns-type=path`;

/**
 * Run with root's rights over a sandbox, which no command inside has. The kernel counts file watches for whoever made the user namespace as well: of
 * the few that root has on a machine, one function would otherwise take all. slirp4netns has no IPv6, but a sandbox would look for neighbours all the
 * same, and the table of those is one for the machine: with a thousand made-up ones in it nobody finds his own.
 */
const INSIDE = `
ipv6=/proc/sys/net/ipv6/conf/${INTERFACE}/disable_ipv6
{ [ ! -e "$ipv6" ] || echo 1 >"$ipv6"; } &&
echo ${SANDBOX_LIMITS.watchersMax} >/proc/sys/user/max_inotify_instances &&
echo ${SANDBOX_LIMITS.watchedFilesMax} >/proc/sys/user/max_inotify_watches &&
exec ip -batch "$1"
`;

/**
 * A line a sandbox comes in: its name, the node's descriptors of its network and user namespaces, and which rules it gets. slirp4netns becomes this shell's own child,
 * in the sandbox's control groups (what a function makes it hold counts as the function's), and dies with it, frozen or not. It writes
 * `1` and closes the pipe when its interface is there. `jobs` buries those that have ended.
 */
const SCRIPT = `
node=$1 rules=$2 inside=$3
shift 3
exec 4>&1
while read -r name network user again; do
  jobs >&2
  {
    exec 3>&1 >/dev/null </dev/null
    for parent; do echo 0 >"$parent/$name/cgroup.procs" || exit; done
    read -r pid rest </proc/self/stat
    echo "$name started $pid" >&4
    exec setpriv --pdeathsig KILL ${SLIRP} "/proc/$node/fd/$network" ${INTERFACE} 4>&-
  } | {
    read -r ready
    if [ "$ready" = 1 ] &&
      nsenter "--net=/proc/$node/fd/$network" "--user=/proc/$node/fd/$user" -- sh -c "$inside" sh "$rules$again"
    then echo "$name attached" >&4
    else echo "$name failed" >&4
    fi
  } &
done
`;

/** One sandbox's network, on its way. */
interface Attachment {
  readonly onStarted: (pid: number) => void;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Attaches sandboxes to their networks, through one shell that starts all that it takes: a process that the node starts itself costs
 * its event loop the more the more memory the node has, 1 ms to 17 ms, and each sandbox needs three programs. Started with the first
 * sandbox, ends with the node; should it be killed, the networks that it has made end with it, and another makes them anew.
 */
export class Attaching {
  readonly #rulesFile: string;
  readonly #parents: readonly string[];
  readonly #waiting = new Map<string, Attachment>();
  /** Who is told of the end of a slirp4netns, by its process id. */
  readonly #held = new Map<number, () => void>();
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #shell: ChildProcess | undefined;
  #rules = '';
  #said = '';

  /**
   * @param rulesFile  is written, and another beside it; @param parents  folders in which each sandbox has a control group of its name
   * @param again  lines for `ip -batch` of a network that is attached in place of one that has been lost: its other rules still stand
   */
  constructor(clock: Clock, rulesFile: string, parents: readonly string[], again: readonly string[]) {
    this.#clock = clock;
    this.#rulesFile = rulesFile;
    this.#parents = parents;
    writeFileSync(`${rulesFile}${AGAIN}`, `${again.join('\n')}\n`);
  }

  /**
   * @param name  of the sandbox and of its control groups
   * @param namespaces  descriptors, which stay open until this is settled
   * @param rules  lines for `ip -batch`, once the interface is there; absent where it was there before
   * @param onStarted  is told the process id of its slirp4netns
   * @throws Error  (rejects) the network cannot be had
   */
  attach(
    name: string,
    namespaces: Pick<Namespaces, 'network' | 'user'>,
    rules: readonly string[] | undefined,
    onStarted: (pid: number) => void,
  ): Promise<void> {
    const done = Promise.withResolvers<void>();
    try {
      if (rules) this.#writeRules(`${rules.join('\n')}\n`);
      this.#shell ??= this.#start();
      this.#waiting.set(name, { onStarted, done });
      this.#shell.stdin!.write(`${name} ${namespaces.network} ${namespaces.user}${rules ? '' : ` ${AGAIN}`}\n`);
    } catch (error) {
      done.reject(error);
    }
    return done.promise;
  }

  /** Tells of the end of a slirp4netns that nobody has detached, within {@link SANDBOX_LIMITS.networksMs}. It has no parent that would be told at once. */
  watch(pid: number, onLost: () => void): void {
    this.#held.set(pid, onLost);
    this.#timer ??= this.#clock.timer(SANDBOX_LIMITS.networksMs, () => this.#look());
  }

  /** Ends the slirp4netns of one sandbox. @param pid  as `onStarted` was told */
  detach(pid: number): void {
    this.#held.delete(pid);
    if (this.holds(pid)) process.kill(pid, 'SIGKILL');
  }

  /** Whether this slirp4netns is still there. A number that was given to somebody else's process has another parent. */
  holds(pid: number): boolean {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 2);
      return state !== 'Z' && Number(parent) === this.#shell?.pid;
    } catch {
      return false;
    }
  }

  /** Ends the networks that are left. */
  async close(): Promise<void> {
    this.#held.clear();
    this.#timer?.cancel();
    const shell = this.#shell;
    if (shell?.pid === undefined) return;
    const ended = new Promise((resolve) => shell.once('close', resolve));
    shell.ref();
    shell.kill('SIGKILL');
    await ended;
  }

  #look(): void {
    this.#timer = undefined;
    const lost = [...this.#held].filter(([pid]) => !this.holds(pid));
    for (const [pid] of lost) this.#held.delete(pid);
    if (this.#held.size > 0) this.#timer = this.#clock.timer(SANDBOX_LIMITS.networksMs, () => this.#look());
    for (const [, onLost] of lost) onLost();
  }

  /** The same for all but where the machine's addresses have changed. A program that reads the old ones goes on reading them. */
  #writeRules(rules: string): void {
    if (rules === this.#rules) return;
    writeFileSync(`${this.#rulesFile}.new`, rules);
    renameSync(`${this.#rulesFile}.new`, this.#rulesFile);
    this.#rules = rules;
  }

  #start(): ChildProcess {
    const shell = spawn('sh', ['-c', SCRIPT, 'sh', String(process.pid), this.#rulesFile, INSIDE, ...this.#parents], {
      env: { PATH: process.env.PATH },
      // A signal from the terminal is for the node, which ends the sandboxes in its own order.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const ended = () => this.#onEnd(shell);
    shell.once('error', ended).once('exit', ended);
    for (const stream of shell.stdio ?? []) (stream as Socket | null)?.on('error', () => {}).unref();
    if (shell.stdout) createInterface({ input: shell.stdout }).on('line', (line) => this.#onLine(line));
    shell.stderr?.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-COMPLAINT_LENGTH_MAX);
    });
    shell.unref();
    return shell;
  }

  #onLine(line: string): void {
    const [name = '', event, pid] = line.split(' ');
    const attachment = this.#waiting.get(name);
    if (!attachment) return;
    if (event === 'started') return attachment.onStarted(Number(pid));
    this.#waiting.delete(name);
    if (event === 'attached') attachment.done.resolve();
    // Of several that fail at a time nobody knows who said what: mostly it is the same.
    else attachment.done.reject(new Error(`slirp4netns or ip: ${this.#said.trim() || 'failed'}`));
  }

  #onEnd(shell: ChildProcess): void {
    if (this.#shell !== shell) return;
    this.#shell = undefined;
    for (const { done } of this.#waiting.values()) done.reject(new Error('the shell that attaches networks has ended'));
    this.#waiting.clear();
  }
}
