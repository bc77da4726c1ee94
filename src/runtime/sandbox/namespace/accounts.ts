import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { SANDBOX_LIMITS } from '../limits.ts';
import { INSIDE_USER } from './bubblewrap.ts';
import { parentOf } from './namespaces.ts';

/** Users on the machine that the functions of a node that is root run as: nobody else's by any convention (systemd.io/UIDS-GIDS). */
export const USERS = { first: 1_900_000_000, count: 1 << 20 } as const;
/** Users that the sandboxes of such a node stand on the account of. Nothing runs as one of them. */
const HOLDERS = { first: USERS.first + USERS.count, count: USERS.count } as const;

/** Longest complaint of a program that is passed on. */
const COMPLAINT_LENGTH_MAX = 500;

/**
 * Makes a user namespace in the name of a user that it may be made for whatever the machine says of users who are not root, and becomes
 * a shell in it. The one that has made it has no rights over the machine's users: its maps are written from outside.
 */
const SCRIPT = `
exec 4<&0 </dev/null
setpriv --reuid "$1" --regid "$1" --clear-groups --inh-caps=+sys_admin --ambient-caps=+sys_admin \\
  unshare --user sh -c 'echo $$; exec sleep 60' | {
  read -r maker &&
  printf "$2" >"/proc/$maker/uid_map" &&
  printf "$2" >"/proc/$maker/gid_map" &&
  exec nsenter "--user=/proc/$maker/ns/user" -- sh -c "$3" sh "$maker" <&4 4<&-
}
`;

/** A line a sandbox comes in: its first process and its user on the machine. */
const INSIDE = `
kill "$1"
echo "stands $$"
while read -r pid user; do
  if printf '0 0 1\\n${INSIDE_USER.uid} %s 1\\n' "$user" >"/proc/$pid/uid_map" &&
    printf '0 0 1\\n${INSIDE_USER.gid} %s 1\\n' "$user" >"/proc/$pid/gid_map"
  then echo "mapped $pid"
  else echo "refused $pid"
  fi
done
`;

/** A sandbox's stay on an account while it is being made. */
export interface Stay extends Disposable {
  /** What makes bubblewrap's command one of the account. */
  readonly command: readonly string[];
  /** Says who is who in the sandbox's user namespace. @throws Error  (rejects) nobody can say so any more */
  map(first: number, user: number): Promise<void>;
}

/**
 * On whose account sandboxes are. Of some things the kernel gives each user a share (file watches, message queues, pending signals
 * and timers), and counts what is used in a user namespace for whoever has made that namespace too. Sandboxes that root has made
 * would use up root's: a few functions together left none for the node and the machine's services, nor for other functions. So they are made
 * within namespaces of users who have nothing else, a few in each, as many as one user's share is enough for.
 */
export class Accounts {
  #current: Account;
  #next: Account | undefined;
  #opening: Promise<void> | undefined;
  #nextUser: number;
  #closed = false;

  private constructor(first: Account, nextUser: number) {
    this.#current = first;
    this.#nextUser = nextUser;
  }

  /** @param number  any: where to begin to count users; @throws Error  (rejects) this machine has no such namespaces, in its words */
  static async open(number: number): Promise<Accounts> {
    return new Accounts(await Account.open(userOf(number)), number + 1);
  }

  /** For one sandbox; `undefined` for the moment that it takes to replace an account that somebody has killed: root's it is then. */
  take(): Stay | undefined {
    const { stays, alive } = this.#current;
    if (stays >= SANDBOX_LIMITS.accountMax / 2 || !alive) this.#prepare();
    if ((stays >= SANDBOX_LIMITS.accountMax || !alive) && this.#next) {
      this.#current.retire();
      this.#current = this.#next;
      this.#next = undefined;
    }
    return this.#current.alive ? this.#current.take() : undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#opening;
    this.#current.retire();
    this.#next?.retire();
  }

  #prepare(): void {
    if (this.#closed || this.#next?.alive) return;
    this.#opening ??= this.#open();
  }

