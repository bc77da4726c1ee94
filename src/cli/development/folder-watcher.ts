import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { join, sep } from 'node:path';
import { hasCode, messageOf } from '../../base/index.ts';
import { CommandError } from '../command.ts';

/** Folders whose changes are nobody's edits. */
const UNWATCHED = new Set(['node_modules', '.git', '.millrace', '.aws-sam']);

/** What happened to a file: its content changed, or it appeared, went, or was replaced by another (as editors save). */
export interface FileChange {
  /** Absolute. */
  readonly path: string;
  readonly kind: 'content' | 'entry';
}

export interface FolderWatcherOptions {
  readonly onChange: (change: FileChange) => void;
  readonly onError: (error: unknown) => void;
  /** Folders that are not looked into, beside those of tools. */
  readonly ignored: readonly string[];
}

/**
 * Watches folders with all that is below them, a watch a folder. Node's own recursive watch looks into `node_modules` as well, and
 * on Linux it loses sight of a file that another one is renamed over.
 */
export class FolderWatcher implements Disposable {
  readonly #options: FolderWatcherOptions;
  readonly #watchers = new Map<string, FSWatcher>();

  constructor(options: FolderWatcherOptions) {
    this.#options = options;
  }

  /** Watches a folder and the folders below it; does nothing where they are watched. */
  cover(folder: string): void {
    if (!this.coverAlone(folder)) return;
    for (const name of foldersIn(folder)) {
      const below = join(folder, name);
      if (!UNWATCHED.has(name) && !this.#options.ignored.includes(below)) this.cover(below);
    }
  }

  /** Watches a folder and nothing below it. @returns false when it is watched already, or cannot be */
  coverAlone(folder: string): boolean {
    if (this.#watchers.has(folder)) return false;
    try {
      const watcher = watch(folder, (event, name) => this.#changed(folder, event, name));
      watcher.on('error', () => this.#forget(folder));
      this.#watchers.set(folder, watcher);
      return true;
    } catch (error) {
      // It may be gone by now; that is a change which the folder above tells.
      if (!hasCode(error, 'ENOENT') && !hasCode(error, 'ENOTDIR')) this.#options.onError(unwatchable(folder, error));
      return false;
    }
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #changed(folder: string, event: string, name: string | null): void {
    if (name === null || UNWATCHED.has(name)) return;
    const path = join(folder, name);
    if (this.#options.ignored.includes(path)) return;
    if (event === 'rename') this.#entryChanged(path);
    this.#options.onChange({ path, kind: event === 'rename' ? 'entry' : 'content' });
  }

  /** Folders that came are watched, those that went are not any more. */
  #entryChanged(path: string): void {
    if (isFolder(path)) this.cover(path);
    else for (const known of this.#watchers.keys()) if (isWithin(known, path)) this.#forget(known);
  }

  #forget(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }
}

/** Whether `path` is `folder` or stands below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Gone again, a link in a circle, or not ours to look at.
    return false;
  }
}

function unwatchable(folder: string, cause: unknown): CommandError {
  const full = hasCode(cause, 'ENOSPC') || hasCode(cause, 'EMFILE');
  const hint = full ? 'raise fs.inotify.max_user_watches and max_user_instances' : messageOf(cause);
  return new CommandError(`changes in ${folder} will not be seen: ${hint}`, { cause });
}
