import { link, mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DomainError, hasCode, InternalError } from '../base/index.ts';

/** Who holds a data directory. */
export interface LockHolder {
  readonly pid: number;
  /** Tells the process from a later one with the same pid: boot id and start tick on Linux, empty elsewhere. */
  readonly incarnation: string;
}

/** A held lock; disposing it lets go, twice is safe. */
export type DirectoryLock = AsyncDisposable;

/** - `directory-locked`: another living process holds it; `fields.pid` names that. */
export type LockErrorCode = 'directory-locked';

const FILE = 'node.lock';
/** A stale lock is taken away at most this often in a row before we give up: others are racing us for it. */
const ATTEMPTS_MAX = 10;

/** Folders that this process holds: the pid alone cannot tell two nodes in one process apart. */
const held = new Set<string>();

/**
 * Takes a folder for this process alone; the folder is made if it is not there. A lock whose process is gone (SIGKILL, power
 * cut) is taken over.
 *
 * @throws DomainError `directory-locked`, naming the process that holds it
 */
export async function lockDirectory(path: string): Promise<DirectoryLock> {
  const directory = resolve(path);
  await mkdir(directory, { recursive: true });
  const self: LockHolder = { pid: process.pid, incarnation: await incarnationOf(process.pid) };
  if (held.has(directory)) throw locked(directory, self);
  held.add(directory);
  try {
    await acquire(directory, self);
  } catch (error) {
    held.delete(directory);
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      if (held.delete(directory)) await unlink(join(directory, FILE)).catch(() => {});
    },
  };
}

async function acquire(directory: string, self: LockHolder): Promise<void> {
  const path = join(directory, FILE);
  // Written first and linked then, so that a lock file is never seen without its content.
  const own = `${path}.${self.pid}`;
  try {
    await writeFile(own, JSON.stringify(self));
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      if (await linked(own, path)) return;
      const text = await readFile(path, 'utf8').catch(() => undefined);
      if (text === undefined) continue;
      const holder = parse(text);
      if (holder && (await isAlive(holder, self))) throw locked(directory, holder);
      await takeAway(path, text, self.pid);
    }
    throw new InternalError(`the lock of ${directory} could not be taken in ${ATTEMPTS_MAX} attempts`);
  } finally {
    // A full disk leaves an empty one; no folder leaves none, and that error is the one to tell.
    await unlink(own).catch(() => {});
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Removes a stale lock; should another process have replaced it in between, that one's lock is put back. */
async function takeAway(path: string, stale: string, pid: number): Promise<void> {
  const aside = `${path}.stale.${pid}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== stale) await linked(aside, path);
  await unlink(aside);
}

function parse(text: string): LockHolder | undefined {
  try {
    const { pid, incarnation } = JSON.parse(text) as Partial<LockHolder>;
    return Number.isInteger(pid) ? { pid: pid!, incarnation: String(incarnation ?? '') } : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive(holder: LockHolder, self: LockHolder): Promise<boolean> {
  // In a container every start may get the same pid: what bears our pid is an earlier process, or we would hold it.
  if (holder.pid === self.pid) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false;
  }
  return holder.incarnation === '' || holder.incarnation === (await incarnationOf(holder.pid));
}

/** Empty where the system does not tell. */
async function incarnationOf(pid: number): Promise<string> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Fields count from after the command's closing parenthesis, which may itself hold spaces: start time is the 20th.
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${boot.trim()}:${start}`;
  } catch {
    return '';
  }
}

function locked(directory: string, { pid }: LockHolder): DomainError<LockErrorCode> {
  return new DomainError('directory-locked', `process ${pid} already uses the data directory ${directory}`, {
    fields: { pid, directory },
  });
}