  async #open(): Promise<void> {
    try {
      this.#next = await Account.open(userOf(this.#nextUser++));
    } catch {
      // The next sandbox tries again.
    }
    this.#opening = undefined;
  }
}

const userOf = (number: number) => HOLDERS.first + (number % HOLDERS.count);

/** One user's namespace, and the shell in it. */
class Account {
  stays = 0;
  alive = true;
  readonly #shell: ChildProcess;
  /** Descriptor. */
  readonly #namespace: number;
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();
  #underWay = 0;
  #retired = false;

  private constructor(shell: ChildProcess, namespace: number) {
    this.#shell = shell;
    this.#namespace = namespace;
    shell.once('exit', () => this.#onEnd());
  }

  static async open(user: number): Promise<Account> {
    const maps = `0 0 1\\n${USERS.first} ${USERS.first} ${USERS.count}\\n`;
    const shell = spawn('sh', ['-c', SCRIPT, 'sh', String(user), maps, INSIDE], {
      env: { PATH: process.env.PATH },
      // A signal from the terminal is for the node, which ends the sandboxes in its own order.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let said = '';
    shell.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-COMPLAINT_LENGTH_MAX);
    });
    const lines = createInterface({ input: shell.stdout! });
    let account: Account | undefined;
    const stands = new Promise<Account>((resolve, reject) => {
      const failed = () => reject(new Error(`unshare or nsenter: ${said.trim() || 'failed'}`));
      shell.once('error', failed).once('close', failed);
      lines.on('line', (line) => {
        const [word, pid] = line.split(' ');
        if (account) return account.#onAnswer(word === 'mapped', Number(pid));
        try {
          account = new Account(shell, openNamespace(Number(pid), shell.pid!));
          resolve(account);
        } catch (error) {
          reject(error);
        }
      });
    });
    try {
      await stands;
    } catch (error) {
      shell.stdin?.destroy();
      throw error;
    } finally {
      // Alone it cannot keep a node alive that has nothing else to do.
      for (const stream of shell.stdio ?? []) (stream as Socket | null)?.on('error', () => {}).unref();
      shell.unref();
    }
    return stands;
  }

  take(): Stay {
    this.stays++;
    this.#underWay++;
    let isUnderWay = true;
    return {
      command: ['nsenter', `--user=/proc/${process.pid}/fd/${this.#namespace}`, '--'],
      map: (first, user) => this.#map(first, user),
      [Symbol.dispose]: () => {
        if (isUnderWay) this.#underWay--;
        isUnderWay = false;
        this.#closeUnused();
      },
    };
  }

  /** No more are taken: it ends when the last one stands. */
  retire(): void {
    this.#retired = true;
    this.#closeUnused();
  }

  #map(first: number, user: number): Promise<void> {
    const done = Promise.withResolvers<void>();
    if (!this.alive) done.reject(new Error('the shell of the account has ended'));
    else {
      this.#waiting.set(first, done);
      this.#shell.stdin!.write(`${first} ${user}\n`);
    }
    return done.promise;
  }

  #onAnswer(isMapped: boolean, first: number): void {
    const done = this.#waiting.get(first);
    this.#waiting.delete(first);
    if (isMapped) done?.resolve();
    else done?.reject(new Error('the users of the sandbox cannot be mapped'));
  }

  #onEnd(): void {
    this.alive = false;
    for (const done of this.#waiting.values()) done.reject(new Error('the shell of the account has ended'));
    this.#waiting.clear();
    this.retire();
  }

  /** Its sandboxes find the namespace by the descriptor's number, which is another's once it is closed. */
  #closeUnused(): void {
    if (!this.#retired || this.#underWay > 0) return;
    // Once: nobody is under way twice.
    this.#underWay = Number.POSITIVE_INFINITY;
    closeSync(this.#namespace);
    this.#shell.stdin!.end();
  }
}

/** @throws Error  it is not that shell any more */
function openNamespace(pid: number, parent: number): number {
  const descriptor = openSync(`/proc/${pid}/ns/user`, 'r');
  try {
    if (parentOf(pid) === parent) return descriptor;
    throw new Error('the shell of the account has ended');
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}
