import {
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { copyFile, link, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SANDBOX_LIMITS } from '../limits.ts';

/** A spare tree, or how it comes to be. */
interface Spare {
  readonly directory: string;
  readonly made: Promise<void>;
  ready: boolean;
}

/**
 * Puts code where a running sandbox sees it: into a folder that the sandbox has bound read-only. The files are hard links to the
 * unpacked package, so they take no room and no time to copy, and no mount is made while a function waits.
 *
 * A package of more than a few files is linked ahead: after its first start a *spare tree* stands ready, and putting it in place means
 * renaming its top entries.
 */
export class Placing {
  readonly #directory: string;
  readonly #spares = new Map<string, Spare>();
  /** Packages that are known to be large, by their sources. */
  readonly #large = new Set<string>();
  #serial = 0;

  /** @param directory  for spare trees, on the file system of the sandboxes; emptied */
  constructor(directory: string) {
    this.#directory = directory;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
  }

  /**
   * Fills `target`, which is empty, with the trees one over the other: a later one hides what an earlier one has.
   *
   * @returns a promise where the package is large and no spare tree of it is ready
   */
  place(sources: readonly string[], target: string): void | Promise<void> {
    if (sources.length === 0) return;
    const key = sources.join('\0');
    const spare = this.#spares.get(key);
    if (spare?.ready && readdirSync(target).length === 0) {
      this.#spares.delete(key);
      for (const name of readdirSync(spare.directory)) renameSync(join(spare.directory, name), join(target, name));
      // Empty by now; one that stays goes with the others at the next start.
      void rm(spare.directory, { recursive: true, force: true }).catch(() => {});
      this.#prepare(key, sources);
      return;
    }
    if (!this.#large.has(key)) {
      const linked = linkSmall([...sources].reverse(), target);
      if (linked > SANDBOX_LIMITS.fewEntriesMax) this.#prepare(key, sources);
      if (linked >= 0) return;
      this.#large.add(key);
    }
    return this.#placeLarge(key, sources, target);
  }

  /** Fills `target` with one tree that changes from start to start, and so has no spare. */
  link(source: string, target: string): void | Promise<void> {
    if (linkSmall([source], target) < 0) return linkAll([source], target);
  }

  /** Waits for what is under way and removes the spare trees. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#spares.values(), ({ made }) => made));
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #placeLarge(key: string, sources: readonly string[], target: string): Promise<void> {
    await linkAll([...sources].reverse(), target);
    this.#prepare(key, sources);
  }

  #prepare(key: string, sources: readonly string[]): void {
    if (this.#spares.has(key)) return;
    const directory = this.#newDirectory();
    const made = mkdir(directory, { mode: 0o755 })
      .then(() => linkAll([...sources].reverse(), directory))
      .then(
        () => {
          spare.ready = true;
        },
        // The package was removed meanwhile: no spare then.
        () => void this.#spares.delete(key),
      );
    const spare: Spare = { directory, made, ready: false };
    this.#keep(key, spare);
  }

  #keep(key: string, spare: Spare): void {
    this.#spares.set(key, spare);
    if (this.#spares.size <= SANDBOX_LIMITS.sparesMax) return;
    for (const [oldest, { directory, made }] of this.#spares) {
      this.#spares.delete(oldest);
      this.#large.delete(oldest);
      void made.then(() => rm(directory, { recursive: true, force: true })).catch(() => {});
      return;
    }
  }

  #newDirectory(): string {
    return join(this.#directory, String(this.#serial++));
  }
}

/**
 * Fills `target`, an empty folder, with the trees one over the other, by hard links: a later one hides what an earlier one has.
 *
 * @returns a promise where there are many files
 */
export function linkTrees(sources: readonly string[], target: string): void | Promise<void> {
  const upperFirst = [...sources].reverse();
  if (linkSmall(upperFirst, target) < 0) return linkAll(upperFirst, target);
}

/**
 * Links small trees at once, the first of them on top.
 *
 * @returns how many entries; -1 when there is too much of it: what was linked stays and need not be linked again
 */
function linkSmall(sources: readonly string[], target: string): number {
  let left = SANDBOX_LIMITS.smallEntriesMax;
  const walk = (from: string, to: string): boolean => {
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      if (left-- === 0) return false;
      const [source, destination] = [join(from, entry.name), join(to, entry.name)];
      if (!entry.isDirectory()) linkOne(source, destination, entry.isSymbolicLink());
      else if (makeDirectory(destination) && !walk(source, destination)) return false;
    }
    return true;
  };
  return sources.every((source) => walk(source, target)) ? SANDBOX_LIMITS.smallEntriesMax - left : -1;
}

/** A folder hidden by a file of an upper layer stays hidden. @returns whether the folder is there */
function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path, 0o755);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return lstatSync(path).isDirectory();
  }
}

function linkOne(source: string, destination: string, isLink: boolean): void {
  try {
    if (isLink) symlinkSync(readlinkSync(source), destination);
    else linkSync(source, destination);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    if (!mustCopy(error)) throw error;
    copyFileSync(source, destination);
  }
}

/** Links trees one over the other, the first of them on top, off the event loop and without an end to what it links. */
async function linkAll(sources: readonly string[], target: string): Promise<void> {
  const walk = async (from: string, to: string): Promise<void> => {
    const entries = await readdir(from, { withFileTypes: true });
    await Promise.all(
      entries.map(async (entry) => {
        const [source, destination] = [join(from, entry.name), join(to, entry.name)];
        if (!entry.isDirectory()) return linkOneLater(source, destination, entry.isSymbolicLink());
        await mkdir(destination, 0o755).catch(ignoreExisting);
        if (lstatSync(destination).isDirectory()) await walk(source, destination);
      }),
    );
  };
  for (const source of sources) await walk(source, target);
}

async function linkOneLater(source: string, destination: string, isLink: boolean): Promise<void> {
  try {
    await (isLink ? symlink(await readlink(source), destination) : link(source, destination));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    if (!mustCopy(error)) throw error;
    await copyFile(source, destination);
  }
}

function ignoreExisting(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
}

/** The package is on another file system, has all the links that a file may have, or belongs to somebody else. */
function mustCopy(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EXDEV' || code === 'EMLINK' || code === 'EPERM';
}
